//! A token becomes a session ("PlayWave API, verify" and "launcher side").

use super::super::*;
use super::calls::Arrival;
use super::story::{PLAYER, Story, other_game};
use crate::ids::{PlayerId, TokenId};

#[test]
fn a_good_token_begins_a_session_and_charges_its_first_unit() {
    let mut story = Story::with_coins(10);
    let session = story.at(3).begin("1");
    let found = story.session(session);
    assert_eq!((found.started_at, found.heartbeat_at), (Story::time(3), Story::time(3)));
    assert_eq!((found.player, found.charged_units, found.ended.is_none()), (PLAYER, 1, true));
    assert_eq!(found.deadline, Story::time(3 + 245));
    assert_eq!(story.account(), Account { balance: 9, credited: 10, charged: 1 });
    assert_eq!(story.pc("1").unwrap().session, Some(session));
    assert_eq!(story.settlement(session), None);
}

#[test]
fn a_token_is_good_for_less_than_a_minute() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let (early, late) = (story.token(launcher), story.token(launcher));
    assert!(story.at_ms(59_999).verify(early).is_ok());
    assert_eq!(story.at_ms(60_000).verify(late), Err(VerifyRefusal::OttExpired));
}

#[test]
fn a_token_nobody_issued_is_called_expired() {
    let mut story = Story::with_coins(10);
    assert_eq!(story.verify(TokenId::from_random(99)), Err(VerifyRefusal::OttExpired));
}

#[test]
fn a_token_is_used_once_and_says_so_until_it_is_forgotten() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let token = story.token(launcher);
    let session = story.verify(token).unwrap();
    // A retry after a lost answer is no exception; the session nobody knows falls silent ("ambiguities", 12).
    assert_eq!(story.at(1).verify(token), Err(VerifyRefusal::OttAlreadyUsed));
    assert_eq!(story.at(659).verify(token), Err(VerifyRefusal::OttAlreadyUsed));
    story.at(660).sweep();
    assert_eq!(story.verify(token), Err(VerifyRefusal::OttExpired));
    assert_eq!(story.ended(session), Some((EndReason::HeartbeatTimeout, 0, 0, 0, 1)));
}

#[test]
fn an_unused_token_is_remembered_as_expired() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let token = story.token(launcher);
    story.at(659).sweep();
    assert!(story.document(&DocumentKey::Token(token)).is_some());
    assert_eq!(story.verify(token), Err(VerifyRefusal::OttExpired));
    story.at(660).sweep();
    assert_eq!(story.document(&DocumentKey::Token(token)), None);
}

#[test]
fn refusals_come_in_the_order_used_expired_game_suspended_money() {
    let mut story = Story::with_coins(2);
    let launcher = story.launcher("1");
    let (used, fresh) = (story.token(launcher), story.token(launcher));
    story.verify(used).unwrap();
    let wrong = |arrival: Arrival| Arrival { game: other_game(), is_suspended: true, ..arrival };
    let dear = |arrival: Arrival| Arrival { rate: Rate { coins: 100, unit_sec: 60 }, ..arrival };
    story.at(59);
    let worst = dear(wrong(story.arrival(fresh)));
    assert_eq!(story.arrive(&worst), Err(VerifyRefusal::GameMismatch));
    let suspended = dear(Arrival { is_suspended: true, ..story.arrival(fresh) });
    assert_eq!(story.arrive(&suspended), Err(VerifyRefusal::Suspended));
    let poor = dear(story.arrival(fresh));
    assert_eq!(story.arrive(&poor), Err(VerifyRefusal::NotChargeable));
    // Nothing of it has used the token.
    assert!(story.verify(fresh).is_ok());
    story.at(100);
    let worst = dear(wrong(story.arrival(used)));
    assert_eq!(story.arrive(&worst), Err(VerifyRefusal::OttAlreadyUsed));
    story.credit(5);
    let late = story.token(launcher);
    story.at(160);
    let worst = dear(wrong(story.arrival(late)));
    assert_eq!(story.arrive(&worst), Err(VerifyRefusal::OttExpired));
}

#[test]
fn what_is_not_chargeable_leaves_token_and_session_as_they_were() {
    let mut story = Story::with_coins(2);
    let launcher = story.launcher("1");
    let (first, second) = (story.token(launcher), story.token(launcher));
    let old = story.verify(first).unwrap();
    // The old session owes a second unit by now, which takes the last coin.
    story.at(59);
    let before = (story.account(), story.session(old), story.pc("1"));
    let dear = Arrival { rate: Rate { coins: 2, unit_sec: 60 }, ..story.arrival(second) };
    assert_eq!(story.arrive(&dear), Err(VerifyRefusal::NotChargeable));
    assert_eq!((story.account(), story.session(old), story.pc("1")), before);
    assert_eq!(story.settlement(old), None);
    assert!(story.verify(second).is_ok());
}

#[test]
fn a_new_session_replaces_the_live_one_of_its_pc_in_the_same_commit() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let old = story.begin_with(launcher);
    story.at(60);
    let new = story.begin_with(launcher);
    assert_eq!(story.ended(old), Some((EndReason::SessionReplaced, 60, 60, 60, 2)));
    assert_eq!(story.pc("1").unwrap().session, Some(new));
    assert_eq!(story.account(), Account { balance: 7, credited: 10, charged: 3 });
}

