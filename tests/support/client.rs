//! A chat client written against the contract, on a WebSocket library the server does not use.

use std::collections::VecDeque;
use std::ops::Index;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::node::{GAME_INDEX, Node, OTHER_GAME_INDEX};
use super::{secure, within};

/// A packet as it came: the exact text, and what it says.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) text: String,
    json: Value,
}

/// What a socket runs over: TCP, or TLS.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// One socket of one player.
pub(crate) struct Client {
    socket: WebSocketStream<Box<dyn Io>>,
    pub(crate) player: i64,
    /// Packets that came while a response was awaited.
    waiting: VecDeque<Packet>,
    requests: u32,
}

impl Client {
    /// A socket on which nothing was said yet.
    pub(crate) async fn open(node: &Node, player: i64) -> Self {
        let socket = if node.is_tls() { Self::open_secure(node).await } else { Self::open_plain(node).await };
        Self { socket, player, waiting: VecDeque::new(), requests: 0 }
    }

    async fn open_plain(node: &Node) -> WebSocketStream<Box<dyn Io>> {
        let handshake = async {
            let tcp = TcpStream::connect(node.public()).await.expect("the public listener accepts");
            tcp.set_nodelay(true).expect("a socket option");
            let stream: Box<dyn Io> = Box::new(tcp);
            tokio_tungstenite::client_async(node.socket_url(), stream).await.expect("the handshake succeeds").0
        };
        within("WebSocket handshake", handshake).await
    }

    async fn open_secure(node: &Node) -> WebSocketStream<Box<dyn Io>> {
        WebSocketStream::from_raw_socket(secure::upgrade(node).await, Role::Client, None).await
    }

    /// A player of the `demo` game, connected with a freshly issued login key.
    pub(crate) async fn connect(node: &Node, player: i64) -> Self {
        let (client, response) = Self::log_in(node, player, "CONNECT", json!({})).await;
        assert_eq!(response.status(), 200, "CONNECT: {}", response.text);
        client
    }

    /// The same by RECONNECT, and its response.
    pub(crate) async fn reconnect(node: &Node, player: i64) -> (Self, Packet) {
        let (client, response) = Self::log_in(node, player, "RECONNECT", json!({})).await;
        assert_eq!(response.status(), 200, "RECONNECT: {}", response.text);
        assert!(client.waiting.is_empty(), "notified before the response: {:?}", client.waiting);
        (client, response)
    }

    /// Loses the connection without a word.
    pub(crate) fn vanish(self) {}

    /// A player of the game `other`, connected with a freshly issued login key.
    pub(crate) async fn connect_to_other(node: &Node, player: i64) -> Self {
        let mut body = login_body(player, &node.other_api().token(player).await);
        body["gameIndex"] = json!(OTHER_GAME_INDEX);
        let mut client = Self::open(node, player).await;
        let response = client.request("CONNECT", body).await;
        assert_eq!(response.status(), 200, "CONNECT: {}", response.text);
        client
    }

    /// Opens a socket and logs in by CONNECT or RECONNECT, with more keys in the body when `extra` has some.
    pub(crate) async fn log_in(node: &Node, player: i64, packet_type: &str, extra: Value) -> (Self, Packet) {
        let mut body = login_body(player, &node.api().token(player).await);
        let extra = extra.as_object().expect("extra is an object").clone();
        body.as_object_mut().expect("a body is an object").extend(extra);
        let mut client = Self::open(node, player).await;
        let response = client.request(packet_type, body).await;
        (client, response)
    }

    /// Sends any JSON.
    pub(crate) async fn send(&mut self, packet: &Value) {
        self.send_text(packet.to_string()).await;
    }

    /// The same where the socket may be gone already.
    pub(crate) async fn try_send(&mut self, packet: &Value) {
        let _ = within("sending", self.socket.send(Message::text(packet.to_string()))).await;
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send_message(Message::text(text.into())).await;
    }

    pub(crate) async fn send_message(&mut self, message: Message) {
        within("sending", self.socket.send(message)).await.expect("the socket takes a message");
    }

    /// Sends a request with a body and awaits its response. Packets in between wait for [`Self::next_packet`].
    pub(crate) async fn request(&mut self, packet_type: &str, body: Value) -> Packet {
        let id = self.next_correlation_id();
        self.exchange(&json!({ "packetType": packet_type, "correlationId": id, "body": body }), &id).await
    }

    /// Says something in a channel.
    pub(crate) async fn say(&mut self, channel: &str, message: &str) -> Packet {
        let body = chat_body(self.player, channel, message);
        self.request("CHANNEL_CHAT", body).await
    }

    /// Says something to a player.
    pub(crate) async fn whisper(&mut self, to: i64, message: &str) -> Packet {
        let body = chat_body(self.player, to, message);
        self.request("DIRECT_CHAT", body).await
    }

    /// The next packet, whatever it is.
    pub(crate) async fn next_packet(&mut self) -> Packet {
        match self.waiting.pop_front() {
            Some(packet) => packet,
            None => self.receive().await,
        }
    }

