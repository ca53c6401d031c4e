//! The runner: what many calls at once, and lost answers, do to a decision.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::super::*;
use super::calls::{Arrival, finish};
use super::story::{PLAYER, Story, cafe, game};
use crate::clock::{Clock, Timestamp};
use crate::ids::CafeId;
use crate::ports::{Commit, Committed, Sessions, SettlementQuery, StoreError, Stored};
use crate::testing::Dice;
use crate::testing::memory_sessions::Faults;

/// Polls all of them in random order until each is done.
fn interleave<'a, T>(dice: &mut Dice, futures: impl IntoIterator<Item = impl Future<Output = T> + 'a>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(Box::pin).enumerate().collect();
    let mut done = Vec::new();
    while !waiting.is_empty() {
        let at = dice.below(waiting.len());
        if let std::task::Poll::Ready(reply) = waiting[at].1.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            done.push((waiting.swap_remove(at).0, reply));
        }
    }
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, reply)| reply).collect()
}

#[test]
fn of_two_verifies_of_one_token_exactly_one_is_valid() {
    for seed in 0..1_000 {
        let mut story = Story::with_coins(10);
        let launcher = story.launcher("1");
        let token = story.token(launcher);
        let arrivals: [Arrival; 2] = std::array::from_fn(|_| story.arrival(token));
        let nodes = [story.node.clone(), story.node.restarted(story.store.clone())];
        let verifies = arrivals.iter().zip(&nodes).map(|(arrival, node)| node.verify(arrival));
        let verdicts: Vec<_> = interleave(&mut Dice::new(seed), verifies);
        let verdicts: Vec<_> = verdicts.into_iter().map(|told| told.unwrap().reply).collect();
        let used = Verdict::Refused(VerifyRefusal::OttAlreadyUsed);
        let [one, other] = arrivals.map(|arrival| Verdict::Valid(arrival.new_session));
        assert!(verdicts == [one, used] || verdicts == [used, other], "seed {seed}: {verdicts:?}");
        assert_eq!(story.account().charged, 1);
    }
}

#[test]
fn of_many_ends_at_once_one_succeeds_and_one_settlement_is_written() {
    for seed in 0..200 {
        let mut story = Story::with_coins(10);
        let session = story.begin("1");
        story.at(70);
        let ask = End { session, game: game(), client_play_duration_sec: None };
        let mut memories: [Memory; 4] = Default::default();
        let ends = memories.iter_mut().map(|memory| story.node.end(memory, &ask));
        let replies = interleave(&mut Dice::new(seed), ends);
        let successes = replies.iter().filter(|told| told.as_ref().unwrap().reply.is_ok()).count();
        assert_eq!(successes, 1, "seed {seed}");
        assert_eq!(story.ended(session), Some((EndReason::Normal, 70, 70, 70, 2)));
        assert_eq!(story.account().charged, 2);
    }
}

#[test]
fn a_warm_call_reads_nothing_and_a_stale_memory_is_found_out() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    let ask = Heartbeat { session, game: game(), player: PLAYER };
    let mut memory = Memory::default();
    // Faults before everything: only the commit may be reached. `find` is the actor's to remember.
    let polls = |story: &Story, memory: &mut Memory| {
        let mut polls = VecDeque::new();
        let rule = |view: &View<'_>, now| rules::heartbeat(view, &ask, &story.node.limits, now);
        let place = cafe();
        let keys = [DocumentKey::Session(session)];
        let mut future = Box::pin(story.node.transactor.transact(&place, memory, &keys, rule));
        loop {
            polls.push_back(());
            let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let std::task::Poll::Ready(told) = polled {
                return (polls.len(), told.unwrap().reply.unwrap().play_duration_sec);
            }
        }
    };
    // Two reads and a commit of two steps; then the commit alone.
    assert_eq!(polls(story.at(10), &mut memory), (5, 10));
    assert_eq!(polls(story.at(20), &mut memory), (3, 20));
    story.at(30).beat(session).unwrap();
    // A commit in vain, both documents read again, and the commit.
    assert_eq!(polls(story.at(40), &mut memory), (7, 40));
    assert_eq!(polls(story.at(50), &mut memory), (3, 50));
}

