//! What was missed between the loss of a socket and RECONNECT comes afterwards, as if it came late (design, section 8).

use serde_json::json;

use crate::support::room::room_of;
use crate::support::{Client, Node, Packet, ROOM, room};

/// The text of the notice that ends what a test looks at.
const END: &str = "the end";

/// Loses the client, which the witness must see.
async fn lose(client: Client, witness: &mut Client) {
    client.vanish();
    witness.expect("NOTIFY_EXIT_CHANNEL").await;
}

/// Ends the test with a notice and reads everything a client got before it, except what tells of its own coming and
/// going: whether its own ENTER is replayed to it is not for these tests.
async fn until_the_end(node: &Node, clients: [&mut Client; 2]) -> [Vec<Packet>; 2] {
    node.api().notice(ROOM, END).await;
    let mut lists = [Vec::new(), Vec::new()];
    for (client, list) in clients.into_iter().zip(&mut lists) {
        loop {
            let packet = client.next_packet().await;
            if packet.packet_type() == "NOTIFY_CHANNEL_NOTICE" && packet.message() == END {
                break;
            }
            list.push(packet);
        }
    }
    lists
}

/// The exact texts of packets, without those about the entry of `player`.
fn texts(packets: &[Packet], player: i64) -> Vec<&str> {
    let own_entry =
        |packet: &&Packet| packet.packet_type() == "NOTIFY_ENTER_CHANNEL" && packet.body()["playerId"] == player;
    packets.iter().filter(|packet| !own_entry(packet)).map(|packet| packet.text.as_str()).collect()
}

#[tokio::test]
async fn missed_packets_are_replayed_in_order_with_their_original_times() {
    let node = Node::start().await;
    let [mut witness, mut third, lost] = room(&node, [5002, 5003, 5001]).await;
    lose(lost, &mut witness).await;
    third.expect("NOTIFY_EXIT_CHANNEL").await;
    for number in 0..5 {
        assert_eq!(witness.say(ROOM, &format!("missed {number}")).await.status(), 200);
    }
    node.api().notice(ROOM, "a missed notice").await;
    node.api().exit(ROOM, 5003).await;
    node.api().enter(ROOM, 5003).await;

    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [seen, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert_eq!(texts(&replayed, 5001), texts(&seen, 5001));
    assert_eq!(texts(&seen, 5001).len(), 8, "5 chats, a notice, an exit, an entry: {seen:?}");
}

#[tokio::test]
async fn ones_own_exit_is_not_replayed() {
    let node = Node::start().await;
    let [mut witness, lost] = room(&node, [5002, 5001]).await;
    lose(lost, &mut witness).await;
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(texts(&replayed, 5001).is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn what_came_before_the_loss_is_not_replayed() {
    let node = Node::start().await;
    let [mut witness, mut lost] = room(&node, [5002, 5001]).await;
    witness.say(ROOM, "seen").await;
    for client in [&mut witness, &mut lost] {
        client.expect("NOTIFY_CHANNEL_CHAT").await;
    }
    lose(lost, &mut witness).await;
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(texts(&replayed, 5001).is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn what_was_replayed_once_is_not_replayed_again() {
    let node = Node::start().await;
    let [mut witness, mut client] = room(&node, [5002, 5001]).await;
    for round in ["first", "second", "third"] {
        lose(client, &mut witness).await;
        witness.say(ROOM, round).await;
        witness.expect("NOTIFY_CHANNEL_CHAT").await;
        (client, _) = Client::reconnect(&node, 5001).await;
        let [seen, replayed] = until_the_end(&node, [&mut witness, &mut client]).await;
        assert_eq!(texts(&seen, 5001), Vec::<&str>::new());
        let messages: Vec<_> = replayed.iter().filter(|packet| packet.packet_type() == "NOTIFY_CHANNEL_CHAT").collect();
        assert_eq!(messages.len(), 1, "{replayed:?}");
        assert_eq!(messages[0].message(), round);
    }
}

#[tokio::test]
async fn messages_withheld_by_a_block_are_withheld_from_the_replay() {
    let node = Node::start().await;
    let [mut witness, mut third, lost] = room(&node, [5002, 5003, 5001]).await;
    node.api().block(5001, 5002).await;
    node.api().block(5003, 5001).await;
    lose(lost, &mut witness).await;
    third.expect("NOTIFY_EXIT_CHANNEL").await;
    witness.say(ROOM, "from whom the lost one blocked").await;
    third.say(ROOM, "from who blocked the lost one").await;
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(texts(&replayed, 5001).is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn missed_direct_messages_and_user_notices_are_gone() {
    let node = Node::start().await;
    let [mut witness, lost] = room(&node, [5002, 5001]).await;
    lose(lost, &mut witness).await;
    assert_eq!(witness.whisper(5001, "anybody?").await.status(), 409);
    let (status, answer) = node.api().post("/notices/user", json!({ "playerId": 5001, "message": "gift" })).await;
    assert_eq!((status, &answer["code"]), (400, &json!(300)), "User not in session.");
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(texts(&replayed, 5001).is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn the_replay_can_be_switched_off() {
    let node = Node::builder().set("chat.replay_on_reconnect", false).start().await;
    let [mut witness, lost] = room(&node, [5002, 5001]).await;
    lose(lost, &mut witness).await;
    witness.say(ROOM, "missed").await;
    let (mut back, response) = Client::reconnect(&node, 5001).await;
    assert_eq!(response.body()["channelIds"], json!([ROOM]));
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(texts(&replayed, 5001).is_empty(), "{replayed:?}");
}

#[tokio::test]
async fn the_replay_reaches_as_far_back_as_the_log() {
    const SAID: usize = 200; // a log may be trimmed in batches, so far more than it keeps
    let node = Node::builder().set("limits.log_events", 5).set("limits.chat_burst", 1000).start().await;
    let [mut witness, lost] = room(&node, [5002, 5001]).await;
    lose(lost, &mut witness).await;
    for number in 0..SAID {
        witness.say(ROOM, &number.to_string()).await;
    }
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    let [_, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    let chats = replayed.iter().filter(|packet| packet.packet_type() == "NOTIFY_CHANNEL_CHAT");
    let messages: Vec<_> = chats.map(Packet::message).collect();
    assert!((1..SAID).contains(&messages.len()), "{} of {SAID}", messages.len());
    let newest: Vec<_> = (SAID - messages.len()..SAID).map(|number| number.to_string()).collect();
    assert_eq!(messages, newest, "the newest, in order");
}

#[tokio::test]
async fn with_the_newer_rule_a_group_is_replayed_without_having_been_left() {
    let node = Node::builder().set("chat.leave_on_disconnect", "public").start().await;
    let [mut witness, lost] = room_of(&node, "GROUP", [5002, 5001]).await;
    lost.close().await;
    witness.say(ROOM, "missed").await;
    witness.expect("NOTIFY_CHANNEL_CHAT").await;
    let (mut back, _) = Client::reconnect(&node, 5001).await;
    assert_eq!(back.expect("NOTIFY_CHANNEL_CHAT").await.message(), "missed");
    let [seen, replayed] = until_the_end(&node, [&mut witness, &mut back]).await;
    assert!(seen.is_empty() && replayed.is_empty(), "{seen:?} {replayed:?}");
}
