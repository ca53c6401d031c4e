//! Players who chat as fast as they are answered, and what the channel's history must show of it.

use std::collections::{HashMap, VecDeque};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::client::{Packet, chat_body, login_body};
use crate::support::http::success;
use crate::support::key::LoginKey;
use crate::support::{Node, ROOM, within};

/// Messages under way at once, so that a kill finds some at every stage.
const WINDOW: usize = 4;
/// Messages on one page of the history.
const PAGE: usize = 50;

/// A player who says numbered messages. The numbers go on from round to round.
pub(super) struct Talker {
    player: i64,
    socket: Option<WebSocketStream<TcpStream>>,
    said: usize,
    /// Numbers answered with 200, of all rounds.
    acknowledged: Vec<usize>,
    /// Texts notified since the last check.
    seen: Vec<String>,
}

impl Talker {
    pub(super) fn new(player: i64) -> Self {
        Self { player, socket: None, said: 0, acknowledged: Vec::new(), seen: Vec::new() }
    }

    /// Logs in. Who comes `back` finds the channel restored, others are entered.
    pub(super) async fn come(&mut self, node: &Node, back: bool) {
        let packet_type = if back { "RECONNECT" } else { "CONNECT" };
        let body = login_body(self.player, &LoginKey::of(self.player).sign());
        let answer = within("a login", async {
            let tcp = TcpStream::connect(node.public()).await.expect("the public listener accepts");
            tcp.set_nodelay(true).expect("a socket option");
            let upgrade = tokio_tungstenite::client_async(node.socket_url(), tcp).await;
            let socket = self.socket.insert(upgrade.expect("the handshake succeeds").0);
            let text = json!({ "packetType": packet_type, "body": body }).to_string();
            socket.send(Message::text(text)).await.expect("the socket takes a message");
            match socket.next().await {
                Some(Ok(Message::Text(text))) => Packet::parse(text.as_str()),
                other => panic!("player {}: {other:?}", self.player),
            }
        })
        .await;
        assert_eq!(answer.status(), 200, "{}", answer.text);
        if back {
            let body = answer.body();
            assert_eq!((&body["channelIds"], &body["failChannelIds"]), (&json!([ROOM]), &json!([])), "{}", answer.text);
        } else {
            node.api().enter(ROOM, self.player).await;
        }
    }

    /// Talks until the connection breaks.
    pub(super) async fn talk(&mut self) {
        let mut socket = self.socket.take().expect("came before");
        let mut waiting = VecDeque::new();
        loop {
            while waiting.len() < WINDOW {
                let id = self.said.to_string();
                let body = chat_body(self.player, ROOM, &text(self.player, self.said));
                let packet = json!({ "packetType": "CHANNEL_CHAT", "correlationId": id, "body": body });
                waiting.push_back(self.said);
                self.said += 1;
                if socket.send(Message::text(packet.to_string())).await.is_err() {
                    return;
                }
            }
            let Some(Ok(Message::Text(text))) = socket.next().await else { return };
            let packet = Packet::parse(text.as_str());
            match packet.packet_type() {
                "RESPONSE_CHANNEL_CHAT" => {
                    let number = waiting.pop_front().expect("an answer follows a request");
                    let answered = (packet.status(), packet["correlationId"].as_str());
                    assert_eq!(answered, (200, Some(number.to_string().as_str())), "{}", packet.text);
                    self.acknowledged.push(number);
                }
                "NOTIFY_CHANNEL_CHAT" => self.seen.push(packet.message().to_owned()),
                _ => {}
            }
        }
    }

    async fn say_one(&mut self, node: &Node) {
        let mut client = crate::support::Client::connect(node, self.player).await;
        node.api().enter(ROOM, self.player).await;
        assert_eq!(client.say(ROOM, &text(self.player, self.said)).await.status(), 200);
        self.acknowledged.push(self.said);
        self.said += 1;
    }
}

fn text(player: i64, number: usize) -> String {
    format!("{player} says {number}")
}

/// The history of the channel, read page by page as it grows.
pub(super) struct History {
    texts: Vec<String>,
    places: HashMap<String, usize>,
    first_id: String,
    last_id: String,
}

impl History {
    /// Begins with one message, so that there is a place to read on from.
    pub(super) async fn begin(node: &Node, talker: &mut Talker) -> Self {
        talker.say_one(node).await;
        let newest = page(node, "prevSize=1").await;
        let id = newest["messages"][0]["messageId"].as_str().expect("the first message").to_owned();
        let mut history = Self { texts: Vec::new(), places: HashMap::new(), first_id: id.clone(), last_id: id };
        history.add(&newest["messages"][0]);
        history
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Reads what came since the last time.
    pub(super) async fn read_on(&mut self, node: &Node) {
        loop {
            let page = page(node, &format!("nextSize={PAGE}&messageId={}", self.last_id)).await;
            let messages = page["messages"].as_array().expect("data.messages is a list");
            assert_eq!(messages[0]["messageId"], self.last_id.as_str(), "the anchor comes first: {page}");
            messages[1..].iter().for_each(|message| self.add(message));
            if page["hasNext"] == false {
                return;
            }
        }
    }

    fn add(&mut self, message: &Value) {
        let text = message["message"].as_str().expect("a message has a text").to_owned();
        self.last_id = message["messageId"].as_str().expect("a message has an id").to_owned();
        let before = self.places.insert(text.clone(), self.texts.len());
        assert_eq!(before, None, "{text:?} is in the history twice");
        self.texts.push(text);
    }

    /// Everything acknowledged is there, in the order it was said; everything that was notified is there, in the
    /// order it was notified.
    pub(super) fn check(&self, talker: &mut Talker) {
        let place = |text: &str| {
            let place = self.places.get(text);
            *place.unwrap_or_else(|| panic!("{text:?} was acknowledged or notified, and is not in the history"))
        };
        let said: Vec<_> = talker.acknowledged.iter().map(|number| place(&text(talker.player, *number))).collect();
        assert!(said.is_sorted(), "messages of {} changed their order: {said:?}", talker.player);
        let seen: Vec<_> = talker.seen.drain(..).map(|text| place(&text)).collect();
        assert!(seen.is_sorted_by(|a, b| a < b), "{} was notified in another order: {seen:?}", talker.player);
    }

    /// The whole history, read again from its first message, is what was read round by round.
    pub(super) async fn check_nothing_changed(&self, node: &Node) {
        let newest = page(node, &format!("prevSize=1&messageId={}", self.first_id)).await;
        assert_eq!(newest["hasPrev"], false, "{newest}");
        let mut again = Self {
            texts: Vec::new(),
            places: HashMap::new(),
            first_id: self.first_id.clone(),
            last_id: self.first_id.clone(),
        };
        again.add(&newest["messages"][0]);
        again.read_on(node).await;
        assert!(again.texts == self.texts, "the history changed after it was read");
    }
}

async fn page(node: &Node, query: &str) -> Value {
    let path = format!("/channels/{ROOM}/messages?{query}");
    success("history", node.api().call_version("v2", reqwest::Method::GET, &path, None).await)
}
