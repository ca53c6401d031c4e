//! ONE_ON_ONE channels, and changing and deleting any channel ("Hive Chat HTTP API", operations 5 to 7).

use serde_json::{Value, json};

use crate::support::answers::{codes, refused, with};
use crate::support::http::{channel, success};
use crate::support::room::room_of;
use crate::support::{Client, Node, ROOM, room};

/// The channel of two players.
async fn one_on_one(node: &Node, players: [i64; 2]) -> Value {
    success("one-on-one", node.api().post("/channel/one-on-one", json!({ "playerIds": players })).await)
}

fn id_of(channel: &Value) -> &str {
    channel["channelId"].as_str().expect("channelId is a string")
}

/// A channel as it is now.
async fn get(node: &Node, id: &str) -> Value {
    let mut data = success("get", node.api().get(&format!("/channels/{id}")).await);
    data.as_object_mut().expect("a channel is an object").remove("members");
    data
}

async fn update(node: &Node, id: &str, changes: Value) -> (u16, Value) {
    node.api().put(&format!("/channels/{id}"), changes).await
}

#[tokio::test]
async fn a_one_on_one_channel_has_its_two_players_in_it() {
    let node = Node::start().await;
    let made = one_on_one(&node, [5001, 5002]).await;
    let described = ["type", "owner", "memberCount", "maxMemberCount"].map(|key| made[key].clone());
    assert_eq!(described, [json!("ONE_ON_ONE"), json!("SYSTEM"), json!(2), json!(2)]);
    let mut members = node.api().members(id_of(&made)).await;
    members.sort_unstable();
    assert_eq!(members, [5001, 5002]);
}

#[tokio::test]
async fn the_same_two_players_get_the_same_one_on_one_channel_again() {
    let node = Node::start().await;
    let made = one_on_one(&node, [5001, 5002]).await;
    assert_eq!(one_on_one(&node, [5001, 5002]).await, made);
    assert_eq!(one_on_one(&node, [5002, 5001]).await, made);
    assert_ne!(id_of(&one_on_one(&node, [5001, 5003]).await), id_of(&made));
}

#[tokio::test]
async fn two_players_asked_together_at_once_get_one_channel() {
    let node = Node::start().await;
    let made = futures_util::future::join_all((0..10).map(|_| one_on_one(&node, [5001, 5002]))).await;
    assert!(made.iter().all(|channel| channel["channelId"] == made[0]["channelId"]), "{made:?}");
    assert_eq!(get(&node, id_of(&made[0])).await["memberCount"], 2);
}

#[tokio::test]
async fn a_one_on_one_channel_carries_messages_between_its_players_only() {
    let node = Node::start().await;
    let [mut first, mut second, mut third] =
        [Client::connect(&node, 5001).await, Client::connect(&node, 5002).await, Client::connect(&node, 5003).await];
    let made = one_on_one(&node, [5001, 5002]).await;
    assert_eq!(first.say(id_of(&made), "psst").await.status(), 200);
    assert_eq!(second.skip_to("NOTIFY_CHANNEL_CHAT").await.message(), "psst");
    assert_eq!(third.say(id_of(&made), "me too").await.status(), 400);
    third.expect_no_packet().await;
}

#[tokio::test]
async fn a_one_on_one_channel_takes_no_third_player() {
    let node = Node::start().await;
    let made = one_on_one(&node, [5001, 5002]).await;
    let path = format!("/channels/{}/members/5003", id_of(&made));
    refused("a third", node.api().post(&path, json!({})).await, codes::CHANNEL_FULL);
    node.api().exit(id_of(&made), 5002).await;
    refused("in the place of one who left", node.api().post(&path, json!({})).await, codes::CHANNEL_FULL);
    node.api().enter(id_of(&made), 5002).await;
}

#[tokio::test]
async fn a_one_on_one_channel_of_players_who_block_each_other_is_refused() {
    let node = Node::start().await;
    node.api().block(5001, 5002).await;
    for players in [[5001, 5002], [5002, 5001]] {
        let body = json!({ "playerIds": players });
        refused("blocked", node.api().post("/channel/one-on-one", body).await, codes::BLOCKED);
    }
}

