//! `player.update`: what is valid, who is known, and which of two changes holds ("Aghanim webhooks", 7).

use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::answers::with;
use crate::support::http::success;
use crate::support::webhooks::{event, now_sec, update};

/// A node that knows player 5001.
async fn hall() -> Hall {
    let hall = Hall::open().await;
    hall.token(5001).await;
    hall
}

/// An update that happened at a time, under an id.
fn at(time: i64, id: &str, fields: Value) -> Value {
    with(with(update(5001, fields), "event_time", time), "event_id", id)
}

async fn accepts(hall: &Hall, key: &str, value: &str, stored: &str) {
    hall.update(5001, json!({ key: value })).await.ok();
    assert_eq!(hall.profile(5001).await[key], stored, "{value:?}");
}

async fn refuses(hall: &Hall, key: &str, values: &[Value]) {
    let before = hall.view(5001).await["profile"].clone();
    for value in values {
        let reply = hall.update(5001, json!({ key: value })).await;
        reply.error(200, "validation_error");
    }
    assert_eq!(hall.view(5001).await["profile"], before);
}

#[tokio::test]
async fn a_change_is_answered_ok_and_changes_only_what_it_names() {
    let hall = hall().await;
    hall.update(5001, json!({ "name": "Ann", "email": "ann@example.test", "avatar_url": "https://a.test/1" }))
        .await
        .ok();
    let whole = json!({ "name": "Ann", "email": "ann@example.test", "avatar_url": "https://a.test/1" });
    assert_eq!(hall.profile(5001).await, whole);
    hall.update(5001, json!({ "email": "ann@new.test" })).await.ok();
    assert_eq!(hall.profile(5001).await, with(whole.clone(), "email", "ann@new.test"));
    hall.update(5001, json!({ "name": "Anna" })).await.ok();
    hall.update(5001, json!({ "avatar_url": "http://a.test/2" })).await.ok();
    let changed = json!({ "name": "Anna", "email": "ann@new.test", "avatar_url": "http://a.test/2" });
    assert_eq!(hall.profile(5001).await, changed);
}

/// It would win over every later one.
#[tokio::test]
async fn an_event_of_the_far_future_is_refused_and_holds_nothing_up() {
    let hall = hall().await;
    for time in [now_sec() + 2 * 86_400, now_sec() * 1000] {
        let reply = hall.deliver(&at(time, &format!("whevt_{time}"), json!({ "name": time.to_string() }))).await;
        reply.error(200, "validation_error");
    }
    hall.deliver(&at(now_sec() + 60, "whevt_now", json!({ "name": "Ann" }))).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Ann");
}

#[tokio::test]
async fn null_is_the_same_as_absent() {
    let hall = hall().await;
    hall.update(5001, json!({ "name": "Ann", "email": "ann@example.test" })).await.ok();
    hall.update(5001, json!({ "name": null, "email": null, "avatar_url": null })).await.ok();
    let profile = hall.profile(5001).await;
    assert_eq!((&profile["name"], &profile["email"]), (&json!("Ann"), &json!("ann@example.test")));
    assert_eq!(profile["avatar_url"], Value::Null);
}

#[tokio::test]
async fn a_change_of_nothing_is_ok_and_does_nothing() {
    let hall = hall().await;
    hall.update(5001, json!({})).await.ok();
    hall.update(5001, json!({ "nickname": "x", "level": 7 })).await.ok();
    let profile = hall.view(5001).await["profile"].clone();
    assert!(profile.is_null() || profile["name"].is_null(), "{profile}");
}

#[tokio::test]
async fn a_player_who_is_not_known_is_not_found_and_stays_unknown() {
    let hall = hall().await;
    hall.update(6001, json!({ "name": "Nobody" })).await.error(200, "not_found");
    assert_eq!(hall.operator(reqwest::Method::GET, 6001, "", None).await.0, 404);
}

#[tokio::test]
async fn an_id_that_is_no_decimal_64_bit_number_is_not_found() {
    let hall = hall().await;
    for id in ["2D2R-OP3C", "P-1", "9223372036854775808", "5001.0", "0x1389", " 5001", "5001 ", "٥٠٠١", "등대"] {
        hall.deliver(&event("player.update", json!({ "player_id": id, "name": "x" }))).await.error(200, "not_found");
    }
}

#[tokio::test]
async fn an_id_that_is_no_text_of_1_to_255_is_a_validation_error() {
    let hall = hall().await;
    for id in [json!(5001), Value::Null, json!(""), json!("5".repeat(256)), json!(["5001"]), json!(true)] {
        let data = json!({ "player_id": id, "name": "x" });
        hall.deliver(&event("player.update", data)).await.error(200, "validation_error");
    }
    hall.deliver(&event("player.update", json!({ "name": "x" }))).await.error(200, "validation_error");
    let longest = event("player.update", json!({ "player_id": "5".repeat(255), "name": "x" }));
    hall.deliver(&longest).await.error(200, "not_found");
}

#[tokio::test]
async fn a_name_has_1_to_100_code_points_after_trimming_and_no_control_characters() {
    let hall = hall().await;
    let (longest, emoji) = ("등".repeat(100), "🎲".repeat(100));
    for name in ["A", "등대", "Ann O'Brien <b>", longest.as_str(), emoji.as_str()] {
        accepts(&hall, "name", name, name).await;
    }
    accepts(&hall, "name", "  Ann \t", "Ann").await;
    accepts(&hall, "name", &format!(" {longest} "), &longest).await;
    let controls = ["A\u{0}nn", "A\nnn", "A\u{7f}nn", "A\u{85}nn", "A\u{1b}[31mnn"].map(Value::from);
    refuses(&hall, "name", &controls).await;
    refuses(&hall, "name", &[json!(""), json!("   "), json!("x".repeat(101)), json!("🎲".repeat(101))]).await;
    refuses(&hall, "name", &[json!(1), json!(true), json!(["Ann"]), json!({ "first": "Ann" })]).await;
}

