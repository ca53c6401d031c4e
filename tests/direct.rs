//! Messages between two players: one-way pushes to a player who is online ("Hive Chat WebSocket API, DIRECT_CHAT").

use crate::support::{Client, Node, room};

#[tokio::test]
async fn a_direct_chat_reaches_only_its_recipient() {
    let node = Node::start().await;
    let [mut sender, mut recipient, mut third] = room(&node, [5001, 5002, 5003]).await;
    assert_eq!(sender.whisper(5002, "psst").await.status(), 200);
    assert_eq!(recipient.expect("NOTIFY_DIRECT_CHAT").await.message(), "psst");
    for client in [&mut sender, &mut recipient, &mut third] {
        client.expect_no_packet().await;
    }
}

#[tokio::test]
async fn a_direct_chat_to_a_player_who_is_offline_is_answered_409() {
    let node = Node::start().await;
    let mut sender = Client::connect(&node, 5001).await;
    let response = sender.whisper(5002, "anybody?").await;
    assert_eq!((response.status(), response["message"].as_str()), (409, Some("Conflict")));
    sender.expect_no_packet().await;
}

#[tokio::test]
async fn a_direct_chat_to_a_player_who_logged_out_is_answered_409() {
    let node = Node::start().await;
    let [mut sender, partner] = room(&node, [5001, 5002]).await;
    partner.close().await;
    sender.expect("NOTIFY_EXIT_CHANNEL").await;
    assert_eq!(sender.whisper(5002, "anybody?").await.status(), 409);
}

#[tokio::test]
async fn a_direct_chat_to_a_player_of_another_game_is_answered_409() {
    let node = Node::start().await;
    let _other = Client::connect_to_other(&node, 5002).await;
    let mut sender = Client::connect(&node, 5001).await;
    assert_eq!(sender.whisper(5002, "hi").await.status(), 409);
}

#[tokio::test]
async fn a_direct_chat_to_a_player_the_sender_blocked_is_answered_409() {
    let node = Node::start().await;
    let [mut sender, mut partner] = room(&node, [5001, 5002]).await;
    node.api().block(5001, 5002).await;
    assert_eq!(sender.whisper(5002, "hi").await.status(), 409);
    sender.expect_no_packet().await;
    partner.expect_no_packet().await;
}

#[tokio::test]
async fn a_direct_chat_to_a_player_who_blocked_the_sender_is_answered_409() {
    let node = Node::start().await;
    let [mut sender, mut partner] = room(&node, [5001, 5002]).await;
    node.api().block(5002, 5001).await;
    assert_eq!(sender.whisper(5002, "hi").await.status(), 409);
    sender.expect_no_packet().await;
    partner.expect_no_packet().await;
}

#[tokio::test]
async fn a_direct_chat_to_oneself_is_answered_400() {
    let node = Node::start().await;
    let mut client = Client::connect(&node, 5001).await;
    assert_eq!(client.whisper(5001, "me").await.status(), 400);
    client.expect_no_packet().await;
}
