//! check: a session goes on elsewhere after a teleport. The contract is ours ("PlayWave API, check").

use serde_json::json;

use crate::support::arcade::Arcade;
use crate::support::play::{CHECK, codes};

#[tokio::test]
async fn a_session_is_taken_up_where_it_was() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.advance(50);
    let expected = json!({
        "is_valid": true,
        "game_session_id": seat.session.id,
        "is_pc_cafe": true,
        "next_heartbeat_in": 120,
        "play_duration_sec": 50,
    });
    assert_eq!(*seat.session.check().await.data(), expected);
    assert_eq!(arcade.account("east").await.2, 1, "nothing is charged anew");
    seat.session.heartbeat().await.told("OK", 120, 50);
}

#[tokio::test]
async fn a_check_keeps_a_session_alive_as_a_heartbeat_does() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    for played in [200, 400, 600] {
        arcade.advance(200);
        seat.launcher.heartbeat().await.data();
        assert_eq!(seat.session.check().await.data()["play_duration_sec"], played);
    }
    assert_eq!(arcade.account("east").await.2, 10, "and pays for it");
}

#[tokio::test]
async fn a_check_needs_a_session_and_its_player() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    for body in [
        json!({ "game_session_id": seat.session.id }),
        json!({ "provider_user_id": "5001" }),
        json!({ "game_session_id": seat.session.id, "provider_user_id": 5001 }),
        json!({ "game_session_id": "x", "provider_user_id": "5001" }),
    ] {
        arcade.demo().call(CHECK, &body).await.refused(codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn to_strangers_a_session_is_unknown() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let nobody = json!({ "game_session_id": "gs_00000000-0000-4000-8000-000000000000", "provider_user_id": "5001" });
    arcade.demo().call(CHECK, &nobody).await.refused(codes::SESSION_NOT_FOUND);
    seat.session.seen_by(arcade.demo(), "5002").check().await.refused(codes::SESSION_NOT_FOUND);
    seat.session.seen_by(arcade.other(), "5001").check().await.refused(codes::SESSION_NOT_FOUND);
}

#[tokio::test]
async fn a_check_reports_no_exhaustion_and_begins_no_grace() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 590).await;
    arcade.advance(60);
    assert_eq!(seat.session.check().await.data()["next_heartbeat_in"], 5, "the heartbeat is to tell");
    arcade.advance(130);
    seat.launcher.heartbeat().await.data();
    seat.session.heartbeat().await.told("CHARGE_EXHAUSTED", 110, 780);
    arcade.advance(30);
    assert_eq!(seat.session.check().await.data()["next_heartbeat_in"], 80, "within the grace");
}

#[tokio::test]
async fn a_session_that_is_over_is_not_taken_up() {
    let arcade = Arcade::open().await;
    let replaced = arcade.seat().await;
    let ended = arcade.seat().await;
    replaced.session.check().await.refused(codes::SESSION_ENDED);
    ended.session.end().await.data();
    ended.session.check().await.refused(codes::SESSION_ENDED);
    let unheard = arcade.seat().await;
    arcade.advance(240);
    unheard.session.check().await.refused(codes::SESSION_ENDED);
    assert_eq!(arcade.ending(&unheard.session).await, ("launcher_timeout".to_owned(), 240));
    let silent = arcade.seat().await;
    arcade.advance(245);
    silent.session.check().await.refused(codes::SESSION_NOT_FOUND);
    arcade.advance(600);
    ended.session.check().await.refused(codes::SESSION_NOT_FOUND);
}
