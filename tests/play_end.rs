//! end, and all the ways a session ends: what its callers hear then, and what the settlement says of it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::arcade::{Arcade, BALANCE};
use crate::support::play::{END, Session, codes};

/// What a session that is gone for good is answered.
async fn expect_forgotten(session: &Session) {
    session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    session.check().await.refused(codes::SESSION_NOT_FOUND);
    session.end().await.refused(codes::SESSION_NOT_FOUND);
}

/// What a session that has ended is answered as long as it is remembered.
async fn expect_ended(session: &Session) {
    session.heartbeat().await.refused(codes::SESSION_ENDED);
    session.check().await.refused(codes::SESSION_ENDED);
    session.end().await.refused(codes::ALREADY_ENDED);
}

#[tokio::test]
async fn an_end_tells_the_time_of_play_and_repeats_what_the_caller_measured() {
    let arcade = Arcade::open().await;
    for (measured, echoed) in [(json!(95), json!(95)), (json!(0), json!(0)), (Value::Null, Value::Null)] {
        let seat = arcade.seat().await;
        arcade.advance_ms(100_999);
        let answer = seat.session.end_after(measured).await;
        let expected = json!({ "result": "SUCCESS", "play_duration_sec": 100, "client_play_duration_sec": echoed });
        assert_eq!(*answer.data(), expected);
        assert_eq!(arcade.settlement(&seat.session).await["client_play_duration_sec"], echoed);
    }
    let seat = arcade.seat().await;
    assert_eq!(seat.session.end().await.data()["client_play_duration_sec"], Value::Null);
}

#[tokio::test]
async fn an_absurd_measure_is_kept_and_one_that_is_none_is_a_bad_request() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    for bad in [json!(-1), json!(1.5), json!("95"), json!([95]), json!(1e300)] {
        seat.session.end_after(bad).await.refused(codes::BAD_REQUEST);
    }
    arcade.advance(10);
    let answer = seat.session.end_after(u64::MAX).await;
    assert_eq!(answer.data()["client_play_duration_sec"], u64::MAX);
    let row = arcade.settlement(&seat.session).await;
    assert_eq!((&row["client_play_duration_sec"], &row["play_duration_sec"]), (&json!(u64::MAX), &json!(10)));
    assert_eq!(row["coins"], 1, "never used for billing");
}

#[tokio::test]
async fn an_end_needs_the_id_of_a_session() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let bare = seat.session.id.trim_start_matches("gs_");
    for id in [json!(""), json!(bare), json!(format!("ls_{bare}")), json!("gs_x"), json!(7), Value::Null] {
        arcade.demo().call(END, &json!({ "game_session_id": id })).await.refused(codes::BAD_REQUEST);
    }
    let nobody = json!({ "game_session_id": "gs_00000000-0000-4000-8000-000000000000" });
    arcade.demo().call(END, &nobody).await.refused(codes::SESSION_NOT_FOUND);
    seat.session.seen_by(arcade.other(), "5001").end().await.refused(codes::SESSION_NOT_FOUND);
    assert_eq!(seat.session.end().await.data()["result"], "SUCCESS");
}

#[tokio::test]
async fn a_repeated_end_is_told_409_for_ten_minutes_and_then_404() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    seat.session.end().await.data();
    for _ in 0..2 {
        expect_ended(&seat.session).await;
        arcade.advance_ms(299_999);
        arcade.sweep().await;
    }
    expect_ended(&seat.session).await;
    arcade.advance_ms(2);
    // Forgotten on time, also when nobody has swept.
    expect_forgotten(&seat.session).await;
    arcade.sweep().await;
    expect_forgotten(&seat.session).await;
    assert_eq!(arcade.settlements("").await.len(), 1);
}

#[tokio::test]
async fn of_many_ends_at_once_one_succeeds_and_one_is_settled() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let answers = join_all((0..8).map(|_| seat.session.end())).await;
    let successes = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(successes, 1);
    for late in answers.iter().filter(|answer| answer.status != 200) {
        late.refused(codes::ALREADY_ENDED);
    }
    assert_eq!(arcade.settlements("").await.len(), 1);
}

#[tokio::test]
async fn a_player_who_leaves_ends_it_normally() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(30);
    seat.session.end().await.data();
    expect_ended(&seat.session).await;
    assert_eq!(arcade.ending(&seat.session).await, ("normal".to_owned(), 30));
    // The PC is free.
    seat.launcher.heartbeat().await.data()["game_session"].as_null().expect("nobody plays");
}

