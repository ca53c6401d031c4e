//! `GET /metrics`: what it tells, that it tells exactly what was done, and that it tells nothing about anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use guildhall::metrics::{METRICS, Metric};
use reqwest::Method;
use serde_json::json;

use crate::support::client::login_body;
use crate::support::deployment::embedded_only;
use crate::support::http::send;
use crate::support::key::LoginKey;
use crate::support::node::{ADMIN_KEY, SOCKET_PATH};
use crate::support::play::codes;
use crate::support::scrape::{Scrape, Series};
use crate::support::webhooks::{HALL_API_KEY, HALL_SECRET, now_sec, permanent, tables, update};
use crate::support::{Client, Hall, Node, ROOM, RawSocket, eventually, room};

/// What a node has sent is told a second later; everything else at once.
const PATIENCE: Duration = Duration::from_secs(5);

/// Series with their labels, and how much each has grown.
type Growth<'a> = [(&'a str, &'a [(&'a str, &'a str)], f64)];

/// Scrapes until the metrics named have grown by exactly this since `before`, and those of `still` not at all.
async fn grows(node: &Node, before: &Scrape, still: &[&str], growth: &Growth<'_>) {
    grows_but(node, before, still, growth, |_| false).await;
}

/// The same without the series that do not matter here.
async fn grows_but(
    node: &Node,
    before: &Scrape,
    still: &[&str],
    growth: &Growth<'_>,
    is_other: impl Fn(&Series) -> bool,
) {
    let wanted: BTreeMap<_, _> = growth.iter().map(|(name, labels, by)| (Series::new(name, labels), *by)).collect();
    let names: BTreeSet<_> = growth.iter().map(|(name, ..)| *name).chain(still.iter().copied()).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut grown = Scrape::of(node).await.growth_since(before);
        grown.retain(|series, _| names.contains(series.name.as_str()) && !is_other(series));
        if grown == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "grown: {grown:#?}\nwanted: {wanted:#?}");
        tokio::task::yield_now().await;
    }
}

async fn value(node: &Node, name: &str) -> f64 {
    Scrape::of(node).await.value(name, &[])
}

async fn becomes(node: &Node, name: &str, wanted: f64) {
    eventually(&format!("{name} is {wanted}"), async || (value(node, name).await == wanted).then_some(())).await;
}

/// One of everything that leaves a trace: chat, play and webhooks.
async fn live_a_little(hall: &Hall) {
    let [mut anna, _ben] = room(&hall.node, [1, 2]).await;
    assert_eq!(anna.say(ROOM, "hello").await.status(), 200);
    let seat = hall.seat(6001).await;
    assert_eq!(seat.session.heartbeat().await.status, 200);
    assert_eq!(hall.update(6001, json!({ "name": "Anna" })).await.status, 200);
}

#[tokio::test]
async fn metrics_are_open_and_in_the_format_of_prometheus() {
    let node = Node::start().await;
    let response = node.admin_request(Method::GET, "/metrics").send().await.expect("the node answers");
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let (status, _) = send("POST", node.admin_request(Method::POST, "/metrics")).await;
    assert_eq!(status, 405);
    let (status, _) = send("public", node.request(Method::GET, "/metrics")).await;
    assert_eq!(status, 404, "the public listener has none");
}

#[tokio::test]
async fn what_is_scraped_is_what_the_table_says() {
    let hall = Hall::open().await;
    live_a_little(&hall).await;
    let scrape = Scrape::of(&hall.node).await;
    let of_table = |series: &Series| {
        let name = scrape.metric(series);
        METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name} is not in the table"))
    };
    for series in scrape.samples.keys() {
        assert_of(of_table(series), series);
    }
    for Metric { name, kind, meaning, .. } in METRICS {
        assert_eq!(scrape.kinds.get(*name).map(String::as_str), Some(kind.as_str()), "{name}");
        assert_eq!(scrape.help.get(*name).map(String::as_str), Some(*meaning), "{name}");
    }
}

