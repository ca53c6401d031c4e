//! The opt-in extension `sequence`: places in the channel's log on the wire (design, section 9).

use serde_json::{Map, Value, json};

use crate::support::{Client, Node, Packet, ROOM, eventually, room};

const OPT_IN: &str = "sequence";
/// The keys the extension adds to channel notifications.
const KEYS: [&str; 3] = ["sequence", "epoch", "messageId"];

fn opt_in() -> Value {
    json!({ "extensions": [OPT_IN] })
}

/// RECONNECT with the last place seen in [`ROOM`].
fn opt_in_from(position: &Value) -> Value {
    json!({ "extensions": [OPT_IN], "positions": { ROOM: position } })
}

/// The place a notification carries, as RECONNECT wants it.
fn position(packet: &Packet) -> Value {
    json!({ "epoch": packet.body()["epoch"], "sequence": packet.body()["sequence"] })
}

/// Makes [`ROOM`], connects a player with the extension and enters it; the ENTER notification comes back, too.
async fn extended_room(node: &Node, player: i64) -> (Client, Packet) {
    node.api().create_channel(ROOM, "PUBLIC").await;
    let (mut client, response) = Client::log_in(node, player, "CONNECT", opt_in()).await;
    assert_eq!(response.status(), 200);
    node.api().enter(ROOM, player).await;
    let entered = client.expect("NOTIFY_ENTER_CHANNEL").await;
    (client, entered)
}

async fn lose(node: &Node, client: Client) {
    let player = client.player;
    client.vanish();
    let gone = async || (!node.api().members(ROOM).await.contains(&player)).then_some(());
    eventually("the lost player leaves", gone).await;
}

fn has_no_place(body: &Value) -> bool {
    KEYS.iter().all(|key| body.get(key).is_none())
}

#[tokio::test]
async fn channel_notifications_carry_consecutive_places() {
    let node = Node::start().await;
    let (mut client, entered) = extended_room(&node, 5001).await;
    client.say(ROOM, "hi").await;
    node.api().notice(ROOM, "notice").await;
    node.api().exit(ROOM, 5001).await;
    let mut expected = entered.body()["sequence"].as_i64().expect("sequence is a long");
    for packet_type in ["NOTIFY_CHANNEL_CHAT", "NOTIFY_CHANNEL_NOTICE", "NOTIFY_EXIT_CHANNEL"] {
        let packet = client.expect(packet_type).await;
        expected += 1;
        assert_eq!(packet.body()["sequence"], expected, "{}", packet.text);
        assert_eq!(packet.body()["epoch"], entered.body()["epoch"], "{}", packet.text);
        assert!(packet.body()["epoch"].is_string() && packet.body()["messageId"].is_string(), "{}", packet.text);
    }
}

#[tokio::test]
async fn the_end_of_a_channel_carries_its_place() {
    let node = Node::start().await;
    let (mut client, entered) = extended_room(&node, 5001).await;
    node.api().delete_channel(ROOM).await;
    let deleted = client.expect("NOTIFY_DELETE_CHANNEL").await;
    assert_eq!(deleted.body()["epoch"], entered.body()["epoch"]);
    assert!(deleted.body()["sequence"].as_i64() > entered.body()["sequence"].as_i64());
}

#[tokio::test]
async fn message_ids_differ() {
    let node = Node::start().await;
    let (mut client, entered) = extended_room(&node, 5001).await;
    client.say(ROOM, "hi").await;
    let said = client.expect("NOTIFY_CHANNEL_CHAT").await;
    assert_ne!(said.body()["messageId"], entered.body()["messageId"]);
}

#[tokio::test]
async fn direct_messages_and_user_notices_carry_no_place() {
    let node = Node::start().await;
    let (mut client, _) = extended_room(&node, 5001).await;
    let mut partner = Client::connect(&node, 5002).await;
    partner.whisper(5001, "psst").await;
    assert!(has_no_place(client.expect("NOTIFY_DIRECT_CHAT").await.body()));
    node.api().user_notice(5001, "gift").await;
    assert!(has_no_place(client.expect("NOTIFY_NOTICE").await.body()));
}

#[tokio::test]
async fn who_did_not_opt_in_sees_no_place_beside_one_who_did() {
    let node = Node::start().await;
    let (mut extended, _) = extended_room(&node, 5001).await;
    let mut plain = Client::connect(&node, 5002).await;
    node.api().enter(ROOM, 5002).await;
    extended.say(ROOM, "hi").await;
    for packet_type in ["NOTIFY_ENTER_CHANNEL", "NOTIFY_CHANNEL_CHAT"] {
        let with = extended.expect(packet_type).await;
        let without = plain.expect(packet_type).await;
        let mut body: Map<String, Value> = with.body().as_object().expect("a body is an object").clone();
        body.retain(|key, _| !KEYS.contains(&key.as_str()));
        assert_eq!(&Value::Object(body), without.body(), "the rest is the same");
        assert!(!has_no_place(with.body()));
    }
}

