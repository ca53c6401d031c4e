//! heartbeat: signs of life, and what a game server hears of money, replacement and silence.

use serde_json::{Value, json};

use crate::support::arcade::{Arcade, BALANCE};
use crate::support::play::{HEARTBEAT, codes};

#[tokio::test]
async fn a_heartbeat_tells_the_time_of_play_in_whole_seconds() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    for (millis, seconds) in [(0, 0), (999, 0), (1, 1), (119_000, 120)] {
        arcade.advance_ms(millis);
        seat.session.heartbeat().await.told("OK", 120, seconds);
    }
}

#[tokio::test]
async fn a_heartbeat_needs_a_session_and_its_player() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let (id, bare) = (seat.session.id.as_str(), seat.session.id.trim_start_matches("gs_"));
    let bad: [Value; 9] = [
        json!({ "provider_user_id": "5001" }),
        json!({ "game_session_id": id }),
        json!({ "game_session_id": id, "provider_user_id": 5001 }),
        json!({ "game_session_id": id, "provider_user_id": "" }),
        json!({ "game_session_id": id, "provider_user_id": "5001 " }),
        json!({ "game_session_id": id, "provider_user_id": null }),
        json!({ "game_session_id": bare, "provider_user_id": "5001" }),
        json!({ "game_session_id": 7, "provider_user_id": "5001" }),
        json!({ "game_session_id": "gs_7", "provider_user_id": "5001" }),
    ];
    for body in bad {
        arcade.demo().call(HEARTBEAT, &body).await.refused(codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn to_strangers_a_session_is_unknown_and_they_keep_nothing_alive() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let strangers = [
        seat.session.seen_by(arcade.demo(), "5002"),
        seat.session.seen_by(arcade.other(), "5001"),
        seat.session.seen_by(arcade.other(), "5002"),
    ];
    arcade.advance(200);
    for stranger in strangers {
        stranger.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
        stranger.check().await.refused(codes::SESSION_NOT_FOUND);
    }
    arcade.advance(45);
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    assert_eq!(arcade.ending(&seat.session).await, ("heartbeat_timeout".to_owned(), 0));
}

#[tokio::test]
async fn one_lost_heartbeat_is_survived_although_the_next_comes_240_seconds_after_the_last() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(120);
    seat.launcher.heartbeat().await.data();
    arcade.advance(120);
    seat.launcher.heartbeat().await.data();
    seat.session.heartbeat().await.told("OK", 120, 240);
    // The slack of five seconds is all there is.
    arcade.advance(120);
    seat.launcher.heartbeat().await.data();
    arcade.advance_ms(124_999);
    seat.session.heartbeat().await.told("OK", 120, 484);
    seat.launcher.heartbeat().await.data();
    arcade.advance(245);
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn without_slack_silence_is_over_at_240_seconds_exactly() {
    let arcade = Arcade::open_with("playwave.slack_sec = 0").await;
    let (first, launcher) = (arcade.seat().await, arcade.east().launcher("pc-2").await);
    let second = arcade.demo().session(&launcher.token("demo").await, "5002").await;
    arcade.advance(120);
    launcher.heartbeat().await.data();
    first.launcher.heartbeat().await.data();
    arcade.advance_ms(119_999);
    second.heartbeat().await.told("OK", 120, 239);
    arcade.advance_ms(1);
    first.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn a_clock_that_is_set_back_takes_no_play_away() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(100);
    seat.session.heartbeat().await.told("OK", 120, 100);
    let charged = arcade.account("east").await;
    arcade.advance(-3600);
    arcade.sweep().await;
    seat.session.heartbeat().await.told("OK", 120, 100);
    seat.session.check().await.data();
    assert_eq!(arcade.account("east").await, charged);
    arcade.advance(3600 + 20);
    seat.session.heartbeat().await.told("OK", 120, 120);
    arcade.advance(-60);
    assert_eq!(seat.session.end().await.data()["play_duration_sec"], 120);
}

#[tokio::test]
async fn hours_of_heartbeats_are_paid_unit_by_unit() {
    let arcade = Arcade::open().await;
    arcade.credit("east", 1000).await;
    let seat = arcade.seat().await;
    for beat in 1..=360 {
        arcade.advance(60);
        seat.launcher.heartbeat().await.data();
        seat.session.heartbeat().await.told("OK", 120, beat * 60);
    }
    seat.session.end().await.data();
    let row = arcade.settlement(&seat.session).await;
    assert_eq!(
        (&row["play_duration_sec"], &row["billed_sec"], &row["coins"]),
        (&json!(21_600), &json!(21_600), &json!(361))
    );
    assert_eq!(arcade.account("east").await, (BALANCE + 1000 - 361, BALANCE + 1000, 361));
}

#[tokio::test]
async fn exhaustion_is_told_again_and_again_and_sooner_each_time() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 540).await;
    arcade.advance_ms(59_999);
    seat.session.heartbeat().await.told("OK", 120, 599);
    // The unit that begins now cannot be paid.
    arcade.advance_ms(1);
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 110, 600);
    let mut played = 600;
    for (later, next) in [(0, 110), (1, 109), (49, 60), (50, 10), (5, 5), (14, 5)] {
        arcade.advance(later);
        played += later.cast_unsigned();
        seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", next, played);
    }
}

