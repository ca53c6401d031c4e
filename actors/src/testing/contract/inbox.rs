//! The contract of `Inbox`.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::{Clause, NOW, TICK, clause};
use crate::backend::Ports;
use crate::clock::Timestamp;
use crate::ids::GameId;
use crate::ports::{Inbox, InboxEntry, InboxKey, InboxSlice, Recorded};

/// How long the clauses keep an entry.
const KEEP: Duration = Duration::from_secs(3600);

/// Every clause of `Inbox`.
pub fn inbox() -> Vec<Clause> {
    let mut clauses = vec![
        clause(a_request_is_new_then_pending_then_done),
        clause(a_repeat_says_whether_its_body_is_the_same),
        clause(games_sources_and_keys_tell_requests_apart),
        clause(a_request_is_finished_once),
        clause(finishing_what_is_not_recorded_does_nothing),
        clause(an_answer_is_kept_byte_for_byte),
        clause(an_entry_older_than_the_window_counts_as_absent),
        clause(of_many_records_at_once_one_is_new),
        clause(pending_requests_are_of_the_source_and_recorded_before),
        clause(pending_requests_come_oldest_first_up_to_the_limit),
        clause(reading_follows_the_order_of_records),
        clause(reading_shows_the_game_and_source_that_was_asked_for),
        clause(a_cursor_is_never_reused),
        clause(trimming_drops_what_is_older_and_counts_it),
        clause(trimming_what_is_done_never_drops_what_is_pending),
    ];
    clauses.extend(stream::clauses());
    clauses
}

/// The requests of one clause: a source of its own, so that `pending` and `trim` see nothing else.
struct Desk {
    inbox: Arc<dyn Inbox>,
    game: GameId,
    source: &'static str,
}

impl Desk {
    fn of(ports: &Ports, game: GameId) -> Self {
        // Sources are few and known at build time; a clause's lives as long as the test.
        let source = game.to_string().leak();
        Self { inbox: ports.inbox.clone(), game, source }
    }

    fn key(&self, key: &str) -> InboxKey {
        InboxKey { game: self.game.clone(), source: self.source, key: key.into() }
    }

    async fn record(&self, key: &str, body: &[u8], now: Timestamp) -> Recorded {
        self.inbox.record(&self.key(key), body, KEEP, now).await.expect("the store answers")
    }

    async fn finish(&self, key: &str, answer: &[u8]) {
        self.inbox.finish(&self.key(key), answer).await.expect("the store answers");
    }

    async fn pending(&self, before: Timestamp, limit: usize) -> Vec<String> {
        let pending = self.inbox.pending(self.source, before, limit).await.expect("the store answers");
        pending.into_iter().map(|(_, entry)| entry.key).collect()
    }

    async fn read(&self, after: u64, limit: usize) -> Vec<InboxEntry> {
        self.slice(&[self.source], after, limit).await.entries
    }

    async fn slice(&self, sources: &[&'static str], after: u64, limit: usize) -> InboxSlice {
        self.inbox.read(&self.game, sources, after, limit).await.expect("the store answers")
    }

    async fn trim(&self, before: Timestamp, keep: u64) -> u64 {
        self.inbox.trim(&[self.source], before, keep, false).await.expect("the store answers")
    }
}

fn later(ticks: u32) -> Timestamp {
    NOW + TICK * ticks
}

fn keys(entries: &[InboxEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.key.as_str()).collect()
}

async fn a_request_is_new_then_pending_then_done(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    assert_eq!(desk.record("a", b"body", NOW).await, Recorded::New);
    assert_eq!(desk.record("a", b"body", later(1)).await, Recorded::Pending { since: NOW, same_body: true });
    desk.finish("a", b"answer").await;
    let done = Recorded::Done { answer: b"answer".into(), same_body: true };
    assert_eq!(desk.record("a", b"body", later(2)).await, done);
}

async fn a_repeat_says_whether_its_body_is_the_same(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    desk.record("a", b"body", NOW).await;
    for other in [&b""[..], b"bod", b"body ", b"\xff\x00"] {
        assert_eq!(desk.record("a", other, NOW).await, Recorded::Pending { since: NOW, same_body: false });
    }
    desk.finish("a", b"answer").await;
    let done = Recorded::Done { answer: b"answer".into(), same_body: false };
    assert_eq!(desk.record("a", b"other", NOW).await, done);
    assert_eq!(desk.read(0, 9).await[0].body, b"body", "the first body stays");
}

async fn games_sources_and_keys_tell_requests_apart(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game.clone());
    let (other_game, other_source) = (GameId::new(&format!("{game}-other")), format!("{game}-source").leak());
    desk.record("a", b"", NOW).await;
    desk.finish("a", b"").await;
    let others = [
        desk.key("A"),
        InboxKey { game: other_game, ..desk.key("a") },
        InboxKey { source: other_source, ..desk.key("a") },
    ];
    for key in others {
        let recorded = desk.inbox.record(&key, b"", KEEP, NOW).await.expect("the store answers");
        assert_eq!(recorded, Recorded::New, "{key:?}");
    }
}

