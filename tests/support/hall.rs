//! A node with a game that two platforms push about, and everybody who calls it.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::arcade::Seat;
use super::client::login_body;
use super::event_stream::Stream;
use super::http::{send, success};
use super::node::Builder;
use super::play::{Answer, Cafe, GameServer, Launcher, signature};
use super::webhooks::{
    AGHANIM, CAFE_SECRET, HALL, HALL_API_KEY, HALL_BEARER, HALL_CERTIFICATION, HALL_INDEX, HALL_SECRET, Reply,
    SIGNATURE, SUSPENSIONS, TIMESTAMP, batch, now_sec, reply_to, tables, update,
};
use super::{Client, Node, Packet, eventually, within};

/// A running node, and everybody who calls it about the game `hall`.
pub(crate) struct Hall {
    pub(crate) node: Node,
}

impl Hall {
    pub(crate) async fn open() -> Self {
        Self::configured("", "").await
    }

    /// With more settings of the game's two contracts.
    pub(crate) async fn configured(hive: &str, aghanim: &str) -> Self {
        Self { node: Self::builder().tables(&tables(hive, aghanim)).start().await }
    }

    /// A node on which nobody calls too often, still without its games.
    pub(crate) fn builder() -> Builder {
        let builder = Node::builder().set("limits.api_burst", 1_000_000).set("webhooks.retry_sec", 1);
        builder.set("limits.sockets_per_ip_burst", 1_000_000)
    }

    /// A request of Aghanim with nothing signed.
    pub(crate) fn aghanim(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.node.request(Method::POST, AGHANIM).header("User-Agent", "Aghanim/0.1.0");
        request.header(CONTENT_TYPE, "application/json").body(body)
    }

    /// The same, signed with a secret at a time.
    pub(crate) fn signed(&self, secret: &str, timestamp: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let body = body.into();
        let signature = signature(secret, timestamp, &body);
        self.aghanim(body).header(TIMESTAMP, timestamp).header(SIGNATURE, signature)
    }

    /// Delivers these bytes, signed as they should be.
    pub(crate) async fn deliver_bytes(&self, body: impl Into<Vec<u8>>) -> Reply {
        self.deliver_signed(HALL_SECRET, &now_sec().to_string(), body).await
    }

    pub(crate) async fn deliver_signed(&self, secret: &str, timestamp: &str, body: impl Into<Vec<u8>>) -> Reply {
        reply_to(self.signed(secret, timestamp, body)).await.expect("the node answers")
    }

    /// Delivers an event, signed as it should be.
    pub(crate) async fn deliver(&self, event: &Value) -> Reply {
        self.deliver_bytes(event.to_string()).await
    }

    /// Delivers a change of a profile.
    pub(crate) async fn update(&self, player: i64, fields: Value) -> Reply {
        self.deliver(&update(player, fields)).await
    }

    /// A request of Hive without its bearer.
    pub(crate) fn hive(&self, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.node.request(Method::POST, SUSPENSIONS).header(CONTENT_TYPE, "application/json").body(body)
    }

    /// Sends any body with the right bearer.
    pub(crate) async fn suspend_bytes(&self, body: impl Into<reqwest::Body>) -> Reply {
        reply_to(self.hive(body).bearer_auth(HALL_BEARER)).await.expect("the node answers")
    }

    pub(crate) async fn suspend_batch(&self, batch: &Value) -> Reply {
        self.suspend_bytes(batch.to_string()).await
    }

    /// Sends a batch, and waits until what was taken has been carried out: that may follow the answer.
    pub(crate) async fn suspend(&self, rows: &[Value]) -> Reply {
        let reply = self.suspend_batch(&batch(rows)).await;
        if reply.status == 200 {
            let carried_out = async || {
                let newest = self.deliveries("limit=1").await["deliveries"][0].clone();
                (newest["outcome"] != "pending").then_some(())
            };
            eventually("the suspensions are carried out", carried_out).await;
        }
        reply
    }

    /// The webhooks of the game as an operator sees them.
    pub(crate) async fn deliveries(&self, query: &str) -> Value {
        let path = format!("/admin/v1/games/{HALL}/deliveries?{query}");
        success("deliveries", self.node.admin(Method::GET, &path, None).await)
    }

