//! What a webhook does to those who are playing: sockets, logins, sessions and money.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::arcade::Seat;
use crate::support::http::success;
use crate::support::key::now_ms;
use crate::support::play::codes;
use crate::support::webhooks::{HALL_API_KEY, date, limited, permanent, row, update};
use crate::support::{Hall, eventually};

const DAY: i64 = 86_400_000;

async fn settlement(hall: &Hall, seat: &Seat) -> Option<Value> {
    let found = hall.node.admin(Method::GET, "/admin/v1/settlements", None).await;
    let all = success("settlements", found)["settlements"].as_array().expect("a list").clone();
    let mut mine = all.into_iter().filter(|row| row["session_id"] == seat.session.id.as_str());
    let row = mine.next();
    assert_eq!(mine.next(), None, "settled twice");
    row
}

/// Awaits the end of a session, and asserts that it was ended and settled because of the suspension.
async fn assert_ended(hall: &Hall, seat: &Seat) {
    let ended = async || {
        let beat = seat.session.heartbeat().await;
        (beat.status != 200 && beat.body["error"]["code"] != codes::SESSION_ENDING.1).then_some(beat)
    };
    eventually("the session ends", ended).await.refused(codes::SESSION_ENDED);
    let row = eventually("it is settled", async || settlement(hall, seat).await).await;
    assert_eq!(row["end_reason"], "suspended", "{row}");
    seat.session.end().await.refused(codes::ALREADY_ENDED);
}

/// What CONNECT and RECONNECT are answered, and how their sockets are closed when they are refused.
async fn assert_kept_out(hall: &Hall, player: i64) {
    for packet_type in ["CONNECT", "RECONNECT"] {
        let (mut client, response) = hall.log_in(player, packet_type).await;
        assert_eq!(response.status(), 403, "{packet_type}: {}", response.text);
        assert_eq!(client.expect_close().await.0, 1008, "{packet_type}");
    }
}

/// Asserts that a verify of the player is refused, and that the token is as good as before.
async fn assert_not_verified(hall: &Hall, player: i64) {
    let (_, token) = hall.ott("pc-of-somebody").await;
    for _ in 0..2 {
        hall.game_server(HALL_API_KEY).verify(&token, &player.to_string()).await.turned_away("SUSPENDED");
    }
    hall.game_server(HALL_API_KEY).session(&token, "6001").await;
}

#[tokio::test]
async fn the_live_socket_of_a_suspended_player_is_closed_with_4003_and_the_player_kept_out() {
    let hall = Hall::open().await;
    let (mut suspended, mut other) = (hall.connect(5001).await, hall.connect(5002).await);
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert_eq!(suspended.skip_to_close().await, (4003, "suspended".to_owned()));
    assert_kept_out(&hall, 5001).await;
    other.expect_no_packet().await;
}

#[tokio::test]
async fn the_live_session_of_a_suspended_player_is_ended_and_settled() {
    let hall = Hall::open().await;
    let (suspended, other) = (hall.seat(5001).await, hall.seat(5002).await);
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert_ended(&hall, &suspended).await;
    assert_eq!(other.session.heartbeat().await.data()["result"], "OK");
    suspended.launcher.heartbeat().await.data();
}

#[tokio::test]
async fn a_suspended_player_is_not_verified_and_the_token_stays_good_for_others() {
    let hall = Hall::open().await;
    hall.suspend(&[limited(5001, -DAY, DAY)]).await.result(200, 0);
    assert_not_verified(&hall, 5001).await;
}

#[tokio::test]
async fn every_session_of_a_player_who_sits_at_two_pcs_is_ended() {
    let hall = Hall::open().await;
    let first = hall.seat(5001).await;
    let (launcher, token) = hall.ott("pc-beside").await;
    let session = hall.game_server(HALL_API_KEY).session(&token, "5001").await;
    let second = Seat { launcher, session };
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert_ended(&hall, &first).await;
    assert_ended(&hall, &second).await;
}

#[tokio::test]
async fn a_suspension_that_begins_later_takes_effect_when_it_comes_and_not_before() {
    let hall = Hall::open().await;
    let (mut client, seat) = (hall.connect(5001).await, hall.seat(5001).await);
    // Dates have whole seconds: this one begins between one and two seconds from now.
    let from = (now_ms() / 1000 + 2) * 1000;
    hall.suspend(&[row(5001, "B", &date(from, 0), &date(from + DAY, 0))]).await.result(200, 0);
    client.expect_no_packet().await;
    assert_eq!(seat.session.heartbeat().await.data()["result"], "OK");
    assert_eq!(client.skip_to_close().await, (4003, "suspended".to_owned()));
    assert!(now_ms() >= from, "not before its time");
    assert_ended(&hall, &seat).await;
    assert_kept_out(&hall, 5001).await;
    assert_not_verified(&hall, 5001).await;
}

