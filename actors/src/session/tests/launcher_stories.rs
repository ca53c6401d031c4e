//! The launcher and its tokens ("PlayWave API, launcher side").

use super::super::*;
use super::story::{Story, game};
use crate::ids::{LauncherId, LauncherKey};

#[test]
fn a_launcher_takes_its_pc_and_is_remembered_with_what_it_said() {
    let mut story = Story::with_coins(5);
    let launcher = story.at(9).launcher("1");
    let seat = story.pc("1").unwrap().launcher.unwrap();
    assert_eq!((seat.key, seat.id, seat.seen_at), (launcher.call.launcher, launcher.call.id, Story::time(9)));
    let Some(Document::Launcher(found)) = story.document(&DocumentKey::Launcher(launcher.call.launcher)) else {
        panic!("no launcher")
    };
    assert_eq!((found.started_at, found.ended_at, found.deadline), (Story::time(9), None, Story::time(9 + 845)));
    assert_eq!(found.about, "windows");
}

#[test]
fn a_launcher_hears_of_money_and_play() {
    let mut story = Story::with_coins(2);
    let launcher = story.launcher("1");
    let beat = |story: &Story| story.launcher_beat(launcher).unwrap();
    assert_eq!(beat(&story), LauncherBeat { is_exhausted: false, balance: 2, playing: None });
    let session = story.begin_with(launcher);
    let playing = |sec| Some(Playing { session, game: game(), play_duration_sec: sec });
    assert_eq!(beat(story.at(59)), LauncherBeat { is_exhausted: false, balance: 1, playing: playing(59) });
    // The second unit can be paid, although nobody has charged it yet; the third cannot.
    assert_eq!(beat(story.at(119)), LauncherBeat { is_exhausted: false, balance: 1, playing: playing(119) });
    assert_eq!(beat(story.at(120)), LauncherBeat { is_exhausted: true, balance: 1, playing: playing(120) });
    // Silent, it is over, whether or not that has been noticed.
    assert_eq!(beat(story.at(245)), LauncherBeat { is_exhausted: false, balance: 1, playing: None });
    story.sweep();
    assert_eq!(beat(&story), LauncherBeat { is_exhausted: false, balance: 1, playing: None });
}

#[test]
fn a_token_is_issued_only_when_its_first_unit_can_be_paid() {
    let mut story = Story::with_coins(1);
    let launcher = story.launcher("1");
    let token = story.at(5).token(launcher);
    let Some(Document::Token(found)) = story.document(&DocumentKey::Token(token)) else { panic!("no token") };
    assert_eq!((found.issued_at, found.used_at), (Story::time(5), None));
    assert_eq!(found.deadline, Story::time(5 + 660));
    story.verify(token).unwrap();
    assert_eq!(story.issue(launcher), Ok(Err(NotChargeable)));
}

#[test]
fn an_unknown_bearer_and_anothers_launcher_are_refused() {
    let mut story = Story::with_coins(5);
    let launcher = story.launcher("1");
    let mut unknown = launcher;
    unknown.call.launcher = LauncherKey([99; 32]);
    assert_eq!(story.issue(unknown), Err(LauncherRefusal::WrongToken));
    let mut misnamed = launcher;
    misnamed.call.id = LauncherId::from_random(99);
    for wrong in [unknown, misnamed] {
        assert_eq!(story.launcher_beat(wrong), Err(LauncherRefusal::WrongToken));
        assert_eq!(story.end_launcher(wrong), Err(LauncherRefusal::WrongToken));
    }
    assert!(story.launcher_beat(launcher).is_ok());
}

#[test]
fn a_new_launcher_supersedes_the_old_one_and_leaves_the_game_alone() {
    let mut story = Story::with_coins(5);
    let old = story.launcher("1");
    let session = story.begin_with(old);
    let new = story.at(10).launcher("1");
    assert_eq!(story.launcher_beat(old), Err(LauncherRefusal::Ended));
    assert_eq!(story.issue(old), Err(LauncherRefusal::Ended));
    assert_eq!(story.end_launcher(old), Err(LauncherRefusal::Ended));
    assert_eq!(story.launcher_beat(new).unwrap().playing.unwrap().session, session);
    // The new one is heard of for the game, too.
    assert!(story.at(244).beat(session).is_ok());
    assert_eq!(story.pc("1").unwrap().session, Some(session));
    assert_eq!(story.pc("1").unwrap().deadline, None);
}

#[test]
fn a_launcher_may_not_speak_after_its_end_nor_after_long_silence() {
    let mut story = Story::with_coins(5);
    let (ended, silent) = (story.launcher("1"), story.launcher("2"));
    story.end_launcher(ended).unwrap();
    assert_eq!(story.end_launcher(ended), Err(LauncherRefusal::Ended));
    assert_eq!(story.launcher_beat(ended), Err(LauncherRefusal::Ended));
    assert_eq!(story.issue(ended), Err(LauncherRefusal::Ended));
    assert!(story.at_ms(244_999).launcher_beat(silent).is_ok());
    assert_eq!(story.at_ms(244_999 + 245_000).launcher_beat(silent), Err(LauncherRefusal::Ended));
    assert_eq!(story.issue(silent), Err(LauncherRefusal::Ended));
}

#[test]
fn a_launcher_is_forgotten_ten_minutes_after_it_could_last_speak() {
    let mut story = Story::with_coins(5);
    let (ended, silent, lively) = (story.launcher("1"), story.launcher("2"), story.launcher("3"));
    let known = |story: &Story, launcher: super::story::Started| {
        story.document(&DocumentKey::Launcher(launcher.call.launcher)).is_some()
    };
    story.at(10).end_launcher(ended).unwrap();
    story.at(609).sweep();
    assert!(known(&story, ended));
    story.at(610).sweep();
    assert!(!known(&story, ended));
    assert_eq!(story.launcher_beat(ended), Err(LauncherRefusal::WrongToken));
    for sec in [240, 480, 720] {
        story.at(sec).launcher_beat(lively).unwrap();
    }
    story.at(844).sweep();
    assert!(known(&story, silent));
    story.at(845).sweep();
    assert!(!known(&story, silent));
    assert!(known(&story, lively));
    assert!(story.launcher_beat(lively).is_ok());
}

#[test]
fn a_launcher_that_ends_on_an_empty_pc_leaves_it_empty() {
    let mut story = Story::with_coins(5);
    let launcher = story.launcher("1");
    story.at(10).end_launcher(launcher).unwrap();
    let pc = story.pc("1").unwrap();
    assert_eq!((pc.launcher, pc.session, pc.deadline), (None, None, Some(Story::time(10 + 845))));
}

#[test]
fn a_launcher_whose_clock_was_set_back_is_not_silent_earlier() {
    let mut story = Story::with_coins(5);
    let launcher = story.launcher("1");
    story.at(100).launcher_beat(launcher).unwrap();
    story.at(50).launcher_beat(launcher).unwrap();
    assert_eq!(story.pc("1").unwrap().launcher.unwrap().seen_at, Story::time(100));
}

#[test]
fn a_clock_set_back_shows_the_launcher_no_less_play() {
    let mut story = Story::with_coins(5);
    let launcher = story.launcher("1");
    let session = story.begin_with(launcher);
    story.at(130).beat(session).unwrap();
    let playing = story.at(10).launcher_beat(launcher).unwrap().playing.unwrap();
    assert_eq!(playing.play_duration_sec, 130);
    // Nor is less of it settled, whoever ends it.
    story.end_launcher(launcher).unwrap();
    assert_eq!(story.ended(session), Some((EndReason::LauncherExit, 130, 130, 130, 3)));
}
