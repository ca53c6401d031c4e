//! The memory of the real server, as the kernel counts it, with players at real sockets who say nothing.

use std::fs;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::budgets::RESIDENT_PER_PLAYER;
use crate::heap::alone;
use crate::players::{self, GAME_INDEX};
use crate::server::Server;
use crate::stage::PATIENCE;

const PLAYERS: usize = 2000;
/// In each channel.
const MEMBERS: usize = 50;
/// Logins, and channels that fill, at once.
const AT_ONCE: usize = 32;
const CERTIFICATION: &str = "certification-key-of-demo-0123456789";
/// Two workers, however many cores there are: each has memory of its own.
const CONFIG: &str = r#"
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"
workers = 2
[store]
kind = "embedded"
path = "data"
[limits]
sockets_per_ip_burst = 100000
api_burst = 100000
idle_sec = 86400
[[games]]
name = "demo"
[games.hive]
game_index = 7
certification_keys = ["certification-key-of-demo-0123456789"]
login_key_secret = "login-key-secret-of-demo-0123456789abcdef"
"#;

/// The server and the way to its HTTP API.
struct Node {
    server: Server,
    http: reqwest::Client,
}

/// One end of a player's socket.
struct Player {
    id: i64,
    socket: WebSocketStream<TcpStream>,
}

#[test]
fn an_idle_player_keeps_little_of_the_servers_memory() {
    // This process holds one end of every socket, too.
    rlimit::increase_nofile_limit(u64::MAX).expect("files for the sockets");
    alone(async {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let node = Node { server: Server::start(CONFIG, &[]), http };
        let measure = async {
            // What is made once.
            let _first = node.fill(1, PLAYERS / 10).await;
            let before = node.resident();
            let _players = node.fill(100_000, PLAYERS).await;
            let grown = node.resident().saturating_sub(before);
            assert!(grown > 0, "the kernel counts");
            RESIDENT_PER_PLAYER.check(grown as f64 / PLAYERS as f64);
        };
        tokio::time::timeout(PATIENCE, measure).await.expect("patience with the crowd");
    });
}

impl Node {
    /// Connects players and enters each into two channels; they have been told of each other in the end.
    async fn fill(&self, first: i64, count: usize) -> Vec<Player> {
        let address = self.server.address;
        let connecting = (first..).take(count).map(|id| Player::connect(address, id));
        let mut players: Vec<_> = stream::iter(connecting).buffered(AT_ONCE).collect().await;
        let channels = players.chunks(MEMBERS).flat_map(|members| {
            let ids: Vec<_> = members.iter().map(|member| member.id).collect();
            ["trade", "guild"].map(|name| self.gather(format!("{name}:{}", ids[0]), ids.clone()))
        });
        let channels: Vec<_> = channels.collect();
        stream::iter(channels).buffer_unordered(AT_ONCE).collect::<()>().await;
        for members in players.chunks_mut(MEMBERS) {
            let last = members.last().expect("no chunk is empty").id;
            for member in members {
                member.hears_twice_of(last).await;
            }
        }
        players
    }

    async fn gather(&self, channel: String, members: Vec<i64>) {
        let spec = json!({ "channelId": channel, "channelName": channel, "type": "PUBLIC", "maxMemberCount": MEMBERS });
        self.post("/channel", &spec).await;
        for member in members {
            self.post(&format!("/channels/{channel}/members/{member}"), &json!({})).await;
        }
    }

    async fn post(&self, path: &str, body: &Value) {
        let request = self.http.post(format!("http://{}/api/v1/games/{GAME_INDEX}{path}", self.server.address));
        let answer = request.bearer_auth(CERTIFICATION).json(body).send().await.expect("an answer");
        let (status, answer) = (answer.status(), answer.json::<Value>().await.expect("JSON"));
        assert!(status.is_success() && answer["code"] == 0, "{path}: {answer}");
    }

    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.process.id())).expect("Linux tells");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        kib.map(|kib: u64| kib * 1024).expect("the server lives")
    }
}

impl Player {
    async fn connect(address: SocketAddr, id: i64) -> Self {
        let tcp = TcpStream::connect(address).await.expect("the public listener accepts");
        let url = format!("ws://{address}/v1/chat/socket");
        let (socket, _) = tokio_tungstenite::client_async(url, tcp).await.expect("the handshake succeeds");
        let mut player = Self { id, socket };
        player.socket.send(Message::text(players::connect(id))).await.expect("the server reads");
        let answer = player.receive().await;
        assert_eq!(answer["status"], 200, "{answer}");
        player
    }

    /// Once in each of the two channels.
    async fn hears_twice_of(&mut self, last: i64) {
        for _ in 0..2 {
            while self.receive().await["body"]["playerId"] != last {}
        }
    }

    async fn receive(&mut self) -> Value {
        let message = self.socket.try_next().await.expect("the socket stays open").expect("the server goes on");
        serde_json::from_str(message.to_text().expect("a text")).expect("a packet is JSON")
    }
}
