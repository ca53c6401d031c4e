//! When the coins are used up ("PlayWave API, state machine" and "billing model").

use super::super::*;
use super::story::{Started, Story};
use crate::ids::SessionId;

/// A session whose two coins are used up at 120 s, and who learns it with a heartbeat at 130 s: the grace ends at 250.
fn exhausted() -> (Story, Started, SessionId) {
    let mut story = Story::with_coins(2);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    story.at(60).beat_with(launcher, session).unwrap();
    assert_eq!(story.at(130).beat_with(launcher, session), Ok((BeatResult::ChargeExhausted, 110, 130)));
    (story, launcher, session)
}

#[test]
fn the_grace_begins_with_the_heartbeat_that_reports_it() {
    let (story, _, session) = exhausted();
    let found = story.session(session);
    assert_eq!(found.exhausted_at, Some(Story::time(120)), "the start of the first unpaid unit");
    assert_eq!(found.grace_started_at, Some(Story::time(130)));
    assert_eq!(found.deadline, Story::time(250));
    assert_eq!(story.account(), Account { balance: 0, credited: 2, charged: 2 });
}

#[test]
fn heartbeats_in_the_grace_come_sooner_so_that_they_fall_in_it() {
    let (mut story, _, session) = exhausted();
    let expected = [(130, 110), (131, 109), (140, 100), (230, 10), (234, 6), (235, 5), (236, 5), (249, 5)];
    for (sec, wait) in expected {
        assert_eq!(story.at(sec).beat(session), Ok((BeatResult::ChargeExhausted, wait, sec)), "{sec}");
        assert_eq!(story.check(session), Ok((wait, sec)));
        assert_eq!(story.session(session).grace_started_at, Some(Story::time(130)), "set once");
    }
}

#[test]
fn the_end_of_the_grace_is_found_alike_by_heartbeat_check_end_terminate_launcher_and_sweep() {
    let find: [fn(&Story, Started, SessionId); 6] = [
        |story, _, session| assert_eq!(story.beat(session), Err(Refusal::Ended)),
        |story, _, session| assert_eq!(story.check(session), Err(Refusal::Ended)),
        |story, _, session| assert_eq!(story.end(session), Err(Refusal::AlreadyEnded)),
        |story, _, session| assert!(!story.terminate(session)),
        |story, launcher, _| assert_eq!(story.end_launcher(launcher), Ok(())),
        |story, _, _| assert_eq!(story.sweep(), 1),
    ];
    for find in find {
        // On time, late, and after the silence that would have ended it otherwise.
        for sec in [250, 260, 374] {
            let (mut story, launcher, session) = exhausted();
            story.at(sec);
            find(&story, launcher, session);
            let found = story.ended(session);
            assert_eq!(found, Some((EndReason::ChargeExhausted, 250, 250, 120, 2)), "{sec}");
            assert_eq!(story.beat(session), Err(Refusal::Ended));
            assert_eq!(story.end(session), Err(Refusal::AlreadyEnded));
            assert_eq!(story.session(session).deadline, Story::time(sec + 600));
            assert_eq!(story.pc("1").unwrap().session, None);
        }
    }
}

#[test]
fn silence_that_comes_before_the_end_of_a_long_grace_ends_the_session_whoever_looks_and_when() {
    for sec in [375, 700, 2000] {
        let (story, _, session) = exhausted();
        let mut story = story.limited(|limits| limits.grace = std::time::Duration::from_secs(600));
        story.at(sec).sweep();
        assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 130, 130, 120, 2)), "{sec}");
        assert_eq!(story.beat(session), Err(Refusal::NotFound));
    }
}

#[test]
fn a_grace_is_not_over_a_moment_before_its_end() {
    let (mut story, _, session) = exhausted();
    assert_eq!(story.at_ms(249_999).sweep(), 0);
    assert_eq!(story.beat(session), Ok((BeatResult::ChargeExhausted, 5, 249)));
}

