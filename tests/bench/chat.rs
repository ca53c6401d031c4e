//! A node on a Redis server, and sockets of its players.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

const CERTIFICATION: &str = "certification-key-of-the-bench";
const CONFIG: &str = r#"
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"
[limits]
chat_per_sec = 100000
chat_burst = 1000000
idle_sec = 86400
[[games]]
name = "bench"
[games.hive]
game_index = 1
certification_keys = ["certification-key-of-the-bench"]
login_key_secret = "login-key-secret-of-the-bench-0123456789"
"#;
const CHANNEL: &str = "lobby";
const MAX_FRAME: usize = 64 * 1024;

/// A running node, gone when this is dropped.
pub(crate) struct Node {
    server: Server,
    http: reqwest::Client,
}

impl Node {
    pub(crate) fn start(store_url: &str) -> Self {
        let environment = [("GUILDHALL__STORE__KIND", "redis"), ("GUILDHALL__STORE__URL", store_url)];
        let server = Server::start(CONFIG, &environment);
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        Self { server, http }
    }

    /// Makes the channel that everybody enters.
    pub(crate) async fn create_channel(&self) {
        let spec = json!({ "channelId": CHANNEL, "channelName": "Lobby", "type": "PUBLIC", "maxMemberCount": 100 });
        self.post("/channel", &spec).await;
    }

    /// The socket of a player who is in the channel.
    pub(crate) async fn join(&self, player: usize) -> TcpStream {
        let token = self.post(&format!("/users/{player}/token"), &json!({})).await["token"].clone();
        let mut socket = self.open().await;
        let body = json!({ "gameIndex": 1, "playerId": player, "langCode": "en", "loginKey": token });
        socket.write_all(&frame(&json!({ "packetType": "CONNECT", "body": body }))).await.expect("the node reads");
        read_until(&mut socket, "RESPONSE_CONNECT").await;
        self.post(&format!("/channels/{CHANNEL}/members/{player}"), &json!({})).await;
        read_until(&mut socket, "NOTIFY_ENTER_CHANNEL").await;
        socket
    }

    async fn open(&self) -> TcpStream {
        let mut socket = TcpStream::connect(self.server.address).await.expect("the node accepts");
        socket.set_nodelay(true).expect("a socket option");
        let request = format!(
            "GET /v1/chat/socket HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.server.address
        );
        socket.write_all(request.as_bytes()).await.expect("the node reads");
        read_until(&mut socket, "\r\n\r\n").await;
        socket
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("http://{}/api/v1/games/1{path}", self.server.address));
        let answer = request.bearer_auth(CERTIFICATION).json(body).send().await.expect("an answer");
        let (status, answer) = (answer.status(), answer.json::<Value>().await.expect("JSON"));
        assert!(status.is_success(), "{path}: {answer}");
        answer["data"].clone()
    }
}

/// What `player` says in the channel, as it goes over the wire.
pub(crate) fn say(player: usize, message: &str) -> Vec<u8> {
    let body = json!({
        "gameIndex": 1, "from": player, "to": CHANNEL, "message": message, "extraData": "", "langCode": "en",
    });
    frame(&json!({ "packetType": "CHANNEL_CHAT", "body": body }))
}

/// A masked text frame (RFC 6455, section 5.2). The mask of zeros leaves the text as it is.
fn frame(packet: &Value) -> Vec<u8> {
    let text = packet.to_string();
    let mut frame = vec![0x81, 0x80 | 126];
    let length = u16::try_from(text.len()).expect("a short packet");
    assert!(length > 125, "a length of two bytes");
    frame.extend(length.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(text.into_bytes());
    frame
}

async fn read_until(socket: &mut TcpStream, wanted: &str) {
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        let read = socket.read_buf(&mut heard).await.expect("the node writes");
        assert!(read > 0 && heard.len() < MAX_FRAME, "{wanted} in vain: {}", String::from_utf8_lossy(&heard));
    }
}
