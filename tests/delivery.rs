//! Who receives what, and in which order ("Hive Chat WebSocket API", delivery, order, limits).

use futures_util::future::join_all;
use serde_json::json;

use crate::support::http::success;
use crate::support::room::{enter, room_of};
use crate::support::{Client, Node, ROOM, room};

/// Lets a notice follow everything before it in the channel; it must be the very next packet of each client.
async fn expect_only_notice(node: &Node, clients: &mut [&mut Client]) {
    node.api().notice(ROOM, "the end").await;
    for client in clients {
        assert_eq!(client.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "the end");
    }
}

#[tokio::test]
async fn every_member_receives_a_message_and_so_does_its_sender() {
    let node = Node::start().await;
    let mut members = room(&node, [5001, 5002, 5003]).await;
    assert_eq!(members[0].say(ROOM, "hello").await.status(), 200);
    for client in &mut members {
        let packet = client.expect("NOTIFY_CHANNEL_CHAT").await;
        assert_eq!((packet.message(), packet.body()["from"].as_i64()), ("hello", Some(5001)));
    }
}

#[tokio::test]
async fn a_message_is_received_once() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    sender.say(ROOM, "hello").await;
    sender.expect("NOTIFY_CHANNEL_CHAT").await;
    member.expect("NOTIFY_CHANNEL_CHAT").await;
    expect_only_notice(&node, &mut [&mut sender, &mut member]).await;
}

#[tokio::test]
async fn members_of_other_channels_receive_nothing() {
    let node = Node::start().await;
    let [mut sender] = room(&node, [5001]).await;
    let mut other = Client::connect(&node, 5002).await;
    node.api().create_channel("open:2", "PUBLIC").await;
    enter(&node, "open:2", std::slice::from_mut(&mut other)).await;
    sender.say(ROOM, "hello").await;
    node.api().notice("open:2", "after").await;
    assert_eq!(other.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "after");
}

#[tokio::test]
async fn a_channel_of_the_same_id_in_another_game_is_another_channel() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.other_api().create_channel(ROOM, "PUBLIC").await;
    node.other_api().notice(ROOM, "elsewhere").await;
    expect_only_notice(&node, &mut [&mut member]).await;
}

#[tokio::test]
async fn a_channel_made_anew_under_the_id_of_a_deleted_one_is_heard() {
    let node = Node::start().await;
    let mut members = room(&node, [5001, 5002]).await;
    for kind in ["GROUP", "PUBLIC"] {
        node.api().delete_channel(ROOM).await;
        for client in &mut members {
            client.expect("NOTIFY_DELETE_CHANNEL").await;
        }
        node.api().create_channel(ROOM, kind).await;
        let [first, second] = &mut members;
        enter(&node, ROOM, std::slice::from_mut(first)).await;
        node.api().enter(ROOM, second.player).await;
        for client in [first, second] {
            client.expect("NOTIFY_ENTER_CHANNEL").await;
        }
        expect_only_notice(&node, &mut members.each_mut()).await;
    }
}

#[tokio::test]
async fn who_left_receives_nothing_more() {
    let node = Node::start().await;
    let [mut sender, mut leaver] = room(&node, [5001, 5002]).await;
    node.api().exit(ROOM, 5002).await;
    leaver.expect("NOTIFY_EXIT_CHANNEL").await;
    sender.expect("NOTIFY_EXIT_CHANNEL").await;
    sender.say(ROOM, "gone?").await;
    sender.expect("NOTIFY_CHANNEL_CHAT").await;
    leaver.expect_no_packet().await;
}

#[tokio::test]
async fn who_enters_receives_nothing_from_before() {
    let node = Node::start().await;
    let [first] = room(&node, [5001]).await;
    let mut members = [first, Client::connect(&node, 5002).await];
    members[0].say(ROOM, "before").await;
    members[0].expect("NOTIFY_CHANNEL_CHAT").await;
    enter(&node, ROOM, &mut members).await;
    let [first, second] = &mut members;
    expect_only_notice(&node, &mut [first, second]).await;
}

#[tokio::test]
async fn a_message_is_withheld_from_whom_the_sender_blocked() {
    let node = Node::start().await;
    let [mut sender, mut blocked, mut third] = room(&node, [5001, 5002, 5003]).await;
    node.api().block(5001, 5002).await;
    assert_eq!(sender.say(ROOM, "not for 5002").await.status(), 200);
    for client in [&mut sender, &mut third] {
        assert_eq!(client.expect("NOTIFY_CHANNEL_CHAT").await.message(), "not for 5002");
    }
    expect_only_notice(&node, &mut [&mut sender, &mut blocked, &mut third]).await;
}

#[tokio::test]
async fn a_message_is_withheld_from_who_blocked_the_sender() {
    let node = Node::start().await;
    let [mut sender, mut blocker, mut third] = room(&node, [5001, 5002, 5003]).await;
    node.api().block(5002, 5001).await;
    assert_eq!(sender.say(ROOM, "not for 5002").await.status(), 200);
    for client in [&mut sender, &mut third] {
        assert_eq!(client.expect("NOTIFY_CHANNEL_CHAT").await.message(), "not for 5002");
    }
    expect_only_notice(&node, &mut [&mut sender, &mut blocker, &mut third]).await;
}