/// Asserts that a series has the labels of its metric, each with one of the values listed.
#[track_caller]
fn assert_of(metric: &Metric, series: &Series) {
    let mut labels = series.labels.clone();
    if series.name.ends_with("_bucket") {
        assert!(labels.remove("le").is_some(), "{series:?}");
    }
    for listed in metric.labels {
        let value = labels.remove(listed.label).unwrap_or_else(|| panic!("{series:?} lacks {}", listed.label));
        assert!(listed.values.is_empty() || listed.values.contains(&value.as_str()), "{series:?}");
    }
    assert!(labels.is_empty(), "{series:?} has other labels than the table");
}

#[tokio::test]
async fn a_histogram_counts_up_to_all() {
    let hall = Hall::open().await;
    live_a_little(&hall).await;
    let scrape = Scrape::of(&hall.node).await;
    let mut found = 0;
    let all = |series: &&Series| series.labels.get("le").is_some_and(|le| le == "+Inf");
    for series in scrape.samples.keys().filter(all) {
        let buckets = scrape.samples.iter().filter_map(|(bucket, count)| {
            let mut others = bucket.labels.clone();
            let le: f64 = others.remove("le")?.parse().expect("a number");
            let same = series.labels.iter().all(|(label, value)| label == "le" || others.get(label) == Some(value));
            (bucket.name == series.name && same).then_some((le, *count))
        });
        let mut buckets: Vec<_> = buckets.collect();
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.is_sorted_by(|one, other| one.1 <= other.1), "{series:?}: {buckets:?}");
        assert_eq!((buckets.len(), buckets[0].0, buckets[16].0), (18, 0.000_05, 10.0), "{series:?}");
        let mut labels = series.labels.clone();
        labels.remove("le");
        let count = Series { name: series.name.replace("_bucket", "_count"), labels };
        assert_eq!(scrape.samples[&count], buckets[17].1, "{series:?}");
        found += 1;
    }
    assert!(found > 10, "{}", scrape.text);
}

#[tokio::test]
async fn sockets_and_logins_are_counted_one_by_one() {
    let node = Node::start().await;
    let before = Scrape::of(&node).await;
    let mut first = Client::connect(&node, 1).await;
    let second = Client::connect(&node, 1).await;
    assert_eq!(first.skip_to_close().await.0, 4000);
    let mut stranger = Client::open(&node, 2).await;
    let refused = stranger.request("RECONNECT", login_body(2, "no key")).await;
    assert_eq!((refused.status(), stranger.skip_to_close().await.0), (401, 1008));
    Client::connect(&node, 3).await.vanish();
    becomes(&node, "guildhall_logouts_total", 1.0).await;
    let (third, _) = Client::reconnect(&node, 3).await;
    let (status, _) = send("an upgrade of nothing", upgrade(&node, "/elsewhere")).await;
    assert_eq!(status, 404);
    becomes(&node, "guildhall_connections", 2.0).await;
    let growth: &Growth<'_> = &[
        ("guildhall_logins_total", &[("kind", "connect"), ("outcome", "ok")], 3.0),
        ("guildhall_logins_total", &[("kind", "reconnect"), ("outcome", "ok")], 1.0),
        ("guildhall_logins_total", &[("kind", "reconnect"), ("outcome", "unauthorized")], 1.0),
        ("guildhall_second_logins_total", &[], 1.0),
        ("guildhall_logouts_total", &[], 1.0),
        ("guildhall_closes_total", &[("code", "4000"), ("reason", "second login")], 1.0),
        ("guildhall_closes_total", &[("code", "1008"), ("reason", "401 Unauthorized")], 1.0),
        ("guildhall_closes_total", &[("code", "1006"), ("reason", "lost")], 1.0),
        ("guildhall_socket_upgrades_total", &[("outcome", "accepted")], 5.0),
        ("guildhall_socket_upgrades_total", &[("outcome", "refused")], 1.0),
    ];
    grows(&node, &before, &["guildhall_actor_crashes_total"], growth).await;
    second.close().await;
    third.close().await;
    becomes(&node, "guildhall_connections", 0.0).await;
    becomes(&node, "guildhall_logouts_total", 3.0).await;
}

