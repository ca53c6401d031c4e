//! Signs of life and silence ("PlayWave API, heartbeat", "check" and "timing constants").

use super::super::*;
use super::story::{PLAYER, Story, game, other_game};
use crate::ids::{PlayerId, SessionId};

#[test]
fn a_heartbeat_of_a_live_session_is_ok_and_asks_for_the_next_in_two_minutes() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert_eq!(story.at_ms(119_999).beat(session), Ok((BeatResult::Ok, 120, 119)));
    assert_eq!(story.session(session).deadline, Story::time(119 + 245) + std::time::Duration::from_millis(999));
    assert_eq!(story.session(session).charged_units, 2);
}

#[test]
fn to_others_a_session_is_unknown_and_they_do_not_keep_it_alive() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    let before = story.session(session);
    story.at(100);
    assert_eq!(story.beat_as(session, other_game(), PLAYER), Err(Refusal::NotFound));
    assert_eq!(story.beat_as(session, game(), PlayerId(8)), Err(Refusal::NotFound));
    assert_eq!(story.check_as(session, other_game(), PLAYER), Err(Refusal::NotFound));
    assert_eq!(story.check_as(session, game(), PlayerId(8)), Err(Refusal::NotFound));
    assert_eq!(story.end_with(session, other_game(), None), Err(Refusal::NotFound));
    assert_eq!(story.session(session), before);
    story.end(session).unwrap();
    assert_eq!(story.beat_as(session, game(), PlayerId(8)), Err(Refusal::NotFound));
    assert_eq!(story.end_with(session, other_game(), None), Err(Refusal::NotFound));
}

#[test]
fn a_session_that_never_began_is_not_found() {
    let story = Story::with_coins(10);
    let session = SessionId::from_random(99);
    assert_eq!(story.beat(session), Err(Refusal::NotFound));
    assert_eq!(story.check(session), Err(Refusal::NotFound));
    assert_eq!(story.end(session), Err(Refusal::NotFound));
    assert!(!story.terminate(session));
}

#[test]
fn four_minutes_and_five_seconds_of_silence_end_a_session() {
    let mut story = Story::with_coins(100);
    let launcher = story.launcher("1");
    let (one, two) = (story.begin_with(launcher), story.begin("2"));
    story.at(100).beat_with(launcher, one).unwrap();
    story.at(200).launcher_beat(launcher).unwrap();
    assert_eq!(story.at_ms(344_999).beat(one), Ok((BeatResult::Ok, 120, 344)));
    story.at(400).launcher_beat(launcher).unwrap();
    assert_eq!(story.beat(two), Err(Refusal::NotFound));
    assert_eq!(story.at_ms(344_999 + 245_000).beat(one), Err(Refusal::NotFound));
    assert_eq!(story.ended(one).unwrap().0, EndReason::HeartbeatTimeout);
}

#[test]
fn silence_leaves_no_tombstone_and_is_not_billed() {
    let mut story = Story::with_coins(100);
    let session = story.begin("1");
    story.at(90).beat(session).unwrap();
    story.at(90 + 244).sweep();
    assert_eq!(story.settlement(session), None);
    story.at(90 + 245).sweep();
    // It ended when it was last heard of, not when that was noticed.
    assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 90, 90, 90, 2)));
    assert_eq!(story.document(&DocumentKey::Session(session)), None);
    assert_eq!(story.beat(session), Err(Refusal::NotFound));
    assert_eq!(story.end(session), Err(Refusal::NotFound));
    assert_eq!(story.pc("1").unwrap().session, None);
}

#[test]
fn silence_is_found_alike_by_heartbeat_check_end_terminate_and_sweep() {
    let find: [fn(&Story, SessionId); 5] = [
        |story, session| assert_eq!(story.beat(session), Err(Refusal::NotFound)),
        |story, session| assert_eq!(story.check(session), Err(Refusal::NotFound)),
        |story, session| assert_eq!(story.end(session), Err(Refusal::NotFound)),
        |story, session| assert!(!story.terminate(session)),
        |story, _| assert_eq!(story.sweep(), 1),
    ];
    for find in find {
        let mut story = Story::with_coins(100);
        let session = story.begin("1");
        story.at(300);
        find(&story, session);
        assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 0, 0, 0, 1)));
        assert_eq!(story.document(&DocumentKey::Session(session)), None);
        assert_eq!(story.account().charged, 1);
    }
}

