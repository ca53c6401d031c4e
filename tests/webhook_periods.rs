//! How long a suspension holds: its two kinds, what a later one changes, and the time zone of its dates ("Hive user
//! suspension", 5 and 6).

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Hall;
use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::webhooks::{ANNEX_BEARER, ANNEX_INDEX, FOR_GOOD, batch, date, limited, permanent, reply_to, row};

const DAY: i64 = 86_400_000;
const HOUR: i64 = 3_600_000;
const START: &str = "2025-01-01 00:00:00";

/// `from` and `until` as the operator sees them.
async fn period(hall: &Hall, player: i64) -> (Value, Value) {
    let seen = hall.view(player).await["suspension"].clone();
    (seen["from"].clone(), seen["until"].clone())
}

/// What a CONNECT is answered.
async fn connect_status(hall: &Hall, player: i64) -> i64 {
    hall.log_in(player, "CONNECT").await.1.status()
}

fn millis(text: &str) -> i64 {
    format!("{}Z", text.replace(' ', "T")).parse::<jiff::Timestamp>().expect("an instant").as_millisecond()
}

#[tokio::test]
async fn the_dates_are_in_utc_when_nothing_else_is_set() {
    let hall = Hall::open().await;
    let until = date(now_ms() + DAY, 0);
    hall.suspend(&[row(5001, "B", START, &until)]).await.result(200, 0);
    assert_eq!(period(&hall, 5001).await, (json!(millis(START)), json!(millis(&until))));
}

#[tokio::test]
async fn the_dates_are_in_the_time_zone_that_is_set() {
    for (offset, hours) in [("+09:00", 9), ("-05:00", -5), ("+00:00", 0)] {
        let hall = Hall::configured(&format!("suspension_utc_offset = \"{offset}\""), "").await;
        let until = date(now_ms() + DAY, hours);
        hall.suspend(&[row(5001, "B", START, &until)]).await.result(200, 0);
        let (from, end) = (millis(START) - hours * HOUR, millis(&until) - hours * HOUR);
        assert_eq!(period(&hall, 5001).await, (json!(from), json!(end)), "{offset}");
    }
}

#[tokio::test]
async fn nine_hours_make_the_difference_between_over_and_in_force() {
    let (from, until) = (date(now_ms() - DAY, 0), date(now_ms() + HOUR, 0));
    let utc = Hall::open().await;
    utc.suspend(&[row(5001, "B", &from, &until)]).await.result(200, 0);
    assert_eq!(connect_status(&utc, 5001).await, 403);
    let seoul = Hall::configured("suspension_utc_offset = \"+09:00\"", "").await;
    seoul.suspend(&[row(5001, "B", &from, &until)]).await;
    assert_eq!(connect_status(&seoul, 5001).await, 200, "it ended eight hours ago");
    seoul.suspend(&[row(5001, "B", &date(now_ms() - HOUR, 9), &date(now_ms() + HOUR, 9))]).await.result(200, 0);
    assert_eq!(connect_status(&seoul, 5001).await, 403);
}

#[tokio::test]
async fn the_last_day_of_the_calendar_overflows_in_no_time_zone() {
    for offset in ["+00:00", "+09:00", "-12:00", "+14:00"] {
        let hall = Hall::configured(&format!("suspension_utc_offset = \"{offset}\""), "").await;
        let rows = [
            permanent(5001),
            row(5002, "B", START, FOR_GOOD),
            row(5003, "B", START, "9999-12-31 23:59:59"),
            row(5004, "P", "0001-01-01 00:00:00", "9999-12-31 23:59:59"),
        ];
        hall.suspend(&rows).await.result(200, 0);
        for player in 5001..=5004 {
            assert_eq!(connect_status(&hall, player).await, 403, "{player} at {offset}");
        }
    }
}

#[tokio::test]
async fn a_permanent_suspension_takes_no_notice_of_its_end() {
    let hall = Hall::open().await;
    hall.suspend(&[row(5001, "P", START, "2025-01-02 00:00:00")]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 403);
    assert_eq!(period(&hall, 5001).await.1, Value::Null);
}

