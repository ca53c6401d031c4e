//! How sessions end ("PlayWave API, end", "ways a session ends", "404 vs 410 vs 409").

use super::super::*;
use super::story::{PLAYER, Story, game};

#[test]
fn an_end_answers_the_servers_own_measure_and_settles() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert_eq!(story.at_ms(61_999).end_with(session, game(), Some(1_000_000)), Ok(61));
    let settlement = story.settlement(session).unwrap();
    assert_eq!(
        settlement,
        Settlement {
            session_id: session,
            game_id: game(),
            cafe_id: super::story::cafe(),
            pc_id: super::story::pc("1"),
            provider_user_id: PLAYER,
            started_at: Story::time(0),
            ended_at: Story::time(61) + std::time::Duration::from_millis(999),
            end_reason: EndReason::Normal,
            play_duration_sec: 61,
            billed_sec: 61,
            coins: 2,
            client_play_duration_sec: Some(1_000_000),
        }
    );
    assert_eq!(story.account(), Account { balance: 8, credited: 10, charged: 2 });
    assert_eq!(story.pc("1").unwrap().session, None);
}

#[test]
fn a_second_end_is_a_conflict_and_settles_nothing() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert_eq!(story.at(10).end(session), Ok(10));
    assert_eq!(story.at(11).end_with(session, game(), Some(3)), Err(Refusal::AlreadyEnded));
    assert_eq!(story.settlement(session).unwrap().client_play_duration_sec, None);
    assert_eq!(story.account().charged, 1);
}

#[test]
fn an_ended_session_is_remembered_for_ten_minutes() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    story.at(10).end(session).unwrap();
    story.at_ms(609_999).sweep();
    assert_eq!(story.beat(session), Err(Refusal::Ended));
    assert_eq!(story.check(session), Err(Refusal::Ended));
    assert_eq!(story.end(session), Err(Refusal::AlreadyEnded));
    assert!(!story.terminate(session));
    // It is forgotten on time, swept or not.
    story.at(610);
    for _ in 0..2 {
        assert_eq!(story.beat(session), Err(Refusal::NotFound));
        assert_eq!(story.check(session), Err(Refusal::NotFound));
        assert_eq!(story.end(session), Err(Refusal::NotFound));
        story.sweep();
        assert_eq!(story.document(&DocumentKey::Session(session)), None);
    }
    assert_eq!(story.ended(session), Some((EndReason::Normal, 10, 10, 10, 1)));
}

#[test]
fn with_no_memory_an_ended_session_is_unknown_at_once() {
    let mut story = Story::with_coins(10).limited(|limits| limits.remember = std::time::Duration::ZERO);
    let session = story.begin("1");
    story.at(10).end(session).unwrap();
    assert_eq!(story.beat(session), Err(Refusal::NotFound));
    assert_eq!(story.end(session), Err(Refusal::NotFound));
}

#[test]
fn a_suspension_ends_a_live_session_once() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert!(story.at(130).terminate(session));
    assert!(!story.terminate(session));
    assert_eq!(story.ended(session), Some((EndReason::Suspended, 130, 130, 130, 3)));
    assert_eq!(story.beat(session), Err(Refusal::Ended));
    assert_eq!(story.pc("1").unwrap().session, None);
}

/// Once the answer to a termination was "it was live" or not, depending on whether the sweeper had been there.
#[test]
fn what_is_over_unnoticed_was_not_live_when_it_was_terminated() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    assert!(!story.at(245).terminate(session));
    assert_eq!(story.ended(session).unwrap().0, EndReason::HeartbeatTimeout);
}

#[test]
fn a_launcher_that_ends_in_good_order_ends_the_session_on_its_pc() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    story.at(60).end_launcher(launcher).unwrap();
    assert_eq!(story.ended(session), Some((EndReason::LauncherExit, 60, 60, 60, 2)));
    assert_eq!(story.beat(session), Err(Refusal::Ended));
    assert_eq!(story.end(session), Err(Refusal::AlreadyEnded));
}

#[test]
fn a_launcher_that_ends_finds_silence_as_anybody_would() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    for sec in [120, 240] {
        story.at(sec).launcher_beat(launcher).unwrap();
    }
    story.at(245).end_launcher(launcher).unwrap();
    assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 0, 0, 0, 1)));
    assert_eq!(story.pc("1").unwrap().session, None);
}

#[test]
fn sweeping_something_that_is_not_due_does_nothing() {
    let mut story = Story::with_coins(10);
    let session = story.begin("1");
    let before = story.session(session);
    let keys = story.store.look(|kept| kept.cafes[&super::story::cafe()].keys().cloned().collect::<Vec<_>>());
    for key in keys {
        let told = super::calls::finish(story.node.sweep_document(&super::story::cafe(), &key)).unwrap();
        assert!(!told.reply && told.changes.is_empty(), "{key}");
    }
    assert_eq!(story.session(session), before);
}

#[test]
fn in_the_end_only_the_account_is_left() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    story.token(launcher);
    story.credit_as(Some("march"), 5).unwrap();
    story.at(10).end(session).unwrap();
    for hour in [1, 2, 25] {
        story.at(hour * 3600).sweep();
    }
    let left = story.store.look(|kept| kept.cafes[&super::story::cafe()].keys().cloned().collect::<Vec<_>>());
    assert_eq!(left, [DocumentKey::Account]);
}

#[test]
fn a_pc_in_use_is_not_forgotten_and_an_idle_one_only_long_after_its_launcher() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    assert_eq!(story.pc("1").unwrap().deadline, Some(Story::time(845)));
    let session = story.begin_with(launcher);
    assert_eq!(story.pc("1").unwrap().deadline, None);
    story.at(100).launcher_beat(launcher).unwrap();
    assert_eq!(story.pc("1").unwrap().deadline, None);
    story.at(150).end(session).unwrap();
    assert_eq!(story.pc("1").unwrap().deadline, Some(Story::time(150 + 845)));
    story.at(200).launcher_beat(launcher).unwrap();
    assert_eq!(story.pc("1").unwrap().deadline, Some(Story::time(200 + 845)));
    story.at(1044).sweep();
    assert!(story.pc("1").is_some());
    story.at(1045).sweep();
    assert_eq!(story.pc("1"), None);
}