/// Logs in with a key of the game server's own making: issuing one would write, too. Answers how often that had the
/// store change something about a player.
async fn changes_by_login(node: &Node, player: i64) -> (Client, f64) {
    let labels = [("port", "players"), ("operation", "write")];
    let changes = async || Scrape::of(node).await.value("guildhall_store_call_seconds_count", &labels);
    let (mut client, before) = (Client::open(node, player).await, changes().await);
    let response = client.request("CONNECT", login_body(player, &LoginKey::of(player).sign())).await;
    assert_eq!(response.status(), 200);
    (client, changes().await - before)
}

#[tokio::test]
async fn a_login_is_one_step_of_the_store_unless_a_lost_socket_left_something() {
    let node = Node::start().await;
    Client::connect(&node, 1).await.vanish();
    becomes(&node, "guildhall_logouts_total", 1.0).await;
    let (_back, changes) = changes_by_login(&node, 1).await;
    assert_eq!(changes, 2.0, "the claim, and what was left is cleared");
    let (_new, changes) = changes_by_login(&node, 2).await;
    assert_eq!(changes, 1.0, "the claim");
}

fn upgrade(node: &Node, path: &str) -> reqwest::RequestBuilder {
    let request = node.request(Method::GET, path).header("Connection", "Upgrade").header("Upgrade", "websocket");
    request.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
}

#[tokio::test]
async fn every_frame_and_byte_that_leaves_is_counted() {
    let node = Node::start().await;
    let before = Scrape::of(&node).await;
    let (mut client, welcome) = Client::log_in(&node, 1, "CONNECT", json!({})).await;
    let refused = client.say("nowhere", "hello").await;
    // A frame of 126 bytes and more has a head of four bytes, a shorter one of two (RFC 6455, section 5.2).
    let head = |text: &str| if text.len() < 126 { 2 } else { 4 };
    let bytes: usize = [&welcome.text, &refused.text].iter().map(|text| text.len() + head(text)).sum();
    let growth: &Growth<'_> =
        &[("guildhall_frames_sent_total", &[], 2.0), ("guildhall_sent_bytes_total", &[], bytes as f64)];
    grows(&node, &before, &[], growth).await;
}

#[tokio::test]
async fn what_happens_in_channels_is_counted_by_kind() {
    let node = Node::start().await;
    let before = Scrape::of(&node).await;
    let [mut anna, mut ben] = room(&node, [1, 2]).await;
    // By each node that has members of it.
    let following = value(&node, "guildhall_channels_followed").await;
    assert!((1.0..=node.each().len() as f64).contains(&following), "{following}");
    for _ in 0..3 {
        assert_eq!(anna.say(ROOM, "hello").await.status(), 200);
        ben.skip_to("NOTIFY_CHANNEL_CHAT").await;
    }
    assert_eq!(anna.say("nowhere", "hello").await.status(), 400);
    node.api().notice(ROOM, "attention").await;
    node.api().exit(ROOM, 1).await;
    node.api().delete_channel(ROOM).await;
    ben.skip_to("NOTIFY_DELETE_CHANNEL").await;
    let growth: &Growth<'_> = &[
        ("guildhall_events_appended_total", &[("kind", "entered")], 2.0),
        ("guildhall_events_appended_total", &[("kind", "chat")], 3.0),
        ("guildhall_events_appended_total", &[("kind", "notice")], 1.0),
        ("guildhall_events_appended_total", &[("kind", "exited")], 1.0),
        ("guildhall_events_appended_total", &[("kind", "deleted")], 1.0),
        // One was refused.
        ("guildhall_publish_seconds_count", &[], 5.0),
    ];
    grows(&node, &before, &[], growth).await;
    let lag = Scrape::of(&node).await.growth_since(&before);
    let lag = lag[&Series::new("guildhall_delivery_lag_seconds_count", &[])];
    // The first ENTER rang before anybody here was listening, or just after; a node that has one of the two members
    // delivers from that one's ENTER to that one's EXIT.
    let (least, most) = if following == 1.0 { (7.0, 8.0) } else { (10.0, 15.0) };
    assert!((least..=most).contains(&lag), "{lag} deliveries");
    becomes(&node, "guildhall_channels_followed", 0.0).await;
}