#[tokio::test]
async fn a_game_server_that_shuts_down_ends_all_its_sessions() {
    let arcade = Arcade::open().await;
    let mut sessions = Vec::new();
    for pc in 0..4 {
        let launcher = arcade.east().launcher(&format!("pc-{pc}")).await;
        sessions.push(arcade.demo().session(&launcher.token("demo").await, "5001").await);
    }
    for ended in join_all(sessions.iter().map(Session::end)).await {
        assert_eq!(ended.data()["result"], "SUCCESS");
    }
    for session in &sessions {
        assert_eq!(arcade.ending(session).await.0, "normal");
    }
}

#[tokio::test]
async fn a_grace_that_is_over_ends_it_as_exhausted_at_the_end_of_the_grace() {
    let arcade = Arcade::open().await;
    for is_swept in [true, false] {
        let seat = arcade.seat().await;
        let minutes = i64::try_from(arcade.balance().await).expect("few coins") + 1;
        arcade.play_on(&seat, minutes * 60).await;
        arcade.advance(119);
        seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 5, minutes.cast_unsigned() * 60 + 119);
        arcade.advance(1 + 17);
        if is_swept {
            arcade.sweep().await;
        }
        seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
        expect_ended(&seat.session).await;
        let expected = ("charge_exhausted".to_owned(), minutes.cast_unsigned() * 60 + 120);
        assert_eq!(arcade.ending(&seat.session).await, expected);
        arcade.credit("east", BALANCE).await;
    }
}

#[tokio::test]
async fn ended_in_the_grace_it_is_exhausted_too() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 600).await;
    arcade.advance(50);
    let answer = seat.session.end().await;
    assert_eq!((&answer.data()["result"], &answer.data()["play_duration_sec"]), (&json!("SUCCESS"), &json!(650)));
    expect_ended(&seat.session).await;
    assert_eq!(arcade.ending(&seat.session).await, ("charge_exhausted".to_owned(), 650));
}

#[tokio::test]
async fn a_replaced_session_is_not_ended_by_its_server_any_more() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(45);
    let newer = arcade.demo().session(&seat.launcher.token("demo").await, "5002").await;
    arcade.advance(5);
    seat.session.end().await.refused(codes::ALREADY_ENDED);
    seat.session.check().await.refused(codes::SESSION_ENDED);
    assert_eq!(arcade.ending(&seat.session).await, ("session_replaced".to_owned(), 45));
    newer.heartbeat().await.told("OK", 120, 5);
}

#[tokio::test]
async fn silence_ends_it_without_a_trace_and_is_not_billed() {
    let arcade = Arcade::open().await;
    for is_swept in [true, false] {
        let seat = arcade.seat().await;
        arcade.play_on(&seat, 100).await;
        arcade.advance(244);
        seat.launcher.heartbeat().await.data();
        arcade.advance(1);
        if is_swept {
            arcade.sweep().await;
        }
        expect_forgotten(&seat.session).await;
        assert_eq!(arcade.ending(&seat.session).await, ("heartbeat_timeout".to_owned(), 100));
        let row = arcade.settlement(&seat.session).await;
        assert_eq!((&row["billed_sec"], &row["coins"]), (&json!(100), &json!(2)));
        arcade.credit("east", BALANCE).await;
    }
}

#[tokio::test]
async fn a_silent_launcher_ends_it_when_the_game_is_next_heard() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(120);
    seat.session.heartbeat().await.told("OK", 120, 120);
    arcade.advance_ms(119_999);
    seat.session.heartbeat().await.told("OK", 120, 239);
    arcade.advance_ms(1);
    arcade.sweep().await;
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
    expect_ended(&seat.session).await;
    assert_eq!(arcade.ending(&seat.session).await, ("launcher_timeout".to_owned(), 240));
    assert_eq!(arcade.settlement(&seat.session).await["coins"], 5, "the fifth minute had begun");
}

#[tokio::test]
async fn a_dead_launcher_with_a_dead_game_server_is_a_heartbeat_timeout() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(3600);
    arcade.sweep().await;
    expect_forgotten(&seat.session).await;
    assert_eq!(arcade.ending(&seat.session).await, ("heartbeat_timeout".to_owned(), 0));
}

#[tokio::test]
async fn a_launcher_that_exits_takes_the_game_with_it() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(70);
    seat.launcher.end().await.data();
    expect_ended(&seat.session).await;
    assert_eq!(arcade.ending(&seat.session).await, ("launcher_exit".to_owned(), 70));
    assert_eq!(arcade.settlement(&seat.session).await["coins"], 2, "the second minute had begun");
}