    /// The next packet, which must be of this type.
    pub(crate) async fn expect(&mut self, packet_type: &str) -> Packet {
        let packet = self.next_packet().await;
        assert_eq!(packet.packet_type(), packet_type, "player {}: {}", self.player, packet.text);
        packet
    }

    /// The next packet of this type, letting go of any others.
    pub(crate) async fn skip_to(&mut self, packet_type: &str) -> Packet {
        loop {
            let packet = self.next_packet().await;
            if packet.packet_type() == packet_type {
                return packet;
            }
        }
    }

    /// Asserts that nothing is under way to this client: a PING is answered before anything else comes.
    ///
    /// What reaches other sockets through a channel is no part of that order: to prove that a channel's message was
    /// withheld, let a notice follow it in the channel and `expect` the notice.
    pub(crate) async fn expect_no_packet(&mut self) {
        let id = self.next_correlation_id();
        self.send(&json!({ "packetType": "PING", "correlationId": id })).await;
        let packet = self.next_packet().await;
        let pong = packet.packet_type() == "PONG" && packet["correlationId"] == id.as_str();
        assert!(pong, "player {} expected no packet, got {}", self.player, packet.text);
    }

    /// The close code and reason. No packet may come before.
    pub(crate) async fn expect_close(&mut self) -> (u16, String) {
        match self.next_or_close().await {
            Ok(packet) => panic!("player {} expected a close, got {}", self.player, packet.text),
            Err(close) => close,
        }
    }

    /// The close code and reason, letting go of any packet before.
    pub(crate) async fn skip_to_close(&mut self) -> (u16, String) {
        loop {
            if let Err(close) = self.next_or_close().await {
                return close;
            }
        }
    }

    /// The next packet, or the code and reason of the close that came instead.
    pub(crate) async fn next_or_close(&mut self) -> Result<Packet, (u16, String)> {
        if let Some(packet) = self.waiting.pop_front() {
            return Ok(packet);
        }
        match self.read().await {
            Some(Message::Text(text)) => Ok(Packet::parse(text.as_str())),
            Some(Message::Close(frame)) => Err(close_of(frame)),
            other => panic!("player {} expected a packet or a close, got {other:?}", self.player),
        }
    }

    /// Closes in good order and awaits the end of the stream.
    pub(crate) async fn close(mut self) {
        within("closing", self.socket.close(None)).await.expect("the socket takes a close");
        within("the end of the socket", async { while let Some(Ok(_)) = self.socket.next().await {} }).await;
    }

    /// The next data or control message, `None` at the end of the stream.
    pub(crate) async fn read(&mut self) -> Option<Message> {
        let what = format!("a message for player {}", self.player);
        let message = within(&what, self.socket.next()).await?;
        Some(message.unwrap_or_else(|error| panic!("player {}: {error}", self.player)))
    }

    /// Sends `packet` and awaits the packet with this correlation id.
    pub(crate) async fn exchange(&mut self, packet: &Value, id: &str) -> Packet {
        self.send(packet).await;
        loop {
            let packet = self.receive().await;
            if packet["correlationId"] == id {
                return packet;
            }
            self.waiting.push_back(packet);
        }
    }

    async fn receive(&mut self) -> Packet {
        match self.read().await {
            Some(Message::Text(text)) => Packet::parse(text.as_str()),
            other => panic!("player {} expected a packet, got {other:?}", self.player),
        }
    }

    fn next_correlation_id(&mut self) -> String {
        self.requests += 1;
        format!("{}-{}", self.player, self.requests)
    }
}

impl Packet {
    pub(crate) fn parse(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"));
        assert!(json["packetType"].is_string(), "not a packet: {text}");
        Self { text: text.to_owned(), json }
    }

    pub(crate) fn packet_type(&self) -> &str {
        self.json["packetType"].as_str().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> i64 {
        self.json["status"].as_i64().unwrap_or_else(|| panic!("no status: {}", self.text))
    }

    pub(crate) fn body(&self) -> &Value {
        &self.json["body"]
    }

    /// `body.message`, the text of a chat or a notice.
    pub(crate) fn message(&self) -> &str {
        self.body()["message"].as_str().unwrap_or_else(|| panic!("no message: {}", self.text))
    }
}

impl Index<&str> for Packet {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        &self.json[key]
    }
}

/// The body of CONNECT and RECONNECT.
pub(crate) fn login_body(player: i64, login_key: &str) -> Value {
    json!({ "gameIndex": GAME_INDEX, "playerId": player, "langCode": "en", "loginKey": login_key })
}

/// The body of CHANNEL_CHAT (`to` a string) and DIRECT_CHAT (`to` a number).
pub(crate) fn chat_body(from: i64, to: impl Into<Value>, message: &str) -> Value {
    let to = to.into();
    json!({ "gameIndex": GAME_INDEX, "from": from, "to": to, "message": message, "extraData": "", "langCode": "en" })
}

fn close_of(frame: Option<CloseFrame>) -> (u16, String) {
    let frame = frame.expect("the close frame has a code");
    (frame.code.into(), frame.reason.to_string())
}
