//! What surrounds every operation of the chat HTTP API: the envelope, the bearer, bounds on bodies and on calls.

use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};

use crate::support::answers::{codes, refused};
use crate::support::http::{self, channel, success};
use crate::support::node::{ADMIN_KEY, CERTIFICATION_KEY, LOGIN_KEY_SECRET, OTHER_CERTIFICATION_KEY};
use crate::support::{Node, ROOM, eventually, within};

/// Every operation: version, method and path.
const OPERATIONS: [(&str, &str, &str); 20] = [
    ("v1", "GET", "/channels"),
    ("v1", "GET", "/channels/open:1"),
    ("v1", "GET", "/channels/open:1/members"),
    ("v1", "POST", "/channel"),
    ("v1", "POST", "/channels"),
    ("v1", "POST", "/channel/one-on-one"),
    ("v1", "PUT", "/channels/open:1"),
    ("v1", "DELETE", "/channels/open:1"),
    ("v1", "POST", "/channels/open:1/members/5001"),
    ("v1", "DELETE", "/channels/open:1/members/5001"),
    ("v1", "POST", "/users/5001/token"),
    ("v1", "GET", "/users/5001/channels"),
    ("v1", "GET", "/users/5001/blocks"),
    ("v1", "POST", "/users/5001/blocks/5002"),
    ("v1", "DELETE", "/users/5001/blocks/5002"),
    ("v1", "POST", "/notices/channel"),
    ("v1", "POST", "/notices/user"),
    ("v1", "POST", "/customs/channel"),
    ("v1", "POST", "/customs/user"),
    ("v2", "GET", "/channels/open:1/messages"),
];

/// A third game, with two certification keys.
const ROTATING: &str = r#"
[[games]]
name = "rotating"
[games.hive]
game_index = 9
certification_keys = ["the-old-certification-key", "the-new-certification-key"]
login_key_secret = "login-key-secret-of-rotating-0123456789"
"#;

fn method(name: &str) -> Method {
    name.parse().expect("a method")
}

/// A request under the v1 prefix with the bearer, to be completed.
fn request(node: &Node, method: Method, path: &str) -> RequestBuilder {
    node.request(method, &format!("/api/v1/games/7{path}")).bearer_auth(CERTIFICATION_KEY)
}

/// Lists the channels of a game with this `Authorization`.
async fn list_with(node: &Node, game_index: &str, authorization: &[u8]) -> (u16, Value) {
    let request = node.request(Method::GET, &format!("/api/v1/games/{game_index}/channels"));
    http::send("list", request.header(header::AUTHORIZATION, authorization)).await
}

/// Posts a body as it stands to the creation of channels.
async fn post_text(node: &Node, content_type: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let mut request = request(node, Method::POST, "/channel").body(body);
    if let Some(content_type) = content_type {
        request = request.header(header::CONTENT_TYPE, content_type);
    }
    http::send("create", request).await
}

/// A creation of exactly so many bytes, the rest of them white space.
fn creation_of(bytes: usize) -> String {
    let text = channel(ROOM, "PUBLIC").to_string();
    format!("{text}{}", " ".repeat(bytes - text.len()))
}

