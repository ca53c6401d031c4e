//! Hive's suspensions: who may send them, what is a good batch, and that it is stored whole or not at all ("Hive user
//! suspension", 2, 3, 5, 6).

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::answers::{with, without};
use crate::support::deployment::embedded_only;
use crate::support::key::now_ms;
use crate::support::webhooks::{
    ANNEX_BEARER, ANNEX_INDEX, FOR_GOOD, HALL_BEARER, HALL_NEXT_BEARER, SUSPENSIONS, batch, date, limited, permanent,
    reply_to, row,
};
use crate::support::{Hall, eventually};

const DAY: i64 = 86_400_000;
const START: &str = "2025-01-01 00:00:00";

/// Nobody of these is suspended, and nothing was recorded.
async fn assert_nothing_stored(hall: &Hall, players: &[i64]) {
    for player in players {
        assert!(!hall.is_suspended(*player).await, "{player} is suspended");
    }
    assert_eq!(hall.events("").await, Vec::<Value>::new());
}

/// `from` and `until` as the operator sees them.
async fn period(hall: &Hall, player: i64) -> (Value, Value) {
    let seen = hall.view(player).await["suspension"].clone();
    (seen["from"].clone(), seen["until"].clone())
}

fn millis(text: &str) -> i64 {
    format!("{}Z", text.replace(' ', "T")).parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

#[tokio::test]
async fn a_batch_is_stored_and_answered_0() {
    let hall = Hall::open().await;
    let until = date(now_ms() + DAY, 0);
    hall.suspend(&[row(5001, "B", START, &until), permanent(24_000_000_001)]).await.result(200, 0);
    assert_eq!(period(&hall, 5001).await, (json!(millis(START)), json!(millis(&until))));
    assert!(hall.is_suspended(24_000_000_001).await);
}

#[tokio::test]
async fn a_missing_or_wrong_bearer_is_4002() {
    let hall = Hall::open().await;
    let body = batch(&[permanent(5001)]).to_string();
    reply_to(hall.hive(body.clone())).await.expect("an answer").result(401, 4002);
    let wrong = [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        HALL_BEARER.to_owned(),
        format!("Basic {HALL_BEARER}"),
        format!("Bearer {HALL_BEARER}x"),
        format!("Bearer {}", &HALL_BEARER[..HALL_BEARER.len() - 1]),
        format!("Bearer {}", HALL_BEARER.to_uppercase()),
        "Bearer certification-key-of-hall-0123456789".to_owned(),
        "Bearer api-key-of-hall-0123456789".to_owned(),
    ];
    for header in wrong {
        let reply = reply_to(hall.hive(body.clone()).header(AUTHORIZATION, &header)).await.expect("an answer");
        assert_eq!((reply.status, &reply.body), (401, &json!({ "result_code": 4002 })), "{header:?}");
    }
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn the_bearer_is_compared_before_the_body_is_read() {
    let hall = Hall::open().await;
    let large = "x".repeat((1 << 20) + 1);
    for body in ["", "{", "\u{0}", large.as_str()] {
        reply_to(hall.hive(body.to_owned())).await.expect("an answer").result(401, 4002);
    }
    let stranger = hall.node.request(Method::POST, SUSPENSIONS).header(CONTENT_TYPE, "text/plain").body("x");
    reply_to(stranger).await.expect("an answer").result(401, 4002);
}

#[tokio::test]
async fn during_a_rotation_both_bearers_work() {
    let hall = Hall::open().await;
    for (player, bearer) in [(5001, HALL_BEARER), (5002, HALL_NEXT_BEARER)] {
        let request = hall.hive(batch(&[permanent(player)]).to_string()).bearer_auth(bearer);
        reply_to(request).await.expect("an answer").result(200, 0);
        eventually("suspended", async || hall.is_suspended(player).await.then_some(())).await;
    }
}

#[tokio::test]
async fn another_method_is_4050() {
    let hall = Hall::open().await;
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = hall.node.request(method, SUSPENSIONS).bearer_auth(HALL_BEARER);
        reply_to(request).await.expect("an answer").result(405, 4050);
    }
}

#[tokio::test]
async fn another_content_type_is_4150_and_parameters_are_fine() {
    let hall = Hall::open().await;
    let send = async |kind: Option<&str>| {
        let request = hall.node.request(Method::POST, SUSPENSIONS).bearer_auth(HALL_BEARER);
        let request = kind.iter().fold(request, |request, kind| request.header(CONTENT_TYPE, *kind));
        reply_to(request.body(batch(&[permanent(5001)]).to_string())).await.expect("an answer")
    };
    for kind in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonp")] {
        send(kind).await.result(415, 4150);
    }
    assert_nothing_stored(&hall, &[5001]).await;
    for kind in ["application/json", "application/json; charset=utf-8", "Application/JSON"] {
        send(Some(kind)).await.result(200, 0);
    }
}