#[tokio::test]
async fn the_ids_of_one_on_one_channels_are_not_for_others() {
    let node = Node::start().await;
    let spec = channel("one-on-one:5001:5002", "GROUP");
    refused("its id", node.api().post("/channel", spec).await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_one_on_one_channel_needs_two_different_players() {
    let node = Node::start().await;
    let bad = [json!([5001, 5001]), json!([5001]), json!([1, 2, 3]), json!(["5001", "5002"]), json!(5001), Value::Null];
    for players in bad {
        let body = json!({ "playerIds": players });
        refused(&body.to_string(), node.api().post("/channel/one-on-one", body).await, codes::BAD_REQUEST);
    }
    refused("none", node.api().post("/channel/one-on-one", json!({})).await, codes::BAD_REQUEST);
}

#[tokio::test]
async fn a_one_on_one_channel_cannot_be_updated() {
    let node = Node::start().await;
    let made = one_on_one(&node, [5001, 5002]).await;
    refused("update", update(&node, id_of(&made), json!({ "channelName": "ours" })).await, codes::FORBIDDEN);
    assert_eq!(get(&node, id_of(&made)).await, made);
}

#[tokio::test]
async fn a_one_on_one_channel_is_no_user_channel_and_takes_no_place_of_one() {
    let node = Node::builder().set("limits.channels_per_player", 1).start().await;
    one_on_one(&node, [5001, 5002]).await;
    let channels = async || success("channels", node.api().get("/users/5001/channels").await)["channels"].clone();
    assert_eq!(channels().await, json!([]));
    node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    assert_eq!(channels().await.as_array().map(Vec::len), Some(1));
    one_on_one(&node, [5001, 5003]).await;
}

#[tokio::test]
async fn a_player_is_in_as_many_one_on_one_channels_as_set() {
    let node = Node::builder().set("limits.one_on_one_per_player", 2).start().await;
    one_on_one(&node, [5001, 5002]).await;
    one_on_one(&node, [5001, 5003]).await;
    let one_more = json!({ "playerIds": [5004, 5001] });
    refused("one more", node.api().post("/channel/one-on-one", one_more).await, codes::TOO_MANY_CHANNELS);
    one_on_one(&node, [5004, 5003]).await;
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_nothing_else() {
    let node = Node::start().await;
    let mut expected = node.api().create_channel("p", "PRIVATE").await;
    let changes =
        [("channelName", json!("renamed")), ("maxMemberCount", json!(9)), ("chatHistoryAllowed", json!(true))];
    for (key, value) in changes {
        expected[key] = value.clone();
        assert_eq!(success(key, update(&node, "p", json!({ key: value })).await), expected);
        assert_eq!(get(&node, "p").await, expected);
    }
    assert_eq!(success("nothing", update(&node, "p", json!({})).await), expected);
    node.api().enter("p", 5001).await; // by the password it was made with
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one() {
    let node = Node::start().await;
    node.api().create_channel("p", "PRIVATE").await;
    success("update", update(&node, "p", json!({ "password": "new" })).await);
    let enter =
        async |password: &str| node.api().post("/channels/p/members/5001", json!({ "password": password })).await;
    refused("the old one", enter("pass").await, codes::WRONG_PASSWORD);
    success("the new one", enter("new").await);
}

#[tokio::test]
async fn an_update_beyond_a_limit_is_refused_and_changes_nothing() {
    let node = Node::start().await;
    let private = node.api().create_channel("p", "PRIVATE").await;
    let bad = [
        ("channelName", vec![json!(""), json!("n".repeat(51)), json!(1)]),
        ("maxMemberCount", vec![json!(0), json!(1), json!(501), json!(-1), json!("9")]),
        ("password", vec![json!(""), json!("p".repeat(51)), json!(1)]),
        ("chatHistoryAllowed", vec![json!("true"), json!(1)]),
    ];
    for (key, values) in bad {
        for value in values {
            let changes = with(json!({ "channelName": "half way" }), key, value);
            refused(&changes.to_string(), update(&node, "p", changes).await, codes::BAD_REQUEST);
        }
    }
    assert_eq!(get(&node, "p").await, private);
    node.api().create_channel("g", "GROUP").await;
    refused("password", update(&node, "g", json!({ "password": "x" })).await, codes::BAD_REQUEST);
    refused("unknown", update(&node, "nowhere", json!({})).await, codes::CHANNEL_NOT_FOUND);
}

#[tokio::test]
async fn lowering_the_most_members_evicts_nobody() {
    let node = Node::start().await;
    let [mut first, mut second, _third] = room_of(&node, "GROUP", [5001, 5002, 5003]).await;
    let lowered = success("update", update(&node, ROOM, json!({ "maxMemberCount": 2 })).await);
    assert_eq!((&lowered["memberCount"], &lowered["maxMemberCount"]), (&json!(3), &json!(2)));
    assert_eq!(first.say(ROOM, "still here").await.status(), 200);
    assert_eq!(second.expect("NOTIFY_CHANNEL_CHAT").await.message(), "still here");
    let enter = async || node.api().post(&format!("/channels/{ROOM}/members/5004"), json!({})).await;
    refused("a fourth", enter().await, codes::CHANNEL_FULL);
    node.api().exit(ROOM, 5003).await;
    refused("a third", enter().await, codes::CHANNEL_FULL);
    node.api().exit(ROOM, 5002).await;
    success("a second", enter().await);
}

#[tokio::test]
async fn every_member_is_told_of_the_deletion() {
    let node = Node::start().await;
    let [mut first, mut second] = room(&node, [5001, 5002]).await;
    node.api().delete_channel(ROOM).await;
    for member in [&mut first, &mut second] {
        assert_eq!(member.expect("NOTIFY_DELETE_CHANNEL").await.body()["channelId"], ROOM);
        assert_eq!(member.say(ROOM, "gone").await.status(), 400);
        member.expect_no_packet().await;
    }
}

#[tokio::test]
async fn a_deleted_channel_is_unknown() {
    let node = Node::start().await;
    node.api().create_channel("g", "GROUP").await;
    node.api().enter("g", 5001).await;
    node.api().delete_channel("g").await;
    let answers = [
        node.api().get("/channels/g").await,
        node.api().get("/channels/g/members").await,
        node.api().put("/channels/g", json!({})).await,
        node.api().delete("/channels/g").await,
        node.api().post("/channels/g/members/5002", json!({})).await,
        node.api().delete("/channels/g/members/5001").await,
    ];
    for answer in answers {
        refused("deleted", answer, codes::CHANNEL_NOT_FOUND);
    }
    assert_eq!(success("channels", node.api().get("/users/5001/channels").await)["channels"], json!([]));
}

#[tokio::test]
async fn a_channel_of_the_same_id_made_after_a_deletion_is_a_new_one() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.api().delete_channel(ROOM).await;
    member.expect("NOTIFY_DELETE_CHANNEL").await;
    assert_eq!(node.api().create_channel(ROOM, "PUBLIC").await["memberCount"], 0);
    assert_eq!(member.say(ROOM, "not a member").await.status(), 400);
    node.api().enter(ROOM, 5001).await;
    member.expect("NOTIFY_ENTER_CHANNEL").await;
    assert_eq!(member.say(ROOM, "a member").await.status(), 200);
}

#[tokio::test]
async fn a_player_deletes_only_a_channel_of_ones_own() {
    let node = Node::start().await;
    node.api().create(with(channel("own", "GROUP"), "playerId", 5001)).await;
    node.api().create_channel("system", "GROUP").await;
    let delete = async |id: &str, player: &str| node.api().delete(&format!("/channels/{id}?playerId={player}")).await;
    refused("another player", delete("own", "5002").await, codes::NOT_OWNER);
    refused("a SYSTEM channel", delete("system", "5001").await, codes::NOT_OWNER);
    refused("no player", delete("own", "x").await, codes::BAD_REQUEST);
    refused("unknown", delete("nowhere", "5001").await, codes::CHANNEL_NOT_FOUND);
    success("the owner", delete("own", "5001").await);
    node.api().delete_channel("system").await;
}
