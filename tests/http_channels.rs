//! Making, finding and listing channels ("Hive Chat HTTP API", operations 1, 2 and 4).

use serde_json::{Value, json};

use crate::support::answers::{assert_instant, codes, refused, texts, with, without};
use crate::support::http::{Api, channel, success};
use crate::support::{Client, Node, ROOM};

/// Expects a creation with these values under `key` to be refused as a bad request, one after the other.
async fn expect_bad(api: &Api, spec: &Value, key: &str, values: impl IntoIterator<Item = Value>) {
    for value in values {
        let spec = with(spec.clone(), key, value);
        refused(&spec.to_string(), api.post("/channel", spec).await, codes::BAD_REQUEST);
    }
}

/// Makes a channel for each value under `key`.
async fn expect_good(api: &Api, spec: &Value, key: &str, values: impl IntoIterator<Item = Value>) {
    for (number, value) in values.into_iter().enumerate() {
        let id = format!("{}-{key}-{number}", spec["type"].as_str().expect("a type"));
        let made = api.create(with(with(spec.clone(), "channelId", id), key, value.clone())).await;
        assert!(key == "password" || made[key] == value, "{key}: {made}");
    }
}

/// A page of the list.
async fn page(api: &Api, query: &str) -> Value {
    success(query, api.get(&format!("/channels{query}")).await)
}

#[tokio::test]
async fn a_channel_is_answered_with_exactly_the_documented_keys() {
    let node = Node::start().await;
    let spec = json!({
        "channelId": "guild:42", "channelName": "Guild 42", "type": "PRIVATE", "password": "pass",
        "maxMemberCount": 50, "chatHistoryAllowed": true, "playerId": 5001,
    });
    let made = node.api().create(spec).await;
    assert_instant(&made["regTime"], &made["regTimeMillis"]);
    let expected = json!({
        "channelId": "guild:42", "type": "PRIVATE", "gameIndex": 7, "owner": "5001", "channelName": "Guild 42",
        "memberCount": 1, "maxMemberCount": 50, "chatHistoryAllowed": true,
        "regTime": made["regTime"], "regTimeMillis": made["regTimeMillis"],
    });
    assert_eq!(made, expected);
}

#[tokio::test]
async fn a_channel_without_a_player_belongs_to_system_and_is_empty() {
    let node = Node::start().await;
    let made = node.api().create(channel(ROOM, "PUBLIC")).await;
    assert_eq!((&made["owner"], &made["memberCount"]), (&json!("SYSTEM"), &json!(0)));
    assert_eq!(made["chatHistoryAllowed"], false, "the default");
    assert!(node.api().members(ROOM).await.is_empty());
}

#[tokio::test]
async fn the_player_who_makes_a_channel_owns_it_and_is_in_it_at_once() {
    let node = Node::start().await;
    let mut owner = Client::connect(&node, 5001).await;
    for kind in ["PUBLIC", "PRIVATE", "GROUP"] {
        let made = node.api().create(with(channel(kind, kind), "playerId", 5001)).await;
        assert_eq!((&made["owner"], &made["memberCount"]), (&json!("5001"), &json!(1)));
        assert_eq!(node.api().members(kind).await, [5001]);
        let entered = owner.expect("NOTIFY_ENTER_CHANNEL").await;
        assert_eq!((&entered.body()["channelId"], &entered.body()["playerId"]), (&json!(kind), &json!(5001)));
        assert_eq!(owner.say(kind, "mine").await.status(), 200);
        assert_eq!(owner.expect("NOTIFY_CHANNEL_CHAT").await.message(), "mine");
    }
}

#[tokio::test]
async fn a_public_channel_is_not_made_for_a_player_who_is_offline() {
    let node = Node::start().await;
    let spec = with(channel(ROOM, "PUBLIC"), "playerId", 5001);
    refused("offline owner", node.api().post("/channel", spec).await, codes::NOT_IN_SESSION);
    refused("nothing was made", node.api().get(&format!("/channels/{ROOM}")).await, codes::CHANNEL_NOT_FOUND);
}

#[tokio::test]
async fn the_password_is_never_answered() {
    let node = Node::start().await;
    let api = node.api();
    let spec = with(with(channel("p", "PRIVATE"), "password", "hush-hush"), "playerId", 5001);
    let answers = [
        api.post("/channel", spec).await,
        api.put("/channels/p", json!({ "password": "hush-hush-2" })).await,
        api.get("/channels/p").await,
        api.get("/channels").await,
        api.get("/users/5001/channels").await,
    ];
    for answer in answers {
        let text = success("answer", answer).to_string();
        assert!(!text.contains("hush") && !text.contains("password"), "{text}");
    }
}