#[test]
fn an_end_in_the_grace_succeeds_and_tells_of_exhaustion() {
    let (mut story, _, session) = exhausted();
    assert_eq!(story.at(200).end(session), Ok(200));
    assert_eq!(story.ended(session), Some((EndReason::ChargeExhausted, 200, 200, 120, 2)));
}

#[test]
fn an_end_before_exhaustion_was_reported_is_normal() {
    let mut story = Story::with_coins(2);
    let session = story.begin("1");
    assert_eq!(story.at(200).end(session), Ok(200));
    assert_eq!(story.ended(session), Some((EndReason::Normal, 200, 200, 120, 2)));
}

#[test]
fn a_credit_in_the_grace_clears_both_marks_at_the_next_heartbeat() {
    let (mut story, launcher, session) = exhausted();
    story.at(190).credit(5);
    assert_eq!(story.at(200).beat_with(launcher, session), Ok((BeatResult::Ok, 120, 200)));
    let found = story.session(session);
    assert_eq!((found.exhausted_at, found.grace_started_at, found.charged_units), (None, None, 4));
    assert_eq!(found.deadline, Story::time(200 + 245));
    assert_eq!(story.at(400).end(session), Ok(400));
    assert_eq!(story.ended(session), Some((EndReason::Normal, 400, 400, 400, 7)));
}

#[test]
fn a_credit_that_does_not_reach_pays_what_it_can_and_the_grace_goes_on() {
    let (mut story, _, session) = exhausted();
    story.at(190).credit(1);
    assert_eq!(story.at(200).beat(session), Ok((BeatResult::ChargeExhausted, 40, 200)));
    let found = story.session(session);
    assert_eq!((found.charged_units, found.exhausted_at), (3, Some(Story::time(180))));
    assert_eq!(found.grace_started_at, Some(Story::time(130)));
    story.at(250).sweep();
    assert_eq!(story.ended(session), Some((EndReason::ChargeExhausted, 250, 250, 180, 3)));
}

#[test]
fn a_credit_in_the_grace_lets_an_end_be_normal_and_a_check_go_on() {
    let (mut story, _, session) = exhausted();
    story.at(140).credit(5);
    assert_eq!(story.check(session), Ok((120, 140)));
    assert_eq!(story.session(session).grace_started_at, None);
    let (mut story, _, session) = exhausted();
    story.at(140).credit(5);
    assert_eq!(story.end(session), Ok(140));
    assert_eq!(story.ended(session), Some((EndReason::Normal, 140, 140, 140, 3)));
}

#[test]
fn a_credit_in_the_grace_is_found_at_its_end_by_whoever_looks() {
    for is_swept in [true, false] {
        let (mut story, launcher, session) = exhausted();
        story.at(200).credit(10);
        story.at(250);
        if is_swept {
            assert_eq!(story.sweep(), 1);
            let found = story.session(session);
            assert_eq!((found.exhausted_at, found.grace_started_at), (None, None));
            assert_eq!(found.deadline, Story::time(130 + 245));
        }
        assert_eq!(story.at(260).beat_with(launcher, session), Ok((BeatResult::Ok, 120, 260)));
        assert_eq!(story.account().charged, 5);
    }
}

/// Once the sweeper charged until its own time: who fell silent after a credit paid for the silence.
#[test]
fn silence_after_a_credit_in_the_grace_is_free() {
    let (mut story, _, session) = exhausted();
    story.at(200).credit(10);
    story.at(250).sweep();
    assert_eq!(story.account().charged, 3);
    story.at(130 + 245).sweep();
    assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 130, 130, 130, 3)));
}

/// Once it depended on when somebody looked: a credit that paid all of the grace did not pay the minute after it.
#[test]
fn whether_a_credit_saves_the_session_is_not_for_who_looks_late_to_say() {
    let (mut story, launcher, session) = exhausted();
    // Enough for the units begun by 250, not for the one begun at 300.
    story.at(200).credit(3);
    assert_eq!(story.at(310).beat_with(launcher, session), Ok((BeatResult::ChargeExhausted, 110, 310)));
    let found = story.session(session);
    assert_eq!((found.exhausted_at, found.grace_started_at), (Some(Story::time(300)), Some(Story::time(310))));
    assert_eq!(story.at(430).beat(session), Err(Refusal::Ended));
    assert_eq!(story.ended(session), Some((EndReason::ChargeExhausted, 430, 430, 300, 5)));
}

