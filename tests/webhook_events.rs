//! The stream of accepted webhooks that game servers follow: in order, at least once, with cursors that stay.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::answers::{assert_instant, texts, with};
use crate::support::play::codes;
use crate::support::webhooks::{ANNEX_API_KEY, Reply, event, permanent, tables, update};
use crate::support::{Hall, eventually};

const EVENTS: (Method, &str) = (Method::GET, "/v1/events");
const STREAM: (Method, &str) = (Method::GET, "/v1/events/stream");

/// Delivers so many events; their ids.
async fn deliver(hall: &Hall, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let sent = event("coupon.redeemed", json!({ "player_id": "5001", "number": number }));
        hall.deliver(&sent).await.ok();
        ids.push(sent["event_id"].as_str().expect("a text").to_owned());
    }
    ids
}

fn ids(events: &[Value]) -> Vec<String> {
    texts(&json!(events), "id").into_iter().map(str::to_owned).collect()
}

fn cursor(event: &Value) -> u64 {
    event["cursor"].as_str().and_then(|text| text.parse().ok()).expect("a cursor is a decimal text")
}

#[tokio::test]
async fn an_event_is_told_with_its_source_type_id_time_and_whole_body() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let sent = update(5001, json!({ "name": "Ann" }));
    hall.deliver(&sent).await.ok();
    let answer = hall.page("").await;
    let data = answer.data();
    let keys: Vec<_> = data.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!((keys, &data["complete"]), (vec!["events", "next", "complete"], &json!(true)));
    let told = &data["events"][0];
    let keys: Vec<_> = told.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["cursor", "source", "type", "id", "received_at", "body"]);
    assert_eq!((&told["source"], &told["type"]), (&json!("aghanim"), &json!("player.update")));
    assert_eq!((&told["id"], &told["body"]), (&sent["event_id"], &sent));
    let instant: jiff::Timestamp = told["received_at"].as_str().and_then(|text| text.parse().ok()).expect("an instant");
    assert_instant(&told["received_at"], &json!(instant.as_millisecond()));
    assert_eq!(data["next"], told["cursor"]);
}

#[tokio::test]
async fn a_suspension_is_told_in_the_same_stream() {
    let hall = Hall::open().await;
    deliver(&hall, 1).await;
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    deliver(&hall, 1).await;
    let events = hall.events("").await;
    assert_eq!(texts(&json!(events), "source"), ["aghanim", "hive_suspension", "aghanim"]);
    assert_eq!(events[1]["type"], "suspension");
    assert!(events[1]["body"].to_string().contains("5001"), "{}", events[1]);
    assert!(cursor(&events[0]) < cursor(&events[1]) && cursor(&events[1]) < cursor(&events[2]));
}

#[tokio::test]
async fn the_events_are_paged_by_their_cursors_without_a_gap_or_a_repeat() {
    let hall = Hall::open().await;
    let sent = deliver(&hall, 7).await;
    let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let answer = hall.page(&format!("limit=2{after}")).await;
        let data = answer.data();
        let page = data["events"].as_array().expect("a list");
        assert_eq!(data["complete"], true, "nothing is missing: {data}");
        if page.is_empty() {
            break;
        }
        pages += 1;
        seen.extend(ids(page));
        after = format!("&after={}", data["next"].as_str().expect("a cursor"));
    }
    assert_eq!((seen, pages), (sent.clone(), 4));
    // A cursor stays: the same question has the same answer, whatever came since.
    let second = hall.events("").await[1]["cursor"].as_str().expect("a text").to_owned();
    deliver(&hall, 1).await;
    let answer = hall.page(&format!("after={second}&limit=1")).await;
    assert_eq!(ids(answer.data()["events"].as_array().expect("a list")), sent[2..3]);
}

#[tokio::test]
async fn at_the_end_nothing_comes_and_the_cursor_stays_where_it_is() {
    let hall = Hall::open().await;
    let empty = hall.page("").await;
    assert_eq!((&empty.data()["events"], &empty.data()["complete"]), (&json!([]), &json!(true)));
    deliver(&hall, 2).await;
    let next = hall.page("").await.data()["next"].as_str().expect("a cursor").to_owned();
    let end = hall.page(&format!("after={next}")).await;
    assert_eq!((&end.data()["events"], &end.data()["next"]), (&json!([]), &json!(next)));
    let sent = deliver(&hall, 1).await;
    let answer = hall.page(&format!("after={next}")).await;
    assert_eq!(ids(answer.data()["events"].as_array().expect("a list")), sent);
}

#[tokio::test]
async fn a_page_has_100_events_by_default_and_1000_at_most() {
    let hall = Hall::open().await;
    deliver(&hall, 103).await;
    for (query, count) in [("", 100), ("limit=1000", 103), ("limit=1", 1), ("limit=102", 102)] {
        let page = hall.page(query).await;
        assert_eq!(page.data()["events"].as_array().map(Vec::len), Some(count), "{query}");
    }
}

