//! The public listener under TLS: the same API and the same chat, over HTTPS and WSS.

use std::fs;

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::support::answers::{codes, refused};
use crate::support::command::{FREE_PORTS, failure, run};
use crate::support::deployment::embedded_only;
use crate::support::http::{self, success};
use crate::support::node::CERTIFICATION_KEY;
use crate::support::room::room_of;
use crate::support::{Client, Node, ROOM, eventually, room, within};

async fn start() -> Node {
    Node::builder().tls().start().await
}

/// Says `0`, `1` and so on in the room.
async fn say_numbers(sender: &mut Client, count: usize) {
    for number in 0..count {
        assert_eq!(sender.say(ROOM, &number.to_string()).await.status(), 200);
    }
}

async fn expect_numbers(receiver: &mut Client, count: usize) {
    for number in 0..count {
        assert_eq!(receiver.expect("NOTIFY_CHANNEL_CHAT").await.message(), number.to_string());
    }
}

#[tokio::test]
async fn the_api_answers_over_https_as_over_http() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let made = node.api().create_channel(ROOM, "PUBLIC").await;
    assert_eq!(success("list", node.api().get("/channels").await)["channels"], json!([made]));
    refused("bearer", node.api().with_bearer("wrong").get("/channels").await, codes::INVALID_TOKEN);
    refused("route", node.api().get("/nothing").await, codes::NOT_FOUND);
    let long = json!({ "channelId": "x".repeat(64 * 1024) });
    refused("body", node.api().post("/channel", long).await, codes::BODY_TOO_LARGE);
}

#[tokio::test]
async fn the_listener_speaks_no_plain_http() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let plain = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let url = format!("http://{}/api/v1/games/7/channels", node.public());
    let answer = within("the end", plain.get(url).bearer_auth(CERTIFICATION_KEY).send()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_certificate_is_not_served() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let stranger = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    let url = format!("https://{}/api/v1/games/7/channels", node.public());
    assert!(within("the end", stranger.get(url).send()).await.is_err());
    success("others are", node.api().get("/channels").await);
}

#[tokio::test]
async fn the_admin_listener_stays_plain() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let live = http::send("livez", node.admin_request(Method::GET, "/livez")).await;
    assert_eq!(live, (200, json!({ "status": "live" })));
}

#[tokio::test]
async fn a_socket_on_another_path_is_refused() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let request = node.request(Method::GET, "/nothing").header("Connection", "Upgrade").header("Upgrade", "websocket");
    let request = request.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", crate::support::raw::NONCE);
    refused("path", http::send("path", request).await, codes::NOT_FOUND);
}

#[tokio::test]
async fn players_chat_over_wss() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    assert_eq!(first.say(ROOM, "hello").await.status(), 200);
    for client in [&mut first, &mut second] {
        assert_eq!(client.expect("NOTIFY_CHANNEL_CHAT").await.message(), "hello");
    }
    assert_eq!(second.whisper(5001, "psst").await.status(), 200);
    assert_eq!(first.expect("NOTIFY_DIRECT_CHAT").await.message(), "psst");
    node.api().user_notice(5001, "notice").await;
    assert_eq!(first.expect("NOTIFY_NOTICE").await.message(), "notice");
}

#[tokio::test]
async fn a_thousand_messages_arrive_in_order() {
    embedded_only!("TLS ends at the load balancer");
    let node = Node::builder().tls().set("limits.chat_burst", 10_000).start().await;
    let [mut sender, mut receiver] = room(&node, [5001, 5002]).await;
    tokio::join!(say_numbers(&mut sender, 1000), expect_numbers(&mut receiver, 1000));
    expect_numbers(&mut sender, 1000).await;
    receiver.expect_no_packet().await;
}

