//! Following a log: which event is next, which is old, and when to read the log itself.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::event::{Event, EventBody, Position};
use crate::ports::{LogSlice, Ring};

/// Events that may wait while the fan-outs are busy. Beyond, they are dropped here and read from the log later.
const MAX_PENDING: usize = 1024;

/// How far the members on this node are, and what is known to come next.
#[derive(Debug)]
pub(super) struct Follower {
    /// The newest event that was handed to the fan-outs.
    cursor: Position,
    /// The events right after the cursor, without a hole.
    pending: VecDeque<Arc<Event>>,
    /// Whether the log is known to be ahead of what is pending.
    behind: bool,
    /// While the log is being read: what rings meanwhile, for it may be in the slice or after it.
    held: Option<Vec<Arc<Event>>>,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Hand these out; the cursor is already past them.
    Deliver(Vec<Arc<Event>>),
    /// Read the log after this place and report with [`Follower::on_read`].
    Read(Position),
    Wait,
}

impl Follower {
    /// Follows from `cursor`; `head` is where the subscription begins.
    pub(super) fn new(cursor: Position, head: Position) -> Self {
        Self { cursor, pending: VecDeque::new(), behind: cursor != head, held: None }
    }

    /// Whether the members here have been given everything up to `position`.
    pub(super) fn reaches(&self, position: Position) -> bool {
        self.cursor.reaches(position)
    }

    /// The log is ahead, whether it has rung or not.
    pub(super) fn fall_behind(&mut self) {
        self.behind = true;
    }

    pub(super) fn cursor(&self) -> Position {
        self.cursor
    }

    pub(super) fn on_ring(&mut self, ring: Ring, now: Timestamp) {
        match ring {
            Ring::Event(event) => self.on_event(event),
            Ring::Head(Some(head)) => {
                let last = self.pending.back().map_or(self.cursor, |event| event.position);
                self.behind |= !last.reaches(head);
            }
            Ring::Head(None) => self.on_gone(now),
        }
    }

    /// The subscription rang with `event`.
    pub(super) fn on_event(&mut self, event: Arc<Event>) {
        if let Some(held) = &mut self.held
            && held.len() < MAX_PENDING
        {
            held.push(event);
        } else if self.held.is_some() || event.position.epoch != self.cursor.epoch {
            self.behind = true;
        } else if event.position.sequence == self.next_sequence() && self.pending.len() < MAX_PENDING {
            self.pending.push_back(event);
        } else if event.position.sequence >= self.next_sequence() {
            self.behind = true;
        }
    }

    /// The log was read after the place that [`Step::Read`] named.
    pub(super) fn on_read(&mut self, slice: LogSlice) {
        let held = self.held.take().unwrap_or_default();
        let last = slice.events.last().map_or(slice.head, |event| event.position);
        self.cursor = slice.events.first().map_or(slice.head, |first| first.position.before());
        self.pending = slice.events.into_iter().map(Arc::new).collect();
        self.behind |= last != slice.head;
        held.into_iter().for_each(|event| self.on_event(event));
    }

    /// The log could not be read.
    pub(super) fn on_read_failed(&mut self) {
        self.held = None;
        self.behind = true;
    }

    /// The channel is gone, and its DELETE event was missed: the members are told all the same.
    pub(super) fn on_gone(&mut self, now: Timestamp) {
        if self.pending.back().is_some_and(|event| event.body == EventBody::Deleted) {
            return;
        }
        let position = Position { sequence: self.next_sequence(), ..self.cursor };
        self.pending.push_back(Arc::new(Event { position, at: now, body: EventBody::Deleted }));
        (self.held, self.behind) = (None, false);
    }

    pub(super) fn next_step(&mut self) -> Step {
        if !self.pending.is_empty() {
            Step::Deliver(self.take_pending())
        } else if self.behind {
            (self.behind, self.held) = (false, Some(Vec::new()));
            Step::Read(self.cursor)
        } else {
            Step::Wait
        }
    }

    /// Everything that can be handed out now; the cursor is past it then.
    pub(super) fn take_pending(&mut self) -> Vec<Arc<Event>> {
        self.cursor = self.pending.back().map_or(self.cursor, |last| last.position);
        self.pending.drain(..).collect()
    }