#[tokio::test]
async fn the_grace_counts_from_the_report_not_from_the_last_coin() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 590).await;
    seat.launcher.heartbeat().await.data();
    // Exhausted at 600; sweeps and launchers notice that and begin no grace.
    arcade.advance(200);
    arcade.sweep().await;
    assert_eq!(seat.launcher.heartbeat().await.data()["result"], "CHARGE_EXHAUSTED");
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 110, 790);
    arcade.advance_ms(119_999);
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 5, 909);
    arcade.advance_ms(1);
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
    assert_eq!(arcade.ending(&seat.session).await, ("charge_exhausted".to_owned(), 910));
}

#[tokio::test]
async fn one_who_never_hears_of_exhaustion_dies_of_silence() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 590).await;
    for _ in 0..2 {
        arcade.advance(122);
        seat.launcher.heartbeat().await.data();
    }
    arcade.advance(1);
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    assert_eq!(arcade.ending(&seat.session).await, ("heartbeat_timeout".to_owned(), 590));
}

#[tokio::test]
async fn a_credit_in_the_grace_makes_it_as_if_nothing_had_been() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 600).await;
    arcade.advance(100);
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 10, 700);
    arcade.credit("east", 3).await;
    seat.launcher.heartbeat().await.data();
    seat.session.heartbeat().await.told("OK", 120, 700);
    assert_eq!(arcade.balance().await, 1, "what was due is charged");
    // The next exhaustion has a grace of its own.
    arcade.advance(79);
    seat.session.heartbeat().await.told("OK", 120, 779);
    arcade.advance(1);
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 110, 780);
    arcade.advance(119);
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 5, 899);
}

#[tokio::test]
async fn a_credit_that_does_not_cover_what_is_due_does_not_end_the_grace() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 600).await;
    arcade.advance(100);
    arcade.credit("east", 1).await;
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 10, 700);
    assert_eq!(arcade.balance().await, 0);
    arcade.advance(20);
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
    let row = arcade.settlement(&seat.session).await;
    assert_eq!((&row["play_duration_sec"], &row["billed_sec"], &row["coins"]), (&json!(720), &json!(660), &json!(11)));
}

#[tokio::test]
async fn a_credit_before_anybody_noticed_that_the_grace_was_over_saves_the_session() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 600).await;
    arcade.advance(110);
    seat.launcher.heartbeat().await.data();
    arcade.credit("east", 10).await;
    arcade.advance(30);
    arcade.sweep().await;
    seat.session.heartbeat().await.told("OK", 120, 740);
}

#[tokio::test]
async fn replacement_is_told_for_ten_minutes_with_the_time_of_play_standing_still() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(77);
    arcade.demo().session(&seat.launcher.token("demo").await, "5002").await;
    for _ in 0..10 {
        seat.session.heartbeat().await.told("SESSION_REPLACED", 120, 77);
        arcade.advance_ms(59_999);
        arcade.sweep().await;
    }
    seat.session.heartbeat().await.told("SESSION_REPLACED", 120, 77);
    arcade.advance_ms(10);
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    arcade.sweep().await;
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    assert_eq!(arcade.ending(&seat.session).await, ("session_replaced".to_owned(), 77));
}

#[tokio::test]
async fn replacement_is_not_told_to_strangers() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.demo().session(&seat.launcher.token("demo").await, "5002").await;
    seat.session.seen_by(arcade.demo(), "5002").heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    seat.session.seen_by(arcade.other(), "5001").heartbeat().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn remembering_can_be_switched_off() {
    let arcade = Arcade::open_with("playwave.remember_sec = 0").await;
    let seat = arcade.seat().await;
    seat.session.end().await.data();
    seat.session.heartbeat().await.refused(codes::SESSION_NOT_FOUND);
    seat.session.end().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn the_times_told_are_those_of_the_settings() {
    let arcade = Arcade::open_with("playwave.heartbeat_sec = 30\nplaywave.grace_sec = 40\nplaywave.ott_sec = 20").await;
    let seat = arcade.seat().await;
    seat.session.heartbeat().await.told("OK", 30, 0);
    assert_eq!(seat.launcher.heartbeat().await.data()["next_heartbeat_in"], 30);
    assert_eq!(seat.launcher.ask_for_token("demo").await.data()["expires_in"], 20);
    arcade.play_on(&seat, 600).await;
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 30, 600);
    arcade.advance(40);
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
}