#[tokio::test]
async fn the_largest_packets_pass_both_ways() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let [mut client] = room(&node, [5001]).await;
    for _ in 0..20 {
        let payload = "x".repeat(8000);
        success("custom", node.api().post("/customs/user", json!({ "playerId": 5001, "payload": payload })).await);
        assert_eq!(client.expect("NOTIFY_CUSTOM").await.body()["payload"], payload);
        client.send_text(format!(r#"{{"packetType":"PING","padding":"{}"}}"#, "x".repeat(8000))).await;
        client.expect("PONG").await;
    }
}

/// A custom message of 8,000 bytes to player 5001; the answer.
async fn send_large(node: &Node, number: usize) -> (u16, serde_json::Value) {
    node.api().post("/customs/user", json!({ "playerId": 5001, "payload": format!("{number:08000}") })).await
}

#[tokio::test]
async fn a_client_that_pauses_receives_everything_once_it_reads() {
    embedded_only!("TLS ends at the load balancer");
    let node = Node::builder().tls().set("limits.outbox_bytes", 16 << 20).set("limits.api_burst", 1000).start().await;
    let mut client = Client::connect(&node, 5001).await;
    for number in 0..300 {
        success("custom", send_large(&node, number).await);
    }
    for number in 0..300 {
        assert_eq!(client.expect("NOTIFY_CUSTOM").await.body()["payload"], format!("{number:08000}"));
    }
}

#[tokio::test]
async fn a_client_that_reads_too_slowly_closes_4001_once_it_reads() {
    embedded_only!("TLS ends at the load balancer");
    let node = Node::builder().tls().set("limits.outbox_bytes", 16 << 10).set("limits.api_burst", 1000).start().await;
    let mut slow = Client::connect(&node, 5001).await;
    let mut number = 0..;
    let gone = async || {
        let (status, _) = send_large(&node, number.next().expect("no end")).await;
        (status != 200).then_some(())
    };
    eventually("the server gives the slow client up", gone).await;
    assert_eq!(slow.skip_to_close().await, (4001, "reads too slowly".to_owned()));
}

#[tokio::test]
async fn a_client_that_lost_its_connection_reconnects_and_receives_what_it_missed() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let [mut witness, lost] = room(&node, [5002, 5001]).await;
    lost.vanish();
    assert_eq!(witness.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
    assert_eq!(witness.say(ROOM, "missed").await.status(), 200);
    let (mut back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(response.body()["channelIds"], json!([ROOM]));
    assert_eq!(back.skip_to("NOTIFY_CHANNEL_CHAT").await.message(), "missed");
    assert_eq!(back.say(ROOM, "back").await.status(), 200);
}

#[tokio::test]
async fn a_close_in_good_order_leaves_at_once() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let [mut witness, leaver] = room(&node, [5002, 5001]).await;
    leaver.close().await;
    assert_eq!(witness.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
}

#[tokio::test]
async fn a_group_is_left_with_its_socket() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let [lost] = room_of(&node, "GROUP", [5001]).await;
    lost.vanish();
    let left = async || node.api().members(ROOM).await.is_empty().then_some(());
    eventually("the member leaves", left).await;
}

#[tokio::test]
async fn close_codes_arrive() {
    embedded_only!("TLS ends at the load balancer");
    let node = start().await;
    let mut garbled = Client::connect(&node, 5001).await;
    garbled.send_text("hello").await;
    assert_eq!(garbled.expect_close().await, (1007, "not a JSON packet".to_owned()));
    let mut older = Client::connect(&node, 5001).await;
    let mut newer = Client::connect(&node, 5001).await;
    assert_eq!(older.expect_close().await, (4000, "second login".to_owned()));
    let suspension = "/admin/v1/games/demo/players/5001/suspension";
    success("suspend", node.admin(Method::PUT, suspension, Some(json!({ "reason": "cheating" }))).await);
    assert_eq!(newer.expect_close().await, (4003, "suspended".to_owned()));
    let (mut refused, response) = Client::log_in(&node, 5001, "CONNECT", json!({})).await;
    assert_eq!((response.status(), refused.expect_close().await.0), (403, 1008));
}

#[tokio::test]
async fn a_drain_closes_1012_and_the_restarted_node_serves_again() {
    embedded_only!("TLS ends at the load balancer");
    let mut node = start().await;
    let [mut client] = room(&node, [5001]).await;
    node.signal("TERM");
    assert_eq!(client.expect_close().await.0, 1012);
    drop(client);
    node.expect_exit().await;
    node.restart().await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(response.body()["channelIds"], json!([ROOM]));
}

#[tokio::test]
async fn a_node_does_not_start_with_files_that_are_no_certificate_and_key() {
    embedded_only!("TLS ends at the load balancer");
    let folder = TempDir::with_prefix("guildhall-test-").expect("a temporary folder");
    crate::support::secure::certify(folder.path());
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let (good_certificate, good_key) = (fs::read(&certificate).expect("a file"), fs::read(&key).expect("a file"));
    fs::write(
        folder.path().join("guildhall.toml"),
        "[listen.tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n",
    )
    .expect("the folder takes a file");
    for (certificate_text, key_text, named) in [
        (&b"not PEM"[..], &good_key[..], "listen.tls"),
        (&good_certificate, b"not PEM", "listen.tls.key"),
        (&good_certificate, &good_certificate, "listen.tls.key"),
    ] {
        fs::write(&certificate, certificate_text).expect("the folder takes a file");
        fs::write(&key, key_text).expect("the folder takes a file");
        let told = failure(&run(folder.path(), &FREE_PORTS).await);
        assert!(told.contains(named), "{told}");
    }
}