#[tokio::test]
async fn a_limited_suspension_that_is_over_keeps_nobody_out() {
    let hall = Hall::open().await;
    let reply = hall.suspend(&[row(5001, "B", START, "2025-01-02 00:00:00")]).await;
    reply.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 200);
}

#[tokio::test]
async fn a_changed_suspension_takes_the_place_of_the_one_before() {
    let hall = Hall::open().await;
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    let changed = limited(5001, -DAY, DAY);
    hall.suspend(std::slice::from_ref(&changed)).await.result(200, 0);
    let end = millis(changed["end_date"].as_str().expect("a date"));
    assert_eq!(period(&hall, 5001).await.1, json!(end));
    hall.suspend(&[row(5001, "B", START, "2025-01-02 00:00:00")]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 200, "shortened to the past");
    hall.suspend(&[row(5001, "P", "2025-01-01 00:00:01", FOR_GOOD)]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 403);
}

#[tokio::test]
async fn an_identical_batch_is_answered_0_and_has_no_effect() {
    let hall = Hall::open().await;
    let rows = [permanent(5001), limited(5002, -DAY, DAY)];
    hall.suspend(&rows).await.result(200, 0);
    let (view, events) = (hall.view(5001).await, hall.events("").await);
    for _ in 0..3 {
        hall.suspend(&rows).await.result(200, 0);
    }
    assert_eq!((hall.view(5001).await, hall.events("").await), (view, events));
    // One that comes late does not undo what an operator has decided since.
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    hall.suspend(&rows).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 200);
}

#[tokio::test]
async fn of_one_player_twice_in_a_batch_the_last_row_holds() {
    let hall = Hall::open().await;
    let over = row(5001, "B", START, "2025-01-02 00:00:00");
    hall.suspend(&[permanent(5001), permanent(5002), over.clone()]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 200);
    hall.suspend(&[over, permanent(5001)]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 403);
    assert_eq!(connect_status(&hall, 5002).await, 403);
}

#[tokio::test]
async fn a_retransmission_after_an_operators_lift_is_what_the_platform_says_now() {
    let hall = Hall::open().await;
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    assert_eq!(connect_status(&hall, 5001).await, 200);
    hall.suspend(&[limited(5001, -DAY, DAY)]).await.result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 403);
}

#[tokio::test]
async fn the_same_player_of_another_game_is_somebody_else() {
    let hall = Hall::open().await;
    let mut there = batch(&[permanent(5001)]);
    there["game_index"] = json!(ANNEX_INDEX);
    let request = hall.hive(there.to_string()).bearer_auth(ANNEX_BEARER);
    reply_to(request).await.expect("an answer").result(200, 0);
    assert_eq!(connect_status(&hall, 5001).await, 200);
    assert!(!hall.is_suspended(5001).await);
}

#[tokio::test]
async fn a_batch_that_is_said_again_after_another_one_holds_again() {
    let hall = Hall::open().await;
    let limited = |days| row(5001, "B", START, &date((now_ms() / DAY + days) * DAY, 0));
    let (week, fortnight) = (limited(8), limited(15));
    for said in [&permanent(5001), &week, &permanent(5001), &fortnight, &week, &fortnight, &permanent(5001)] {
        for _ in 0..2 {
            hall.suspend(std::slice::from_ref(said)).await.result(200, 0);
            let until = if said["status"] == "P" {
                Value::Null
            } else {
                json!(millis(said["end_date"].as_str().expect("a date")))
            };
            assert_eq!(period(&hall, 5001).await.1, until, "{said}");
        }
    }
    assert_eq!(hall.events("").await.len(), 7, "each once, and no repeat");
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    for said in [permanent(5001), fortnight, week] {
        hall.suspend(&[said]).await.result(200, 0);
        assert!(!hall.is_suspended(5001).await, "a late retransmission does not undo an operator");
    }
}
