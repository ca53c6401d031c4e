//! The launcher side: its session, one-time tokens, heartbeats. The contract is ours ("PlayWave API, launcher side").

use std::collections::HashSet;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::answers::{with, without};
use crate::support::arcade::{Arcade, BALANCE};
use crate::support::play::{LAUNCHER_END, LAUNCHER_HEARTBEAT, OTT, codes, pc};

#[tokio::test]
async fn a_launcher_is_told_its_session_its_token_and_the_games() {
    let arcade = Arcade::open().await;
    let answer = arcade.east().start(&pc("pc-1")).await;
    let data = answer.data().clone();
    let token = data["session_token"].as_str().expect("a token");
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    assert!(token.len() == 43 && token.bytes().all(is_base64url), "256 bits in base64url: {token}");
    assert!(data["launcher_session_id"].as_str().is_some_and(|id| id.starts_with("ls_")), "{data}");
    let games = json!([
        { "game_id": "demo", "name": "The Demo", "provider": "roblox", "place_id": "1818" },
        { "game_id": "other", "name": "other", "provider": "roblox", "place_id": null },
    ]);
    let rest = json!({ "next_heartbeat_in": 120, "is_pc_cafe": true, "games": games });
    assert_eq!(without(without(data, "launcher_session_id"), "session_token"), rest);
}

#[tokio::test]
async fn no_two_launchers_have_the_same_token() {
    let arcade = Arcade::open().await;
    let mut tokens = HashSet::new();
    for _ in 0..10 {
        assert!(tokens.insert(arcade.east().launcher("pc-1").await.session_token));
    }
}