#[test]
fn the_replaced_session_pays_first_even_when_the_new_one_then_cannot() {
    let mut story = Story::with_coins(2);
    let launcher = story.launcher("1");
    let old = story.begin_with(launcher);
    story.at(59);
    let token = story.token(launcher);
    assert_eq!(story.at(60).verify(token), Err(VerifyRefusal::NotChargeable));
    assert_eq!(story.settlement(old), None);
    story.credit(1);
    assert!(story.verify(token).is_ok());
    assert_eq!(story.ended(old), Some((EndReason::SessionReplaced, 60, 60, 60, 2)));
    assert_eq!(story.account().balance, 0);
}

#[test]
fn a_session_that_is_over_unnoticed_is_not_replaced_but_ends_as_it_did() {
    let mut story = Story::with_coins(10);
    let old = story.begin("1");
    story.at(245);
    let new = story.begin("1");
    assert_eq!(story.ended(old), Some((EndReason::HeartbeatTimeout, 0, 0, 0, 1)));
    assert_eq!(story.beat(old), Err(Refusal::NotFound));
    assert_eq!(story.pc("1").unwrap().session, Some(new));
}

#[test]
fn replacement_is_for_each_pc_and_one_player_may_play_on_two() {
    let mut story = Story::with_coins(10);
    let (one, two) = (story.begin("1"), story.begin("2"));
    story.at(10);
    assert_eq!(story.beat(one), Ok((BeatResult::Ok, 120, 10)));
    assert_eq!(story.beat(two), Ok((BeatResult::Ok, 120, 10)));
}

#[test]
fn a_free_game_needs_no_coins_and_touches_no_account() {
    let mut story = Story::with_coins(0).priced(0, 60);
    let session = story.begin("1");
    story.at(100).beat(session).unwrap();
    assert_eq!(story.end(session), Ok(100));
    assert_eq!(story.ended(session), Some((EndReason::Normal, 100, 100, 100, 0)));
    assert_eq!(story.account(), Account::default());
}

/// A free game once wrote an empty account where there was none, so that the cafe could not be opened with its
/// balance any more.
#[test]
fn play_does_not_open_an_account() {
    let mut story = Story::with_coins(0).priced(0, 60);
    story.store = std::sync::Arc::new(crate::testing::MemorySessions::new(0));
    story.node = story.node.restarted(story.store.clone());
    story.begin("1");
    assert_eq!(story.document(&DocumentKey::Account), None);
}

#[test]
fn a_token_ends_with_its_launcher() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let token = story.token(launcher);
    story.at(1).end_launcher(launcher).unwrap();
    assert_eq!(story.verify(token), Err(VerifyRefusal::OttExpired));
    // Nor does another launcher bring it back, however short the memory.
    let mut story = Story::with_coins(10).limited(|limits| limits.remember = std::time::Duration::ZERO);
    let launcher = story.launcher("1");
    let token = story.token(launcher);
    story.at(1).end_launcher(launcher).unwrap();
    story.sweep();
    story.launcher("1");
    assert_eq!(story.verify(token), Err(VerifyRefusal::OttExpired));
}

/// Once a session could begin on a PC without a launcher: it was charged, and ended at its first heartbeat.
#[test]
fn a_superseded_launcher_leaves_its_tokens_until_the_pc_is_left() {
    let mut story = Story::with_coins(10);
    let old = story.launcher("1");
    let (first, second) = (story.token(old), story.token(old));
    let new = story.launcher("1");
    assert!(story.at(1).verify(first).is_ok());
    story.end_launcher(new).unwrap();
    assert_eq!(story.verify(second), Err(VerifyRefusal::OttExpired));
}

/// Once the sweeper took the tokens of a silent or superseded launcher away, at a moment nobody could foresee.
#[test]
fn whether_a_token_is_good_is_not_for_the_sweeper_to_say() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    for sec in [200, 400, 600] {
        story.at(sec).launcher_beat(launcher).unwrap();
    }
    let token = story.at(840).token(launcher);
    story.at(845).sweep();
    assert_eq!(story.document(&DocumentKey::Launcher(launcher.call.launcher)), None);
    assert!(story.verify(token).is_ok());
}

#[test]
fn a_player_is_asked_after_only_when_all_else_is_in_order() {
    let mut story = Story::with_coins(10);
    let launcher = story.launcher("1");
    let token = story.token(launcher);
    let other = Arrival { player: PlayerId(8), is_suspended: true, ..story.arrival(token) };
    assert_eq!(story.arrive(&other), Err(VerifyRefusal::Suspended));
    assert!(story.verify(token).is_ok());
}

#[test]
fn a_clock_set_back_leaves_a_token_good_and_a_used_one_used() {
    let mut story = Story::with_coins(10);
    story.at(1000);
    let launcher = story.launcher("1");
    let (used, token) = (story.token(launcher), story.token(launcher));
    story.verify(used).unwrap();
    story.at(10);
    assert_eq!(story.verify(used), Err(VerifyRefusal::OttAlreadyUsed));
    let session = story.verify(token).unwrap();
    assert_eq!(story.session(session).started_at, Story::time(10));
}