#[tokio::test]
async fn a_later_start_is_remembered_over_a_kill() {
    let mut hall = Hall::open().await;
    let seat = hall.seat(5001).await;
    let from = (now_ms() / 1000 + 3) * 1000;
    hall.suspend(&[row(5001, "B", &date(from, 0), &date(from + DAY, 0))]).await.result(200, 0);
    hall.node.kill();
    hall.node.restart().await;
    let mut client = hall.connect(5001).await;
    assert_eq!(client.skip_to_close().await, (4003, "suspended".to_owned()));
    assert_ended(&hall, &seat).await;
}

#[tokio::test]
async fn a_later_start_that_was_lifted_never_comes() {
    let hall = Hall::open().await;
    let (mut client, seat) = (hall.connect(5001).await, hall.seat(5001).await);
    let from = (now_ms() / 1000 + 2) * 1000;
    hall.suspend(&[row(5001, "B", &date(from, 0), &date(from + DAY, 0))]).await.result(200, 0);
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    // Another player's begins half a second later than it would have.
    let mut witness = hall.connect(5002).await;
    hall.suspend(&[row(5002, "B", &date(from + 1000, 0), &date(from + DAY, 0))]).await.result(200, 0);
    assert_eq!(witness.skip_to_close().await.0, 4003);
    client.expect_no_packet().await;
    assert_eq!(seat.session.heartbeat().await.data()["result"], "OK");
}

#[tokio::test]
async fn a_limited_suspension_expires_by_itself_and_everything_works_again() {
    let hall = Hall::open().await;
    let mut client = hall.connect(5001).await;
    let until = (now_ms() / 1000 + 3) * 1000;
    hall.suspend(&[row(5001, "B", &date(until - DAY, 0), &date(until, 0))]).await.result(200, 0);
    assert_eq!(client.skip_to_close().await.0, 4003);
    assert_eq!(hall.log_in(5001, "CONNECT").await.1.status(), 403);
    let back = async || (hall.log_in(5001, "RECONNECT").await.1.status() == 200).then_some(());
    eventually("the player is let in again", back).await;
    assert!(now_ms() >= until, "not before its time");
    assert_eq!(hall.seat(5001).await.session.heartbeat().await.data()["result"], "OK");
}

#[tokio::test]
async fn an_operator_lifts_a_suspension_early_and_everything_works_again() {
    let hall = Hall::open().await;
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    assert_kept_out(&hall, 5001).await;
    success("lift", hall.operator(Method::DELETE, 5001, "/suspension", None).await);
    let mut client = hall.connect(5001).await;
    assert_eq!(hall.seat(5001).await.session.heartbeat().await.data()["result"], "OK");
    client.expect_no_packet().await;
}

#[tokio::test]
async fn an_operators_suspension_ends_the_session_too() {
    let hall = Hall::open().await;
    let (mut client, seat) = (hall.connect(5001).await, hall.seat(5001).await);
    let body = Some(json!({ "reason": "cheating" }));
    success("suspend", hall.operator(Method::PUT, 5001, "/suspension", body).await);
    assert_eq!(client.skip_to_close().await, (4003, "suspended".to_owned()));
    assert_ended(&hall, &seat).await;
}

#[tokio::test]
async fn a_batch_of_100_reaches_everybody_in_it() {
    let hall = Hall::open().await;
    let (mut clients, mut seats) = (Vec::new(), Vec::new());
    for player in 5001..5011 {
        clients.push(hall.connect(player).await);
        seats.push(hall.seat(player).await);
    }
    let rows: Vec<_> = (5001..5101).map(permanent).collect();
    hall.suspend(&rows).await.result(200, 0);
    for client in &mut clients {
        assert_eq!(client.skip_to_close().await, (4003, "suspended".to_owned()));
    }
    for seat in &seats {
        assert_ended(&hall, seat).await;
    }
}

#[tokio::test]
async fn a_repeated_suspension_closes_and_settles_nothing_again() {
    let hall = Hall::open().await;
    let (mut client, seat) = (hall.connect(5001).await, hall.seat(5001).await);
    for _ in 0..3 {
        hall.suspend(&[permanent(5001)]).await.result(200, 0);
    }
    assert_eq!(client.skip_to_close().await.0, 4003);
    assert_ended(&hall, &seat).await;
}

#[tokio::test]
async fn a_change_of_a_profile_reaches_the_live_socket_when_that_is_set() {
    let hall = Hall::configured("", "notify_profile_update = true").await;
    let (mut client, mut other) = (hall.connect(5001).await, hall.connect(5002).await);
    let event = update(5001, json!({ "name": "Ann" }));
    hall.deliver(&event).await.ok();
    client.expect("NOTIFY_NOTICE").await;
    // A repeat, and what is older than what is there, tell nothing.
    hall.deliver(&event).await.ok();
    client.expect_no_packet().await;
    other.expect_no_packet().await;
}

#[tokio::test]
async fn a_change_of_a_profile_tells_the_live_socket_nothing_by_default() {
    let hall = Hall::open().await;
    let mut client = hall.connect(5001).await;
    hall.update(5001, json!({ "name": "Ann" })).await.ok();
    assert_eq!(hall.profile(5001).await["name"], "Ann");
    client.expect_no_packet().await;
}
