//! The chat HTTP API as a game server uses it.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};

use super::within;

/// One game's view of the HTTP API, with that game's certification key.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    /// `http://host:port`
    origin: String,
    game_index: i64,
    bearer: String,
}

impl Api {
    pub(crate) fn new(http: reqwest::Client, origin: String, game_index: i64, bearer: &str) -> Self {
        Self { http, origin, game_index, bearer: bearer.to_owned() }
    }

    /// The same API with another bearer.
    pub(crate) fn with_bearer(&self, bearer: &str) -> Self {
        Self { bearer: bearer.to_owned(), ..self.clone() }
    }

    /// The same API at another address.
    pub(crate) fn at(&self, address: SocketAddr) -> Self {
        Self { origin: format!("http://{address}"), ..self.clone() }
    }

    /// Any request under the v1 prefix of the game: the status and the JSON answered.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.call_version("v1", method, path, body).await
    }

    /// The same under the prefix of another version.
    pub(crate) async fn call_version(
        &self,
        version: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let url = format!("{}/api/{version}/games/{}{path}", self.origin, self.game_index);
        let request = self.http.request(method, &url).bearer_auth(&self.bearer);
        send(&url, body.iter().fold(request, |request, body| request.json(body))).await
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    /// The same where nobody may answer.
    pub(crate) async fn try_post(&self, path: &str, body: Value) -> Option<(u16, Value)> {
        let url = format!("{}/api/v1/games/{}{path}", self.origin, self.game_index);
        let response = self.http.post(url).bearer_auth(&self.bearer).json(&body).send().await.ok()?;
        Some((response.status().as_u16(), response.json().await.unwrap_or_default()))
    }

    /// The members, where nobody may answer.
    pub(crate) async fn try_members(&self, channel: &str) -> Option<BTreeSet<i64>> {
        let url = format!("{}/api/v1/games/{}/channels/{channel}/members", self.origin, self.game_index);
        let answer: Value = self.http.get(url).bearer_auth(&self.bearer).send().await.ok()?.json().await.ok()?;
        let members = answer["data"]["members"].as_array()?;
        members.iter().map(|member| member["playerId"].as_i64()).collect()
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, path, None).await
    }

    /// Makes a channel of a kind, SYSTEM owned, with room for everybody and, for PRIVATE, the password `pass`.
    pub(crate) async fn create_channel(&self, id: &str, kind: &str) -> Value {
        self.create(channel(id, kind)).await
    }

    /// Makes the channel that `spec` describes.
    pub(crate) async fn create(&self, spec: Value) -> Value {
        success("create channel", self.post("/channel", spec).await)
    }

    pub(crate) async fn delete_channel(&self, id: &str) {
        success("delete channel", self.delete(&format!("/channels/{id}")).await);
    }

    pub(crate) async fn enter(&self, channel: &str, player: i64) {
        success("enter", self.post(&member(channel, player), json!({ "password": "pass" })).await);
    }

    pub(crate) async fn exit(&self, channel: &str, player: i64) {
        success("exit", self.delete(&member(channel, player)).await);
    }

    /// Player ids of the members, in no particular order.
    pub(crate) async fn members(&self, channel: &str) -> Vec<i64> {
        let data = success("members", self.get(&format!("/channels/{channel}/members")).await);
        let members = data["members"].as_array().expect("data.members is a list");
        members.iter().map(|member| member["playerId"].as_i64().expect("playerId is a long")).collect()
    }

    pub(crate) async fn block(&self, player: i64, target: i64) {
        success("block", self.post(&format!("/users/{player}/blocks/{target}"), json!({})).await);
    }

    pub(crate) async fn unblock(&self, player: i64, target: i64) {
        success("unblock", self.delete(&format!("/users/{player}/blocks/{target}")).await);
    }

    /// A fresh login key.
    pub(crate) async fn token(&self, player: i64) -> String {
        let data = success("token", self.post(&format!("/users/{player}/token"), json!({})).await);
        data["token"].as_str().expect("data.token is a string").to_owned()
    }

    /// A SYSTEM notice to everybody in a channel.
    pub(crate) async fn notice(&self, channel: &str, message: &str) {
        let body = json!({ "channelId": channel, "message": message });
        success("channel notice", self.post("/notices/channel", body).await);
    }

    /// A SYSTEM notice to one player who is online.
    pub(crate) async fn user_notice(&self, player: i64, message: &str) {
        let body = json!({ "playerId": player, "message": message });
        success("user notice", self.post("/notices/user", body).await);
    }
}

/// A channel's creation body, to be changed where a test needs it.
pub(crate) fn channel(id: &str, kind: &str) -> Value {
    let mut spec = json!({ "channelId": id, "channelName": id, "type": kind, "maxMemberCount": 100 });
    if kind == "PRIVATE" {
        spec["password"] = json!("pass");
    }
    spec
}

/// `data` of an answer that must be a success.
pub(crate) fn success(what: &str, (status, mut json): (u16, Value)) -> Value {
    assert_eq!((status, &json["code"]), (200, &json!(0)), "{what}: {json}");
    json["data"].take()
}

/// Sends a request and reads its answer, which is `null` when it is no JSON.
pub(crate) async fn send(what: &str, request: reqwest::RequestBuilder) -> (u16, Value) {
    within(what, async {
        let response = request.send().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    })
    .await
}

fn member(channel: &str, player: i64) -> String {
    format!("/channels/{channel}/members/{player}")
}