#[tokio::test]
async fn a_block_from_before_the_login_counts() {
    let node = Node::start().await;
    node.api().block(5001, 5002).await;
    let [mut blocker, mut blocked] = room(&node, [5001, 5002]).await;
    blocked.say(ROOM, "not for 5001").await;
    assert_eq!(blocked.expect("NOTIFY_CHANNEL_CHAT").await.message(), "not for 5001");
    expect_only_notice(&node, &mut [&mut blocker, &mut blocked]).await;
}

#[tokio::test]
async fn a_lifted_block_withholds_nothing() {
    let node = Node::start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    node.api().block(5001, 5002).await;
    node.api().unblock(5001, 5002).await;
    sender.say(ROOM, "for all").await;
    assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), "for all");
    assert_eq!(sender.whisper(5002, "friends").await.status(), 200);
}

#[tokio::test]
async fn who_enters_and_who_leaves_is_told_across_a_block() {
    // The block filter is about messages; the contract exempts nothing from membership notifications.
    let node = Node::start().await;
    node.api().block(5001, 5002).await;
    let [mut blocker, _blocked] = room(&node, [5001, 5002]).await;
    node.api().exit(ROOM, 5002).await;
    assert_eq!(blocker.expect("NOTIFY_EXIT_CHANNEL").await.body()["playerId"], 5002);
}

#[tokio::test]
async fn a_notice_without_a_channel_goes_to_every_channel_of_the_game() {
    let node = Node::start().await;
    let [mut member] = room(&node, [5001]).await;
    node.api().create_channel("open:2", "PUBLIC").await;
    enter(&node, "open:2", std::slice::from_mut(&mut member)).await;
    success("notice", node.api().post("/notices/channel", json!({ "message": "to all" })).await);
    let mut channels = Vec::new();
    for _ in 0..2 {
        let packet = member.expect("NOTIFY_CHANNEL_NOTICE").await;
        channels.push(packet.body()["channelId"].as_str().expect("channelId is a string").to_owned());
    }
    channels.sort();
    assert_eq!(channels, [ROOM, "open:2"]);
}

#[tokio::test]
async fn a_notice_in_a_language_reaches_only_who_connected_with_it() {
    let node = Node::start().await;
    let [mut english] = room(&node, [5001]).await;
    let (mut korean, _) = Client::log_in(&node, 5002, "CONNECT", json!({ "langCode": "ko" })).await;
    node.api().enter(ROOM, 5002).await;
    for client in [&mut english, &mut korean] {
        client.expect("NOTIFY_ENTER_CHANNEL").await;
    }
    let notice = json!({ "channelId": ROOM, "langCode": "ko", "message": "공지" });
    success("notice", node.api().post("/notices/channel", notice).await);
    assert_eq!(korean.expect("NOTIFY_CHANNEL_NOTICE").await.message(), "공지");
    expect_only_notice(&node, &mut [&mut english, &mut korean]).await;
}

#[tokio::test]
async fn a_user_notice_reaches_only_its_addressee() {
    let node = Node::start().await;
    let [mut addressee, mut other] = room(&node, [5001, 5002]).await;
    node.api().user_notice(5001, "gift").await;
    addressee.expect("NOTIFY_NOTICE").await;
    other.expect_no_packet().await;
}

#[tokio::test]
async fn messages_of_one_sender_arrive_in_the_order_they_were_sent() {
    let node = Node::builder().set("limits.chat_burst", 1000).start().await;
    let [mut sender, mut member] = room(&node, [5001, 5002]).await;
    for number in 0..100 {
        assert_eq!(sender.say(ROOM, &number.to_string()).await.status(), 200);
    }
    for number in 0..100 {
        assert_eq!(member.expect("NOTIFY_CHANNEL_CHAT").await.message(), number.to_string());
    }
}

#[tokio::test]
async fn concurrent_messages_arrive_in_one_order_for_everybody() {
    const EACH: usize = 50;
    let node = Node::builder().set("limits.chat_burst", 1000).start().await;
    for kind in ["PUBLIC", "GROUP", "PRIVATE"] {
        let members = room_of(&node, kind, [5001, 5002, 5003, 5004]).await;
        let lists = join_all(members.map(async |mut client| {
            for number in 0..EACH {
                assert_eq!(client.say(ROOM, &number.to_string()).await.status(), 200);
            }
            chats(&mut client, 4 * EACH).await
        }))
        .await;
        for list in &lists {
            assert_eq!(list, &lists[0]);
        }
        for player in 5001..=5004 {
            let own: Vec<_> = lists[0].iter().filter(|(from, _)| *from == player).map(|(_, text)| text).collect();
            assert!(own.iter().enumerate().all(|(number, text)| **text == number.to_string()), "{player}: {own:?}");
        }
        node.api().delete_channel(ROOM).await;
    }
}

/// The next messages with their senders; nothing else may come between.
async fn chats(client: &mut Client, count: usize) -> Vec<(i64, String)> {
    let mut list = Vec::new();
    while list.len() < count {
        let packet = client.expect("NOTIFY_CHANNEL_CHAT").await;
        list.push((packet.body()["from"].as_i64().expect("from is a long"), packet.message().to_owned()));
    }
    list
}
