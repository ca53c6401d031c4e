//! Money: units charged in advance, what a settlement says, and sums that always agree ("PlayWave API, billing").

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::arcade::{Arcade, BALANCE, at};
use crate::support::http::success;
use crate::support::play::codes;

/// Coins of all settlements and of all live sessions are what was charged; nothing comes from nowhere.
async fn assert_books_agree(arcade: &Arcade, cafe: &str) {
    let (balance, credited, charged) = arcade.account(cafe).await;
    assert_eq!(balance + charged, credited);
    let coins = |row: &Value| row["coins"].as_u64().expect("coins");
    let settled: u64 = arcade.settlements(&format!("cafe={cafe}")).await.iter().map(coins).sum();
    let view = success("cafe", arcade.operator(Method::GET, &format!("/admin/v1/cafes/{cafe}"), None).await);
    let live = view["pcs"].as_array().expect("a list").iter().map(|pc| &pc["game_session"]);
    let live: u64 = live.filter(|session| !session.is_null()).map(coins).sum();
    assert_eq!(settled + live, charged, "{view}");
}

#[tokio::test]
async fn a_unit_is_charged_when_it_begins() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    for (later, charged) in [(0, 1), (59_999, 1), (1, 2), (59_999, 2), (1, 3)] {
        arcade.advance_ms(later);
        seat.session.heartbeat().await.data();
        assert_eq!(arcade.account("east").await, (BALANCE - charged, BALANCE, charged));
    }
    assert_books_agree(&arcade, "east").await;
}

#[tokio::test]
async fn each_game_has_its_price_and_its_unit() {
    let arcade = Arcade::open().await;
    let launcher = arcade.east().launcher("pc-1").await;
    let session = arcade.other().session(&launcher.token("other").await, "5001").await;
    assert_eq!(arcade.account("east").await.2, 3);
    arcade.advance(29);
    session.heartbeat().await.told("OK", 120, 29);
    assert_eq!(arcade.account("east").await.2, 3);
    arcade.advance(31);
    session.heartbeat().await.told("OK", 120, 60);
    assert_eq!(arcade.account("east").await.2, 9);
    // One coin is left: not enough for half a minute.
    arcade.advance(30);
    session.heartbeat().await.told("CHARGE_EXHAUSTED", 110, 90);
    assert_eq!(arcade.account("east").await, (1, BALANCE, 9));
    session.end().await.data();
    let row = arcade.settlement(&session).await;
    assert_eq!((&row["billed_sec"], &row["coins"]), (&json!(90), &json!(9)));
}

#[tokio::test]
async fn a_settlement_says_who_played_what_where_and_when_and_what_it_cost() {
    let arcade = Arcade::open().await;
    arcade.advance(10);
    let seat = arcade.seat().await;
    arcade.advance(65);
    seat.session.end_after(64).await.data();
    let expected = json!({
        "session_id": seat.session.id,
        "game_id": "demo",
        "cafe_id": "east",
        "pc_id": "pc-1",
        "provider_user_id": "5001",
        "started_at": at(10),
        "ended_at": at(75),
        "end_reason": "normal",
        "play_duration_sec": 65,
        "billed_sec": 65,
        "coins": 2,
        "client_play_duration_sec": 64,
    });
    assert_eq!(arcade.settlement(&seat.session).await, expected);
}

#[tokio::test]
async fn unpaid_seconds_are_played_and_not_billed() {
    let arcade = Arcade::open().await;
    let seat = arcade.seat().await;
    arcade.play_on(&seat, 600).await;
    arcade.advance(200);
    arcade.sweep().await;
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
    let row = arcade.settlement(&seat.session).await;
    let seconds = (&row["play_duration_sec"], &row["billed_sec"], &row["coins"]);
    assert_eq!(seconds, (&json!(720), &json!(600), &json!(10)));
    assert_eq!((&row["ended_at"], arcade.balance().await), (&json!(at(720)), 0));
    assert_books_agree(&arcade, "east").await;
}