async fn a_request_is_finished_once(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    desk.record("a", b"", NOW).await;
    desk.finish("a", b"first").await;
    desk.finish("a", b"second").await;
    let done = Recorded::Done { answer: b"first".into(), same_body: true };
    assert_eq!(desk.record("a", b"", NOW).await, done);
}

async fn finishing_what_is_not_recorded_does_nothing(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    desk.finish("a", b"answer").await;
    assert!(desk.read(0, 9).await.is_empty());
    assert_eq!(desk.record("a", b"", NOW).await, Recorded::New);
}

async fn an_answer_is_kept_byte_for_byte(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    let all_bytes: Vec<u8> = (0..=255).collect();
    for (key, answer) in [("empty", &[][..]), ("all", &all_bytes)] {
        desk.record(key, &all_bytes, NOW).await;
        desk.finish(key, answer).await;
        let done = Recorded::Done { answer: answer.into(), same_body: true };
        assert_eq!(desk.record(key, &all_bytes, NOW).await, done);
    }
    assert_eq!(desk.read(0, 1).await[0].body, all_bytes);
}

async fn an_entry_older_than_the_window_counts_as_absent(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    desk.record("pending", b"", NOW).await;
    desk.record("done", b"", NOW).await;
    desk.finish("done", b"answer").await;
    let end = NOW + KEEP;
    assert_eq!(desk.record("pending", b"", end).await, Recorded::Pending { since: NOW, same_body: true });
    assert_ne!(desk.record("done", b"", end).await, Recorded::New);
    for key in ["pending", "done"] {
        assert_eq!(desk.record(key, b"anew", end + TICK).await, Recorded::New, "{key}");
        let pending = Recorded::Pending { since: end + TICK, same_body: true };
        assert_eq!(desk.record(key, b"anew", end + TICK).await, pending, "{key}");
    }
}

async fn of_many_records_at_once_one_is_new(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    let recorded = join_all((0..50).map(|_| desk.record("a", b"", NOW))).await;
    assert_eq!(recorded.iter().filter(|recorded| **recorded == Recorded::New).count(), 1);
    assert_eq!(desk.read(0, 99).await.len(), 1);
}

async fn pending_requests_are_of_the_source_and_recorded_before(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game.clone());
    desk.record("done", b"", NOW).await;
    desk.record("a", b"body", NOW).await;
    desk.record("late", b"", later(5)).await;
    let elsewhere = InboxKey { source: format!("{game}-source").leak(), ..desk.key("elsewhere") };
    desk.inbox.record(&elsewhere, b"", KEEP, NOW).await.expect("the store answers");
    let other_game = InboxKey { game: GameId::new(&format!("{game}-other")), ..desk.key("b") };
    desk.inbox.record(&other_game, b"", KEEP, later(1)).await.expect("the store answers");
    desk.finish("done", b"").await;

    assert!(desk.pending(NOW, 9).await.is_empty(), "recorded then, not before");
    let pending = desk.inbox.pending(desk.source, later(5), 9).await.expect("the store answers");
    let found: Vec<_> = pending.iter().map(|(game, entry)| (game, entry.key.as_str())).collect();
    assert_eq!(found, [(&desk.game, "a"), (&other_game.game, "b")], "of every game");
    let entry = &pending[0].1;
    assert_eq!((entry.body.as_slice(), entry.at, &entry.answer), (&b"body"[..], NOW, &None));
}

