//! Entering, leaving and counting members ("Hive Chat HTTP API", operations 3, 8 and 9).

use serde_json::{Value, json};

use crate::support::answers::{assert_instant, codes, refused, with};
use crate::support::http::{channel, success};
use crate::support::room::room_of;
use crate::support::{Client, Node, ROOM, eventually, room};

async fn enter(node: &Node, channel: &str, player: i64) -> (u16, Value) {
    node.api().post(&format!("/channels/{channel}/members/{player}"), json!({ "password": "pass" })).await
}

async fn exit(node: &Node, channel: &str, player: i64) -> (u16, Value) {
    node.api().delete(&format!("/channels/{channel}/members/{player}")).await
}

/// Connects 5001 and enters it into as many channels of the three types as a player may be in.
async fn in_ten_channels(node: &Node) -> Client {
    let client = Client::connect(node, 5001).await;
    for (number, kind) in (0..10).zip(["PUBLIC", "PRIVATE", "GROUP"].into_iter().cycle()) {
        let id = format!("c{number}");
        node.api().create_channel(&id, kind).await;
        node.api().enter(&id, 5001).await;
    }
    client
}

#[tokio::test]
async fn a_member_is_answered_with_exactly_the_documented_keys() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    let data = success("members", node.api().get("/channels/g/members").await);
    let member = &data["members"][0];
    assert_instant(&member["connectedTime"], &member["connectedTimeMillis"]);
    let expected = json!({
        "playerId": 5001,
        "connectedTime": member["connectedTime"], "connectedTimeMillis": member["connectedTimeMillis"],
    });
    assert_eq!(data, json!({ "members": [expected] }));
}

#[tokio::test]
async fn every_step_into_and_out_of_an_unknown_channel_is_answered_400_201() {
    let node = Node::start().await;
    let _online = Client::connect(&node, 5001).await;
    node.other_api().create_channel("there", "PUBLIC").await;
    for id in ["nowhere", "there", "not%20an%20id"] {
        refused("enter", enter(&node, id, 5001).await, codes::CHANNEL_NOT_FOUND);
        refused("exit", exit(&node, id, 5001).await, codes::CHANNEL_NOT_FOUND);
        let members = node.api().get(&format!("/channels/{id}/members")).await;
        refused("members", members, codes::CHANNEL_NOT_FOUND);
    }
}

#[tokio::test]
async fn a_full_channel_takes_nobody_until_somebody_leaves() {
    let node = Node::start().await;
    node.api().create(with(channel("g", "GROUP"), "maxMemberCount", 2)).await;
    for player in [5001, 5002] {
        node.api().enter("g", player).await;
    }
    refused("a third", enter(&node, "g", 5003).await, codes::CHANNEL_FULL);
    assert_eq!(success("channels", node.api().get("/users/5003/channels").await)["channels"], json!([]));
    node.api().exit("g", 5001).await;
    node.api().enter("g", 5003).await;
}

#[tokio::test]
async fn many_who_enter_at_once_never_overfill_a_channel() {
    let node = Node::start().await;
    node.api().create(with(channel("g", "GROUP"), "maxMemberCount", 5)).await;
    let answers = futures_util::future::join_all((0..20).map(|player| enter(&node, "g", 5001 + player))).await;
    let (entered, rest): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 200);
    assert_eq!(entered.len(), 5);
    for answer in rest {
        refused("the sixth", answer, codes::CHANNEL_FULL);
    }
    let data = success("get", node.api().get("/channels/g").await);
    assert_eq!((&data["memberCount"], data["members"].as_array().map(Vec::len)), (&json!(5), Some(5)));
}

#[tokio::test]
async fn a_private_channel_opens_to_its_password_only() {
    let node = Node::start().await;
    node.api().create_channel("p", "PRIVATE").await;
    let enter = async |body: Value| node.api().post("/channels/p/members/5001", body).await;
    for wrong in [json!({}), json!({ "password": null }), json!({ "password": "" }), json!({ "password": "PASS" })] {
        refused(&wrong.to_string(), enter(wrong).await, codes::WRONG_PASSWORD);
    }
    refused("wrong type", enter(json!({ "password": 1 })).await, codes::BAD_REQUEST);
    assert!(node.api().members("p").await.is_empty());
    success("right", enter(json!({ "password": "pass" })).await);
}

#[tokio::test]
async fn a_player_enters_without_a_body_where_no_password_is_asked() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    success("enter", node.api().call(reqwest::Method::POST, "/channels/g/members/5001", None).await);
    refused("an array", node.api().post("/channels/g/members/5002", json!([])).await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_public_channel_takes_only_players_with_a_live_socket() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    refused("never seen", enter(&node, ROOM, 5001).await, codes::NOT_IN_SESSION);
    let client = Client::connect(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    client.close().await;
    let left = async || node.api().members(ROOM).await.is_empty().then_some(());
    eventually("the member leaves with its socket", left).await;
    refused("gone again", enter(&node, ROOM, 5001).await, codes::NOT_IN_SESSION);
}

#[tokio::test]
async fn who_is_in_a_channel_does_not_enter_it_again() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    refused("twice", enter(&node, ROOM, 5001).await, codes::ALREADY_IN_CHANNEL);
    assert_eq!(node.api().members(ROOM).await, [5001]);
    member.expect_no_packet().await;
    assert_eq!(member.say(ROOM, "still in").await.status(), 200);
}

