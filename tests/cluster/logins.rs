//! One player, many devices, all at once, on whichever node: exactly one stays.
//!
//! `GUILDHALL_LOGINS=10000 cargo test --test blackbox cluster::logins` has more of them.

use futures_util::future::join_all;
use futures_util::stream::{StreamExt, iter};
use reqwest::Method;
use serde_json::json;

use crate::seed::amount;
use crate::support::client::login_body;
use crate::support::cluster::Store;
use crate::support::http::success;
use crate::support::key::LoginKey;
use crate::support::redis::RedisServer;
use crate::support::{Client, Node, ROOM, eventually};

const PLAYER: i64 = 5001;
/// Logins under way at the same time.
const AT_ONCE: usize = 100;
const SECOND_LOGIN: u16 = 4000;

/// How a socket ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    SecondLogin,
}

/// A socket on which CONNECT was sent, and what became of it at once.
async fn log_in(node: &Node) -> Option<Client> {
    let mut client = Client::open(node, PLAYER).await;
    let body = login_body(PLAYER, &LoginKey::of(PLAYER).sign());
    client.send(&json!({ "packetType": "CONNECT", "body": body })).await;
    match client.next_or_close().await {
        Ok(answer) => {
            assert_eq!(answer.status(), 200, "{}", answer.text);
            Some(client)
        }
        Err((code, _)) => {
            assert_eq!(code, SECOND_LOGIN);
            None
        }
    }
}

/// Whether the socket still answers. Whatever else came before the answer is of no interest.
async fn end_of(client: &mut Client) -> End {
    client.try_send(&json!({ "packetType": "PING" })).await;
    loop {
        match client.next_or_close().await {
            Ok(packet) if packet.packet_type() == "PONG" => return End::Open,
            Ok(_) => {}
            Err((code, _)) => {
                assert_eq!(code, SECOND_LOGIN);
                return End::SecondLogin;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_logins_of_one_player_on_all_nodes_exactly_one_stays() {
    let unlimited = 1_000_000;
    let builder = Node::builder().set("limits.sockets_per_ip_burst", unlimited).set("limits.api_burst", unlimited);
    let node = builder.start_cluster(Store::Single(RedisServer::start().await)).await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    node.api().token(PLAYER).await;

    let logins = iter(0..amount("GUILDHALL_LOGINS", 300)).map(|_| log_in(&node)).buffer_unordered(AT_ONCE);
    let mut clients: Vec<_> = logins.filter_map(async |client| client).collect().await;

    // A node hears of a login on another one by mail, which may still be on its way.
    eventually("one socket is left", async || {
        let ends = join_all(clients.iter_mut().map(end_of)).await;
        let mut ends = ends.iter();
        clients.retain(|_| ends.next() == Some(&End::Open));
        assert!(!clients.is_empty(), "nobody is left");
        (clients.len() == 1).then_some(())
    })
    .await;
    assert_eq!(end_of(&mut clients[0]).await, End::Open);

    let path = format!("/admin/v1/games/demo/players/{PLAYER}");
    let view = success("player", node.admin(Method::GET, &path, None).await);
    assert!(view["login"].is_object(), "{view}");
    node.api().enter(ROOM, PLAYER).await;
    assert_eq!(node.api().members(ROOM).await, [PLAYER]);
    clients[0].skip_to("NOTIFY_ENTER_CHANNEL").await;
    assert_eq!(clients[0].say(ROOM, "it is me").await.status(), 200);
}