#[tokio::test]
async fn success_and_refusal_have_the_documented_envelope_byte_for_byte() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let mut put = channel(ROOM, "PUBLIC");
    put["channelName"] = json!(1);
    for (method, path, body, expected) in [
        (Method::DELETE, "/channels/open:1", Value::Null, r#"{"code":0,"message":"Success.","data":{}}"#),
        (
            Method::DELETE,
            "/channels/open:1",
            Value::Null,
            r#"{"code":201,"message":"Channel not found or deleted.","data":{}}"#,
        ),
        (Method::GET, "/nothing", Value::Null, r#"{"code":103,"message":"Not found.","data":{}}"#),
        (Method::POST, "/channel", put, r#"{"code":100,"message":"Bad request.","data":{"#),
    ] {
        let response = within(path, request(&node, method, path).json(&body).send()).await.expect("an answer");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json", "{path}");
        let text = within(path, response.text()).await.expect("a body");
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn an_unknown_route_is_answered_404_103() {
    let node = Node::start().await;
    for path in
        ["/", "/api", "/api/v1/games/7", "/api/v1/games/7/nothing", "/api/v3/games/7/channels", "/admin/v1/overview"]
    {
        for method in [Method::GET, Method::POST] {
            let request = node.request(method, path).bearer_auth(CERTIFICATION_KEY).header("X-Admin-Key", ADMIN_KEY);
            refused(path, http::send(path, request).await, codes::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn a_wrong_method_is_answered_405_104() {
    let node = Node::start().await;
    for (version, _, path) in OPERATIONS {
        let answer = node.api().call_version(version, Method::PATCH, path, Some(json!({}))).await;
        refused(path, answer, codes::METHOD_NOT_ALLOWED);
    }
    for (name, path) in [
        ("GET", "/channel"),
        ("PUT", "/users/5001/token"),
        ("DELETE", "/notices/user"),
        ("POST", "/users/5001/channels"),
    ] {
        refused(path, node.api().call(method(name), path, None).await, codes::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn every_operation_needs_the_bearer_of_its_game() {
    let node = Node::start().await;
    for (version, name, path) in OPERATIONS {
        for bearer in ["", "wrong", OTHER_CERTIFICATION_KEY, LOGIN_KEY_SECRET, ADMIN_KEY] {
            let answer =
                node.api().with_bearer(bearer).call_version(version, method(name), path, Some(json!({}))).await;
            refused(path, answer, codes::INVALID_TOKEN);
        }
        let bare = node.request(method(name), &format!("/api/{version}/games/7{path}"));
        refused(path, http::send(path, bare).await, codes::INVALID_TOKEN);
    }
}

#[tokio::test]
async fn only_the_whole_key_under_the_bearer_scheme_is_one() {
    let node = Node::start().await;
    let key = CERTIFICATION_KEY;
    for good in [format!("Bearer {key}"), format!("bearer {key}")] {
        success(&good, list_with(&node, "7", good.as_bytes()).await);
    }
    let (most, more) = (&key[..key.len() - 1], format!("{key}x"));
    for bad in [
        key.to_owned(),
        format!("Basic {key}"),
        format!("Bearer{key}"),
        format!("Bearer {most}"),
        format!("Bearer {more}"),
    ] {
        refused(&bad, list_with(&node, "7", bad.as_bytes()).await, codes::INVALID_TOKEN);
    }
    refused("not ASCII", list_with(&node, "7", b"Bearer \xff").await, codes::INVALID_TOKEN);
}

#[tokio::test]
async fn a_login_key_is_no_bearer() {
    let node = Node::start().await;
    let token = node.api().token(5001).await;
    refused("login key", node.api().with_bearer(&token).get("/channels").await, codes::INVALID_TOKEN);
}

#[tokio::test]
async fn an_unknown_game_index_is_answered_401_101() {
    let node = Node::start().await;
    for index in ["9", "0", "-7", "x", "7x", "07x", "9223372036854775808"] {
        let answer = list_with(&node, index, format!("Bearer {CERTIFICATION_KEY}").as_bytes()).await;
        refused(index, answer, codes::INVALID_TOKEN);
    }
}

#[tokio::test]
async fn during_a_rotation_both_certification_keys_work() {
    let node = Node::builder().tables(ROTATING).start().await;
    for key in ["the-old-certification-key", "the-new-certification-key"] {
        success(key, list_with(&node, "9", format!("Bearer {key}").as_bytes()).await);
    }
    refused("neither", list_with(&node, "9", b"Bearer the-next-certification-key").await, codes::INVALID_TOKEN);
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let node = Node::start().await;
    let json = Some("application/json");
    for bad in ["", "{", "x", "[]", "null", "1", "\"x\"", "{} x", "{'a':1}", "{\"a\":1,}", "{} // comment"] {
        refused(bad, post_text(&node, json, bad).await, codes::BAD_REQUEST);
    }
    refused("not UTF-8", post_text(&node, json, &b"{\"channelId\":\"\xff\"}"[..]).await, codes::BAD_REQUEST);
    let nested = format!("{{\"channelId\":{}", "[".repeat(30_000));
    refused("deep", post_text(&node, json, nested).await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn an_array_of_the_right_values_is_no_object() {
    let node = Node::start().await;
    let array = json!([ROOM, "name", 100, "PUBLIC", null, null, null]).to_string();
    refused("array", post_text(&node, Some("application/json"), array).await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let node = Node::start().await;
    let body = || channel(ROOM, "PUBLIC").to_string();
    for bad in [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/jsonx")] {
        refused("content type", post_text(&node, bad, body()).await, codes::BAD_REQUEST);
    }
    success("with a charset", post_text(&node, Some("Application/JSON; charset=utf-8"), body()).await);
}

#[tokio::test]
async fn unknown_keys_of_a_body_are_ignored() {
    let node = Node::start().await;
    let mut spec = channel(ROOM, "PUBLIC");
    spec["someday"] = json!({ "deep": [1, null] });
    node.api().create(spec).await;
}

#[tokio::test]
async fn a_body_has_64_kib_at_most() {
    let node = Node::start().await;
    let json = Some("application/json");
    refused("one more", post_text(&node, json, creation_of(64 * 1024 + 1)).await, codes::BODY_TOO_LARGE);
    success("64 KiB", post_text(&node, json, creation_of(64 * 1024)).await);
}

#[tokio::test]
async fn a_body_far_over_the_limit_gets_its_answer_too() {
    let node = Node::start().await;
    let body = creation_of(4 * 1024 * 1024);
    refused("4 MiB", post_text(&node, Some("application/json"), body).await, codes::BODY_TOO_LARGE);
}

#[tokio::test]
async fn the_bound_on_bodies_is_a_setting() {
    let node = Node::builder().set("limits.body_bytes", 1024).start().await;
    refused("one more", post_text(&node, Some("application/json"), creation_of(1025)).await, codes::BODY_TOO_LARGE);
    success("1024", post_text(&node, Some("application/json"), creation_of(1024)).await);
}

#[tokio::test]
async fn too_many_calls_with_one_key_are_answered_503_108_for_a_while() {
    let node = Node::builder().tables(ROTATING).set("limits.api_per_sec", 1).set("limits.api_burst", 3).start().await;
    let busy = async || {
        let answer = node.api().get("/channels").await;
        (answer.0 != 200).then_some(answer)
    };
    refused("too many", eventually("the burst is used up", busy).await, codes::BUSY);
    let old = b"Bearer the-old-certification-key";
    success("another game", list_with(&node, "9", old).await);
    success("another key", list_with(&node, "9", b"Bearer the-new-certification-key").await);
    let free = async || (node.api().get("/channels").await.0 == 200).then_some(());
    eventually("the key may call again", free).await;
}

#[tokio::test]
async fn a_busy_answer_says_when_to_come_again() {
    let node = Node::builder().set("limits.api_per_sec", 1).set("limits.api_burst", 1).start().await;
    let busy = async || {
        let response = request(&node, Method::GET, "/channels").send().await.expect("an answer");
        (response.status() == 503).then(|| response.headers().get(header::RETRY_AFTER).cloned())
    };
    let retry_after = eventually("the burst is used up", busy).await.expect("a Retry-After header");
    assert_eq!(retry_after, "1");
}

#[tokio::test]
async fn calls_with_a_wrong_key_use_up_nobodys_rate() {
    let node = Node::builder().set("limits.api_per_sec", 1).set("limits.api_burst", 2).start().await;
    for _ in 0..10 {
        refused("wrong", node.api().with_bearer("wrong").get("/channels").await, codes::INVALID_TOKEN);
    }
    success("right", node.api().get("/channels").await);
}