#[test]
fn a_launcher_silent_for_four_minutes_ends_the_session_at_its_next_heartbeat() {
    let mut story = Story::with_coins(100);
    let (one, two) = (story.begin("1"), story.begin("2"));
    assert_eq!(story.at_ms(239_999).beat(one), Ok((BeatResult::Ok, 120, 239)));
    assert_eq!(story.at(240).beat(two), Err(Refusal::Ended));
    // Play until that heartbeat is paid.
    assert_eq!(story.ended(two), Some((EndReason::LauncherTimeout, 240, 240, 240, 5)));
    assert_eq!(story.beat(two), Err(Refusal::Ended));
    assert_eq!(story.end(two), Err(Refusal::AlreadyEnded));
    assert_eq!(story.check(one), Err(Refusal::Ended));
    assert_eq!(story.ended(one), Some((EndReason::LauncherTimeout, 240, 240, 240, 5)));
}

#[test]
fn a_launcher_heartbeat_keeps_the_session_going() {
    let mut story = Story::with_coins(100);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    for minute in 1..=10 {
        story.at(minute * 60).launcher_beat(launcher).unwrap();
        assert_eq!(story.beat(session), Ok((BeatResult::Ok, 120, minute * 60)));
    }
}

#[test]
fn a_dead_launcher_with_a_dead_game_server_is_a_heartbeat_timeout() {
    let mut story = Story::with_coins(100);
    let session = story.begin("1");
    story.at(244).sweep();
    assert_eq!(story.settlement(session), None);
    story.at(245).sweep();
    assert_eq!(story.ended(session).unwrap().0, EndReason::HeartbeatTimeout);
}

#[test]
fn a_check_keeps_alive_and_pays_like_a_heartbeat() {
    let mut story = Story::with_coins(100);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    assert_eq!(story.at(200).check(session), Ok((120, 200)));
    assert_eq!(story.session(session).heartbeat_at, Story::time(200));
    assert_eq!(story.account().charged, 4);
    story.launcher_beat(launcher).unwrap();
    assert_eq!(story.at(400).beat(session), Ok((BeatResult::Ok, 120, 400)));
    story.end(session).unwrap();
    assert_eq!(story.check(session), Err(Refusal::Ended));
}

#[test]
fn a_replaced_session_is_told_so_again_and_again_until_it_is_forgotten() {
    let mut story = Story::with_coins(100);
    let launcher = story.launcher("1");
    let old = story.begin_with(launcher);
    story.at(30);
    story.begin_with(launcher);
    for sec in [30, 31, 300, 629] {
        assert_eq!(story.at(sec).beat(old), Ok((BeatResult::SessionReplaced, 120, 30)), "{sec}");
    }
    assert_eq!(story.end(old), Err(Refusal::AlreadyEnded));
    assert_eq!(story.check(old), Err(Refusal::Ended));
    assert_eq!(story.at(630).beat(old), Err(Refusal::NotFound));
    assert_eq!(story.end(old), Err(Refusal::NotFound));
    story.sweep();
    assert_eq!(story.document(&DocumentKey::Session(old)), None);
    assert_eq!(story.ended(old).unwrap().0, EndReason::SessionReplaced);
}

#[test]
fn a_clock_set_back_takes_no_play_away_and_ends_nothing() {
    let mut story = Story::with_coins(100);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    story.at(200).beat_with(launcher, session).unwrap();
    let charged = story.account().charged;
    for millis in [100_000, -5_000_000] {
        assert_eq!(story.at_ms(millis).beat_with(launcher, session), Ok((BeatResult::Ok, 120, 200)));
        assert_eq!(story.check(session), Ok((120, 200)));
    }
    assert_eq!(story.account().charged, charged);
    assert_eq!(story.session(session).heartbeat_at, Story::time(200));
    // The launcher was last heard of at 200, too.
    assert_eq!(story.at(439).beat(session), Ok((BeatResult::Ok, 120, 439)));
    story.at(50);
    assert_eq!(story.end(session), Ok(439));
    assert_eq!(story.ended(session), Some((EndReason::Normal, 439, 439, 439, 8)));
    assert_eq!(story.beat(session), Err(Refusal::Ended));
}

#[test]
fn signs_of_life_may_be_undone_by_a_crash_but_not_money_nor_grace() {
    use super::calls::finish;
    use crate::ports::Durability;
    let mut story = Story::with_coins(2);
    let session = story.begin("1");
    let durability = |story: &Story| {
        let ask = Heartbeat { session, game: game(), player: PLAYER };
        finish(story.node.heartbeat(&mut Memory::default(), &ask)).unwrap().durability
    };
    for (sec, expected) in [(10, Durability::Soon), (60, Durability::Now), (61, Durability::Soon)] {
        assert_eq!(durability(story.at(sec)), expected, "{sec}");
    }
    for (sec, expected) in [(120, Durability::Now), (121, Durability::Soon)] {
        let found = durability(story.at(sec));
        let in_grace = story.session(session).grace_started_at;
        assert_eq!(in_grace, Some(Story::time(120)));
        // What is owed is tried to be charged anew each time; only a change of it needs the disk.
        assert!(found >= expected, "{sec}: {found:?}");
    }
}
