//! A crowd in one channel: every member sees every message, once, and all of them in one order.
//!
//! The short form has 1,000 members. `GUILDHALL_CROWD=5000 cargo test --test blackbox crowd::` has more of them;
//! 5,000 is the contract's limit of a PUBLIC channel.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::SinkExt;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::seed::amount;
use crate::support::client::{chat_body, login_body};
use crate::support::http::{channel, success};
use crate::support::key::LoginKey;
use crate::support::{Node, ROOM};

const SENDERS: usize = 20;
/// Half the burst a connection may send at once, so that no message meets the flood limit.
const MESSAGES_EACH: usize = 10;
/// Logins and entries under way at once: enough to share the store's commits.
const AT_ONCE: usize = 64;
/// For a step of the whole crowd, on a loaded machine and a debug build.
const PATIENCE: Duration = Duration::from_secs(120);

/// One of the crowd. Its memory is small: there are many.
struct Member {
    player: i64,
    socket: WebSocketStream<TcpStream>,
}

/// What a member saw of the talk: sender and number, in order of arrival.
type Seen = Vec<(i64, usize)>;

impl Member {
    async fn connect(node: &Node, player: i64) -> Self {
        let tcp = TcpStream::connect(node.public()).await.expect("the public listener accepts");
        let mut config = WebSocketConfig::default();
        config.read_buffer_size = 4096;
        let upgrade = tokio_tungstenite::client_async_with_config(node.socket_url(), tcp, Some(config));
        let (socket, _) = upgrade.await.expect("the handshake succeeds");
        let mut member = Self { player, socket };
        let body = login_body(player, &LoginKey::of(player).sign());
        member.send(&json!({ "packetType": "CONNECT", "body": body })).await;
        let answer = member.receive().await;
        assert_eq!(answer["status"], 200, "{answer}");
        member
    }

    async fn send(&mut self, packet: &Value) {
        self.socket.send(Message::text(packet.to_string())).await.expect("the socket takes a message");
    }

    /// The next packet other than one about somebody who entered: of those there are half a million.
    async fn receive(&mut self) -> Value {
        loop {
            let text = match self.socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                other => panic!("player {}: {other:?}", self.player),
            };
            if !text.as_str().starts_with(r#"{"packetType":"NOTIFY_ENTER_CHANNEL""#) {
                return serde_json::from_str(text.as_str()).expect("a packet is JSON");
            }
        }
    }

    /// Waits for the start, says its messages one after the other, and listens until the end.
    async fn take_part(mut self, messages: usize, said: mpsc::Sender<()>) -> Seen {
        let (mut seen, mut next) = (Seen::new(), 0);
        loop {
            let packet = self.receive().await;
            match packet["packetType"].as_str() {
                Some("NOTIFY_CHANNEL_NOTICE") if packet["body"]["message"] == "the start" => {}
                Some("NOTIFY_CHANNEL_NOTICE") => return seen,
                Some("NOTIFY_CHANNEL_CHAT") => {
                    seen.push(read(&packet));
                    continue;
                }
                _ => assert_eq!(packet["status"], 200, "player {}: {packet}", self.player),
            }
            if next < messages {
                let body = chat_body(self.player, ROOM, &format!("{} says {next}", self.player));
                self.send(&json!({ "packetType": "CHANNEL_CHAT", "body": body })).await;
                next += 1;
            } else if messages > 0 {
                said.send(()).await.expect("the test counts the senders that are through");
            }
        }
    }
}

/// Sender and number, from the words and not only from the envelope.
fn read(packet: &Value) -> (i64, usize) {
    let text = packet["body"]["message"].as_str().expect("a chat has a message");
    let (sender, number) = text.split_once(" says ").expect("the words of a sender");
    assert_eq!(packet["body"]["from"].as_i64(), sender.parse().ok(), "{packet}");
    (sender.parse().expect("a player id"), number.parse().expect("a number"))
}

/// How many members saw what, each view told by its length and by where it first differs from the commonest.
fn differences(views: &HashMap<Seen, usize>) -> String {
    let commonest = views.iter().max_by_key(|(_, members)| **members).map(|(view, _)| view.clone()).unwrap_or_default();
    let describe = |(view, members): (&Seen, &usize)| {
        let at = view.iter().zip(&commonest).position(|(a, b)| a != b);
        let at = at.unwrap_or(view.len().min(commonest.len()));
        let window = |view: &Seen| format!("{:?}", view.iter().skip(at).take(4).collect::<Vec<_>>());
        format!(
            "{members} members: {} messages, from {at} on {} for {}\n",
            view.len(),
            window(view),
            window(&commonest)
        )
    };
    views.iter().map(describe).collect()
}

async fn patiently<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}

async fn start(crowd: usize) -> Node {
    // This process holds one end of every socket, too.
    rlimit::increase_nofile_limit(u64::MAX).expect("files for the sockets");
    let node = Node::builder()
        .set("limits.sockets_per_ip_burst", 2 * crowd)
        .set("limits.api_burst", 2 * crowd + 100)
        .set("limits.idle_sec", 86_400) // most of the crowd only listen, however long a step takes
        .start()
        .await;
    let mut spec = channel(ROOM, "PUBLIC");
    spec["maxMemberCount"] = json!(crowd);
    node.api().create(spec).await;
    node
}

/// Connects, and reads from the first moment on: whoever enters is announced to all who are there.
async fn gather(node: &Node, crowd: usize, said: &mpsc::Sender<()>) -> JoinSet<Seen> {
    let mut members = JoinSet::new();
    let players = (1..).take(crowd);
    let mut connecting = stream::iter(players).map(|player| Member::connect(node, player)).buffer_unordered(AT_ONCE);
    while let Some(member) = connecting.next().await {
        let messages = if member.player <= SENDERS as i64 { MESSAGES_EACH } else { 0 };
        members.spawn(member.take_part(messages, said.clone()));
    }
    let api = node.api();
    let enter =
        async |player: i64| success("enter", api.post(&format!("/channels/{ROOM}/members/{player}"), json!({})).await);
    let entered = stream::iter((1..).take(crowd)).map(enter).buffer_unordered(AT_ONCE).count().await;
    assert_eq!(entered, crowd);
    members
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_members_see_every_message_once_and_in_one_order() {
    let crowd = amount("GUILDHALL_CROWD", 1000);
    let node = start(crowd).await;
    let (said, mut through) = mpsc::channel(SENDERS);
    let mut members = patiently("the crowd gathers", gather(&node, crowd, &said)).await;
    node.api().notice(ROOM, "the start").await;
    for _ in 0..SENDERS {
        patiently("every sender is through", through.recv()).await.expect("a sender is through");
    }
    node.api().notice(ROOM, "the end").await;

    let mut views: HashMap<Seen, usize> = HashMap::new();
    while let Some(seen) = patiently("every member sees the end", members.join_next()).await {
        *views.entry(seen.expect("a member stays to the end")).or_default() += 1;
    }
    assert_eq!(views.values().sum::<usize>(), crowd);
    assert_eq!(views.len(), 1, "members saw different things:\n{}", differences(&views));
    let seen = views.into_keys().next().expect("one view");
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    let all = (1..).take(SENDERS).flat_map(|sender| (0..MESSAGES_EACH).map(move |number| (sender, number)));
    assert_eq!(sorted, all.collect::<Vec<_>>(), "every message once");
    for sender in (1..).take(SENDERS) {
        let own = seen.iter().filter(|(from, _)| *from == sender).map(|(_, number)| *number);
        assert!(own.eq(0..MESSAGES_EACH), "the messages of {sender} in the order they were sent: {seen:?}");
    }
}