#[tokio::test]
async fn a_launcher_names_its_pc_and_may_leave_the_rest_out() {
    let arcade = Arcade::open().await;
    for good in [
        without(without(pc("pc-1"), "hardware"), "launcher_version"),
        with(with(pc("pc-1"), "hardware", Value::Null), "launcher_version", Value::Null),
        pc("창가 3"),
        pc(&"x".repeat(128)),
        with(pc("pc-1"), "mood", "good"),
    ] {
        arcade.east().start(&good).await.data();
    }
    for bad in [
        json!({}),
        json!([]),
        without(pc("pc-1"), "pc_id"),
        without(pc("pc-1"), "internal_ip"),
        pc(""),
        pc("a\nb"),
        pc(&"x".repeat(129)),
        with(pc("pc-1"), "pc_id", 7),
        with(pc("pc-1"), "internal_ip", 7),
        with(pc("pc-1"), "hardware", "x"),
        with(pc("pc-1"), "launcher_version", 1),
    ] {
        arcade.east().start(&bad).await.refused(codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_token_comes_with_its_life_and_what_the_game_is_launched_with() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let answer = launcher.ask_for_token("demo").await;
    let ott = answer.data()["ott"].as_str().expect("a token");
    let expected = json!({ "issued": true, "ott": ott, "expires_in": 60, "launch_data": format!("playwave_{ott}") });
    assert_eq!(*answer.data(), expected);
    assert_ne!(launcher.token("demo").await, ott);
}

#[tokio::test]
async fn the_prefix_of_launch_data_is_a_setting_and_verify_knows_it() {
    for prefix in ["", "our:"] {
        let arcade = Arcade::open_with(&format!("playwave.launch_prefix = {prefix:?}")).await;
        let answer = arcade.east().launcher("pc-1").await.ask_for_token("demo").await;
        let (ott, launch_data) = (answer.data()["ott"].as_str(), answer.data()["launch_data"].as_str());
        let launch_data = launch_data.expect("a text");
        assert_eq!(launch_data.strip_prefix(prefix), ott);
        let foreign = format!("playwave_{}", ott.expect("a token"));
        arcade.demo().verify(&foreign, "5001").await.refused(codes::BAD_REQUEST);
        assert_eq!(arcade.demo().verify(launch_data, "5001").await.data()["is_valid"], true);
    }
}

#[tokio::test]
async fn a_token_needs_a_game_that_is_there() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    for game in ["", "nowhere", "Demo", "The Demo"] {
        launcher.ask_for_token(game).await.refused(codes::GAME_NOT_FOUND);
    }
    for body in [json!({}), json!({ "game_id": 7 }), json!({ "game_id": null })] {
        launcher.call(OTT, &body).await.refused(codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn without_coins_for_the_first_unit_no_token_is_issued() {
    let arcade = Arcade::open().await;
    let launcher = arcade.west().launcher("pc-1").await;
    // Two coins: enough for demo, not for other.
    let refused = json!({ "issued": false, "reason": "NOT_CHARGEABLE" });
    assert_eq!(*launcher.ask_for_token("other").await.data(), refused);
    assert_eq!(launcher.ask_for_token("demo").await.data()["issued"], true);
    arcade.credit("west", 1).await;
    assert_eq!(launcher.ask_for_token("other").await.data()["issued"], true);
    assert_eq!(arcade.account("west").await.2, 0, "a token costs nothing");
}

#[tokio::test]
async fn a_heartbeat_tells_the_balance_and_who_plays() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let nobody = json!({ "result": "OK", "next_heartbeat_in": 120, "balance": BALANCE, "game_session": null });
    assert_eq!(*launcher.heartbeat().await.data(), nobody);
    let session = arcade.demo().session(&launcher.token("demo").await, "5001").await;
    arcade.advance(30);
    let playing = json!({ "game_session_id": session.id, "game_id": "demo", "play_duration_sec": 30 });
    let expected = json!({ "result": "OK", "next_heartbeat_in": 120, "balance": BALANCE - 1, "game_session": playing });
    assert_eq!(*launcher.heartbeat().await.data(), expected);
    session.end().await.data();
    assert_eq!(launcher.heartbeat().await.data()["game_session"], Value::Null);
}

#[tokio::test]
async fn a_heartbeat_tells_that_the_coins_are_used_up() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 599).await;
    assert_eq!(seat.launcher.heartbeat().await.data()["result"], "OK");
    arcade.advance(1);
    let answer = seat.launcher.heartbeat().await;
    assert_eq!((&answer.data()["result"], &answer.data()["balance"]), (&json!("CHARGE_EXHAUSTED"), &json!(0)));
    arcade.credit("east", 1).await;
    assert_eq!(seat.launcher.heartbeat().await.data()["result"], "OK");
}

#[tokio::test]
async fn without_its_token_a_launcher_is_nobody() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    for wrong in ["", "wrong", &launcher.session_token[1..], &launcher.id, &format!(" {}", launcher.session_token)] {
        let wrong = launcher.with_token(wrong);
        wrong.ask_for_token("demo").await.refused(codes::INVALID_TOKEN);
        wrong.heartbeat().await.refused(codes::INVALID_TOKEN);
        wrong.end().await.refused(codes::INVALID_TOKEN);
    }
    for operation in [OTT, LAUNCHER_HEARTBEAT, LAUNCHER_END] {
        let json = ("Content-Type", "application/json");
        arcade.venue.call(operation.clone(), &[json], "{".into()).await.refused(codes::INVALID_TOKEN);
        let basic = ("Authorization", &*format!("Basic {}", launcher.session_token));
        arcade.venue.call(operation, &[json, basic], "{".into()).await.refused(codes::INVALID_TOKEN);
    }
}

#[tokio::test]
async fn a_launcher_speaks_for_its_own_session_only() {
    let arcade = Arcade::open().await;
    let (first, second) = (arcade.east().launcher("pc-1").await, arcade.east().launcher("pc-2").await);
    let mixed = first.with_token(&second.session_token);
    mixed.heartbeat().await.refused(codes::INVALID_TOKEN);
    mixed.end().await.refused(codes::INVALID_TOKEN);
    for body in [json!({}), json!({ "launcher_session_id": "ls_x" }), json!({ "launcher_session_id": 7 })] {
        first.call(LAUNCHER_HEARTBEAT, &body).await.refused(codes::BAD_REQUEST);
        first.call(LAUNCHER_END, &body).await.refused(codes::BAD_REQUEST);
    }
    first.heartbeat().await.data();
}

