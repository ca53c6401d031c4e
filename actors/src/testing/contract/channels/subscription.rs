//! Subscribing.

use tokio::sync::mpsc;

use super::*;
use crate::ports::{Ring, Subscriber};

pub(super) fn clauses() -> Vec<Clause> {
    vec![
        clause(a_subscriber_hears_every_event_after_the_returned_place_in_order),
        clause(a_step_of_members_rings_like_any_event),
        clause(a_refused_step_and_a_repeat_ring_nothing),
        clause(a_new_subscriber_replaces_the_old),
        clause(nothing_is_heard_after_unsubscribing),
        clause(subscriptions_are_per_channel),
        clause(a_deleted_channel_rings_once_more_and_lets_its_subscriber_go),
        clause(a_vacant_channel_that_is_deleted_rings_too),
    ]
}

/// What a subscriber was handed. It ends when the store has let the subscriber go.
struct Heard(mpsc::UnboundedReceiver<Arc<Event>>);

impl Heard {
    fn new() -> (Self, Subscriber) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let subscriber = Arc::new(move |ring| {
            if let Ring::Event(event) = ring {
                drop(sender.send(event));
            }
        });
        (Self(receiver), subscriber)
    }

    async fn on(room: &Room) -> Self {
        let (heard, subscriber) = Self::new();
        let head = room.channels.subscribe(&room.key, subscriber).await.expect("the channel exists");
        assert_eq!(head, room.get().await.head);
        heard
    }

    /// The next event; waits for it.
    async fn next(&mut self) -> Event {
        let event = self.0.recv().await.expect("the subscription goes on");
        (*event).clone()
    }

    /// Waits until the store has let the subscriber go, and nothing more came.
    async fn end(mut self) {
        assert_eq!(self.0.recv().await, None, "nothing follows");
    }
}

async fn a_subscriber_hears_every_event_after_the_returned_place_in_order(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    room.append(custom("before"), NOW).await;
    let mut heard = Heard::on(&room).await;
    for number in 0..100 {
        room.append(custom(&number.to_string()), later(number)).await;
    }
    for number in 0..100 {
        let (position, at) = (room.at(3 + u64::from(number)), later(number));
        assert_eq!(heard.next().await, Event { position, at, body: custom(&number.to_string()) });
    }
}

async fn a_step_of_members_rings_like_any_event(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let mut heard = Heard::on(&room).await;
    room.enter(BOB).await;
    room.say(BOB, NOW).await;
    room.exit(BOB, NOW).await;
    let heard = [heard.next().await.body, heard.next().await.body, heard.next().await.body];
    assert_eq!(heard, [EventBody::Entered { player: BOB }, chat(BOB), EventBody::Exited { player: BOB }]);
}

async fn a_refused_step_and_a_repeat_ring_nothing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let mut heard = Heard::on(&room).await;
    let keyed = NewEvent { idempotency_key: Some("key".into()), ..NewEvent::new(custom("once")) };
    room.channels.append(&room.key, keyed.clone(), NOW).await.expect("an event without author");
    room.channels.append(&room.key, keyed, NOW).await.expect("a repeat");
    room.channels.append(&room.key, NewEvent::new(chat(EVE)), NOW).await.expect_err("not a member");
    room.try_enter(ANN, Admission::Password(None)).await.expect_err("already a member");
    room.append(custom("last"), NOW).await;
    assert_eq!(heard.next().await.body, custom("once"));
    assert_eq!(heard.next().await.body, custom("last"));
}

async fn a_new_subscriber_replaces_the_old(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let mut old = Heard::on(&room).await;
    room.append(custom("for the old one"), NOW).await;
    assert_eq!(old.next().await.body, custom("for the old one"));
    let mut new = Heard::on(&room).await;
    room.append(custom("for the new one"), NOW).await;
    assert_eq!(new.next().await.body, custom("for the new one"));
    old.end().await;
}

async fn nothing_is_heard_after_unsubscribing(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let mut heard = Heard::on(&room).await;
    room.append(custom("before"), NOW).await;
    assert_eq!(heard.next().await.body, custom("before"));
    room.channels.unsubscribe(&room.key).await;
    room.append(custom("after"), NOW).await;
    heard.end().await;
    room.channels.unsubscribe(&room.key).await;
}

async fn subscriptions_are_per_channel(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[]).await;
    let other = Room::make(ports, &GameId::new(&format!("{game}-other")), open_to_all(), &[]).await;
    let mut heard = Heard::on(&room).await;
    let mut heard_there = Heard::on(&other).await;
    other.append(custom("there"), NOW).await;
    room.append(custom("here"), NOW).await;
    assert_eq!(heard.next().await.body, custom("here"));
    assert_eq!(heard_there.next().await.body, custom("there"));
    other.channels.unsubscribe(&other.key).await;
    room.append(custom("still here"), NOW).await;
    assert_eq!(heard.next().await.body, custom("still here"));
}

async fn a_deleted_channel_rings_once_more_and_lets_its_subscriber_go(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    let mut heard = Heard::on(&room).await;
    let deleted = room.channels.delete(&room.key, later(3)).await.expect("the channel exists");
    let anew = Room::make(ports, &game, open_to_all(), &[ANN]).await;
    anew.append(custom("in the new epoch"), NOW).await;
    let last = Event { position: deleted.position, at: later(3), body: EventBody::Deleted };
    assert_eq!((heard.next().await, deleted.position), (last, room.at(2)));
    heard.end().await;
}

async fn a_vacant_channel_that_is_deleted_rings_too(ports: &Ports, game: GameId) {
    let room = Room::make(ports, &game, owned_by(ANN), &[]).await;
    let mut heard = Heard::on(&room).await;
    room.channels.delete_if_vacant(&room.key, later(1), later(3)).await.expect("the store answers");
    assert_eq!(heard.next().await, Event { position: room.at(1), at: later(3), body: EventBody::Deleted });
    heard.end().await;
}
