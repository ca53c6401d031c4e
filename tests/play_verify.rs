//! verify: a one-time token becomes a billed session, or the reason why not ("PlayWave API, verify").

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::seed::amount;
use crate::support::arcade::{Arcade, BALANCE};
use crate::support::play::{VERIFY, codes};

/// Empties the cafe `east`: `other` costs 3 coins each half minute.
async fn spend(arcade: &Arcade, coins: u64) {
    assert_eq!(coins % 3, 0);
    for at in 0..coins / 3 {
        let launcher = arcade.east().launcher(&format!("spender-{at}")).await;
        arcade.other().session(&launcher.token("other").await, "1").await.end().await.data();
    }
}

#[tokio::test]
async fn a_token_becomes_a_session_of_a_pc_cafe() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    let answer = arcade.demo().verify(&token, "5001").await;
    let data = answer.data();
    assert!(data["game_session_id"].as_str().is_some_and(|id| id.starts_with("gs_")), "{data}");
    assert_eq!((&data["is_valid"], &data["is_pc_cafe"]), (&json!(true), &json!(true)));
    assert_eq!(data.as_object().map(|data| data.len()), Some(3), "{data}");
}

#[tokio::test]
async fn a_token_is_taken_with_its_prefix_or_without_and_in_either_case() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    for form in [|token: &str| format!("playwave_{token}"), str::to_owned, str::to_uppercase] {
        let token = launcher.token("demo").await;
        assert_eq!(arcade.demo().verify(&form(&token), "5001").await.data()["is_valid"], true);
    }
}

#[tokio::test]
async fn what_is_no_token_is_a_bad_request() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    let bare: String = token.chars().filter(|character| *character != '-').collect();
    let bad: [Value; 9] = [
        json!(""),
        json!("x"),
        json!("playwave_"),
        json!(format!("playwave_playwave_{token}")),
        json!(bare),
        json!(format!("{{{token}}}")),
        json!(format!(" {token}")),
        json!(7),
        Value::Null,
    ];
    for ott in bad {
        let body = json!({ "ott": ott, "provider_user_id": "5001" });
        arcade.demo().call(VERIFY, &body).await.refused(codes::BAD_REQUEST);
    }
    arcade.demo().call(VERIFY, &json!({ "provider_user_id": "5001" })).await.refused(codes::BAD_REQUEST);
    arcade.demo().call(VERIFY, &json!({ "ott": token })).await.refused(codes::BAD_REQUEST);
    assert_eq!(arcade.demo().verify(&token, "5001").await.data()["is_valid"], true, "none of them used it");
}

#[tokio::test]
async fn a_user_is_a_string_of_decimal_digits() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    let bad: [Value; 11] = [
        json!(5001),
        json!(""),
        json!("-1"),
        json!("+1"),
        json!("1.0"),
        json!("0x1"),
        json!(" 1"),
        json!("٣"),
        json!("9223372036854775808"),
        json!("99999999999999999999"),
        Value::Null,
    ];
    for user in bad {
        let body = json!({ "ott": token, "provider_user_id": user });
        arcade.demo().call(VERIFY, &body).await.refused(codes::BAD_REQUEST);
    }
    let session = arcade.demo().session(&token, "9223372036854775807").await;
    session.end().await.data();
    assert_eq!(arcade.settlement(&session).await["provider_user_id"], "9223372036854775807");
}

#[tokio::test]
async fn a_token_lives_for_60_seconds_less_one_instant() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let (early, late) = (launcher.token("demo").await, launcher.token("demo").await);
    arcade.advance_ms(59_999);
    assert_eq!(arcade.demo().verify(&early, "5001").await.data()["is_valid"], true);
    arcade.advance_ms(1);
    arcade.demo().verify(&late, "5001").await.turned_away("OTT_EXPIRED");
}

#[tokio::test]
async fn a_token_nobody_issued_counts_as_expired() {
    let arcade = Arcade::open().await;
    arcade.demo().verify("00000000-0000-4000-8000-000000000000", "5001").await.turned_away("OTT_EXPIRED");
}

#[tokio::test]
async fn a_token_is_used_once_also_when_the_first_answer_was_lost() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    let session = arcade.demo().session(&token, "5001").await;
    for user in ["5001", "5002"] {
        arcade.demo().verify(&token, user).await.turned_away("OTT_ALREADY_USED");
    }
    // Used beats expired, and another game's server is told the same.
    arcade.advance(61);
    arcade.demo().verify(&token, "5001").await.turned_away("OTT_ALREADY_USED");
    arcade.other().verify(&token, "5001").await.turned_away("OTT_ALREADY_USED");
    session.heartbeat().await.told("OK", 120, 61);
}

/// 1,000 tokens, each verified twice at the same time. `GUILDHALL_VERIFIES` for more.
#[tokio::test]
async fn of_two_verifies_of_one_token_at_once_exactly_one_succeeds() {
    let (arcade, tokens) = (Arcade::open().await, amount("GUILDHALL_VERIFIES", 1000));
    arcade.credit("east", tokens as u64).await;
    let (launcher, demo) = (arcade.east().launcher("pc-1").await, arcade.demo());
    for _ in 0..tokens {
        let token = launcher.token("demo").await;
        let verdicts = join_all(["5001", "5002"].map(|user| demo.verify(&token, user))).await;
        let valid = verdicts.iter().filter(|verdict| verdict.data()["is_valid"] == true).count();
        assert_eq!(valid, 1, "{verdicts:?}");
        let refused = verdicts.iter().find(|verdict| verdict.data()["is_valid"] == false).expect("the other one");
        refused.turned_away("OTT_ALREADY_USED");
    }
    let tokens = tokens as u64;
    assert_eq!(arcade.account("east").await, (BALANCE, BALANCE + tokens, tokens), "charged once each");
}