#[tokio::test]
async fn each_ending_has_its_own_instant() {
    let arcade = Arcade::open().await;
    let ended_at = async |session| arcade.settlement(session).await["ended_at"].clone();
    let replaced = arcade.seat().await;
    arcade.advance(10);
    let unheard = arcade.seat().await;
    assert_eq!(ended_at(&replaced.session).await, at(10), "the new verify");
    arcade.advance(100);
    unheard.session.heartbeat().await.data();
    arcade.advance(140);
    unheard.session.heartbeat().await.refused(codes::SESSION_ENDED);
    assert_eq!(ended_at(&unheard.session).await, at(250), "the heartbeat that noticed");
    let silent = arcade.seat().await;
    arcade.advance(50);
    silent.session.heartbeat().await.data();
    arcade.advance(1000);
    arcade.sweep().await;
    assert_eq!(ended_at(&silent.session).await, at(300), "the last heartbeat");
}

#[tokio::test]
async fn what_a_replaced_session_owes_is_paid_before_the_new_one_begins() {
    let arcade = Arcade::open().await;
    let launcher = arcade.west().launcher("pc-1").await;
    let first = arcade.demo().session(&launcher.token("demo").await, "5001").await;
    arcade.advance(30);
    let token = launcher.token("demo").await;
    arcade.advance(30);
    // Of two coins one is spent, and the other is owed for the minute that has begun.
    arcade.demo().verify(&token, "5002").await.turned_away("NOT_CHARGEABLE");
    arcade.credit("west", 1).await;
    let token = launcher.token("demo").await;
    let second = arcade.demo().session(&token, "5002").await;
    assert_eq!(arcade.account("west").await, (0, 3, 3));
    assert_eq!(arcade.settlement(&first).await["coins"], 2);
    second.end().await.data();
    assert_books_agree(&arcade, "west").await;
}

#[tokio::test]
async fn sessions_of_one_cafe_share_its_balance_and_never_overdraw_it() {
    let arcade = Arcade::open().await;
    let mut seats = Vec::new();
    for pc in 0..3 {
        let launcher = arcade.east().launcher(&format!("pc-{pc}")).await;
        seats.push((arcade.demo().session(&launcher.token("demo").await, "5001").await, launcher));
    }
    for _ in 0..4 {
        arcade.advance(60);
        for (session, launcher) in &seats {
            launcher.heartbeat().await.data();
            session.heartbeat().await.data();
        }
        assert_books_agree(&arcade, "east").await;
    }
    assert_eq!(arcade.account("east").await, (0, BALANCE, BALANCE));
    arcade.advance(300);
    arcade.sweep().await;
    assert_books_agree(&arcade, "east").await;
    let rows = arcade.settlements("").await;
    assert_eq!(rows.iter().filter(|row| row["end_reason"] == "charge_exhausted").count(), 3, "{rows:?}");
}

#[tokio::test]
async fn one_user_may_play_on_two_pcs_and_both_are_billed() {
    let arcade = Arcade::open().await;
    let first = arcade.seat().await;
    let beside = arcade.east().launcher("pc-2").await;
    let second = arcade.demo().session(&beside.token("demo").await, "5001").await;
    for session in [&first.session, &second] {
        session.heartbeat().await.told("OK", 120, 0);
        session.end().await.data();
    }
    assert_eq!(arcade.account("east").await.2, 2);
    assert_books_agree(&arcade, "east").await;
}

#[tokio::test]
async fn each_cafe_pays_for_its_own() {
    let arcade = Arcade::open().await;
    let launcher = arcade.west().launcher("pc-1").await;
    arcade.demo().session(&launcher.token("demo").await, "5001").await.end().await.data();
    assert_eq!((arcade.account("west").await, arcade.account("east").await), ((1, 2, 1), (BALANCE, BALANCE, 0)));
    assert_eq!(arcade.settlements("cafe=east").await, [] as [Value; 0]);
}