#[test]
fn an_end_under_way_is_known_on_its_node_until_it_is_written() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    let other = story.begin("2");
    let transactor = &story.node.transactor;
    let mut memory = Memory::default();
    let ask = End { session, game: game(), client_play_duration_sec: None };
    let mut end = Box::pin(story.node.end(&mut memory, &ask));
    let mut was_ending = 0;
    while end.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        was_ending += usize::from(transactor.is_ending(session));
        assert!(!transactor.is_ending(other));
    }
    assert_eq!(was_ending, 2, "while it waits for the commit");
    assert!(!transactor.is_ending(session));
    // A caller that goes away in the middle leaves nothing behind.
    let mut memory = Memory::default();
    let ask = End { session: other, ..ask.clone() };
    let mut end = Box::pin(story.node.end(&mut memory, &ask));
    while !transactor.is_ending(other) {
        assert!(end.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert!(!transactor.is_ending(session), "it has long been written");
    drop(end);
    assert!(!transactor.is_ending(other));
}

#[test]
fn a_replaced_session_is_not_called_ending() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let old = story.begin_with(launcher);
    let token = story.token(launcher);
    let arrival = story.arrival(token);
    let mut verify = Box::pin(story.node.verify(&arrival));
    while verify.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        assert!(!story.node.transactor.is_ending(old));
    }
}

#[test]
fn a_failed_commit_leaves_no_memory_to_be_wrong_about() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    let ask = Heartbeat { session, game: game(), player: PLAYER };
    let mut memory = Memory::default();
    finish(story.node.heartbeat(&mut memory, &ask)).unwrap();
    story.at(70).store.set_faults(Faults { before: 0, after: 1000 });
    finish(story.node.heartbeat(&mut memory, &ask)).unwrap_err();
    story.store.set_faults(Faults::default());
    // It took effect; the answer was lost. The next one charges nothing twice.
    let beat = finish(story.at(80).node.heartbeat(&mut memory, &ask)).unwrap().reply.unwrap();
    assert_eq!((beat.play_duration_sec, story.account().charged), (80, 2));
}

/// A store in which somebody else is always faster.
struct Contended(Arc<crate::testing::MemorySessions>);

#[async_trait::async_trait]
impl Sessions for Contended {
    async fn find(&self, key: &DocumentKey) -> Result<Option<CafeId>, StoreError> {
        self.0.find(key).await
    }

    async fn load(&self, cafe: &CafeId, keys: &[DocumentKey]) -> Result<Vec<Stored>, StoreError> {
        self.0.load(cafe, keys).await
    }

    async fn commit(&self, _: &CafeId, _: &Commit) -> Result<Committed, StoreError> {
        Ok(Committed::Conflict)
    }

    async fn due(&self, _: Timestamp, _: usize) -> Result<Vec<(CafeId, DocumentKey)>, StoreError> {
        Ok(Vec::new())
    }

    async fn list(
        &self,
        _: &CafeId,
        _: DocumentKind,
        _: Option<&DocumentKey>,
        _: usize,
    ) -> Result<Vec<(DocumentKey, Arc<Document>)>, StoreError> {
        Ok(Vec::new())
    }

    async fn cafes(&self, _: Option<&CafeId>, _: usize) -> Result<Vec<CafeId>, StoreError> {
        Ok(Vec::new())
    }

    async fn settlements(&self, _: &SettlementQuery) -> Result<Vec<Settlement>, StoreError> {
        Ok(Vec::new())
    }
}

#[test]
fn who_never_gets_through_gives_up_with_a_failure() {
    let story = Story::with_coins(10);
    let clock = Clock::new(|| Story::time(0));
    let transactor = Transactor::new(Arc::new(Contended(story.store.clone())), clock);
    let rule = |view: &View<'_>, _| rules::open_account(view, 5);
    let (place, mut memory) = (cafe(), Memory::default());
    assert!(finish(transactor.transact(&place, &mut memory, &[], rule)).is_err());
    assert_eq!(story.account().credited, 10);
}
