//! Aghanim's signature: what is signed, by whom and when, before anything is read ("Aghanim webhooks", 2 and 5.1).

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::play::signature;
use crate::support::webhooks::{
    AGHANIM, ANNEX_SECRET, HALL_ID, HALL_NEXT_SECRET, HALL_SECRET, Reply, SIGNATURE, TIMESTAMP, event, now_sec,
    reply_to, tables, update,
};

/// The published vectors: secret, timestamp, body, signature.
const VECTORS: [(&str, &str, &str, &str); 5] = [
    (HALL_SECRET, "1700000000", "{}", "fbb8b6b76359b4e00c597565b07b874acdb53b5aabb3c220688a2ff415e7f047"),
    (HALL_SECRET, "1700000000", "", "5f714a61356169ab98324ccd856c07dc2c1c58290196b17e2f09eb92dfa22859"),
    (
        HALL_SECRET,
        "1700000001",
        r#"{"event_type":"player.update","event_data":{"player_id":"P-1","name":"등대"},"event_time":1700000001}"#,
        "c62e40e9905efd80cd50ec818e2d8e4446c51b1f51628b66fa979bb8f01ad6f5",
    ),
    (
        HALL_SECRET,
        "1700000000",
        r#"{"event_type":"player.update","event_data":{"player_id":"P-1","email":"a@example.test"},"event_time":1700000000,"event_id":"whevt_AAAAAAAAAAAAAAAAAAAAAAAAAA","idempotency_key":null,"request_id":null,"sandbox":true,"trigger":"hub.profile_update","transaction_id":"whtx_AAAAAAAAAAA","context":null,"game_id":"gm_AAAAAAAAAAA"}"#,
        "aae810edd8fc1267c13b34a377620f672e777a924d66660272ca5b7c5da1f3c5",
    ),
    (HALL_NEXT_SECRET, "1700000000", "{}", "90b80fd4aaaedcc87e127dba5bbfb2edbd9c968026a8be970315e3848d8dd17b"),
];

/// The body of the page's sample, about a game of ours.
fn sample(player: &str) -> Value {
    json!({
        "event_type": "player.update",
        "event_data": { "player_id": player, "email": "test@aghanim.com" },
        "event_time": 1_725_548_450,
        "event_id": "whevt_eCacUvuNVXKwpJnRDFuLCvrRhs",
        "idempotency_key": null,
        "request_id": "d1593e9f-6a90-4d9a-9a39-8cf3ed2a2f47",
        "sandbox": false,
        "trigger": "hub.profile_update",
        "transaction_id": "whtx_eCTHCpyCkGa",
        "context": null,
        "game_id": HALL_ID,
    })
}

/// A node for which no signature is too old.
async fn timeless() -> Hall {
    Hall::configured("", "freshness_sec = 0").await
}

/// Delivers with these two headers, `None` to leave one out.
async fn deliver_with(hall: &Hall, timestamp: Option<&str>, signature: Option<&str>, body: &str) -> Reply {
    let headers = [(TIMESTAMP, timestamp), (SIGNATURE, signature)];
    let request = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let request = request.fold(hall.aghanim(body.to_owned()), |request, (name, value)| request.header(name, value));
    reply_to(request).await.expect("the node answers")
}

#[tokio::test]
async fn the_five_vectors_verify_and_none_of_them_with_one_digit_changed() {
    let hall = timeless().await;
    for (at, (secret, timestamp, body, signed)) in VECTORS.into_iter().enumerate() {
        assert_eq!(signature(secret, timestamp, body), signed);
        let reply = deliver_with(&hall, Some(timestamp), Some(signed), body).await;
        // All but one of them are signed, but no events.
        if at == 3 {
            reply.error(200, "not_found");
        } else {
            reply.error(400, "validation_error");
        }
        let other = if signed.ends_with('7') { '8' } else { '7' };
        let changed = format!("{}{other}", &signed[..63]);
        deliver_with(&hall, Some(timestamp), Some(&changed), body).await.error(403, "invalid_signature");
    }
}

#[tokio::test]
async fn the_signature_printed_on_the_sample_pages_is_rejected() {
    let hall = timeless().await;
    let printed = "2e45ed4d".repeat(8);
    let body = sample("5001").to_string();
    deliver_with(&hall, Some("1725548450"), Some(&printed), &body).await.error(403, "invalid_signature");
}

