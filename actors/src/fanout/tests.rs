//! What a thread makes of deliveries that have to wait for it.

use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;

use super::{Batch, Deliver, Fanout, Listener, Listeners};
use crate::clock::Timestamp;
use crate::event::{Epoch, Event, EventBody, Position};
use crate::ids::{ChannelId, ChannelKey, ConnectionId, GameId, PlayerId};
use crate::limits::OutboxLimits;
use crate::outbox::Outbox;
use crate::testing::{RecordingWire, plain_framing};

fn channel(name: &str) -> Arc<ChannelKey> {
    Arc::new(GameId::new("game").channel(ChannelId::parse(name).expect("a channel id")))
}

fn at(sequence: u64) -> Position {
    Position { epoch: Epoch(1), sequence }
}

fn event(sequence: u64) -> Arc<Event> {
    let body = EventBody::Custom { payload: format!("number {sequence}").into() };
    Arc::new(Event { position: at(sequence), at: Timestamp(0), body })
}

fn batch(key: &Arc<ChannelKey>, sequences: impl IntoIterator<Item = u64>) -> Arc<Batch> {
    Batch::new(key, 1, plain_framing(), sequences.into_iter().map(event).collect())
}

fn text(batch: &Batch) -> String {
    batch.events().iter().map(|event| String::from_utf8_lossy(event.bytes(false)).into_owned()).collect()
}

/// A member who hears everything after the channel's beginning.
fn member(listeners: &Listeners, key: &Arc<ChannelKey>, number: i64) -> Rc<RecordingWire> {
    let wire = RecordingWire::taking(usize::MAX);
    let outbox = Outbox::new(wire.clone(), plain_framing(), OutboxLimits::default());
    let listener = Listener::new(ConnectionId(number.cast_unsigned()), PlayerId(number), "en", false, outbox, []);
    listeners.add(listener.clone());
    listeners.join(key, &listener, at(0));
    wire
}

#[test]
fn what_comes_while_a_delivery_waits_for_its_turn_goes_along_in_the_same_write() {
    System::new().block_on(async {
        let (listeners, busy, other) = (Rc::<Listeners>::default(), channel("busy"), channel("other"));
        (0..100).for_each(|number| drop(member(&listeners, &busy, number)));
        let wire = member(&listeners, &other, 100);
        let fanout = Fanout::new(listeners).start();

        let ahead = fanout.send(Deliver(batch(&busy, 1..=3)));
        let waiting = batch(&other, 1..=1);
        let delivered = fanout.send(Deliver(waiting.clone()));
        waiting.join(|| vec![event(2), event(3)]);
        assert_eq!((ahead.await.expect("alive"), delivered.await.expect("alive")), (100, 1));
        assert_eq!((wire.writes(), wire.written()), (1, text(&batch(&other, 1..=3))));
    });
}

#[test]
fn nothing_joins_what_was_handed_out() {
    let batch = batch(&channel("room"), 1..=1);
    assert_eq!(batch.events().len(), 1);
    batch.join(|| panic!("it would be lost"));
    assert_eq!(batch.events().len(), 1);
}

#[test]
fn a_thread_that_is_stuck_does_not_gather_without_bounds() {
    let batch = batch(&channel("room"), 1..=1);
    let mut next = 1..;
    (0..10_000).for_each(|_| batch.join(|| vec![event(next.next().expect("endless"))]));
    assert_eq!(batch.events().len(), 256);
}