    fn next_sequence(&self) -> u64 {
        self.cursor.sequence + self.pending.len() as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Epoch;
    use crate::ids::PlayerId;

    fn at(epoch: u64, sequence: u64) -> Position {
        Position { epoch: Epoch(epoch), sequence }
    }

    fn event(position: Position) -> Event {
        let player = PlayerId(i64::try_from(position.sequence).expect("small"));
        Event { position, at: Timestamp(0), body: EventBody::Entered { player } }
    }

    /// A log that is read 3 events at a time and keeps the newest `kept`.
    fn read(epoch: u64, head: u64, kept: u64, after: Position) -> LogSlice {
        let oldest = head.saturating_sub(kept) + 1;
        let wanted = if after.epoch == Epoch(epoch) { after.sequence + 1 } else { 1 };
        let first = wanted.max(oldest);
        let events = (first..=head).take(3).map(|sequence| event(at(epoch, sequence))).collect();
        LogSlice { events, complete: first == wanted && after.epoch == Epoch(epoch), head: at(epoch, head) }
    }

    fn drain(follower: &mut Follower, epoch: u64, head: u64, kept: u64, out: &mut Vec<Position>) {
        loop {
            match follower.next_step() {
                Step::Deliver(events) => out.extend(events.iter().map(|event| event.position)),
                Step::Read(after) => follower.on_read(read(epoch, head, kept, after)),
                Step::Wait => return,
            }
        }
    }

    #[test]
    fn what_rings_while_the_log_is_read_is_not_lost() {
        let mut follower = Follower::new(at(1, 5), at(1, 7));
        assert_eq!(follower.next_step(), Step::Read(at(1, 5)));
        let slice = read(1, 7, 100, at(1, 5));
        follower.on_event(Arc::new(event(at(1, 8))));
        follower.on_read(slice);
        let mut out = Vec::new();
        drain(&mut follower, 1, 8, 100, &mut out);
        assert_eq!(out, [at(1, 6), at(1, 7), at(1, 8)]);
    }

    #[test]
    fn members_of_a_channel_that_is_gone_are_told() {
        let mut follower = Follower::new(at(1, 4), at(1, 5));
        assert_eq!(follower.next_step(), Step::Read(at(1, 4)));
        follower.on_gone(Timestamp(9));
        let Step::Deliver(events) = follower.next_step() else { panic!("something to hand out") };
        assert_eq!((events.len(), &events[0].body), (1, &EventBody::Deleted));
        assert_eq!(follower.next_step(), Step::Wait);
    }

    #[test]
    fn the_next_event_is_handed_out_and_an_old_one_dropped() {
        let mut follower = Follower::new(at(1, 4), at(1, 4));
        for sequence in [5, 5, 3, 6] {
            follower.on_event(Arc::new(event(at(1, sequence))));
        }
        let mut out = Vec::new();
        drain(&mut follower, 1, 6, 100, &mut out);
        assert_eq!(out, [at(1, 5), at(1, 6)]);
    }

    #[test]
    fn a_new_epoch_is_read_from_its_beginning() {
        let mut follower = Follower::new(at(1, 4), at(1, 4));
        follower.on_event(Arc::new(event(at(2, 2))));
        let mut out = Vec::new();
        drain(&mut follower, 2, 2, 100, &mut out);
        assert_eq!(out, [at(2, 1), at(2, 2)]);
    }

    proptest! {
        #[test]
        fn whatever_the_subscription_loses_repeats_or_reorders_everything_comes_once_and_in_order(
            rings in proptest::collection::vec((1u64..60, any::<bool>()), 0..200),
        ) {
            let mut follower = Follower::new(at(1, 0), at(1, 0));
            let (mut head, mut out) = (0, Vec::new());
            for (sequence, pause) in rings {
                head = head.max(sequence);
                follower.on_event(Arc::new(event(at(1, sequence))));
                if pause {
                    drain(&mut follower, 1, head, 1000, &mut out);
                }
            }
            drain(&mut follower, 1, head, 1000, &mut out);
            prop_assert_eq!(out, (1..=head).map(|sequence| at(1, sequence)).collect::<Vec<_>>());
        }
    }
}