#[tokio::test]
async fn the_sample_bodies_are_accepted_under_our_signature() {
    let hall = timeless().await;
    hall.token(5001).await;
    hall.deliver_signed(HALL_SECRET, "1725548450", sample("5001").to_string()).await.ok();
    assert_eq!(hall.profile(5001).await["email"], "test@aghanim.com");
    let mut strange = sample("2D2R-OP3C");
    strange["event_id"] = json!("whevt_AAAAAAAAAAAAAAAAAAAAAAAAAB");
    hall.deliver_signed(HALL_SECRET, "1725548450", strange.to_string()).await.error(200, "not_found");
}

#[tokio::test]
async fn a_missing_header_is_a_bad_signature() {
    let hall = Hall::open().await;
    let (body, now) = (update(5001, json!({})).to_string(), now_sec().to_string());
    let good = signature(HALL_SECRET, &now, &body);
    for (timestamp, signature) in [(None, None), (Some(now.as_str()), None), (None, Some(good.as_str()))] {
        deliver_with(&hall, timestamp, signature, &body).await.error(403, "invalid_signature");
    }
    deliver_with(&hall, Some(&now), Some(&good), &body).await.error(200, "not_found");
}

#[tokio::test]
async fn upper_case_hex_is_a_bad_signature() {
    let hall = Hall::open().await;
    let (body, now) = (update(5001, json!({})).to_string(), now_sec().to_string());
    let upper = signature(HALL_SECRET, &now, &body).to_uppercase();
    deliver_with(&hall, Some(&now), Some(&upper), &body).await.error(403, "invalid_signature");
}

#[tokio::test]
async fn a_signature_of_the_wrong_length_or_of_no_hex_is_bad() {
    let hall = Hall::open().await;
    let (body, now) = (update(5001, json!({})).to_string(), now_sec().to_string());
    let good = signature(HALL_SECRET, &now, &body);
    let bad = [
        String::new(),
        good[..63].to_owned(),
        good[..62].to_owned(),
        format!("{good}0"),
        format!("{good}{good}"),
        format!("sha256={good}"),
        format!("0x{}", &good[2..]),
        format!("g{}", &good[1..]),
        "z".repeat(64),
        format!("{good},{good}"),
    ];
    for signature in bad {
        deliver_with(&hall, Some(&now), Some(&signature), &body).await.error(403, "invalid_signature");
    }
}

#[tokio::test]
async fn a_timestamp_that_is_no_short_decimal_number_is_bad_even_when_it_was_signed() {
    let hall = timeless().await;
    let body = update(5001, json!({})).to_string();
    for timestamp in ["", "now", "-1", "+1700000000", "1.7e9", "1700000000.0", "0x6553f100", "1700000000000", "1,7"] {
        hall.deliver_signed(HALL_SECRET, timestamp, body.clone()).await.error(403, "invalid_signature");
    }
    hall.deliver_signed(HALL_SECRET, "999999999999", body).await.error(200, "not_found");
}

#[tokio::test]
async fn a_stale_or_future_timestamp_is_a_bad_signature_and_one_within_the_window_is_good() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    for (away, is_good) in [(-310, false), (310, false), (-86_400, false), (-290, true), (290, true), (0, true)] {
        let body = update(5001, json!({ "name": "Ann" })).to_string();
        let reply = hall.deliver_signed(HALL_SECRET, &(now_sec() + away).to_string(), body).await;
        if is_good {
            reply.ok();
        } else {
            reply.error(403, "invalid_signature");
        }
    }
    assert_eq!(hall.events("").await.len(), 3);
}

