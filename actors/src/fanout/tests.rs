//! What a thread makes of deliveries that have to wait for it.

use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;

use super::{Batch, Deliver, Encoded, Fanout, Listener, Listeners};
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

fn events(key: &Arc<ChannelKey>, sequences: impl IntoIterator<Item = u64>) -> Vec<Arc<Encoded>> {
    let body = |sequence| EventBody::Custom { payload: format!("number {sequence}").into() };
    let event = |sequence| Arc::new(Event { position: at(sequence), at: Timestamp(0), body: body(sequence) });
    sequences.into_iter().map(|sequence| Encoded::new(key, 1, event(sequence), plain_framing())).collect()
}

fn text(events: &[Arc<Encoded>]) -> String {
    events.iter().map(|event| String::from_utf8_lossy(event.bytes(false)).into_owned()).collect()
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

        let deliver = |key: &Arc<ChannelKey>, batch: Arc<Batch>| fanout.send(Deliver { key: key.clone(), batch });
        let ahead = deliver(&busy, Batch::new(events(&busy, 1..=3)));
        let waiting = Batch::new(events(&other, 1..=1));
        let delivered = deliver(&other, waiting.clone());
        waiting.join(|| events(&other, 2..=3));
        assert_eq!((ahead.await.expect("alive"), delivered.await.expect("alive")), (100, 1));
        assert_eq!((wire.writes(), wire.written()), (1, text(&events(&other, 1..=3))));
    });
}

#[test]
fn nothing_joins_what_was_handed_out() {
    let batch = Batch::new(events(&channel("room"), 1..=1));
    assert_eq!(batch.events().len(), 1);
    batch.join(|| panic!("it would be lost"));
    assert_eq!(batch.events().len(), 1);
}

#[test]
fn a_thread_that_is_stuck_does_not_gather_without_bounds() {
    let room = channel("room");
    let batch = Batch::new(events(&room, 1..=1));
    (2..10_000).for_each(|sequence| batch.join(|| events(&room, [sequence])));
    assert_eq!(batch.events().len(), 256);
}