#[tokio::test]
async fn a_channel_id_has_1_to_100_characters_of_the_documented_set() {
    let node = Node::start().await;
    let spec = channel("x", "GROUP");
    for good in ["open:1", "a", "A-Z.a_z~0:9", &"x".repeat(100)] {
        let made = node.api().create(with(spec.clone(), "channelId", good)).await;
        assert_eq!(made["channelId"], good);
        assert_eq!(success(good, node.api().get(&format!("/channels/{good}")).await)["channelId"], good);
    }
    let long = "x".repeat(101);
    let bad = ["", " ", "a b", "a/b", "a+b", "a%20b", "é", "a\n", "a\u{0}", "🏰", &long].map(|id| json!(id));
    expect_bad(&node.api(), &spec, "channelId", bad).await;
}

#[tokio::test]
async fn a_channel_id_may_be_percent_encoded_in_a_path() {
    let node = Node::start().await;
    node.api().create_channel("open:1", "PUBLIC").await;
    assert_eq!(success("get", node.api().get("/channels/open%3A1").await)["channelId"], "open:1");
}

#[tokio::test]
async fn a_channel_name_has_1_to_50_characters() {
    let node = Node::start().await;
    let spec = channel("x", "GROUP");
    expect_good(&node.api(), &spec, "channelName", [json!("n"), json!("🏰".repeat(50))]).await;
    expect_bad(&node.api(), &spec, "channelName", [json!(""), json!("n".repeat(51)), json!(1)]).await;
}

#[tokio::test]
async fn a_private_channel_needs_a_password_of_1_to_50_characters_and_no_other_has_one() {
    let node = Node::start().await;
    let spec = channel("x", "PRIVATE");
    expect_good(&node.api(), &spec, "password", [json!("p"), json!("🏰".repeat(50))]).await;
    expect_bad(&node.api(), &spec, "password", [json!(""), json!("p".repeat(51)), json!(1), Value::Null]).await;
    refused("none", node.api().post("/channel", without(spec, "password")).await, codes::BAD_REQUEST);
    for kind in ["PUBLIC", "GROUP"] {
        expect_bad(&node.api(), &channel("x", kind), "password", [json!("pass")]).await;
    }
}

#[tokio::test]
async fn a_public_channel_takes_2_to_5000_members_and_any_other_2_to_500() {
    let node = Node::start().await;
    for (kind, most) in [("PUBLIC", 5000), ("PRIVATE", 500), ("GROUP", 500)] {
        let spec = channel("x", kind);
        expect_good(&node.api(), &spec, "maxMemberCount", [2, most].map(|count| json!(count))).await;
        let bad = [json!(1), json!(0), json!(-1), json!(most + 1), json!(2.5), json!("10"), Value::Null];
        expect_bad(&node.api(), &spec, "maxMemberCount", bad).await;
    }
}

#[tokio::test]
async fn with_the_relaxed_minimum_a_channel_may_take_1_member() {
    let node = Node::builder().set("chat.relax_min_members", true).start().await;
    for kind in ["PUBLIC", "PRIVATE", "GROUP"] {
        expect_good(&node.api(), &channel("x", kind), "maxMemberCount", [json!(1)]).await;
        expect_bad(&node.api(), &channel("x", kind), "maxMemberCount", [json!(0)]).await;
    }
}

#[tokio::test]
async fn a_type_is_public_private_or_group() {
    let node = Node::start().await;
    let bad = [json!("public"), json!("SECRET"), json!("ONE_ON_ONE"), json!(""), json!(1)];
    expect_bad(&node.api(), &channel("x", "GROUP"), "type", bad).await;
}

#[tokio::test]
async fn a_creation_with_a_missing_or_wrong_typed_field_is_refused() {
    let node = Node::start().await;
    let spec = channel("x", "GROUP");
    for key in ["channelId", "channelName", "type", "maxMemberCount"] {
        refused(key, node.api().post("/channel", without(spec.clone(), key)).await, codes::BAD_REQUEST);
        expect_bad(&node.api(), &spec, key, [Value::Null, json!(true), json!([])]).await;
    }
    expect_bad(&node.api(), &spec, "chatHistoryAllowed", [json!("true"), json!(1)]).await;
    expect_bad(&node.api(), &spec, "playerId", [json!("5001"), json!(1.5), json!(1e300)]).await;
}

