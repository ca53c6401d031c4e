//! The opening handshake (RFC 6455, section 4.2), and what is refused before it.

use serde_json::Value;

use crate::support::deployment::embedded_only;
use crate::support::node::SOCKET_PATH;
use crate::support::raw::{ACCEPT, Answer, handshake};
use crate::support::{Node, RawSocket};

async fn answer(node: &Node, changes: &[(&str, &str)]) -> Answer {
    RawSocket::request(node, &handshake(changes)).await.0
}

#[tokio::test]
async fn a_handshake_is_accepted_without_extension_or_subprotocol() {
    let node = Node::start().await;
    let offers = [("Sec-WebSocket-Extensions", "permessage-deflate"), ("Sec-WebSocket-Protocol", "chat, superchat")];
    let answer = answer(&node, &offers).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(answer.header("upgrade").map(str::to_lowercase).as_deref(), Some("websocket"));
    assert_eq!(answer.header("connection").map(str::to_lowercase).as_deref(), Some("upgrade"));
    assert_eq!(answer.header("sec-websocket-extensions"), None);
    assert_eq!(answer.header("sec-websocket-protocol"), None);
}

#[tokio::test]
async fn header_values_are_read_without_regard_to_case_and_among_others() {
    let node = Node::start().await;
    let changes = [("Connection", "keep-alive, UPGRADE"), ("Upgrade", "WebSocket")];
    assert_eq!(answer(&node, &changes).await.status, 101);
}

#[tokio::test]
async fn a_query_does_not_disturb() {
    let node = Node::start().await;
    let request_line = format!("GET {SOCKET_PATH}?region=eu HTTP/1.1");
    assert_eq!(answer(&node, &[("", &request_line)]).await.status, 101);
}

#[tokio::test]
async fn a_missing_key_is_answered_400() {
    let node = Node::start().await;
    assert_eq!(answer(&node, &[("Sec-WebSocket-Key", "")]).await.status, 400);
}

#[tokio::test]
async fn another_version_is_answered_426_with_the_one_spoken() {
    let node = Node::start().await;
    for version in ["8", "14"] {
        let answer = answer(&node, &[("Sec-WebSocket-Version", version)]).await;
        assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")), "{version:?}");
    }
}

#[tokio::test]
async fn a_missing_version_is_refused() {
    // Another version than 13, or a malformed handshake: RFC 6455, section 4.2, bears both readings.
    let node = Node::start().await;
    let status = answer(&node, &[("Sec-WebSocket-Version", "")]).await.status;
    assert!([400, 426].contains(&status), "{status}");
}

#[tokio::test]
async fn a_request_without_upgrade_is_refused() {
    // RFC 6455, section 4.2.1, allows any error; 400 and 426 are the apt ones.
    let node = Node::start().await;
    for changes in [[("Upgrade", "")], [("Connection", "keep-alive")], [("Upgrade", "h2c")]] {
        let status = answer(&node, &changes).await.status;
        assert!([400, 426].contains(&status), "{changes:?}: {status}");
    }
}

#[tokio::test]
async fn a_handshake_by_post_is_refused() {
    let node = Node::start().await;
    let request_line = format!("POST {SOCKET_PATH} HTTP/1.1");
    let status = answer(&node, &[("", &request_line), ("Content-Length", "0")]).await.status;
    assert!([400, 405].contains(&status), "{status}");
}

#[tokio::test]
async fn a_handshake_on_another_path_is_answered_404_in_the_envelope() {
    let node = Node::start().await;
    for path in ["/", "/v1/chat", "/v1/chat/socket/x", "/v1/chat/sockets"] {
        let answer = answer(&node, &[("", &format!("GET {path} HTTP/1.1"))]).await;
        assert_eq!(answer.status, 404, "{path}");
        let envelope: Value = serde_json::from_str(&answer.body).expect("a JSON envelope");
        assert_eq!((&envelope["code"], &envelope["message"]), (&103.into(), &"Not found.".into()));
    }
}

#[tokio::test]
async fn too_many_new_sockets_from_one_address_are_answered_429() {
    embedded_only!("each node counts the sockets that come to it");
    let builder = Node::builder().set("limits.sockets_per_ip_per_sec", 1).set("limits.sockets_per_ip_burst", 3);
    let node = builder.start().await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(answer(&node, &[]).await.status);
    }
    assert_eq!(statuses[..3], [101; 3], "a burst passes");
    assert!(statuses[3..].contains(&429), "{statuses:?}");
    assert!(statuses.iter().all(|status| [101, 429].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let limits = || Node::builder().set("limits.sockets_per_ip_per_sec", 1).set("limits.sockets_per_ip_burst", 1);
    let refusals = async |node: &Node| {
        let mut refused = 0;
        for host in 1..=5 {
            let address = format!("203.0.113.{host}");
            refused += usize::from(answer(node, &[("X-Forwarded-For", &address)]).await.status == 429);
        }
        refused
    };
    let direct = limits().start().await;
    assert!(refusals(&direct).await > 0, "anybody can write the header");
    let behind_proxy = limits().set("listen.trusted_proxies", ["127.0.0.0/8"]).start().await;
    assert_eq!(refusals(&behind_proxy).await, 0, "five addresses, one socket each");
}

#[tokio::test]
async fn only_allowed_origins_are_accepted_when_some_are_set() {
    let node = Node::builder().set("listen.allowed_origins", ["https://game.example"]).start().await;
    assert_eq!(answer(&node, &[("Origin", "https://game.example")]).await.status, 101);
    assert_eq!(answer(&node, &[("Origin", "https://evil.example")]).await.status, 403);
    // A game client that is no browser sends none.
    assert_eq!(answer(&node, &[]).await.status, 101);
}

#[tokio::test]
async fn every_origin_is_accepted_by_default() {
    let node = Node::start().await;
    assert_eq!(answer(&node, &[("Origin", "https://anything.example")]).await.status, 101);
}