#[tokio::test]
async fn a_late_token_is_told_apart_for_ten_minutes_more() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let token = launcher.token("demo").await;
    arcade.demo().session(&token, "5001").await;
    arcade.advance(659);
    arcade.sweep().await;
    arcade.demo().verify(&token, "5001").await.turned_away("OTT_ALREADY_USED");
    arcade.advance(1);
    arcade.sweep().await;
    arcade.demo().verify(&token, "5001").await.turned_away("OTT_EXPIRED");
}

#[tokio::test]
async fn a_token_of_another_game_is_refused_and_not_used() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    arcade.other().verify(&token, "5001").await.turned_away("GAME_MISMATCH");
    assert_eq!(arcade.demo().verify(&token, "5001").await.data()["is_valid"], true);
}

#[tokio::test]
async fn a_token_of_another_game_that_is_late_is_expired_first() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    arcade.advance(60);
    arcade.other().verify(&token, "5001").await.turned_away("OTT_EXPIRED");
}

#[tokio::test]
async fn without_coins_for_the_first_unit_nobody_plays_and_the_token_stays() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let token = launcher.token("other").await;
    spend(&arcade, 9).await;
    assert_eq!(arcade.balance().await, 1);
    arcade.other().verify(&token, "5001").await.turned_away("NOT_CHARGEABLE");
    // The wrong game comes before the money.
    arcade.demo().verify(&token, "5001").await.turned_away("GAME_MISMATCH");
    arcade.credit("east", 2).await;
    assert_eq!(arcade.other().verify(&token, "5001").await.data()["is_valid"], true);
    assert_eq!(arcade.balance().await, 0);
}

#[tokio::test]
async fn refused_for_want_of_coins_the_session_before_goes_on() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let token = launcher.token("other").await;
    let first = arcade.demo().session(&launcher.token("demo").await, "5001").await;
    spend(&arcade, 9).await;
    arcade.other().verify(&token, "5001").await.turned_away("NOT_CHARGEABLE");
    first.heartbeat().await.told("OK", 120, 0);
    assert_eq!(arcade.settlements("game=demo").await, [] as [Value; 0]);
}

#[tokio::test]
async fn the_first_unit_is_charged_at_once() {
    let arcade = Arcade::open().await;
    arcade.seat().await;
    assert_eq!(arcade.account("east").await, (BALANCE - 1, BALANCE, 1));
}

#[tokio::test]
async fn a_session_replaces_the_one_on_the_same_pc_and_no_other() {
    let arcade = Arcade::open().await;
    let (pc, same_name) = (arcade.east().launcher("pc-1").await, arcade.west().launcher("pc-1").await);
    let elsewhere = arcade.demo().session(&same_name.token("demo").await, "5001").await;
    let beside = arcade.demo().session(&arcade.east().launcher("pc-2").await.token("demo").await, "5001").await;
    let first = arcade.demo().session(&pc.token("demo").await, "5001").await;
    arcade.advance(30);
    let second = arcade.other().session(&pc.token("other").await, "5002").await;
    first.heartbeat().await.told("SESSION_REPLACED", 120, 30);
    for live in [&elsewhere, &beside] {
        live.heartbeat().await.told("OK", 120, 30);
    }
    second.heartbeat().await.told("OK", 120, 0);
    assert_eq!(arcade.ending(&first).await, ("session_replaced".to_owned(), 30));
}

#[tokio::test]
async fn of_many_sessions_that_begin_at_once_on_a_pc_one_lives() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let mut tokens = Vec::new();
    for _ in 0..6 {
        tokens.push(launcher.token("demo").await);
    }
    let demo = arcade.demo();
    let sessions = join_all(tokens.iter().map(|token| demo.session(token, "5001"))).await;
    let beats = join_all(sessions.iter().map(|session| session.heartbeat())).await;
    let told = |result: &str| beats.iter().filter(|beat| beat.data()["result"] == result).count();
    assert_eq!((told("OK"), told("SESSION_REPLACED")), (1, 5));
    assert_eq!(arcade.settlements("").await.len(), 5);
    assert_eq!(arcade.account("east").await.2, 6);
}

#[tokio::test]
async fn a_launcher_that_ended_leaves_no_way_in() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let token = launcher.token("demo").await;
    launcher.end().await.data();
    arcade.demo().verify(&token, "5001").await.turned_away("OTT_EXPIRED");
}

#[tokio::test]
async fn a_token_of_a_launcher_that_was_superseded_still_counts() {
    let arcade = Arcade::open().await;
    let token = arcade.east().launcher("pc-1").await.token("demo").await;
    arcade.east().launcher("pc-1").await;
    assert_eq!(arcade.demo().verify(&token, "5001").await.data()["is_valid"], true);
}