#[test]
fn a_session_saved_by_a_credit_that_is_long_silent_ended_in_silence() {
    let (mut story, _, session) = exhausted();
    story.at(200).credit(10);
    story.at(1000).sweep();
    let (reason, ended_at, ..) = story.ended(session).unwrap();
    assert_eq!((reason, ended_at), (EndReason::HeartbeatTimeout, 130));
}

#[test]
fn who_is_never_told_of_exhaustion_has_no_grace_and_ends_in_silence() {
    let mut story = Story::with_coins(1);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    assert_eq!(
        story.at(100).check(session),
        Ok((5, 100)),
        "a check reports nothing, but asks for the heartbeat that will"
    );
    let found = story.session(session);
    assert_eq!((found.exhausted_at, found.grace_started_at), (Some(Story::time(60)), None));
    story.at(100 + 245).sweep();
    assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 100, 100, 60, 1)));
}

#[test]
fn a_silent_launcher_ends_a_session_in_its_grace_too() {
    let mut story = Story::with_coins(1);
    let session = story.begin("1");
    assert_eq!(story.at(180).beat(session), Ok((BeatResult::ChargeExhausted, 110, 180)));
    assert_eq!(story.at(240).beat(session), Err(Refusal::Ended));
    assert_eq!(story.ended(session), Some((EndReason::LauncherTimeout, 240, 240, 60, 1)));
}

#[test]
fn a_clock_set_back_does_not_shorten_the_grace_nor_lengthen_the_wait() {
    let (mut story, launcher, session) = exhausted();
    story.at(200).beat_with(launcher, session).unwrap();
    assert_eq!(story.at(100).beat_with(launcher, session), Ok((BeatResult::ChargeExhausted, 40, 200)));
    story.at(249).sweep();
    assert_eq!(story.settlement(session), None);
    story.at(250).sweep();
    assert_eq!(story.ended(session), Some((EndReason::ChargeExhausted, 250, 250, 120, 2)));
}

#[test]
fn units_are_begun_at_their_first_second() {
    // (coins, unit, seconds of play, units)
    let table = [
        (1, 60, 0, 1),
        (1, 60, 59, 1),
        (1, 60, 60, 2),
        (1, 60, 119, 2),
        (1, 60, 120, 3),
        (7, 3600, 239, 1),
        (1, 1, 0, 1),
        (1, 1, 100, 101),
        (7, 30, 90, 4),
        (0, 60, 200, 4),
    ];
    for (coins, unit_sec, sec, units) in table {
        let mut story = Story::with_coins(1000).priced(coins, unit_sec);
        let session = story.begin("1");
        story.at_ms(sec as i64 * 1000 + 999).beat(session).unwrap();
        assert_eq!(story.session(session).charged_units, units, "{coins} each {unit_sec} s for {sec} s");
        story.end(session).unwrap();
        assert_eq!(story.ended(session), Some((EndReason::Normal, sec, sec, sec, units * coins)));
        assert_eq!(story.account().charged, units * coins);
    }
}

#[test]
fn what_cannot_be_divided_stays_in_the_account() {
    let mut story = Story::with_coins(10).priced(7, 60);
    let session = story.begin("1");
    assert_eq!(story.at(60).beat(session), Ok((BeatResult::ChargeExhausted, 110, 60)));
    assert_eq!(story.account(), Account { balance: 3, credited: 10, charged: 7 });
    assert_eq!(story.end(session), Ok(60));
    assert_eq!(story.ended(session), Some((EndReason::ChargeExhausted, 60, 60, 60, 7)));
}

#[test]
fn a_session_keeps_the_price_it_began_with() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    story.rate = Rate { coins: 5, unit_sec: 1 };
    story.at(60).beat(session).unwrap();
    assert_eq!(story.account().charged, 2);
}