#[tokio::test]
async fn a_channel_id_is_taken_once_in_a_game() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    for kind in ["PUBLIC", "GROUP"] {
        refused(kind, node.api().post("/channel", channel(ROOM, kind)).await, codes::DUPLICATE_CHANNEL);
    }
    assert_eq!(node.other_api().create_channel(ROOM, "GROUP").await["gameIndex"], 8);
    node.api().delete_channel(ROOM).await;
    node.api().create_channel(ROOM, "GROUP").await;
}

#[tokio::test]
async fn a_duplicate_leaves_no_trace_at_the_player_who_asked() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    let again = with(channel("g", "GROUP"), "playerId", 5001);
    refused("again", node.api().post("/channel", again).await, codes::DUPLICATE_CHANNEL);
    assert_eq!(success("channels", node.api().get("/users/5001/channels").await)["channels"], json!([]));
}

#[tokio::test]
async fn a_channel_is_made_at_the_plural_path_too() {
    let node = Node::start().await;
    let made = success("create", node.api().post("/channels", channel(ROOM, "PUBLIC")).await);
    assert_eq!(made["channelId"], ROOM);
    refused("again", node.api().post("/channel", channel(ROOM, "PUBLIC")).await, codes::DUPLICATE_CHANNEL);
}

#[tokio::test]
async fn a_channel_is_found_with_its_members_in_it() {
    let node = Node::start().await;
    let mut expected = node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    expected["memberCount"] = json!(1);
    expected["members"] = success("members", node.api().get("/channels/g/members").await)["members"].clone();
    assert_eq!(success("get", node.api().get("/channels/g").await), expected);
}

#[tokio::test]
async fn an_unknown_channel_is_answered_400_201() {
    let node = Node::start().await;
    node.other_api().create_channel("there", "GROUP").await;
    for id in ["nowhere", "there", "not%20an%20id", &"x".repeat(101)] {
        refused(id, node.api().get(&format!("/channels/{id}")).await, codes::CHANNEL_NOT_FOUND);
    }
}

#[tokio::test]
async fn the_list_pages_through_every_channel_of_the_game_once() {
    let node = Node::start().await;
    node.other_api().create_channel("there", "PUBLIC").await;
    for number in 0..12 {
        node.api().create_channel(&format!("c{number:02}"), "GROUP").await;
    }
    let first = page(&node.api(), "").await;
    assert_eq!(first, page(&node.api(), "?page=1&size=10").await, "the defaults");
    let mut seen = Vec::new();
    for (number, count) in [(1, 5), (2, 5), (3, 2), (4, 0)] {
        let data = page(&node.api(), &format!("?page={number}&size=5")).await;
        let told = json!({ "gameIndex": 7, "page": number, "size": 5, "totalCount": 12 });
        assert_eq!(without(data.clone(), "channels"), told);
        let ids = texts(&data["channels"], "channelId");
        assert_eq!(ids.len(), count, "page {number}");
        seen.extend(ids.into_iter().map(str::to_owned));
    }
    seen.sort();
    assert_eq!(seen, (0..12).map(|number| format!("c{number:02}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_list_holds_the_channel_objects() {
    let node = Node::start().await;
    assert_eq!(page(&node.api(), "").await["channels"], json!([]));
    let made = node.api().create_channel(ROOM, "PUBLIC").await;
    assert_eq!(page(&node.api(), "?size=1").await["channels"], json!([made]));
}

#[tokio::test]
async fn the_list_is_filtered_by_type() {
    let node = Node::start().await;
    for (id, kind) in [("a", "PUBLIC"), ("b", "PRIVATE"), ("c", "GROUP"), ("d", "GROUP")] {
        node.api().create_channel(id, kind).await;
    }
    success("one-on-one", node.api().post("/channel/one-on-one", json!({ "playerIds": [5001, 5002] })).await);
    for (kind, count) in [("PUBLIC", 1), ("PRIVATE", 1), ("GROUP", 2), ("ONE_ON_ONE", 1)] {
        let data = page(&node.api(), &format!("?type={kind}&size=1")).await;
        assert_eq!(data["totalCount"], count, "{kind}");
        assert_eq!(texts(&data["channels"], "type"), [kind]);
    }
    assert_eq!(page(&node.api(), "").await["totalCount"], 5);
}

#[tokio::test]
async fn a_list_beyond_its_limits_is_refused() {
    let node = Node::start().await;
    for query in
        ["size=0", "size=11", "size=-1", "size=x", "size=", "page=0", "page=-1", "page=x", "type=public", "type="]
    {
        refused(query, node.api().get(&format!("/channels?{query}")).await, codes::BAD_REQUEST);
    }
}
