//! What becomes of a node whose mailbox has lost mail, or is lost itself.

use guildhall_actors::clock::Timestamp;
use guildhall_actors::connection::Note;
use guildhall_actors::ids::{LoginId, NodeId, PlayerId};
use guildhall_actors::ports::{Mail, MailId, Nodes};

use super::store::single;

const LATE: Timestamp = Timestamp(2_000_000_000_000);
/// The most that waits.
const FULL: usize = 10_000;

fn mail(number: i64) -> Mail {
    let note = Note::Blocked { player: PlayerId(number), blocked: true };
    Mail::Note { login: LoginId::new("login"), note }
}

#[tokio::test]
async fn a_mailbox_that_forgot_what_it_gave_out_ends_the_life_of_its_node() {
    let (server, store) = single().await;
    let node = NodeId::new("node");
    assert!(store.register(&node, LATE).await.expect("Redis answers"));
    for number in 0..2 {
        assert!(store.send(&node, &mail(number)).await.expect("Redis answers"));
    }
    let [_, (last, _)] = store.receive(&node, MailId(0)).await.expect("Redis answers")[..] else {
        panic!("two were sent")
    };
    let last = last.0;
    // As a replica would that had not got the second.
    let place = format!("{}-{}", last >> 20, last & 0xf_ffff);
    let _: i64 = server.command(&["XDEL", "guildhall:{node:node}:mail", &place]).await;
    assert!(store.send(&node, &mail(2)).await.expect("Redis answers"));
    assert!(store.renew(&node, LATE).await.expect("Redis answers"), "nobody knows yet");

    assert!(store.receive(&node, MailId(last)).await.expect("Redis answers").is_empty());
    assert!(!store.renew(&node, LATE).await.expect("Redis answers"));
    assert!(!store.send(&node, &mail(3)).await.expect("Redis answers"));
    assert!(store.register(&node, LATE).await.expect("Redis answers"));
    assert!(store.renew(&node, LATE).await.expect("Redis answers"));
    assert!(store.send(&node, &mail(4)).await.expect("Redis answers"));
    let received = store.receive(&node, MailId(last)).await.expect("Redis answers");
    assert_eq!(received.into_iter().map(|(_, mail)| mail).collect::<Vec<_>>(), [mail(4)], "also from its old place");
}

#[tokio::test]
async fn a_mailbox_that_nobody_reads_is_dropped_when_it_is_full() {
    let (server, store) = single().await;
    let _: String = server.command(&["CONFIG", "SET", "appendfsync", "no"]).await;
    let node = NodeId::new("node");
    assert!(store.register(&node, LATE).await.expect("Redis answers"));
    let mut sent = 0;
    while store.send(&node, &mail(0)).await.expect("Redis answers") {
        sent += 1;
        assert!(sent <= FULL, "no end to it");
    }
    assert!(sent >= FULL - 1, "{sent}");
    assert!(!store.renew(&node, LATE).await.expect("Redis answers"));
    assert!(store.register(&node, LATE).await.expect("Redis answers"));
    assert!(store.send(&node, &mail(0)).await.expect("Redis answers"));
}

// The mailbox goes first: a claimer that ended right after that is followed by another.
#[tokio::test]
async fn a_node_that_is_half_retired_gets_no_mail_and_is_retired_by_another() {
    let (server, store) = single().await;
    let [dead, first, second] = ["dead", "first", "second"].map(NodeId::new);
    let at = |millis| Timestamp(LATE.0 + millis);
    for (node, until) in [(&dead, at(0)), (&first, at(10)), (&second, at(20))] {
        assert!(store.register(node, until).await.expect("Redis answers"));
    }
    assert!(store.claim(&dead, &first, at(1)).await.expect("Redis answers"));
    let _: i64 = server.command(&["DEL", "guildhall:{node:dead}:mail", "guildhall:{node:dead}:logins"]).await;
    assert!(!store.send(&dead, &mail(0)).await.expect("Redis answers"));
    assert!(!store.register(&dead, at(20)).await.expect("Redis answers"));
    assert!(!store.send(&dead, &mail(1)).await.expect("Redis answers"), "no mailbox before the lease");

    assert_eq!(store.expired(at(11)).await.expect("Redis answers"), [dead.clone(), first]);
    assert!(store.claim(&dead, &second, at(11)).await.expect("Redis answers"));
    store.retire(&dead).await.expect("Redis answers");
    assert!(store.register(&dead, at(20)).await.expect("Redis answers"));
    assert!(store.send(&dead, &mail(2)).await.expect("Redis answers"));
}
