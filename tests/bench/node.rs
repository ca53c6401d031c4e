//! A node with live sessions, one for each connection.

use guildhall::secret::Secret;
use serde_json::{Value, json};

use crate::load::{Target, heartbeat};
use crate::server::Server;

const API_KEY: &str = "api-key-of-the-bench";
const CAFE_SECRET: &str = "cafe-secret-of-the-bench";
/// A unit of a day: no heartbeat charges anything, which is what makes it warm.
const CONFIG: &str = r#"
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"
[store]
path = "data"
[limits]
api_per_sec = 1000000
api_burst = 1000000
[[games]]
name = "bench"
[games.playwave]
api_keys = ["api-key-of-the-bench"]
rate = { coins = 1, unit_sec = 86400 }
[[cafes]]
id = "cafe"
secret = "cafe-secret-of-the-bench"
networks = ["127.0.0.0/8"]
balance = 1000000
"#;

/// A running node, gone when this is dropped.
pub(crate) struct Node {
    server: Server,
    /// A heartbeat's body for each session.
    pub(crate) bodies: Vec<String>,
}

pub(crate) async fn start(sessions: usize) -> Node {
    let mut node = Node { server: Server::start(CONFIG, &[]), bodies: Vec::new() };
    let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
    for number in 0..sessions {
        let session = node.begin(&http, number).await;
        node.bodies.push(json!({ "game_session_id": session, "provider_user_id": "5001" }).to_string());
    }
    node
}

impl Node {
    /// A launcher, a token, a session; the session's id.
    async fn begin(&self, http: &reqwest::Client, number: usize) -> String {
        let body = json!({ "pc_id": format!("pc-{number}"), "internal_ip": "10.0.0.1" }).to_string();
        let timestamp = (guildhall::clock::now().0 / 1000).to_string();
        let signature = Secret::new(CAFE_SECRET).sign(&[timestamp.as_bytes(), b".", body.as_bytes()]);
        let start = self.post(http, "/v1/launcher/session/start").header("X-Cafe-Id", "cafe");
        let start = start.header("X-Timestamp", timestamp).header("X-Signature", signature).body(body);
        let launcher = data(start).await;
        let bearer = launcher["session_token"].as_str().expect("a token");
        let ott = self.post(http, "/v1/launcher/ott").bearer_auth(bearer);
        let ott = data(ott.body(json!({ "game_id": "bench" }).to_string())).await;
        let verify = json!({ "ott": ott["ott"], "provider_user_id": "5001" }).to_string();
        let verify = self.post(http, "/v1/game/session/verify").header("X-Api-Key", API_KEY).body(verify);
        data(verify).await["game_session_id"].as_str().expect("a session").to_owned()
    }

    fn post(&self, http: &reqwest::Client, path: &str) -> reqwest::RequestBuilder {
        http.post(format!("http://{}{path}", self.server.address)).header("Content-Type", "application/json")
    }

    pub(crate) fn target(&self) -> Target {
        let requests = self.bodies.iter().map(|body| heartbeat(body, API_KEY)).collect();
        Target { address: self.server.address, process: self.server.process.id(), requests }
    }
}

async fn data(request: reqwest::RequestBuilder) -> Value {
    let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(answer["success"], true, "{answer}");
    answer["data"].clone()
}