#[tokio::test]
async fn an_email_has_one_at_sign_and_254_characters_at_most() {
    let hall = hall().await;
    let longest = format!("{}@example.test", "x".repeat(254 - 13));
    for email in ["a@b", "ann+tag@sub.example.test", longest.as_str()] {
        accepts(&hall, "email", email, email).await;
    }
    refuses(&hall, "email", &[json!("ann"), json!(""), json!("a@b@c"), json!(format!("x{longest}"))]).await;
    refuses(&hall, "email", &[json!(1), json!(false), json!(["a@b"]), json!({})]).await;
}

#[tokio::test]
async fn an_avatar_is_an_absolute_web_address_of_2048_characters_at_most() {
    let hall = hall().await;
    let longest = format!("https://a.test/{}", "x".repeat(2048 - 15));
    for url in ["https://a.test/1.png", "http://a.test", "https://a.test:8443/x?y=z#w", longest.as_str()] {
        accepts(&hall, "avatar_url", url, url).await;
    }
    let bad =
        ["", "/1.png", "a.test/1.png", "ftp://a.test/1", "javascript:alert(1)", "data:image/png;base64,AA", "https://"];
    refuses(&hall, "avatar_url", &bad.map(Value::from)).await;
    refuses(&hall, "avatar_url", &[json!(format!("{longest}x")), json!(1), json!([]), json!({})]).await;
}

#[tokio::test]
async fn one_bad_field_spoils_the_whole_change() {
    let hall = hall().await;
    hall.update(5001, json!({ "name": "Ann", "email": "nobody" })).await.error(200, "validation_error");
    let profile = hall.view(5001).await["profile"].clone();
    assert!(profile.is_null() || profile["name"].is_null(), "{profile}");
}

#[tokio::test]
async fn of_two_changes_of_a_field_the_later_event_holds_whichever_came_first() {
    let hall = hall().await;
    let now = now_sec();
    hall.deliver(&at(now, "b", json!({ "name": "Late", "email": "late@a" }))).await.ok();
    hall.deliver(&at(now - 10, "c", json!({ "name": "Early" }))).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Late");
    // Each field has a time of its own.
    hall.deliver(&at(now - 5, "d", json!({ "email": "early@a", "avatar_url": "https://a.test/early" }))).await.ok();
    let profile = hall.profile(5001).await;
    assert_eq!((&profile["email"], &profile["avatar_url"]), (&json!("late@a"), &json!("https://a.test/early")));
    hall.deliver(&at(now + 10, "a", json!({ "name": "Latest" }))).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Latest");
}

#[tokio::test]
async fn of_two_changes_in_the_same_second_the_larger_event_id_holds() {
    let now = now_sec();
    for ids in [["a", "b"], ["b", "a"]] {
        let hall = hall().await;
        for id in ids {
            hall.deliver(&at(now, id, json!({ "name": id }))).await.ok();
        }
        assert_eq!(hall.profile(5001).await["name"], "b");
    }
}

#[tokio::test]
async fn a_fraction_of_a_second_orders_two_changes() {
    let hall = hall().await;
    let event = |time: f64, id: &str| with(update(5001, json!({ "name": id })), "event_time", time);
    hall.deliver(&event(1_700_000_000.75, "later")).await.ok();
    hall.deliver(&event(1_700_000_000.25, "earlier")).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "later");
}

#[tokio::test]
async fn the_status_of_a_business_error_is_a_setting() {
    let hall = Hall::configured("", "business_error_status = 422").await;
    hall.token(5001).await;
    hall.update(6001, json!({ "name": "Nobody" })).await.error(422, "not_found");
    hall.update(5001, json!({ "email": "nobody" })).await.error(422, "validation_error");
    hall.update(5001, json!({ "email": "a@b" })).await.ok();
    hall.deliver_bytes("{}").await.error(400, "validation_error");
}

#[tokio::test]
async fn unknown_players_are_made_when_that_is_set() {
    let hall = Hall::configured("", "unknown_players = \"create\"").await;
    hall.update(6001, json!({ "name": "New" })).await.ok();
    assert_eq!(hall.profile(6001).await["name"], "New");
    hall.deliver(&event("player.update", json!({ "player_id": "P-1", "name": "x" }))).await.error(200, "not_found");
}

#[tokio::test]
async fn a_player_becomes_known_by_a_token_by_a_session_or_by_an_operators_suspension() {
    let hall = Hall::open().await;
    hall.token(1).await;
    let _seat = hall.seat(2).await;
    success("suspend", hall.operator(reqwest::Method::PUT, 3, "/suspension", Some(json!({}))).await);
    for player in [1, 2, 3] {
        hall.update(player, json!({ "name": "Known" })).await.ok();
        assert_eq!(hall.profile(player).await["name"], "Known");
    }
}

#[tokio::test]
async fn the_profile_outlives_a_kill() {
    let mut hall = hall().await;
    let event = update(5001, json!({ "name": "Ann" }));
    let answer = hall.deliver(&event).await;
    answer.ok();
    hall.node.kill();
    hall.node.restart().await;
    assert_eq!(hall.profile(5001).await["name"], "Ann");
    assert_eq!(hall.deliver(&event).await, answer);
    assert_eq!(hall.events("").await.len(), 1);
}