#[tokio::test]
async fn a_body_of_one_mebibyte_is_taken_and_one_byte_more_is_4130() {
    let hall = Hall::open().await;
    let body = batch(&[permanent(5001)]).to_string();
    let largest = format!("{body}{}", " ".repeat((1 << 20) - body.len()));
    hall.suspend_bytes(format!("{largest} ")).await.result(413, 4130);
    assert_nothing_stored(&hall, &[5001]).await;
    hall.suspend_bytes(largest).await.result(200, 0);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_4000() {
    let hall = Hall::open().await;
    let nested = "[".repeat(100_000);
    for body in ["", "{", "[]", "null", "1", "\"x\"", "not json", nested.as_str()] {
        hall.suspend_bytes(body.to_owned()).await.result(400, 4000);
    }
    let mut invalid = batch(&[permanent(5002)]).to_string().into_bytes();
    let at = invalid.windows(4).position(|four| four == b"game").expect("it is there") + 20;
    invalid.insert(at, 0xff);
    hall.suspend_bytes(invalid).await.result(400, 4000);
    assert!(!hall.is_suspended(5002).await);
}

#[tokio::test]
async fn a_missing_field_or_one_of_the_wrong_type_is_4000() {
    let hall = Hall::open().await;
    let good = batch(&[permanent(5001)]);
    for key in ["game_index", "server_url", "data"] {
        hall.suspend_batch(&without(good.clone(), key)).await.result(400, 4000);
        hall.suspend_batch(&with(good.clone(), key, json!({}))).await.result(400, 4000);
        hall.suspend_batch(&with(good.clone(), key, Value::Null)).await.result(400, 4000);
    }
    for key in ["player_id", "status", "start_date", "end_date"] {
        hall.suspend(&[without(permanent(5001), key)]).await.result(400, 4000);
        hall.suspend(&[with(permanent(5001), key, json!([]))]).await.result(400, 4000);
        hall.suspend(&[with(permanent(5001), key, Value::Null)]).await.result(400, 4000);
    }
    for id in [json!(9_223_372_036_854_775_808_u64), json!(1.5), json!(true), json!("x")] {
        hall.suspend(&[with(permanent(5001), "player_id", id)]).await.result(400, 4000);
    }
    hall.suspend(&[json!(5001)]).await.result(400, 4000);
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn the_game_of_another_bearer_is_4000() {
    let hall = Hall::open().await;
    for game in [ANNEX_INDEX, 7, 0, -9, i64::MAX] {
        let other = with(batch(&[permanent(5001)]), "game_index", game);
        hall.suspend_batch(&other).await.result(400, 4000);
    }
    let request = hall.hive(batch(&[permanent(5001)]).to_string()).bearer_auth(ANNEX_BEARER);
    reply_to(request).await.expect("an answer").result(400, 4000);
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn a_key_that_is_there_twice_is_4000() {
    let hall = Hall::open().await;
    let good = batch(&[permanent(5001)]).to_string();
    for key in ["game_index", "player_id", "status"] {
        let twice = good.replacen(&format!("\"{key}\":"), &format!("\"{key}\":1,\"{key}\":"), 1);
        hall.suspend_bytes(twice).await.result(400, 4000);
    }
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn an_unknown_status_is_4000() {
    let hall = Hall::open().await;
    for status in ["N", "", "p", "b", "PB", "P ", "permanent"] {
        hall.suspend(&[row(5001, status, START, FOR_GOOD)]).await.result(400, 4000);
    }
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn a_bad_date_is_4000() {
    let hall = Hall::open().await;
    let bad = [
        "",
        "2025-01-01",
        "2025-01-01T00:00:00",
        "2025-01-01 00:00:00Z",
        "2025-01-01 00:00",
        "2025-13-01 00:00:00",
        "2025-02-29 00:00:00",
        "2025-01-01 24:00:00",
        "2025-01-01 00:60:00",
        "2025-1-1 0:0:0",
        "2025-01-01  00:00:00",
        " 2025-01-01 00:00:00",
        "2025-01-01 00:00:00.5",
        "0000-00-00 00:00:00",
        "10000-01-01 00:00:00",
        "now",
    ];
    for date in bad {
        hall.suspend(&[row(5001, "B", date, FOR_GOOD)]).await.result(400, 4000);
        hall.suspend(&[row(5001, "B", START, date)]).await.result(400, 4000);
        hall.suspend(&[row(5001, "P", date, FOR_GOOD)]).await.result(400, 4000);
    }
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn a_start_after_the_end_is_4000() {
    let hall = Hall::open().await;
    hall.suspend(&[row(5001, "B", "2030-01-02 00:00:00", "2030-01-01 00:00:00")]).await.result(400, 4000);
    hall.suspend(&[row(5001, "B", "2030-01-01 00:00:01", "2030-01-01 00:00:00")]).await.result(400, 4000);
    assert_nothing_stored(&hall, &[5001]).await;
}

#[tokio::test]
async fn a_batch_of_100_is_stored_and_one_of_101_is_4000() {
    let hall = Hall::open().await;
    let rows: Vec<_> = (1..=101).map(permanent).collect();
    hall.suspend(&rows).await.result(400, 4000);
    assert_nothing_stored(&hall, &[1, 50, 101]).await;
    hall.suspend(&rows[..100]).await.result(200, 0);
    for player in 1..=101 {
        assert_eq!(hall.is_suspended(player).await, player <= 100, "{player}");
    }
}

#[tokio::test]
async fn an_empty_list_is_answered_0_as_the_test_call_wants() {
    let hall = Hall::open().await;
    hall.suspend(&[]).await.result(200, 0);
    let elsewhere = with(batch(&[]), "server_url", "http://10.0.0.1/behind/a/proxy");
    hall.suspend_batch(&elsewhere).await.result(200, 0);
}

#[tokio::test]
async fn a_batch_with_one_bad_row_stores_nothing_wherever_the_row_is() {
    let hall = Hall::open().await;
    for at in [0, 1, 2] {
        let mut rows = [permanent(5001), permanent(5002), permanent(5003)];
        rows[at]["end_date"] = json!("never");
        hall.suspend(&rows).await.result(400, 4000);
    }
    assert_nothing_stored(&hall, &[5001, 5002, 5003]).await;
}

#[tokio::test]
async fn unknown_keys_and_another_server_url_are_fine() {
    let hall = Hall::open().await;
    let body = with(batch(&[with(permanent(5001), "reason", "cheating")]), "batch_index", 1);
    hall.suspend_batch(&with(body, "server_url", "https://elsewhere.example/")).await.result(200, 0);
    eventually("suspended", async || hall.is_suspended(5001).await.then_some(())).await;
}

#[tokio::test]
async fn while_the_store_fails_the_answer_is_5000_and_a_retry_succeeds() {
    embedded_only!("holds or breaks the database file of the node");
    let mut hall = Hall::open().await;
    hall.token(5001).await;
    let database = rusqlite::Connection::open(hall.node.data().join("guildhall.db")).expect("a database");
    database.busy_timeout(std::time::Duration::from_secs(5)).expect("a setting");
    database.execute_batch("ALTER TABLE inbox RENAME TO inbox_away").expect("the schema changes");
    hall.suspend(&[permanent(5001)]).await.result(500, 5000);
    database.execute_batch("ALTER TABLE inbox_away RENAME TO inbox").expect("the schema changes");
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert!(hall.is_suspended(5001).await);
    hall.node.kill(); // its log tells of the failure
}

#[tokio::test]
async fn a_record_that_vanishes_is_5000_and_a_retry_succeeds() {
    embedded_only!("holds or breaks the database file of the node");
    let mut hall = Hall::open().await;
    let database = rusqlite::Connection::open(hall.node.data().join("guildhall.db")).expect("a database");
    database.busy_timeout(std::time::Duration::from_secs(5)).expect("a setting");
    let vanish = "CREATE TRIGGER vanish AFTER INSERT ON inbox BEGIN DELETE FROM inbox WHERE cursor = NEW.cursor; END";
    database.execute_batch(vanish).expect("the schema changes");
    hall.suspend_batch(&batch(&[permanent(5001)])).await.result(500, 5000);
    database.execute_batch("DROP TRIGGER vanish").expect("the schema changes");
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert!(hall.is_suspended(5001).await);
    hall.node.kill(); // its log tells of the failure
}

#[tokio::test]
async fn what_was_answered_0_outlives_a_kill() {
    let mut hall = Hall::open().await;
    hall.suspend_batch(&batch(&[permanent(5001), limited(5002, 0, DAY)])).await.result(200, 0);
    hall.node.kill();
    hall.node.restart().await;
    assert_eq!(hall.events("").await.len(), 1);
    for player in [5001, 5002] {
        eventually("they are suspended", async || hall.is_suspended(player).await.then_some(())).await;
    }
}

#[tokio::test]
async fn what_cannot_be_carried_out_stays_pending_and_keeps_nothing_behind_it_waiting() {
    embedded_only!("holds or breaks the database file of the node");
    let mut hall = Hall::open().await;
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    hall.node.kill();
    let database = rusqlite::Connection::open(hall.node.data().join("guildhall.db")).expect("a database");
    let record = |game: &str, key: String, body: &str, at: i64| {
        let sql = "INSERT INTO inbox (game, source, key, body, at) VALUES (?, 'hive_suspension', ?, ?, ?)";
        database.execute(sql, (game, key, body.as_bytes(), at)).expect("a record");
    };
    let (at, good) = (now_ms() - 60_000, batch(&[permanent(5002)]).to_string());
    for number in 0..600 {
        record("gone", format!("gone {number}"), &good, at);
    }
    record("hall", "unreadable".into(), "?", at);
    // It was taken when the game had another number.
    record("hall", "renumbered".into(), &with(batch(&[permanent(5002)]), "game_index", 77).to_string(), at + 1);
    hall.node.restart().await;
    assert!(hall.is_suspended(5002).await);
    let pending = |game: &str| -> i64 {
        let sql = "SELECT count(*) FROM inbox WHERE answer IS NULL AND game = ?";
        database.query_row(sql, [game], |row| row.get(0)).expect("a count")
    };
    assert_eq!((pending("gone"), pending("hall")), (600, 1));
    hall.node.kill(); // its log tells of what is pending
}
