//! Aghanim's envelope: what is no event, whose event it is, and that each takes effect once ("Aghanim webhooks", 3, 5
//! and 6).

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::answers::{texts, with, without};
use crate::support::deployment::embedded_only;
use crate::support::webhooks::{ANNEX_API_KEY, ANNEX_ID, ANNEX_SECRET, HALL_ID, event, now_sec, reply_to, update};

/// A node that knows player 5001.
async fn hall() -> Hall {
    let hall = Hall::open().await;
    hall.token(5001).await;
    hall
}

fn named(name: &str) -> Value {
    update(5001, json!({ "name": name }))
}

/// Nothing was recorded, and the profile is empty.
async fn assert_untouched(hall: &Hall) {
    assert_eq!(hall.events("").await, Vec::<Value>::new());
    assert_eq!(hall.view(5001).await["profile"], Value::Null);
}

#[tokio::test]
async fn what_is_no_json_is_a_validation_error() {
    let hall = hall().await;
    for body in ["", " ", "{", "{}}", "not json", "{'a':1}", "{\"event_id\":}", "\u{feff}{}", "{\"a\":1,}", "NaN"] {
        hall.deliver_bytes(body).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn what_is_no_object_is_a_validation_error() {
    let hall = hall().await;
    for body in ["[]", "null", "1", "\"text\"", "true", "[{}]"] {
        hall.deliver_bytes(body).await.error(400, "validation_error");
    }
    hall.deliver_bytes(format!("[{}]", named("Ann"))).await.error(400, "validation_error");
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn invalid_utf_8_is_a_validation_error() {
    let hall = hall().await;
    for bad in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        let body = named("NAME").to_string();
        let (before, after) = body.split_once("NAME").expect("the name is there");
        let body = [before.as_bytes(), bad, after.as_bytes()].concat();
        hall.deliver_bytes(body).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_a_validation_error() {
    let hall = hall().await;
    for key in ["event_id", "event_type", "game_id", "event_time", "event_data"] {
        let body = named("Ann");
        let twice = format!("{{{}:{},{}", json!(key), body[key], &body.to_string()[1..]);
        hall.deliver_bytes(twice).await.error(400, "validation_error");
    }
    let inside = named("Ann").to_string().replace("\"name\":", "\"name\":\"Bob\",\"name\":");
    hall.deliver_bytes(inside).await.error(400, "validation_error");
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn deep_nesting_is_a_validation_error_and_breaks_nothing() {
    let hall = hall().await;
    for depth in [1_000, 100_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        hall.deliver_bytes(nested.clone()).await.error(400, "validation_error");
        let inside = named("Ann").to_string().replace("\"context\":null", &format!("\"context\":{nested}"));
        hall.deliver_bytes(inside).await.error(400, "validation_error");
        hall.deliver_bytes("{\"a\":".repeat(depth)).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
    let shallow = with(named("Ann"), "context", json!({ "order": { "items": [[[{ "nested_items": null }]]] } }));
    hall.deliver(&shallow).await.ok();
}

#[tokio::test]
async fn an_envelope_that_lacks_a_key_is_a_validation_error() {
    let hall = hall().await;
    for key in ["event_id", "event_type", "event_time", "event_data", "game_id"] {
        hall.deliver(&without(named("Ann"), key)).await.error(400, "validation_error");
        hall.deliver(&with(named("Ann"), key, Value::Null)).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn an_envelope_with_a_key_of_the_wrong_type_is_a_validation_error() {
    let hall = hall().await;
    let bad = [
        ("event_id", json!(7)),
        ("event_id", json!("")),
        ("event_id", json!("x".repeat(256))),
        ("event_type", json!(["player.update"])),
        ("event_type", json!("")),
        ("event_time", json!("1700000000")),
        ("event_data", json!([])),
        ("event_data", json!("{}")),
        ("game_id", json!(1)),
        ("sandbox", json!("true")),
        ("idempotency_key", json!(1)),
        ("idempotency_key", json!("x".repeat(256))),
    ];
    for (key, value) in bad {
        hall.deliver(&with(named("Ann"), key, value)).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn an_event_about_another_game_is_a_validation_error() {
    let hall = hall().await;
    for game in [ANNEX_ID, "gm_unknown", "", "gm_aaaaaaaaaaa"] {
        hall.deliver(&with(named("Ann"), "game_id", game)).await.error(400, "validation_error");
    }
    assert_untouched(&hall).await;
}

#[tokio::test]
async fn unknown_keys_and_any_order_of_keys_and_any_spacing_are_fine() {
    let hall = hall().await;
    hall.deliver(&with(named("Ann"), "new_key", json!({ "a": [1, 2] }))).await.ok();
    let event = named("Bob");
    let keys: Vec<_> = event.as_object().expect("an object").keys().rev().cloned().collect();
    let lines: Vec<_> = keys.iter().map(|key| format!("\t{} :\r\n {}", json!(key), event[key])).collect();
    hall.deliver_bytes(format!(" {{{}\n}} ", lines.join(" ,\n"))).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Bob");
}

#[tokio::test]
async fn an_envelope_of_the_older_revision_without_context_is_fine() {
    let hall = hall().await;
    let optional = ["context", "request_id", "trigger", "transaction_id", "idempotency_key"];
    let old = optional.into_iter().fold(named("Ann"), without);
    hall.deliver(&old).await.ok();
    hall.deliver(&with(named("Bob"), "event_time", 1_700_000_000.5)).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Ann", "the later event wins");
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_has_no_second_effect() {
    let hall = hall().await;
    let first = named("Ann");
    let answer = hall.deliver(&first).await;
    answer.ok();
    let later = with(named("Bob"), "event_time", now_sec() + 1);
    hall.deliver(&later).await.ok();
    for _ in 0..3 {
        assert_eq!(hall.deliver(&first).await, answer);
    }
    assert_eq!(hall.profile(5001).await["name"], "Bob");
    assert_eq!(hall.events("").await.len(), 2);
}

#[tokio::test]
async fn a_repeat_of_a_refusal_gets_the_same_refusal_even_when_the_player_is_known_by_then() {
    let hall = hall().await;
    let early = update(6001, json!({ "name": "Early" }));
    let answer = hall.deliver(&early).await;
    answer.error(200, "not_found");
    hall.token(6001).await;
    assert_eq!(hall.deliver(&early).await, answer);
    hall.update(6001, json!({ "name": "Later" })).await.ok();
    assert_eq!(hall.profile(6001).await["name"], "Later");
}

#[tokio::test]
async fn the_idempotency_key_counts_before_the_event_id() {
    let hall = hall().await;
    let first = with(named("Ann"), "idempotency_key", "idmpt_1");
    hall.deliver(&first).await.ok();
    // A new event id, and even other data: the first result is kept.
    let again = with(with(named("Bob"), "idempotency_key", "idmpt_1"), "event_time", now_sec() + 10);
    hall.deliver(&again).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Ann");
    // The same event id under another key is another event.
    let other = with(with(first, "idempotency_key", "idmpt_2"), "event_data", again["event_data"].clone());
    hall.deliver(&with(other, "event_time", now_sec() + 10)).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Bob");
    assert_eq!(hall.events("").await.len(), 2);
}

#[tokio::test]
async fn the_same_key_of_another_type_or_of_the_sandbox_is_another_event() {
    let hall = hall().await;
    let first = with(named("Ann"), "idempotency_key", "idmpt_1");
    hall.deliver(&first).await.ok();
    hall.deliver(&with(first.clone(), "event_type", "coupon.redeemed")).await.ok();
    hall.deliver(&with(first.clone(), "sandbox", true)).await;
    assert_eq!(hall.events("").await.len(), 2);
    assert_eq!(hall.events("&sandbox=true").await.len(), 1);
}

#[tokio::test]
async fn the_same_key_of_another_game_is_another_event() {
    let hall = hall().await;
    let first = with(event("coupon.redeemed", json!({ "player_id": "5001" })), "idempotency_key", "idmpt_1");
    hall.deliver(&first).await.ok();
    let there = with(first, "game_id", ANNEX_ID);
    hall.deliver_signed(ANNEX_SECRET, &now_sec().to_string(), there.to_string()).await.ok();
    let answer = hall.game_server(ANNEX_API_KEY).call((reqwest::Method::GET, "/v1/events"), &json!({})).await;
    let events = &answer.data()["events"];
    assert_eq!(events.as_array().map(Vec::len), Some(1));
    assert_eq!(events[0]["body"]["game_id"], ANNEX_ID);
    let ours = hall.events("").await;
    assert_eq!((ours.len(), &ours[0]["body"]["game_id"]), (1, &json!(HALL_ID)));
}

#[tokio::test]
async fn of_many_at_once_with_one_key_each_gets_the_same_answer_and_one_takes_effect() {
    let hall = hall().await;
    let event = named("Ann");
    let (body, now) = (event.to_string(), now_sec().to_string());
    let all = (0..20).map(|_| reply_to(hall.signed(crate::support::webhooks::HALL_SECRET, &now, body.clone())));
    for reply in join_all(all).await {
        // One still under way may ask for a retry.
        let reply = reply.expect("the node answers");
        assert!(reply.status == 503 || reply.body == json!({ "status": "ok" }), "{reply:?}");
    }
    hall.deliver(&event).await.ok();
    assert_eq!(hall.events("").await.len(), 1);
}

#[tokio::test]
async fn the_sandbox_is_kept_apart_from_the_live_players() {
    let hall = hall().await;
    hall.update(5001, json!({ "name": "Live" })).await.ok();
    let later = with(named("Sandbox"), "event_time", now_sec() + 100);
    hall.deliver(&with(later, "sandbox", true)).await;
    assert_eq!(hall.profile(5001).await["name"], "Live");
    let live = hall.events("").await;
    let sandboxed = hall.events("&sandbox=true").await;
    assert_eq!((live.len(), sandboxed.len()), (1, 1));
    assert_eq!(sandboxed[0]["body"]["event_data"]["name"], "Sandbox");
}

#[tokio::test]
async fn while_the_store_fails_a_retry_is_asked_for_and_then_succeeds() {
    embedded_only!("holds or breaks the database file of the node");
    let hall = hall().await;
    let event = named("Ann");
    spoil(&hall, "ALTER TABLE inbox RENAME TO inbox_away");
    let refused = hall.deliver(&event).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    spoil(&hall, "ALTER TABLE inbox_away RENAME TO inbox");
    hall.deliver(&event).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Ann");
    assert_eq!(texts(&json!(hall.events("").await), "type"), ["player.update"]);
    // The failure was logged as such: not a quiet log.
    let mut hall = hall;
    hall.node.kill();
}

fn spoil(hall: &Hall, sql: &str) {
    let database = rusqlite::Connection::open(hall.node.data().join("guildhall.db")).expect("a database");
    database.busy_timeout(std::time::Duration::from_secs(5)).expect("a setting");
    database.execute_batch(sql).expect("the schema changes");
}