    /// A fresh login key; with it the player is known.
    pub(crate) async fn token(&self, player: i64) -> String {
        let path = format!("/api/v1/games/{HALL_INDEX}/users/{player}/token");
        let request = self.node.request(Method::POST, &path).bearer_auth(HALL_CERTIFICATION).json(&json!({}));
        let data = success("token", send(&path, request).await);
        data["token"].as_str().expect("data.token is a string").to_owned()
    }

    /// A socket on which CONNECT or RECONNECT was answered.
    pub(crate) async fn log_in(&self, player: i64, packet_type: &str) -> (Client, Packet) {
        let mut body = login_body(player, &self.token(player).await);
        body["gameIndex"] = json!(HALL_INDEX);
        let mut client = Client::open(&self.node, player).await;
        let response = client.request(packet_type, body).await;
        (client, response)
    }

    pub(crate) async fn connect(&self, player: i64) -> Client {
        let (client, response) = self.log_in(player, "CONNECT").await;
        assert_eq!(response.status(), 200, "CONNECT: {}", response.text);
        client
    }

    pub(crate) fn game_server(&self, api_key: &str) -> GameServer {
        GameServer { venue: self.node.venue(), api_key: api_key.to_owned() }
    }

    /// A one-time token for `hall`, and the launcher on this PC.
    pub(crate) async fn ott(&self, pc: &str) -> (Launcher, String) {
        let (id, secret) = ("east".to_owned(), CAFE_SECRET.to_owned());
        let launcher = Cafe { venue: self.node.venue(), id, secret, forwarded_for: None }.launcher(pc).await;
        let token = launcher.token(HALL).await;
        (launcher, token)
    }

    /// A player in a live game session on a PC of their own.
    pub(crate) async fn seat(&self, player: i64) -> Seat {
        let (launcher, token) = self.ott(&format!("pc-{player}")).await;
        let session = self.game_server(HALL_API_KEY).session(&token, &player.to_string()).await;
        Seat { launcher, session }
    }

    /// An operator's request about a player of `hall`.
    pub(crate) async fn operator(&self, method: Method, player: i64, rest: &str, body: Option<Value>) -> (u16, Value) {
        self.node.admin(method, &format!("/admin/v1/games/{HALL}/players/{player}{rest}"), body).await
    }

    /// What an operator sees of a player.
    pub(crate) async fn view(&self, player: i64) -> Value {
        success("player", self.operator(Method::GET, player, "", None).await)
    }

    pub(crate) async fn profile(&self, player: i64) -> Value {
        self.view(player).await["profile"].clone()
    }

    /// Whether an operator sees a suspension, in force or to come.
    pub(crate) async fn is_suspended(&self, player: i64) -> bool {
        let (status, view) = self.operator(Method::GET, player, "", None).await;
        status == 200 && !view["data"]["suspension"].is_null()
    }

    /// A page of the game's events, asked with a query such as `after=17&limit=2`.
    pub(crate) async fn page(&self, query: &str) -> Answer {
        let path = format!("/v1/events?{query}");
        self.node.venue().call((Method::GET, &path), &[("X-Api-Key", HALL_API_KEY)], String::new()).await
    }

    /// All events that a query asks for, page by page to the end.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        self.events_after("0", query).await
    }

    /// The same after a cursor.
    pub(crate) async fn events_after(&self, cursor: &str, query: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), cursor.to_owned());
        loop {
            let answer = self.page(&format!("limit=1000&after={after}{query}")).await;
            let page = answer.data()["events"].as_array().expect("a list");
            if page.is_empty() {
                return all;
            }
            all.extend(page.iter().cloned());
            after = answer.data()["next"].as_str().expect("a cursor").to_owned();
        }
    }

    /// Follows the events live.
    pub(crate) async fn follow(&self, query: &str, last_event_id: Option<&str>) -> Stream {
        let request = self.node.request(Method::GET, &format!("/v1/events/stream?{query}"));
        let request = request.header("X-Api-Key", HALL_API_KEY);
        let request = last_event_id.iter().fold(request, |request, id| request.header("Last-Event-ID", *id));
        let response = within("the stream opens", request.send()).await.expect("the node answers");
        assert_eq!(response.status(), 200);
        let kind = response.headers()[CONTENT_TYPE].to_str().expect("a text");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Stream::new(response)
    }
}