#[tokio::test]
async fn the_window_is_a_setting_and_zero_turns_it_off() {
    let narrow = Hall::configured("", "freshness_sec = 30").await;
    let body = update(5001, json!({})).to_string();
    narrow
        .deliver_signed(HALL_SECRET, &(now_sec() - 40).to_string(), body.clone())
        .await
        .error(403, "invalid_signature");
    narrow.deliver_signed(HALL_SECRET, &(now_sec() - 20).to_string(), body.clone()).await.error(200, "not_found");
    let off = timeless().await;
    for timestamp in ["0", "1", "1700000000", "99999999999"] {
        off.deliver_signed(HALL_SECRET, timestamp, body.clone()).await.error(200, "not_found");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_a_bad_signature() {
    let hall = Hall::open().await;
    let (body, now) = (update(5001, json!({})).to_string(), now_sec().to_string());
    for secret in ["", "test-secret-2", "test-secret-", "Test-secret-1", "<YOUR_S2S_KEY>"] {
        hall.deliver_signed(secret, &now, body.clone()).await.error(403, "invalid_signature");
    }
}

#[tokio::test]
async fn the_secret_of_another_game_signs_nothing_for_this_one() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let body = update(5001, json!({ "name": "Mallory" })).to_string();
    let reply = hall.deliver_signed(ANNEX_SECRET, &now_sec().to_string(), body).await;
    reply.error(400, "validation_error");
    assert_ne!(hall.profile(5001).await["name"], "Mallory");
}

#[tokio::test]
async fn during_a_rotation_both_secrets_work_and_afterwards_only_the_new_one() {
    let mut hall = Hall::open().await;
    hall.token(5001).await;
    for secret in [HALL_SECRET, HALL_NEXT_SECRET] {
        let body = update(5001, json!({ "name": "Ann" })).to_string();
        hall.deliver_signed(secret, &now_sec().to_string(), body).await.ok();
    }
    hall.node.stop().await;
    let rotated = tables("", "").replace(&format!("\"{HALL_SECRET}\", "), "");
    hall.node.reconfigure(|builder| builder.replace_tables(&rotated));
    hall.node.restart().await;
    let body = update(5001, json!({ "name": "Bob" })).to_string();
    hall.deliver_signed(HALL_SECRET, &now_sec().to_string(), body.clone()).await.error(403, "invalid_signature");
    hall.deliver_signed(HALL_NEXT_SECRET, &now_sec().to_string(), body).await.ok();
}

#[tokio::test]
async fn a_body_changed_by_one_byte_is_a_bad_signature_wherever_the_byte_is() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let (body, now) = (update(5001, json!({ "name": "Ann" })).to_string(), now_sec().to_string());
    let good = signature(HALL_SECRET, &now, &body);
    for at in (0..body.len()).step_by(11).chain([body.len() - 1]) {
        let mut changed = body.clone().into_bytes();
        changed[at] ^= 1;
        let request = hall.aghanim(changed).header(TIMESTAMP, &now).header(SIGNATURE, &good);
        reply_to(request).await.expect("the node answers").error(403, "invalid_signature");
    }
    for changed in [format!("{body} "), format!(" {body}"), body[..body.len() - 1].to_owned()] {
        deliver_with(&hall, Some(&now), Some(&good), &changed).await.error(403, "invalid_signature");
    }
    let later = (now_sec() + 1).to_string();
    deliver_with(&hall, Some(&later), Some(&good), &body).await.error(403, "invalid_signature");
    deliver_with(&hall, Some(&now), Some(&good), &body).await.ok();
}

#[tokio::test]
async fn what_was_refused_is_neither_read_nor_recorded() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let (body, now) = (update(5001, json!({ "name": "Mallory" })).to_string(), now_sec().to_string());
    for body in [body.as_str(), "{", "", "[]", "\u{0}"] {
        hall.deliver_signed("guessed", &now, body).await.error(403, "invalid_signature");
    }
    assert_ne!(hall.profile(5001).await["name"], "Mallory");
    assert_eq!(hall.events("").await, Vec::<Value>::new());
    // The id is as free as before.
    hall.deliver_signed(HALL_SECRET, &now, body).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Mallory");
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_too_large() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let mut largest = event("coupon.redeemed", json!({ "player_id": "5001", "pad": "" }));
    let pad = (1 << 20) - largest.to_string().len();
    largest["event_data"]["pad"] = json!("x".repeat(pad));
    assert_eq!(largest.to_string().len(), 1 << 20);
    hall.deliver(&largest).await.ok();
    let too_large = event("coupon.redeemed", largest["event_data"].clone());
    hall.deliver_bytes(format!("{too_large} ")).await.is_error(413);
    assert_eq!(hall.events("").await.len(), 1);
}

#[tokio::test]
async fn another_method_or_path_is_told_in_the_same_shape() {
    let hall = Hall::open().await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        reply_to(hall.node.request(method, AGHANIM)).await.expect("the node answers").is_error(405);
    }
    let elsewhere =
        hall.node.request(Method::POST, &format!("{AGHANIM}/more")).header(CONTENT_TYPE, "application/json");
    reply_to(elsewhere).await.expect("the node answers").is_error(404);
}