#[tokio::test]
async fn a_launcher_that_ended_is_told_so_for_ten_minutes() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    assert_eq!(*launcher.end().await.data(), json!({ "result": "SUCCESS" }));
    arcade.advance(599);
    arcade.sweep().await;
    launcher.end().await.refused(codes::ALREADY_ENDED);
    launcher.heartbeat().await.refused(codes::LAUNCHER_SESSION_ENDED);
    launcher.ask_for_token("demo").await.refused(codes::LAUNCHER_SESSION_ENDED);
    arcade.advance(1);
    arcade.sweep().await;
    launcher.end().await.refused(codes::INVALID_TOKEN);
    launcher.heartbeat().await.refused(codes::INVALID_TOKEN);
}

#[tokio::test]
async fn what_a_launcher_says_of_its_pc_is_bounded() {
    let arcade = Arcade::open().await;
    let hardware = |bytes: usize| with(pc("pc-1"), "hardware", json!({ "disks": "x".repeat(bytes) }));
    arcade.east().start(&hardware(1900)).await.data();
    arcade.east().start(&hardware(2048)).await.refused(codes::BAD_REQUEST);
}

#[tokio::test]
async fn which_games_there_are_is_told_to_launchers_only() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    launcher.ask_for_token("nothing").await.refused(codes::GAME_NOT_FOUND);
    let mut nobody = launcher;
    nobody.session_token = "nobody".to_owned();
    for game in ["nothing", "demo"] {
        nobody.ask_for_token(game).await.refused(codes::INVALID_TOKEN);
    }
}

#[tokio::test]
async fn of_many_ends_at_once_one_succeeds() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    let answers = join_all((0..4).map(|_| seat.launcher.end())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    for late in answers.iter().filter(|answer| answer.status != 200) {
        late.refused(codes::ALREADY_ENDED);
    }
    assert_eq!(arcade.ending(&seat.session).await, ("launcher_exit".to_owned(), 0));
}

#[tokio::test]
async fn a_new_launcher_on_the_same_pc_supersedes_the_old_one_and_the_game_goes_on() {
    let arcade = Arcade::open().await;
    let old = arcade.seat().await;
    arcade.advance(10);
    let new = arcade.east().launcher("pc-1").await;
    old.launcher.heartbeat().await.refused(codes::LAUNCHER_SESSION_ENDED);
    old.launcher.ask_for_token("demo").await.refused(codes::LAUNCHER_SESSION_ENDED);
    old.launcher.end().await.refused(codes::ALREADY_ENDED);
    old.session.heartbeat().await.told("OK", 120, 10);
    assert_eq!(new.heartbeat().await.data()["game_session"]["game_session_id"], old.session.id.as_str());
    // The new one keeps it alive.
    arcade.advance(230);
    new.heartbeat().await.data();
    old.session.heartbeat().await.told("OK", 120, 240);
}

#[tokio::test]
async fn a_launcher_is_gone_after_its_silence() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    arcade.advance_ms(244_999);
    launcher.heartbeat().await.data();
    arcade.advance(245);
    launcher.heartbeat().await.refused(codes::LAUNCHER_SESSION_ENDED);
    launcher.ask_for_token("demo").await.refused(codes::LAUNCHER_SESSION_ENDED);
}

#[tokio::test]
async fn the_heartbeats_of_a_day_keep_a_launcher() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    for _ in 0..720 {
        arcade.advance(120);
        launcher.heartbeat().await.data();
    }
    arcade.sweep().await;
    launcher.heartbeat().await.data();
    assert_eq!(launcher.ask_for_token("demo").await.data()["issued"], true);
}