#[tokio::test]
async fn a_bad_cursor_or_limit_is_a_bad_request() {
    let hall = Hall::open().await;
    for query in ["after=x", "after=-1", "after=1.5", "limit=0", "limit=1001", "limit=x", "limit=-1", "sandbox=maybe"] {
        hall.page(query).await.refused(codes::BAD_REQUEST);
    }
    hall.page("after=99999999999999999999999").await.refused(codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_key_of_the_game_is_needed_and_shows_that_game_only() {
    let hall = Hall::open().await;
    deliver(&hall, 1).await;
    for operation in [EVENTS, STREAM] {
        hall.node.venue().call(operation.clone(), &[], String::new()).await.refused(codes::INVALID_API_KEY);
        let wrong = [("X-Api-Key", "guessed")];
        hall.node.venue().call(operation, &wrong, String::new()).await.refused(codes::INVALID_API_KEY);
    }
    let annex = hall.game_server(ANNEX_API_KEY).call(EVENTS, &json!({})).await;
    assert_eq!(annex.data()["events"], json!([]));
    let post = hall.game_server(ANNEX_API_KEY).call((Method::POST, "/v1/events"), &json!({})).await;
    post.refused(codes::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_stream_begins_with_what_there_is_and_goes_on_live() {
    let hall = Hall::open().await;
    hall.token(5001).await;
    let early = deliver(&hall, 3).await;
    let mut stream = hall.follow("after=0", None).await;
    let listed = hall.events("").await;
    for (id, listed) in early.iter().zip(&listed) {
        let sent = stream.next().await;
        assert_eq!((json!(sent.id), json!(id)), (listed["cursor"].clone(), listed["id"].clone()));
        assert_eq!((sent.event.as_str(), &sent.data), ("coupon.redeemed", listed));
    }
    hall.update(5001, json!({ "name": "Ann" })).await.ok();
    assert_eq!(stream.next().await.event, "player.update");
    hall.suspend(&[permanent(5001)]).await.result(200, 0);
    let sent = stream.next().await;
    assert_eq!((sent.event.as_str(), &sent.data["source"]), ("suspension", &json!("hive_suspension")));
    for id in deliver(&hall, 20).await {
        assert_eq!(stream.next().await.data["id"], json!(id));
    }
}

#[tokio::test]
async fn several_followers_each_get_everything() {
    let hall = Hall::open().await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(hall.follow("after=0", None).await);
    }
    let sent = deliver(&hall, 5).await;
    for stream in &mut streams {
        for id in &sent {
            assert_eq!(stream.next().await.data["id"], json!(id));
        }
    }
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event_that_was_seen_also_over_a_kill() {
    let mut hall = Hall::open().await;
    let sent = deliver(&hall, 4).await;
    let mut stream = hall.follow("after=0", None).await;
    stream.next().await;
    let last = stream.next().await.id;
    drop(stream);
    for (query, last_event_id) in [(format!("after={last}"), None), (String::new(), Some(last.as_str()))] {
        let mut resumed = hall.follow(&query, last_event_id).await;
        assert_eq!(resumed.next().await.data["id"], json!(sent[2]), "{query}");
    }
    // What a browser resends counts more than the address it began with.
    assert_eq!(hall.follow("after=0", Some(&last)).await.next().await.data["id"], json!(sent[2]));
    hall.node.kill();
    hall.node.restart().await;
    let mut resumed = hall.follow("", Some(&last)).await;
    assert_eq!(resumed.next().await.data["id"], json!(sent[2]));
    assert_eq!(resumed.next().await.data["id"], json!(sent[3]));
    let more = deliver(&hall, 1).await;
    assert_eq!(resumed.next().await.data["id"], json!(more[0]));
}

#[tokio::test]
async fn the_sandbox_has_a_stream_of_its_own() {
    let hall = Hall::open().await;
    let mut live = hall.follow("after=0", None).await;
    let mut sandboxed = hall.follow("after=0&sandbox=true", None).await;
    let there = with(event("coupon.redeemed", json!({})), "sandbox", true);
    hall.deliver(&there).await.ok();
    let here = deliver(&hall, 1).await;
    assert_eq!(live.next().await.data["id"], json!(here[0]));
    assert_eq!(sandboxed.next().await.data["id"], there["event_id"]);
    assert_eq!(ids(&hall.events("&sandbox=false").await), here);
    assert_eq!(hall.events("&sandbox=true").await.len(), 1);
}

#[tokio::test]
async fn the_oldest_events_go_when_there_are_more_than_are_kept() {
    let builder = Hall::builder().set("webhooks.keep_events", 1000);
    let mut hall = Hall { node: builder.tables(&tables("", "")).start().await };
    let sent: Vec<_> = (0..1030).map(|number| event("coupon.redeemed", json!({ "number": number }))).collect();
    for some in sent.chunks(103) {
        join_all(some.iter().map(|event| hall.deliver(event))).await.iter().for_each(Reply::ok);
    }
    let all = hall.events("").await;
    assert_eq!(all.len(), 1030);
    // A node looks at its start, and each minute.
    hall.node.stop().await;
    hall.node.restart().await;
    let trimmed = async || {
        let kept = hall.events("").await;
        (kept.len() <= 1000).then_some(kept)
    };
    let kept = eventually("the oldest events go", trimmed).await;
    assert_eq!(kept, all[30..], "the newest stay");
    // From a cursor that is gone, what is left comes, and that something is missing is told.
    let gone = hall.page("after=0&limit=1").await;
    assert_eq!((&gone.data()["events"][0], &gone.data()["complete"]), (&kept[0], &json!(false)));
    let there = hall.page(&format!("after={}", kept[0]["cursor"].as_str().expect("a cursor"))).await;
    assert_eq!(there.data()["complete"], true);
}

#[tokio::test]
async fn a_node_that_stops_ends_its_streams() {
    let mut hall = Hall::open().await;
    let mut stream = hall.follow("after=0", None).await;
    let sent = deliver(&hall, 1).await;
    assert_eq!(stream.next().await.data["id"], json!(sent[0]));
    hall.node.signal("TERM");
    assert!(stream.next_or_end().await.is_none());
    hall.node.expect_exit().await;
}
