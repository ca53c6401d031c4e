//! The events beside `player.update`: each is taken, kept in full and readable ("Aghanim webhooks", 5.1 and 8).

use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::answers::{texts, with};
use crate::support::webhooks::{event, permanent, update};

/// Every type that is delivered, but for `player.update`.
const CATALOGUE: [&str; 49] = [
    "player.verify",
    "player.lookup",
    "store.get",
    "player.marketing_consent.updated",
    "player.is_idle",
    "item.add",
    "item.remove",
    "order.created",
    "order.paid",
    "order.canceled",
    "order.refunded",
    "payment.succeeded",
    "payment.pending",
    "payment.declined",
    "payment.rejected",
    "payment.expired",
    "payment.canceled",
    "payment.abandoned",
    "payment.voided",
    "payment.refunded",
    "payment.dispute",
    "payment.chargeback",
    "fraud.reported",
    "subscription.activated",
    "subscription.updated",
    "subscription.renewed",
    "subscription.deactivated",
    "coupon.redeemed",
    "ingame.push",
    "ingame.popup",
    "campaign.custom",
    "analytics.hub.sign_up",
    "analytics.hub.login",
    "analytics.hub.buy_click",
    "analytics.hub.free_item_claimed",
    "analytics.checkout.pageview",
    "analytics.checkout.pageshow",
    "analytics.checkout.pagehide",
    "analytics.checkout.pageexit",
    "analytics.checkout.submit_payment_form",
    "analytics.checkout.back_store",
    "analytics.checkout.back_game",
    "analytics.checkout.payment_method.select",
    "analytics.checkout.payment_method.close",
    "batch.ready",
    "order.disputed",
    "order.captured",
    "payment.reattempted",
    "campaign.unheard_of",
];
/// Of them, those at the end that no catalogue knows.
const UNKNOWN: usize = 4;

/// A body as rich as an order's, with everything a number or a text can be.
fn rich(event_type: &str) -> Value {
    let item = json!({
        "id": "itm_1", "name": "등대 🎲", "quantity": 2, "price": 199, "price_decimal": 1.99, "nested_items": null,
    });
    let data = json!({ "id": "ord_1", "player_id": "5001", "items": [item], "amount": 9_007_199_254_740_993_i64 });
    with(event(event_type, data), "context", json!({ "order": { "id": "ord_1" }, "player": null }))
}

#[tokio::test]
async fn every_event_of_the_catalogue_is_answered_ok_and_kept_in_full_in_order() {
    let hall = Hall::open().await;
    let known = &CATALOGUE[..CATALOGUE.len() - UNKNOWN];
    let sent: Vec<_> = known.iter().map(|event_type| rich(event_type)).collect();
    for event in &sent {
        let reply = hall.deliver(event).await;
        // Two of them want a payload, and get an empty one.
        let expected = match event["event_type"].as_str() {
            Some("player.lookup") => json!({ "status": "ok", "data": [] }),
            Some("store.get") => json!({ "status": "ok", "items": [] }),
            _ => json!({ "status": "ok" }),
        };
        assert_eq!((reply.status, reply.body), (200, expected), "{event}");
    }
    let events = hall.events("").await;
    assert_eq!(texts(&json!(events), "type"), known);
    for (event, sent) in events.iter().zip(&sent) {
        assert_eq!((&event["source"], &event["id"]), (&json!("aghanim"), &sent["event_id"]));
        assert_eq!(event["body"], *sent);
    }
}

#[tokio::test]
async fn an_event_of_an_unknown_type_is_answered_202_and_kept() {
    let hall = Hall::open().await;
    for event_type in &CATALOGUE[CATALOGUE.len() - UNKNOWN..] {
        let sent = rich(event_type);
        let reply = hall.deliver(&sent).await;
        assert_eq!((reply.status, &reply.body), (202, &json!({ "status": "ok" })), "{event_type}");
        assert_eq!(hall.deliver(&sent).await, reply, "a repeat");
    }
    let events = hall.events("").await;
    assert_eq!(texts(&json!(events), "type"), CATALOGUE[CATALOGUE.len() - UNKNOWN..]);
}

#[tokio::test]
async fn a_subscription_pattern_is_no_type_that_is_delivered() {
    let hall = Hall::open().await;
    for event_type in ["order.*", "payment.*"] {
        assert_eq!(hall.deliver(&rich(event_type)).await.status, 202, "{event_type}");
    }
}

#[tokio::test]
async fn a_test_event_of_the_dashboard_is_taken() {
    let hall = Hall::open().await;
    hall.deliver(&with(rich("analytics.hub.login"), "trigger", "test")).await.ok();
    hall.deliver(&with(rich("fraud.reported"), "trigger", Value::Null)).await.ok();
}

#[tokio::test]
async fn a_payment_that_is_sent_again_with_new_details_is_one_more_event() {
    let hall = Hall::open().await;
    for amount in [100, 90] {
        let sent = event("payment.succeeded", json!({ "id": "pmt_1", "status": "succeeded", "amount": amount }));
        let sent = with(sent, "idempotency_key", "idmpt_1");
        for _ in 0..2 {
            hall.deliver(&sent).await.ok();
        }
    }
    let events = hall.events("").await;
    let amounts: Vec<_> = events.iter().map(|event| event["body"]["event_data"]["amount"].clone()).collect();
    assert_eq!(amounts, [json!(100), json!(90)]);
}

#[tokio::test]
async fn a_player_is_verified_from_the_profile_when_that_is_set() {
    let hall = Hall::configured("", "player_verify = true").await;
    hall.token(5001).await;
    let fields = json!({ "name": "Ann", "email": "ann@example.test", "avatar_url": "https://a.test/1" });
    hall.deliver(&update(5001, fields)).await.ok();
    let verify = || event("player.verify", json!({ "player_id": "5001" }));
    let seen = hall.deliver(&verify()).await;
    assert_eq!(seen.status, 200, "{seen:?}");
    let told = ["player_id", "name", "email", "avatar_url", "banned"].map(|key| seen.body[key].clone());
    let expected = [json!("5001"), json!("Ann"), json!("ann@example.test"), json!("https://a.test/1"), json!(false)];
    assert_eq!(told, expected, "{seen:?}");
    assert!(seen.body["attributes"].is_object(), "required: {seen:?}");
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert_eq!(hall.deliver(&verify()).await.body["banned"], true);
    success_of_lift(&hall).await;
    assert_eq!(hall.deliver(&verify()).await.body["banned"], false);
}

async fn success_of_lift(hall: &Hall) {
    let lifted = hall.operator(reqwest::Method::DELETE, 5001, "/suspension", None).await;
    crate::support::http::success("lift", lifted);
}

#[tokio::test]
async fn a_player_nobody_knows_is_not_verified() {
    let hall = Hall::configured("", "player_verify = true").await;
    for id in ["6001", "P-1"] {
        hall.deliver(&event("player.verify", json!({ "player_id": id }))).await.error(404, "not_found");
    }
    hall.deliver(&event("player.verify", json!({}))).await.is_error(400);
}

#[tokio::test]
async fn without_the_setting_a_verify_is_kept_and_answered_ok() {
    let hall = Hall::open().await;
    hall.deliver(&event("player.verify", json!({ "player_id": "5001" }))).await.ok();
    assert_eq!(texts(&json!(hall.events("").await), "type"), ["player.verify"]);
}
