//! RECONNECT: which channels come back ("Hive Chat WebSocket API, RECONNECT").

use serde_json::{Value, json};

use crate::support::http::channel;
use crate::support::room::{enter, room_of};
use crate::support::{Client, Node, Packet, ROOM, eventually, room};

/// The two lists of a RESPONSE_RECONNECT, sorted: restored, failed.
fn lists(response: &Packet) -> (Vec<String>, Vec<String>) {
    (list(&response.body()["channelIds"]), list(&response.body()["failChannelIds"]))
}

fn list(ids: &Value) -> Vec<String> {
    let ids = ids.as_array().expect("a list of channel ids");
    let mut ids: Vec<_> = ids.iter().map(|id| id.as_str().expect("a channel id").to_owned()).collect();
    ids.sort();
    ids
}

/// What the two lists must be.
fn ids(restored: &[&str], failed: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
    (owned(restored), owned(failed))
}

/// Loses the last client's connection and awaits what the others are told of it.
async fn lose(client: Client, others: &mut [&mut Client]) {
    let player = client.player;
    client.vanish();
    for other in others {
        assert_eq!(other.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], player);
    }
}

/// Loses the connection of the only member and awaits that its channels are empty.
async fn lose_alone(node: &Node, client: Client, channels: &[&str]) {
    client.vanish();
    for channel in channels {
        let gone = async || node.api().members(channel).await.is_empty().then_some(());
        eventually("the lost player leaves", gone).await;
    }
}

#[tokio::test]
async fn the_channels_of_a_lost_socket_come_back_and_the_others_are_told() {
    let node = Node::start().await;
    let [mut member, lost] = room(&node, [5002, 5001]).await;
    lose(lost, &mut [&mut member]).await;
    assert_eq!(node.api().members(ROOM).await, [5002]);

    let (mut back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[ROOM], &[]));
    assert_eq!(member.expect("NOTIFY_ENTER_CHANNEL").await.body()["playerId"], 5001);
    assert_eq!(back.say(ROOM, "back").await.status(), 200);
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), "back");
    assert_eq!(back.skip_to("NOTIFY_CHANNEL_CHAT").await.message(), "back");
}

#[tokio::test]
async fn channels_of_every_kind_come_back() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for (id, kind) in [("a", "PUBLIC"), ("b", "GROUP"), ("c", "PRIVATE")] {
        node.api().create_channel(id, kind).await;
        enter(&node, id, std::slice::from_mut(&mut client)).await;
    }
    lose_alone(&node, client, &["a", "b", "c"]).await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&["a", "b", "c"], &[]));
    for id in ["a", "b", "c"] {
        assert_eq!(node.api().members(id).await, [5001]);
    }
}

#[tokio::test]
async fn a_socket_closed_in_good_order_is_a_lost_socket_too() {
    let node = Node::start().await;
    let [mut member, leaving] = room(&node, [5002, 5001]).await;
    leaving.close().await;
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[ROOM], &[]));
}

#[tokio::test]
async fn a_channel_left_before_the_loss_stays_left() {
    let node = Node::start().await;
    let [client] = room(&node, [5001]).await;
    node.api().exit(ROOM, 5001).await;
    client.close().await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[]));
}

#[tokio::test]
async fn connect_brings_no_channel_back() {
    let node = Node::start().await;
    let [client] = room(&node, [5001]).await;
    lose_alone(&node, client, &[ROOM]).await;
    let mut client = Client::connect(&node, 5001).await;
    assert_eq!(client.say(ROOM, "hi").await.status(), 400);
    assert!(node.api().members(ROOM).await.is_empty());
}

#[tokio::test]
async fn a_player_without_an_earlier_session_gets_two_empty_lists() {
    let node = Node::start().await;
    let (mut client, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[]));
    client.expect_no_packet().await;
}

#[tokio::test]
async fn a_deleted_channel_fails() {
    let node = Node::start().await;
    let [client] = room(&node, [5001]).await;
    lose_alone(&node, client, &[ROOM]).await;
    node.api().delete_channel(ROOM).await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[ROOM]));
}

#[tokio::test]
async fn a_full_channel_fails() {
    let node = Node::start().await;
    let mut spec = channel(ROOM, "PUBLIC");
    spec["maxMemberCount"] = json!(2);
    node.api().create(spec).await;
    let mut members = [Client::connect(&node, 5002).await, Client::connect(&node, 5001).await];
    enter(&node, ROOM, &mut members[..1]).await;
    enter(&node, ROOM, &mut members).await;
    let [mut member, lost] = members;
    lose(lost, &mut [&mut member]).await;
    let mut present = [member, Client::connect(&node, 5003).await];
    enter(&node, ROOM, &mut present).await;

    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[ROOM]));
}