#[tokio::test]
async fn who_is_in_no_channel_does_not_leave_it() {
    let node = Node::start().await;
    let [_member] = room_of(&node, "GROUP", [5001]).await;
    refused("never in", exit(&node, ROOM, 5002).await, codes::NOT_IN_CHANNEL);
    node.api().exit(ROOM, 5001).await;
    refused("out already", exit(&node, ROOM, 5001).await, codes::NOT_IN_CHANNEL);
}

#[tokio::test]
async fn who_leaves_is_told_and_so_is_who_stays() {
    let node = Node::start().await;
    let [mut leaver, mut member] = room(&node, [5001, 5002]).await;
    node.api().exit(ROOM, 5001).await;
    for client in [&mut leaver, &mut member] {
        let left = client.expect("NOTIFY_EXIT_CHANNEL").await;
        assert_eq!((&left.body()["channelId"], &left.body()["playerId"]), (&json!(ROOM), &json!(5001)));
    }
    assert_eq!(leaver.say(ROOM, "outside").await.status(), 400);
    assert_eq!(node.api().members(ROOM).await, [5002]);
}

#[tokio::test]
async fn a_player_id_that_is_none_is_answered_400_100() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    for id in ["x", "1.5", "9223372036854775808", "%20", "0x1"] {
        let path = format!("/channels/g/members/{id}");
        refused(id, node.api().post(&path, json!({})).await, codes::BAD_REQUEST);
        refused(id, node.api().delete(&path).await, codes::BAD_REQUEST);
    }
}

#[tokio::test]
async fn a_player_is_in_10_channels_of_all_three_types_together() {
    let node = Node::start().await;
    let _client = in_ten_channels(&node).await;
    for kind in ["PUBLIC", "PRIVATE", "GROUP"] {
        node.api().create_channel(kind, kind).await;
        refused(kind, enter(&node, kind, 5001).await, codes::TOO_MANY_CHANNELS);
        assert!(node.api().members(kind).await.is_empty());
        let own = with(channel("own", kind), "playerId", 5001);
        refused(kind, node.api().post("/channel", own).await, codes::TOO_MANY_CHANNELS);
        refused(kind, node.api().get("/channels/own").await, codes::CHANNEL_NOT_FOUND);
    }
    // The cap is the player's, not the channels'.
    node.api().enter("GROUP", 5002).await;
}

#[tokio::test]
async fn a_left_channel_frees_its_place() {
    let node = Node::start().await;
    let _client = in_ten_channels(&node).await;
    node.api().create_channel("one-more", "GROUP").await;
    node.api().exit("c0", 5001).await;
    node.api().enter("one-more", 5001).await;
    refused("eleven", enter(&node, "c0", 5001).await, codes::TOO_MANY_CHANNELS);
}

#[tokio::test]
async fn a_deleted_channel_frees_its_place() {
    let node = Node::start().await;
    let _client = in_ten_channels(&node).await;
    node.api().create_channel("one-more", "GROUP").await;
    refused("eleven", enter(&node, "one-more", 5001).await, codes::TOO_MANY_CHANNELS);
    node.api().delete_channel("c0").await;
    node.api().enter("one-more", 5001).await;
}

#[tokio::test]
async fn an_entry_that_was_refused_takes_no_place() {
    let node = Node::builder().set("limits.channels_per_player", 1).start().await;
    for (id, kind) in [("p", "PRIVATE"), ("g", "GROUP")] {
        node.api().create_channel(id, kind).await;
    }
    for _ in 0..3 {
        let wrong = node.api().post("/channels/p/members/5001", json!({ "password": "wrong" })).await;
        refused("password", wrong, codes::WRONG_PASSWORD);
        refused("unknown", enter(&node, "nowhere", 5001).await, codes::CHANNEL_NOT_FOUND);
    }
    node.api().enter("g", 5001).await;
}

#[tokio::test]
async fn a_player_enters_a_group_offline_and_hears_it_once_online() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "GROUP").await;
    for player in [5001, 5002] {
        node.api().enter(ROOM, player).await;
    }
    let mut first = Client::connect(&node, 5001).await;
    let mut second = Client::connect(&node, 5002).await;
    assert_eq!(first.say(ROOM, "hello").await.status(), 200);
    assert_eq!(second.expect("NOTIFY_CHANNEL_CHAT").await.message(), "hello");
}

#[tokio::test]
async fn with_the_newer_rule_a_lost_socket_leaves_public_channels_only() {
    let node = Node::builder().set("chat.leave_on_disconnect", "public").start().await;
    let client = Client::connect(&node, 5001).await;
    for (id, kind) in [("a", "PUBLIC"), ("b", "PRIVATE"), ("c", "GROUP")] {
        node.api().create_channel(id, kind).await;
        node.api().enter(id, 5001).await;
    }
    client.close().await;
    let left = async || node.api().members("a").await.is_empty().then_some(());
    eventually("the member leaves the PUBLIC channel", left).await;
    assert_eq!((node.api().members("b").await, node.api().members("c").await), (vec![5001], vec![5001]));
}

#[tokio::test]
async fn the_owner_who_leaves_keeps_the_channel() {
    let node = Node::start().await;
    node.api().create(with(channel("g", "GROUP"), "playerId", 5001)).await;
    node.api().enter("g", 5002).await;
    node.api().exit("g", 5001).await;
    let data = success("get", node.api().get("/channels/g").await);
    assert_eq!((&data["owner"], &data["memberCount"]), (&json!("5001"), &json!(1)));
    success("still the owner", node.api().delete("/channels/g?playerId=5001").await);
}
