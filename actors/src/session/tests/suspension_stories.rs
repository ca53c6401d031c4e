//! A suspension of the player: at once, or when its time comes.

use super::super::*;
use super::calls::finish;
use super::story::{Story, cafe};
use crate::ids::SessionId;
use crate::ports::Suspension;

impl Story {
    /// Says whether it ended the session. The times are in seconds, as everywhere in a story.
    fn suspend(&self, session: SessionId, suspension: Option<(u64, Option<u64>)>) -> bool {
        let suspension = suspension.map(|(from, until)| {
            let (from, until) = (Self::time(from), until.map(Self::time));
            Suspension { from, until, reason: String::new() }
        });
        finish(self.node.suspend(&cafe(), &Suspend { session, suspension })).unwrap().reply
    }
}

#[test]
fn a_suspension_that_covers_now_ends_the_session_at_once() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert!(story.at(70).suspend(session, Some((0, None))));
    assert!(!story.suspend(session, Some((0, None))), "once");
    assert_eq!(story.ended(session), Some((EndReason::Suspended, 70, 70, 70, 2)));
    assert_eq!(story.beat(session), Err(Refusal::Ended));
}

#[test]
fn one_that_lies_ahead_is_found_by_whoever_looks_and_however_late() {
    type Look = fn(&mut Story, SessionId);
    let looks: [(&str, Look); 5] = [
        ("heartbeat", |story, session| assert_eq!(story.beat(session), Err(Refusal::Ended))),
        ("check", |story, session| assert_eq!(story.check(session), Err(Refusal::Ended))),
        ("end", |story, session| assert_eq!(story.end(session), Err(Refusal::AlreadyEnded))),
        ("sweep", |story, _| assert!(story.sweep() > 0)),
        ("replacement", |story, _| {
            story.begin("1");
        }),
    ];
    for (name, look) in looks {
        for late in [130, 200, 10_000] {
            let mut story = Story::with_coins(10);
            let session = story.begin("1");
            assert!(!story.suspend(session, Some((130, None))));
            assert!(story.at(129).beat(session).is_ok(), "{name}: not yet");
            look(story.at(late), session);
            // What was begun by then is charged, and nothing later.
            assert_eq!(story.ended(session), Some((EndReason::Suspended, 130, 130, 130, 3)), "{name} at {late}");
        }
    }
}

#[test]
fn one_that_was_lifted_or_put_off_before_it_came_does_nothing() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    for instead in [None, Some((1000, None)), Some((50, Some(50)))] {
        story.suspend(session, Some((60, None)));
        story.suspend(session, instead);
        assert_eq!(story.session(session).suspended_from, instead.filter(|it| it.0 == 1000).map(|_| Story::time(1000)));
    }
    story.at(60).sweep();
    assert!(story.beat(session).is_ok());
}

#[test]
fn a_session_that_fell_silent_before_is_gone_and_not_suspended() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    story.suspend(session, Some((300, None)));
    assert_eq!(story.at(400).beat(session), Err(Refusal::NotFound));
    assert_eq!(story.ended(session).unwrap().0, EndReason::HeartbeatTimeout);
}

#[test]
fn what_a_late_suspension_owes_goes_no_further_than_the_coins() {
    let mut story = Story::with_coins(2);
    let session = story.begin("1");
    story.suspend(session, Some((200, None)));
    story.at(240).sweep();
    assert_eq!(story.ended(session), Some((EndReason::Suspended, 200, 200, 120, 2)));
    assert_eq!(story.account(), Account { balance: 0, credited: 2, charged: 2 });
}
