//! What becomes of frames at sockets that take all, some or nothing.

use super::*;
use crate::clock::Timestamp;
use crate::event::{Epoch, Event, EventBody, Position};
use crate::ids::{ChannelId, GameId};
use crate::testing::{RecordingWire, plain_framing};

fn outbox(wire: &Rc<RecordingWire>, limits: OutboxLimits) -> Rc<Outbox> {
    Outbox::new(wire.clone(), plain_framing(), limits)
}

const LIMITS: OutboxLimits = OutboxLimits { bytes: 100, frames: 4 };

#[test]
fn what_the_socket_takes_leaves_at_once_and_in_order() {
    let wire = RecordingWire::taking(usize::MAX);
    let outbox = outbox(&wire, LIMITS);
    outbox.send_text("one");
    outbox.send_text("two");
    assert_eq!(wire.written(), "onetwo");
    assert!(outbox.is_idle());
}

#[test]
fn a_partial_write_goes_on_where_it_stopped() {
    let wire = RecordingWire::taking(4);
    let outbox = outbox(&wire, LIMITS);
    outbox.send_text("one");
    outbox.send_text("two");
    assert_eq!(wire.written(), "onet");
    wire.take_more(100);
    assert_eq!(outbox.flush(), Flushed::All);
    assert_eq!(wire.written(), "onetwo");
}

#[test]
fn many_frames_in_one_turn_do_not_make_a_reader_slow() {
    let wire = RecordingWire::taking(usize::MAX);
    let outbox = outbox(&wire, LIMITS);
    for _ in 0..50 {
        outbox.push(Frame::Own(Bytes::from_static(b"0123456789")));
    }
    outbox.flush();
    assert_eq!((outbox.closing(), wire.written().len()), (None, 500));
}

#[test]
fn over_either_limit_the_client_is_slow_and_its_queue_is_dropped() {
    for text in [&"x".repeat(60), "x"] {
        let wire = RecordingWire::taking(1);
        let outbox = outbox(&wire, LIMITS);
        for _ in 0..8 {
            outbox.send_text(text);
        }
        assert_eq!(outbox.closing(), Some(Close::Slow));
        wire.take_more(1000);
        outbox.flush();
        assert!(wire.written().ends_with("close 4001 reads too slowly"), "{}", wire.written());
        assert!(wire.written().len() < 2 * 60 + 30);
    }
}

#[test]
fn nothing_follows_a_close_frame() {
    let wire = RecordingWire::taking(usize::MAX);
    let outbox = outbox(&wire, LIMITS);
    outbox.close(Close::Idle);
    outbox.close(Close::Drain);
    outbox.send_text("late");
    assert_eq!(wire.written(), "close 1008 408 Request Timeout");
}

fn event(sequence: u64) -> Arc<Encoded> {
    let key = GameId::new("game").channel(ChannelId::parse("room").expect("a channel id"));
    let position = Position { epoch: Epoch(1), sequence };
    let body = EventBody::Custom { payload: format!("number {sequence}").into() };
    Encoded::new(&Arc::new(key), 1, Arc::new(Event { position, at: Timestamp(0), body }), plain_framing())
}

fn text(events: &[Arc<Encoded>]) -> String {
    events.iter().map(|event| String::from_utf8_lossy(event.bytes(false)).into_owned()).collect()
}

#[test]
fn events_leave_in_one_write_and_whatever_is_not_taken_goes_on_where_it_stopped() {
    let events: Vec<_> = (1..=200).map(event).collect();
    let whole = text(&events);
    for taken in [whole.len(), 0, 1, events[0].bytes(false).len(), whole.len() / 2, whole.len() - 1] {
        let wire = RecordingWire::taking(taken);
        let outbox = outbox(&wire, OutboxLimits::default());
        outbox.give(events.iter(), false);
        assert_eq!((wire.written(), outbox.is_idle()), (whole[..taken].to_owned(), taken == whole.len()));
        // Nothing overtakes what waits.
        outbox.give([event(201)].iter(), false);
        wire.take_more(usize::MAX);
        assert_eq!(outbox.flush(), Flushed::All);
        assert_eq!(wire.written(), whole.clone() + &text(&[event(201)]), "{taken} bytes were taken at first");
    }
}

#[test]
fn what_a_lost_socket_did_not_take_is_known() {
    let events: Vec<_> = (1..=3).map(event).collect();
    let wire = RecordingWire::taking(events[0].bytes(false).len() + 1);
    let outbox = outbox(&wire, OutboxLimits::default());
    outbox.give(events.iter(), false);
    outbox.abandon();
    outbox.give([event(4)].iter(), false);
    let unsent: Vec<_> = outbox.unsent().iter().map(|event| event.event.position.sequence).collect();
    assert_eq!(unsent.first(), Some(&2), "{unsent:?}");
}