#[tokio::test]
async fn a_channel_whose_password_changed_fails() {
    let node = Node::start().await;
    let [client] = room_of(&node, "PRIVATE", [5001]).await;
    lose_alone(&node, client, &[ROOM]).await;
    let (status, answer) = node.api().put(&format!("/channels/{ROOM}"), json!({ "password": "new" })).await;
    assert_eq!(status, 200, "{answer}");
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[ROOM]));
}

#[tokio::test]
async fn a_channel_over_the_cap_of_the_player_fails() {
    let node = Node::builder().set("limits.channels_per_player", 1).start().await;
    let [client] = room(&node, [5001]).await;
    lose_alone(&node, client, &[ROOM]).await;
    // A GROUP takes members who are offline, so the one place is gone.
    node.api().create_channel("guild", "GROUP").await;
    node.api().enter("guild", 5001).await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response).1, [ROOM]);
}

#[tokio::test]
async fn one_channel_may_fail_while_another_comes_back() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    for id in ["a", "b"] {
        node.api().create_channel(id, "PUBLIC").await;
        enter(&node, id, std::slice::from_mut(&mut client)).await;
    }
    lose_alone(&node, client, &["a", "b"]).await;
    node.api().delete_channel("a").await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&["b"], &["a"]));
}

#[tokio::test]
async fn a_reconnect_beside_the_living_socket_is_a_second_login_that_keeps_the_channels() {
    let node = Node::start().await;
    let [mut member, mut older] = room(&node, [5002, 5001]).await;
    let (mut newer, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[ROOM], &[]));
    assert_eq!(older.skip_to_close().await, (4000, "second login".to_owned()));
    assert_eq!(member.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5001);
    assert_eq!(member.expect("NOTIFY_ENTER_CHANNEL").await.body()["playerId"], 5001);
    assert_eq!(newer.say(ROOM, "here now").await.status(), 200);
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), "here now");
}

#[tokio::test]
async fn a_socket_can_be_lost_again_and_again() {
    let node = Node::start().await;
    let [mut member, mut client] = room(&node, [5002, 5001]).await;
    for _ in 0..5 {
        lose(client, &mut [&mut member]).await;
        let response;
        (client, response) = Client::reconnect(&node, 5001).await;
        assert_eq!(lists(&response), ids(&[ROOM], &[]));
        member.expect("NOTIFY_ENTER_CHANNEL").await;
    }
}

#[tokio::test]
async fn after_the_window_nothing_comes_back() {
    let node = Node::builder().set("limits.resume_sec", 1).set("limits.connect_sec", 3).start().await;
    let [client] = room(&node, [5001]).await;
    lose_alone(&node, client, &[ROOM]).await;
    // A socket that says nothing is closed after three seconds: the server's own clock, longer than the window.
    let mut clock = Client::open(&node, 5002).await;
    clock.expect_close().await;
    let (_back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[]));
}

#[tokio::test]
async fn with_the_newer_rule_only_public_channels_are_left_and_all_are_listed() {
    let node = Node::builder().set("chat.leave_on_disconnect", "public").start().await;
    let [mut member, mut client] = room_of(&node, "GROUP", [5002, 5001]).await;
    node.api().create_channel("open:2", "PUBLIC").await;
    enter(&node, "open:2", std::slice::from_mut(&mut client)).await;
    lose_alone(&node, client, &["open:2"]).await;
    assert_eq!(node.api().members(ROOM).await.len(), 2, "a GROUP keeps its members");

    let (mut back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[ROOM, "open:2"], &[]));
    assert_eq!(back.say(ROOM, "never left").await.status(), 200);
    // Nobody in the GROUP was told of an exit or an entry.
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), "never left");
}

#[tokio::test]
async fn a_channel_the_game_server_took_away_meanwhile_is_not_restored() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "GROUP").await;
    let client = Client::connect(&node, 5001).await;
    node.api().enter(ROOM, 5001).await;
    lose_alone(&node, client, &[ROOM]).await;
    node.api().exit(ROOM, 5001).await;
    let (_client, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(lists(&response), ids(&[], &[]));
}