#[tokio::test]
async fn an_unknown_extension_is_ignored() {
    let node = Node::start().await;
    node.api().create_channel(ROOM, "PUBLIC").await;
    let (mut client, response) = Client::log_in(&node, 5001, "CONNECT", json!({ "extensions": ["teleport"] })).await;
    assert_eq!(response.status(), 200);
    node.api().enter(ROOM, 5001).await;
    assert!(has_no_place(client.expect("NOTIFY_ENTER_CHANNEL").await.body()));
}

#[tokio::test]
async fn positions_without_the_opt_in_change_nothing() {
    let node = Node::start().await;
    let [client] = room(&node, [5001]).await;
    lose(&node, client).await;
    let positions = json!({ "positions": { ROOM: { "epoch": "x", "sequence": 1 } } });
    let (_back, response) = Client::log_in(&node, 5001, "RECONNECT", positions).await;
    assert_eq!(response.body()["channelIds"], json!([ROOM]));
    assert!(response.body().get("recovered").is_none(), "{}", response.text);
}

#[tokio::test]
async fn the_replay_starts_after_the_place_the_client_names() {
    let node = Node::start().await;
    let (mut client, _) = extended_room(&node, 5001).await;
    let mut seen = Vec::new();
    for text in ["one", "two", "three"] {
        client.say(ROOM, text).await;
        seen.push(client.expect("NOTIFY_CHANNEL_CHAT").await);
    }
    lose(&node, client).await;
    // The server wrote all three to the lost socket, but the client knows better what arrived.
    let (mut back, response) = Client::log_in(&node, 5001, "RECONNECT", opt_in_from(&position(&seen[0]))).await;
    assert_eq!(response.body()["recovered"], json!({ ROOM: true }), "{}", response.text);
    for packet in &seen[1..] {
        assert_eq!(back.expect("NOTIFY_CHANNEL_CHAT").await.text, packet.text);
    }
}

#[tokio::test]
async fn a_log_that_no_longer_reaches_back_is_told() {
    let node = Node::builder().set("limits.log_events", 5).start().await;
    let (client, entered) = extended_room(&node, 5001).await;
    lose(&node, client).await;
    for number in 0..150 {
        node.api().notice(ROOM, &number.to_string()).await;
    }
    let (_back, response) = Client::log_in(&node, 5001, "RECONNECT", opt_in_from(&position(&entered))).await;
    assert_eq!(response.body()["recovered"], json!({ ROOM: false }), "{}", response.text);
}

#[tokio::test]
async fn a_place_of_another_epoch_is_not_recovered() {
    let node = Node::start().await;
    let (client, entered) = extended_room(&node, 5001).await;
    lose(&node, client).await;
    let mut place = position(&entered);
    place["epoch"] = json!("00000000000000ff");
    let (_back, response) = Client::log_in(&node, 5001, "RECONNECT", opt_in_from(&place)).await;
    assert_eq!(response.body()["channelIds"], json!([ROOM]));
    assert_eq!(response.body()["recovered"], json!({ ROOM: false }), "{}", response.text);
}

#[tokio::test]
async fn a_client_that_keeps_its_place_receives_everything_once_over_many_losses() {
    const MESSAGES: usize = 200;
    let node = Node::builder().set("limits.chat_burst", 1000).start().await;
    let (mut reader, _) = extended_room(&node, 5001).await;
    let mut speaker = Client::connect(&node, 5002).await;
    node.api().enter(ROOM, 5002).await;
    speaker.expect("NOTIFY_ENTER_CHANNEL").await;

    let speak = async {
        for number in 0..MESSAGES {
            assert_eq!(speaker.say(ROOM, &number.to_string()).await.status(), 200);
        }
    };
    let read = async {
        let mut heard = Vec::new();
        while heard.len() < MESSAGES {
            let packet = reader.next_packet().await;
            if packet.packet_type() != "NOTIFY_CHANNEL_CHAT" {
                continue;
            }
            heard.push(packet.message().to_owned());
            if heard.len() % 40 == 0 {
                (reader, _) = Client::log_in(&node, 5001, "RECONNECT", opt_in_from(&position(&packet))).await;
            }
        }
        heard
    };
    let ((), heard) = tokio::join!(speak, read);
    assert!(heard.iter().enumerate().all(|(number, text)| *text == number.to_string()), "{heard:?}");
}
