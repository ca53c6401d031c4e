//! Clients that stop reading while their channel is busy: they are gone within seconds, cost the server a bounded
//! amount of memory, and nobody else notices.
//!
//! The short form publishes 8 MB to 20 stuck clients. `GUILDHALL_SLOW_MEGABYTES=200 cargo test --test blackbox
//! slow_client::` publishes more.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::{join_all, join3};
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::seed::amount;
use crate::support::client::{Packet, login_body};
use crate::support::deployment::embedded_only;
use crate::support::http::success;
use crate::support::key::LoginKey;
use crate::support::{Client, Node, ROOM, eventually, within};

const STUCK: i64 = 20;
const READERS: [i64; 3] = [5001, 5002, 5003];
const PUBLISHERS: usize = 4;
/// Just under the largest custom payload.
const PAYLOAD_BYTES: usize = 7_900;
const MEGABYTE: usize = 1_000_000;
/// From the first byte published: the outbox fills (256 KiB), then the grace of 2 s, and room for a slow machine.
const GONE_WITHIN: Duration = Duration::from_secs(8);
/// What the server may hold more than before at any moment, whatever is published: 20 outboxes of 256 KiB and 64 KiB of kernel
/// memory are 6 MB, the store's caches and the allocator's slack as much again, all of it twice. Kept for the stuck
/// clients, 8 MB published would be 160 MB.
const MEMORY_BOUND_KIB: u64 = 32 * 1024;

/// A client that never reads again.
struct Stuck {
    player: i64,
    address: SocketAddr,
    socket: WebSocketStream<TcpStream>,
}

impl Stuck {
    async fn connect(node: &Node, player: i64) -> Self {
        let tcp = TcpSocket::new_v4().expect("a socket");
        tcp.set_recv_buffer_size(4096).expect("a socket option");
        let tcp = tcp.connect(node.public()).await.expect("the public listener accepts");
        let address = tcp.local_addr().expect("a connected socket has an address");
        let upgrade = tokio_tungstenite::client_async(node.socket_url(), tcp).await;
        let mut socket = upgrade.expect("the handshake succeeds").0;
        let body = login_body(player, &LoginKey::of(player).sign());
        let text = json!({ "packetType": "CONNECT", "body": body }).to_string();
        socket.send(Message::text(text)).await.expect("the socket takes a message");
        match within("a response", socket.next()).await {
            Some(Ok(Message::Text(text))) => assert_eq!(Packet::parse(text.as_str()).status(), 200, "{text}"),
            other => panic!("player {player}: {other:?}"),
        }
        node.api().enter(ROOM, player).await;
        Self { player, address, socket }
    }

    /// Awaits the end of the login, and of the server's end of the socket.
    async fn expect_gone(&self, node: &Node) {
        let path = format!("/admin/v1/games/demo/players/{}", self.player);
        let logged_out = async || {
            let player = success("player", node.admin(Method::GET, &path, None).await);
            player["login"].is_null().then_some(())
        };
        eventually("the login of a stuck client ends", logged_out).await;
        let gone = async || (!is_open(node.public(), self.address)).then_some(());
        eventually("the socket of a stuck client is gone", gone).await;
    }
}

/// Whether the kernel still knows the server's end of a connection, in whatever state.
fn is_open(server: SocketAddr, client: SocketAddr) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table of sockets");
    let (server, client) = (format!(":{:04X}", server.port()), format!(":{:04X}", client.port()));
    table.lines().any(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let (local, remote) = (columns.next().unwrap_or_default(), columns.next().unwrap_or_default());
        local.ends_with(&server) && remote.ends_with(&client)
    })
}

/// Memory of a process: `VmRSS` is what is in RAM, `VmHWM` the most that ever was.
fn memory_kib(process: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("a size");
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

/// Publishes numbered payloads, one after the other.
async fn publish(node: &Node, publisher: usize, count: usize) {
    let padding = "x".repeat(PAYLOAD_BYTES);
    for number in 0..count {
        let body = json!({ "channelId": ROOM, "payload": format!("{publisher}.{number}.{padding}") });
        success("custom", node.api().post("/customs/channel", body).await);
    }
}

/// Publisher and number of everything published, in the order of arrival.
async fn read(reader: &mut Client, count: usize) -> Vec<(usize, usize)> {
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let packet = reader.skip_to("NOTIFY_CUSTOM").await;
        let mut parts = packet.body()["payload"].as_str().expect("a payload").split('.');
        let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
        seen.push((number(), number()));
    }
    seen
}

async fn start() -> (Node, Vec<Client>, Vec<Stuck>) {
    let node = Node::builder()
        .set("limits.sockets_per_ip_burst", 1_000)
        .set("limits.api_per_sec", 1_000_000)
        .set("limits.api_burst", 1_000_000)
        .start()
        .await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let mut readers = Vec::new();
    for player in READERS {
        readers.push(Client::connect(&node, player).await);
        node.api().enter(ROOM, player).await;
    }
    let stuck = join_all((6001..).take(STUCK as usize).map(|player| Stuck::connect(&node, player))).await;
    (node, readers, stuck)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_stop_reading_are_gone_within_seconds_and_nobody_else_notices() {
    embedded_only!("measures the memory and the sockets of one process");
    let each = amount("GUILDHALL_SLOW_MEGABYTES", 8) * MEGABYTE / PAYLOAD_BYTES / PUBLISHERS;
    let (node, mut readers, stuck) = start().await;
    assert!(stuck.iter().all(|stuck| is_open(node.public(), stuck.address)), "open before");
    let before = memory_kib(node.pid(), "VmRSS");
    let began = Instant::now();

    let published = join_all((0..PUBLISHERS).map(|publisher| publish(&node, publisher, each)));
    let seen = join_all(readers.iter_mut().map(|reader| read(reader, PUBLISHERS * each)));
    let gone = async {
        join_all(stuck.iter().map(|stuck| stuck.expect_gone(&node))).await;
        began.elapsed()
    };
    let (_, seen, gone_after) = join3(published, seen, gone).await;

    assert!(gone_after < GONE_WITHIN, "stuck clients were there for {gone_after:?}");
    let grown = memory_kib(node.pid(), "VmHWM").saturating_sub(before);
    assert!(grown < MEMORY_BOUND_KIB, "the server had grown by {grown} KiB");
    assert!(seen.iter().all(|view| *view == seen[0]), "members saw different orders");
    for publisher in 0..PUBLISHERS {
        let numbers = seen[0].iter().filter(|(from, _)| *from == publisher).map(|(_, number)| *number);
        assert!(numbers.eq(0..each), "everything of one publisher, once and in order");
    }
    let mut members = node.api().members(ROOM).await;
    members.sort_unstable();
    assert_eq!(members, READERS, "stuck clients are no members any more");
}

#[tokio::test]
async fn a_pause_in_reading_that_the_outbox_bridges_is_forgiven() {
    let node = Node::builder().set("limits.api_burst", 1_000).start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let mut stuck = Stuck::connect(&node, 6001).await;
    // 95 KB: more than the kernel takes, well within the outbox.
    publish(&node, 0, 12).await;
    let mut payloads = 0;
    while payloads < 12 {
        let message = within("what waited for the client", stuck.socket.next()).await;
        let Some(Ok(Message::Text(text))) = message else { panic!("the client was closed: {message:?}") };
        payloads += usize::from(text.as_str().contains("NOTIFY_CUSTOM"));
    }
    assert_eq!(node.api().members(ROOM).await, [6001]);
}
