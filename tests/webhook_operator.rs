//! Webhooks as operators see them: suspensions, profiles, and what was delivered with its outcome.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::answers::{codes, refused, texts, with};
use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::webhooks::{HALL, event, limited, permanent, update};

#[tokio::test]
async fn an_operator_puts_gets_and_lifts_a_suspension() {
    let hall = Hall::open().await;
    let until = now_ms() + 86_400_000;
    let body = json!({ "reason": "cheating", "from": now_ms() - 1000, "until": until });
    success("put", hall.operator(Method::PUT, 5001, "/suspension", Some(body.clone())).await);
    let seen = success("get", hall.operator(Method::GET, 5001, "/suspension", None).await);
    let told = hall.view(5001).await["suspension"].clone();
    assert_eq!((&told["reason"], &told["until"]), (&json!("cheating"), &json!(until)));
    assert!(seen.to_string().contains("cheating") && seen.to_string().contains(&until.to_string()), "{seen}");
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    let seen = hall.operator(Method::GET, 5001, "/suspension", None).await;
    assert!(!seen.1.to_string().contains("cheating"), "{seen:?}");
    assert_eq!(hall.view(5001).await["suspension"], Value::Null);
}

#[tokio::test]
async fn an_operator_gets_the_suspension_that_a_platform_set() {
    let hall = Hall::open().await;
    let row = limited(5001, -86_400_000, 86_400_000);
    hall.suspend(&[row]).await.result(200, 0);
    let view = hall.view(5001).await["suspension"].clone();
    let seen = success("get", hall.operator(Method::GET, 5001, "/suspension", None).await);
    assert!(seen.to_string().contains(&view["until"].to_string()), "{seen}");
    hall.operator(Method::GET, 5001, "/suspension", None).await;
    refused("nobody", hall.operator(Method::GET, 6001, "", None).await, codes::NOT_FOUND);
}

#[tokio::test]
async fn the_view_of_a_player_has_the_profile_or_null() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    assert_eq!(hall.view(5001).await.get("profile"), Some(&Value::Null));
    hall.update(5001, json!({ "email": "ann@example.test" })).await.ok();
    let profile = json!({ "name": null, "email": "ann@example.test", "avatar_url": null });
    assert_eq!(hall.profile(5001).await, profile);
}

#[tokio::test]
async fn deliveries_are_listed_with_their_outcome_and_without_a_mail_address() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let good = update(5001, json!({ "name": "Ann", "email": "ann@example.test" }));
    hall.deliver(&good).await.ok();
    let unknown = update(6001, json!({ "email": "bob@example.test" }));
    hall.deliver(&unknown).await.error(200, "not_found");
    let consent =
        json!({ "player_id": "5001", "email": { "address": "cid@example.test", "granted_at": 1, "revoked_at": null } });
    let consent = event("player.marketing_consent.updated", consent);
    hall.deliver(&consent).await.ok();
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    let listed = hall.deliveries("").await;
    let text = listed.to_string();
    for event in [&good, &unknown, &consent] {
        let id = event["event_id"].as_str().expect("a text");
        assert!(text.contains(id), "{id} in {text}");
    }
    assert!(!text.contains("@example.test"), "a mail address in {text}");
    assert!(!text.contains(crate::support::webhooks::HALL_SECRET), "a secret in {text}");
    let rows = listed["deliveries"].as_array().expect("a list");
    assert_eq!(rows.len(), 4);
    let types = ["player.update", "player.update", "player.marketing_consent.updated", "suspension"];
    assert_eq!(texts(&listed["deliveries"], "type"), types);
    assert_eq!(texts(&listed["deliveries"], "outcome"), ["200/ok", "200/not_found", "200/ok", "200/0"]);
}

#[tokio::test]
async fn the_log_of_the_node_holds_no_mail_address_and_no_secret() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    hall.update(5001, json!({ "email": "ann@example.test" })).await.ok();
    hall.update(5001, json!({ "email": "ann@example@test" })).await.error(200, "validation_error");
    hall.update(6001, json!({ "email": "ann@example.test" })).await.error(200, "not_found");
    hall.deliver_bytes("{\"email\":\"ann@example.test\"}").await.error(400, "validation_error");
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    let log = hall.node.log();
    for hidden in ["ann@example", crate::support::webhooks::HALL_SECRET, crate::support::webhooks::HALL_BEARER] {
        assert!(!log.contains(hidden), "{hidden} in\n{log}");
    }
}

#[tokio::test]
async fn deliveries_of_the_sandbox_are_listed_apart_and_all_of_them_in_pages() {
    let hall = Hall::open().await;
    let there = with(event("coupon.redeemed", json!({})), "sandbox", true);
    hall.deliver(&there).await.ok();
    for _ in 0..3 {
        hall.deliver(&event("coupon.redeemed", json!({}))).await.ok();
    }
    let live = hall.deliveries("sandbox=false").await;
    assert_eq!(live["deliveries"].as_array().map(Vec::len), Some(3), "{live}");
    let sandboxed = hall.deliveries("sandbox=true").await;
    assert_eq!(texts(&sandboxed["deliveries"], "key"), [there["event_id"].as_str().expect("a text")]);
    let two = hall.deliveries("limit=2&after=0").await;
    assert_eq!(two["deliveries"].as_array().map(Vec::len), Some(2), "{two}");
    let rest = hall.deliveries(&format!("after={}", two["next"].as_str().expect("a cursor"))).await;
    assert_eq!(rest["deliveries"].as_array().map(Vec::len), Some(1), "{rest}");
    for query in ["limit=0", "limit=x", "after=x"] {
        let path = format!("/admin/v1/games/{HALL}/deliveries?{query}");
        refused(query, hall.node.admin(Method::GET, &path, None).await, codes::BAD_REQUEST);
    }
    let nowhere = hall.node.admin(Method::GET, "/admin/v1/games/nowhere/deliveries", None).await;
    refused("nowhere", nowhere, codes::NOT_FOUND);
}