async fn pending_requests_come_oldest_first_up_to_the_limit(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    for (key, at) in [("c", 3), ("a", 1), ("b", 2), ("a2", 1)] {
        desk.record(key, b"", later(at)).await;
    }
    assert_eq!(desk.pending(later(9), 9).await, ["a", "a2", "b", "c"]);
    assert_eq!(desk.pending(later(9), 2).await, ["a", "a2"]);
}

async fn reading_follows_the_order_of_records(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    for (key, at) in [("c", 3), ("a", 1), ("b", 2)] {
        desk.record(key, key.as_bytes(), later(at)).await;
    }
    desk.finish("a", b"").await;
    let all = desk.read(0, 9).await;
    assert_eq!(keys(&all), ["c", "a", "b"], "by record, not by time");
    assert!(all.is_sorted_by(|a, b| a.cursor < b.cursor));
    assert_eq!(all.iter().map(|entry| entry.answer.is_some()).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!((all[0].body.as_slice(), all[0].at), (&b"c"[..], later(3)));
    assert_eq!(keys(&desk.read(0, 2).await), ["c", "a"]);
    assert_eq!(desk.read(all[0].cursor, 9).await, all[1..]);
    assert!(desk.read(all[2].cursor, 9).await.is_empty());
}

async fn reading_shows_the_game_and_source_that_was_asked_for(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game.clone());
    desk.record("here", b"", NOW).await;
    let other_game = InboxKey { game: GameId::new(&format!("{game}-other")), ..desk.key("other game") };
    let other_source = InboxKey { source: format!("{game}-source").leak(), ..desk.key("other source") };
    for key in [&other_game, &other_source] {
        desk.inbox.record(key, b"", KEEP, NOW).await.expect("the store answers");
    }
    assert_eq!(keys(&desk.read(0, 9).await), ["here"]);
    let there = desk.inbox.read(&other_game.game, &[desk.source], 0, 9).await.expect("the store answers");
    assert_eq!(keys(&there.entries), ["other game"]);
}

async fn a_cursor_is_never_reused(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    desk.record("a", b"", NOW).await;
    let first = desk.read(0, 9).await[0].cursor;
    desk.trim(later(1), u64::MAX).await;
    desk.record("a", b"", later(1)).await;
    let second = desk.read(first, 9).await[0].cursor;
    assert!(second > first);
    desk.record("a", b"", later(2) + KEEP).await;
    let third = desk.read(0, 9).await;
    assert_eq!(third.len(), 1, "the entry that counted as absent is gone");
    assert!(third[0].cursor > second, "a reader that had seen the old one sees the new one");
}

async fn trimming_drops_what_is_older_and_counts_it(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game.clone());
    for (key, at) in [("a", 1), ("b", 2), ("c", 3)] {
        desk.record(key, b"", later(at)).await;
    }
    desk.finish("a", b"").await;
    let elsewhere = InboxKey { source: format!("{game}-source").leak(), ..desk.key("elsewhere") };
    desk.inbox.record(&elsewhere, b"", KEEP, NOW).await.expect("the store answers");
    let trim = async |before| desk.trim(before, u64::MAX).await;
    assert_eq!(trim(later(1)).await, 0);
    assert_eq!(trim(later(3)).await, 2, "done or not");
    assert_eq!(keys(&desk.read(0, 9).await), ["c"]);
    assert_eq!(trim(later(3)).await, 0);
    let there = desk.slice(&[elsewhere.source], 0, 9).await;
    assert_eq!(keys(&there.entries), ["elsewhere"], "of another source");
}

async fn trimming_what_is_done_never_drops_what_is_pending(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    for (key, at) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        desk.record(key, b"", later(at)).await;
    }
    for done in ["b", "d"] {
        desk.finish(done, b"").await;
    }
    let trim =
        async |before, keep| desk.inbox.trim(&[desk.source], before, keep, true).await.expect("the store answers");
    assert_eq!(trim(later(4), u64::MAX).await, 1, "by age");
    assert_eq!(keys(&desk.read(0, 9).await), ["a", "c", "d"]);
    assert_eq!(trim(NOW, 0).await, 1, "by count");
    assert_eq!(desk.pending(later(9), 9).await, ["a", "c"]);
    desk.finish("a", b"").await;
    assert_eq!(trim(NOW, 1).await, 1, "once it is done it goes");
    assert_eq!(desk.pending(later(9), 9).await, ["c"]);
}
