//! What becomes of a channel's log when its server restarts: all of it is there, or its end is gone.

use std::sync::Arc;

use guildhall::adapters::redis::Redis;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{EventBody, Position};
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId, PlayerId};
use guildhall_actors::ports::{
    Admission, ChannelKind, ChannelSpec, Channels, LogSlice, NewEvent, Owner, Ring, Subscriber,
};
use tokio::sync::mpsc;

use super::store::{open, single};
use crate::support::redis::RedisServer;
use crate::support::{eventually, within};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(super) fn room() -> ChannelKey {
    GameId::new("game").channel(ChannelId::parse("room").expect("a channel id"))
}

pub(super) async fn make_room(store: &Redis) -> Position {
    let spec = ChannelSpec {
        kind: ChannelKind::Group,
        name: "room".into(),
        max_members: 10,
        password: None,
        password_revision: 0,
        history: false,
        owner: Owner::System,
    };
    store.create(&room(), spec, &[PlayerId(1)], NOW).await.expect("the id is free").head
}

async fn append(store: &Redis, payload: &str) -> Position {
    // The server may be coming back just now.
    eventually("Redis takes the event", async || {
        store.append(&room(), NewEvent::new(EventBody::Custom { payload: payload.into() }), NOW).await.ok()
    })
    .await
}

/// The payloads after a place, and whether the log reaches back to it.
async fn after(store: &Redis, place: Position) -> (Vec<String>, bool) {
    let LogSlice { events, complete, .. } = store.read(&room(), place, 100).await.expect("the room exists");
    let payload = |body: &EventBody| match body {
        EventBody::Custom { payload } => payload.to_string(),
        other => panic!("not appended here: {other:?}"),
    };
    (events.iter().map(|event| payload(&event.body)).collect(), complete)
}

fn subscriber() -> (Subscriber, mpsc::UnboundedReceiver<Ring>) {
    let (sender, rings) = mpsc::unbounded_channel();
    (Arc::new(move |ring| drop(sender.send(ring))), rings)
}

/// Waits until the subscriber has been told that the log is at this place, by an event or without one.
async fn is_told(rings: &mut mpsc::UnboundedReceiver<Ring>, place: Position) {
    let told = async {
        loop {
            match rings.recv().await.expect("the subscription goes on") {
                Ring::Event(event) if event.position == place => return,
                Ring::Head(Some(head)) if head == place => return,
                _ => {}
            }
        }
    };
    within("the place", told).await;
}

/// A server that keeps what it had at `SAVE`, and nothing later.
async fn forgetful() -> (RedisServer, Redis) {
    let server = RedisServer::start_with("appendonly no\nsave \"\"\n").await;
    let store = open(vec![server.url()]).await;
    (server, store)
}

#[tokio::test]
async fn a_log_that_lost_nothing_goes_on_and_every_earlier_place_counts() {
    let (mut server, store) = single().await;
    let made = make_room(&store).await;
    let (first, _) = (append(&store, "1").await, append(&store, "2").await);
    let (listener, mut rings) = subscriber();
    let head = store.subscribe(&room(), listener).await.expect("the room exists");
    assert_eq!(head.sequence, 3);
    server.kill();
    server.restart().await;
    let third = append(&store, "3").await;
    assert_eq!(third.sequence, 4);
    assert_ne!(third.epoch, made.epoch, "the server may have forgotten something");
    assert_eq!(after(&store, first).await, (vec!["2".into(), "3".into()], true));
    assert_eq!(after(&store, head).await, (vec!["3".into()], true));
    is_told(&mut rings, third).await;
}

#[tokio::test]
async fn a_log_that_lost_its_end_gives_no_place_out_again() {
    let (mut server, store) = forgetful().await;
    make_room(&store).await;
    append(&store, "kept").await;
    server.command::<()>(&["SAVE"]).await;
    let lost = append(&store, "lost").await;
    server.kill();
    server.restart().await;
    let new = append(&store, "new").await;
    assert_eq!(new.sequence, lost.sequence);
    assert_ne!(new, lost);
    assert_eq!(after(&store, lost).await, (vec!["new".into()], false), "what comes next, and not all there was");
    let next = append(&store, "next").await;
    assert_eq!(next, Position { sequence: new.sequence + 1, ..new });
}

#[tokio::test]
async fn epochs_that_follow_one_another_leave_every_place_its_meaning() {
    let (mut server, store) = single().await;
    make_room(&store).await;
    let mut places = Vec::new();
    for number in 0..4 {
        places.push(append(&store, &number.to_string()).await);
        server.kill();
        server.restart().await;
    }
    append(&store, "4").await;
    for (number, place) in places.iter().enumerate() {
        let rest = (number + 1..5).map(|number| number.to_string()).collect();
        assert_eq!(after(&store, *place).await, (rest, true), "after {number}");
    }
    let admission = Admission::Restore { epoch: places[0].epoch, password_revision: 0 };
    store.enter(&room(), PlayerId(2), admission, NOW).await.expect("a former member of this very channel");
}

#[tokio::test]
async fn nodes_agree_on_the_epoch_that_follows() {
    let (mut server, a) = single().await;
    let b = open(vec![server.url()]).await;
    make_room(&a).await;
    append(&a, "a").await;
    append(&b, "b").await;
    server.kill();
    server.restart().await;
    let (of_a, of_b) = (append(&a, "a again").await, append(&b, "b again").await);
    assert_eq!(of_b, Position { sequence: of_a.sequence + 1, ..of_a });
}

#[tokio::test]
async fn a_channel_that_was_lost_is_told_to_be_gone() {
    let (mut server, store) = forgetful().await;
    make_room(&store).await;
    let (listener, mut rings) = subscriber();
    store.subscribe(&room(), listener).await.expect("the room exists");
    server.kill();
    server.restart().await;
    let told = async { while rings.recv().await.expect("the subscription goes on") != Ring::Head(None) {} };
    within("the news", told).await;
    assert_eq!(rings.recv().await, None, "the subscriber is let go");
}