#[tokio::test]
async fn play_and_its_money_are_counted() {
    // Each worker thread that is asked has an actor of its own.
    let node = Hall::builder().set("listen.workers", 1).tables(&tables("", "")).start().await;
    let hall = Hall { node };
    let before = Scrape::of(&hall.node).await;
    let seat = hall.seat(6001).await;
    for _ in 0..3 {
        assert_eq!(seat.session.heartbeat().await.status, 200);
    }
    let actors = value(&hall.node, "guildhall_session_actors").await;
    assert!((1.0..=hall.node.each().len() as f64).contains(&actors), "{actors}");
    assert_eq!(seat.session.end().await.status, 200);
    seat.session.heartbeat().await.refused(codes::SESSION_ENDED);
    let growth: &Growth<'_> = &[
        ("guildhall_sessions_started_total", &[], 1.0),
        ("guildhall_sessions_ended_total", &[("reason", "normal")], 1.0),
        ("guildhall_heartbeats_total", &[("outcome", "ok")], 3.0),
        ("guildhall_heartbeats_total", &[("outcome", "ended")], 1.0),
        ("guildhall_settlements_total", &[], 1.0),
        ("guildhall_settled_coins_total", &[], 1.0),
    ];
    grows(&hall.node, &before, &[], growth).await;
    let scrape = Scrape::of(&hall.node).await;
    assert!(scrape.value("guildhall_session_commits_total", &[("outcome", "done")]) >= 6.0);
    assert_eq!(scrape.value("guildhall_session_commits_total", &[("outcome", "failed")]), 0.0);
}

#[tokio::test]
async fn webhooks_are_counted_by_who_pushed_and_what_was_answered() {
    let hall = Hall::open().await;
    hall.token(6001).await;
    let before = Scrape::of(&hall.node).await;
    let event = update(6001, json!({ "name": "Anna" }));
    for _ in 0..2 {
        assert_eq!(hall.deliver(&event).await.status, 200);
    }
    assert_eq!(hall.deliver_bytes("no JSON").await.status, 400);
    assert_eq!(hall.deliver_signed("another secret", &now_sec().to_string(), event.to_string()).await.status, 403);
    hall.suspend(&[permanent(6002)]).await.result(200, 0);
    let growth: &Growth<'_> = &[
        ("guildhall_webhooks_total", &[("source", "aghanim"), ("outcome", "accepted")], 2.0),
        ("guildhall_webhooks_total", &[("source", "aghanim"), ("outcome", "refused")], 1.0),
        ("guildhall_webhooks_total", &[("source", "aghanim"), ("outcome", "unauthorized")], 1.0),
        ("guildhall_webhooks_total", &[("source", "hive_suspension"), ("outcome", "accepted")], 1.0),
        ("guildhall_webhook_repeats_total", &[], 1.0),
        ("guildhall_http_request_seconds_count", &[("group", "webhooks"), ("status", "2xx")], 3.0),
        ("guildhall_http_request_seconds_count", &[("group", "webhooks"), ("status", "4xx")], 2.0),
    ];
    let is_other = |series: &Series| series.labels.get("group").is_some_and(|group| group != "webhooks");
    grows_but(&hall.node, &before, &[], growth, is_other).await;
}

#[tokio::test]
async fn calls_over_a_rate_are_counted_by_the_limit() {
    let builder = Node::builder().set("limits.chat_burst", 1).set("limits.api_burst", 5).set("limits.api_per_sec", 1);
    let node = builder.set("limits.sockets_per_ip_burst", 1).set("limits.sockets_per_ip_per_sec", 1).start().await;
    let before = Scrape::of(&node).await;
    let mut client = Client::connect(&node, 1).await;
    let mut hasty = 0.0;
    for _ in 0..3 {
        let answer = client.whisper(2, "hello").await;
        hasty += f64::from(u8::from(answer.text.contains("Too many messages")));
    }
    let (mut busy, mut turned_away) = (0.0, 0.0);
    for _ in 0..10 * node.each().len() {
        busy += f64::from(u8::from(node.api().get("/channels").await.0 == 503));
        let (status, _) = send("one more socket", upgrade(&node, SOCKET_PATH).header("Origin", "http://x")).await;
        turned_away += f64::from(u8::from(status == 429));
    }
    assert!(hasty > 0.0 && busy > 0.0 && turned_away > 0.0, "{hasty} {busy} {turned_away}");
    let growth: &Growth<'_> = &[
        ("guildhall_rate_limited_total", &[("limit", "chat")], hasty),
        ("guildhall_rate_limited_total", &[("limit", "calls")], busy),
        ("guildhall_rate_limited_total", &[("limit", "sockets")], turned_away),
    ];
    grows(&node, &before, &[], growth).await;
}

