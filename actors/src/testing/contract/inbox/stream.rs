//! The `Inbox` as a stream: several sources in one order, and how much of it is kept.

use super::{Clause, Desk, GameId, InboxEntry, InboxKey, KEEP, NOW, Ports, Timestamp, clause, keys, later};

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(an_entry_is_found_by_its_key_with_its_answer),
        clause(several_sources_are_read_in_one_order),
        clause(a_slice_says_whether_records_after_the_cursor_are_gone),
        clause(of_each_game_the_newest_are_kept_over_all_sources),
        clause(the_newest_are_read_newest_last),
        clause(a_slice_is_bounded_in_bytes_and_never_empty_for_that),
    ]
}

impl Desk {
    /// A key of another source of the same game.
    fn elsewhere(&self, key: &str) -> InboxKey {
        InboxKey { source: format!("{}-second", self.game).leak(), ..self.key(key) }
    }

    async fn record_at(&self, key: &InboxKey, now: Timestamp) {
        self.inbox.record(key, b"", KEEP, now).await.expect("the store answers");
    }

    async fn entry(&self, key: &str) -> Option<InboxEntry> {
        self.inbox.entry(&self.key(key)).await.expect("the store answers")
    }
}

async fn an_entry_is_found_by_its_key_with_its_answer(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    assert_eq!(desk.entry("a").await, None);
    desk.record("a", b"body", NOW).await;
    let pending = desk.entry("a").await.expect("recorded");
    assert_eq!((pending.body.as_slice(), pending.at, &pending.answer), (&b"body"[..], NOW, &None));
    assert_eq!((pending.key.as_str(), pending.source.as_str()), ("a", desk.source));
    desk.finish("a", b"answer").await;
    let done = desk.entry("a").await.expect("recorded");
    assert_eq!(done, InboxEntry { answer: Some(b"answer".into()), ..pending });
    assert_eq!(desk.read(0, 9).await, [done]);
}

async fn several_sources_are_read_in_one_order(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    let second = desk.elsewhere("");
    for (name, is_second) in [("a", false), ("b", true), ("c", false), ("d", true)] {
        let key = if is_second { desk.elsewhere(name) } else { desk.key(name) };
        desk.record_at(&key, NOW).await;
    }
    let both = desk.slice(&[desk.source, second.source], 0, 9).await;
    assert_eq!(keys(&both.entries), ["a", "b", "c", "d"]);
    assert!(both.complete);
    let sources: Vec<_> = both.entries.iter().map(|entry| entry.source.as_str()).collect();
    assert_eq!(sources, [desk.source, second.source, desk.source, second.source]);
    let rest = desk.slice(&[desk.source, second.source], both.entries[1].cursor, 1).await;
    assert_eq!(keys(&rest.entries), ["c"]);
}

async fn a_slice_says_whether_records_after_the_cursor_are_gone(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    for (key, at) in [("a", 1), ("b", 2), ("c", 3)] {
        desk.record(key, b"", later(at)).await;
    }
    let cursors: Vec<_> = desk.read(0, 9).await.iter().map(|entry| entry.cursor).collect();
    assert!(desk.slice(&[desk.source], 0, 9).await.complete);
    desk.trim(later(3), u64::MAX).await;
    for (after, complete) in [(0, false), (cursors[0], false), (cursors[1], true), (cursors[2], true)] {
        assert_eq!(desk.slice(&[desk.source], after, 9).await.complete, complete, "after {after}");
    }
    assert!(desk.slice(&[desk.elsewhere("").source], 0, 9).await.complete, "another source has lost nothing");
    desk.trim(later(9), u64::MAX).await;
    assert!(!desk.slice(&[desk.source], cursors[1], 9).await.complete, "also when nothing is left");
}

async fn of_each_game_the_newest_are_kept_over_all_sources(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game.clone());
    let sources = [desk.source, desk.elsewhere("").source];
    for name in ["a", "b", "c"] {
        desk.record_at(&desk.key(name), NOW).await;
        desk.record_at(&desk.elsewhere(name), NOW).await;
    }
    let other_game = InboxKey { game: GameId::new(&format!("{game}-other")), ..desk.key("alone") };
    desk.record_at(&other_game, NOW).await;
    let trim = async |keep| desk.inbox.trim(&sources, NOW, keep, false).await.expect("the store answers");
    assert_eq!(trim(6).await, 0);
    assert_eq!(trim(3).await, 3);
    let left = desk.slice(&sources, 0, 9).await;
    assert_eq!((keys(&left.entries), left.complete), (vec!["b", "c", "c"], false));
    let there = desk.inbox.read(&other_game.game, &sources, 0, 9).await.expect("the store answers");
    assert_eq!((keys(&there.entries), there.complete), (vec!["alone"], true), "another game counts for itself");
}

async fn the_newest_are_read_newest_last(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    for name in ["a", "b", "c"] {
        desk.record(name, b"", NOW).await;
    }
    let newest = async |limit| {
        let found = desk.inbox.read_newest(&desk.game, &[desk.source], limit).await.expect("the store answers");
        keys(&found).join(" ")
    };
    assert_eq!((newest(2).await.as_str(), newest(9).await.as_str()), ("b c", "a b c"));
}

async fn a_slice_is_bounded_in_bytes_and_never_empty_for_that(ports: &Ports, game: GameId) {
    let desk = Desk::of(ports, game);
    let large = vec![b'x'; super::InboxSlice::BYTES / 2 + 1];
    for name in ["a", "b", "c"] {
        desk.record(name, &large, NOW).await;
    }
    let (mut after, mut seen) = (0, 0);
    while seen < 3 {
        let part = desk.read(after, 9).await;
        assert!((1..3).contains(&part.len()), "{}", part.len());
        seen += part.len();
        after = part.last().expect("at least one").cursor;
    }
    assert!(desk.read(after, 9).await.is_empty());
}