#[tokio::test]
async fn a_healthy_node_is_told_as_such() {
    let hall = Hall::open().await;
    live_a_little(&hall).await;
    for gauge in ["guildhall_ready", "guildhall_subscription_up", "guildhall_lease_held"] {
        becomes(&hall.node, gauge, 1.0).await;
    }
    let scrape = Scrape::of(&hall.node).await;
    assert_eq!(scrape.value("guildhall_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), 1.0);
    for port in ["channels", "players", "sessions", "nodes", "inbox"] {
        let labels = [("port", port), ("operation", "write")];
        assert!(scrape.value("guildhall_store_call_seconds_count", &labels) > 0.0, "{port}");
        assert_eq!(scrape.value("guildhall_store_errors_total", &labels), 0.0, "{port}");
    }
    let now = now_sec() as f64;
    let started = scrape.value("process_start_time_seconds", &[]);
    assert!((now - 60.0..=now + 1.0).contains(&started), "{started}, now {now}");
    let memory = scrape.value("process_resident_memory_bytes", &[]);
    assert!((1e6..1e9).contains(&memory), "{memory}");
    assert!(scrape.value("process_open_fds", &[]) > 5.0);
    assert!(scrape.value("process_cpu_seconds_total", &[]) > 0.0);
}

#[tokio::test]
async fn a_draining_node_is_told_to_be_unready_and_why_its_sockets_end() {
    embedded_only!("a node without sockets has gone before it can be asked");
    let limits = Node::builder().set("limits.sockets_per_ip_burst", 1_000).set("limits.api_burst", 1_000);
    let mut node = limits.start().await;
    let mut client = Client::connect(&node, 1).await;
    // More than are closed at once, so that the drain pauses and the node can be asked.
    let mut crowd = Vec::new();
    for player in 2..=300 {
        crowd.push(RawSocket::connect(&node, player).await);
    }
    node.signal("TERM");
    becomes(&node, "guildhall_ready", 0.0).await;
    let closes = [("code", "1012"), ("reason", "node drains, reconnect")];
    let told = async || (Scrape::of(&node).await.value("guildhall_closes_total", &closes) > 1.0).then_some(());
    eventually("closes are told", told).await;
    assert_eq!(client.skip_to_close().await.0, 1012);
    node.expect_exit().await;
}

#[tokio::test]
async fn nothing_that_callers_write_and_no_secret_is_told() {
    let hall = Hall::open().await;
    let player = 987_654_321_012;
    hall.node.api().create_channel("channel-of-nobody", "PUBLIC").await;
    let token = hall.token(player).await;
    let mut client = hall.connect(player).await;
    hall.update(player, json!({ "name": "name-of-nobody" })).await;
    let seat = hall.seat(player).await;
    seat.session.heartbeat().await;
    for path in ["/path-of-nobody", "/v1/game/path-of-nobody", "/api/v1/games/987654321012/channels"] {
        send(path, hall.node.request(Method::GET, path).bearer_auth("bearer-of-nobody")).await;
        send(path, hall.node.admin_request(Method::GET, path)).await;
    }
    client.send_text("text-of-nobody").await;
    client.skip_to_close().await;
    let text = Scrape::of(&hall.node).await.text;
    let session = seat.session.id.as_str();
    for secret in ["987654321012", "of-nobody", &token, session, ADMIN_KEY, HALL_SECRET, HALL_API_KEY, "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret} in\n{text}");
    }
}
