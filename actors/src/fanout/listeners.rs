//! Who listens on this thread, and to which channels.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use super::Encoded;
use crate::event::{EventBody, Position};
use crate::ids::{ChannelKey, ConnectionId, PlayerId};
use crate::outbox::{Frame, Outbox};

/// Channels left that a listener remembers: more than a player can be in, but for ONE_ON_ONE channels, which no loss
/// of a lease takes away.
const DEPARTURES: usize = 16;

/// One logged-in connection of this thread, as the fan-out sees it.
///
/// In the order of its fields: what each event needs comes first, for a fan-out finds it in cold memory.
#[repr(C)]
pub struct Listener {
    pub player: PlayerId,
    pub outbox: Rc<Outbox>,
    has_blocks: Cell<bool>,
    /// Whether notifications carry the fields of the `sequence` extension.
    pub with_place: bool,
    pub connection: ConnectionId,
    pub lang: Box<str>,
    blocks: RefCell<BTreeSet<PlayerId>>,
    /// The rooms this listener is in: a handful, so that joining and leaving need not search the rooms' members.
    rooms: RefCell<Vec<Arc<ChannelKey>>>,
    /// Rooms left by an event, and its place: if the membership is restored, it goes on there.
    departures: RefCell<VecDeque<(Arc<ChannelKey>, Position)>>,
}

/// The listeners of one thread. Shared by its fan-out and its connections.
#[derive(Default)]
pub struct Listeners {
    by_connection: RefCell<HashMap<ConnectionId, Rc<Listener>>>,
    rooms: RefCell<HashMap<Arc<ChannelKey>, Room>>,
}

/// The members of one channel on this thread.
struct Room {
    /// The newest event every member here was given.
    cursor: Position,
    /// Copied only when somebody leaves while an event is being handed out.
    members: Rc<Vec<Rc<Listener>>>,
    /// Who has been given events that the cursor does not count yet.
    served: Option<Served>,
}

/// A hand-out under way: the first `count` of `members` have been given everything up to `cursor`.
struct Served {
    members: Rc<Vec<Rc<Listener>>>,
    count: usize,
    cursor: Position,
}

/// What a connection leaves behind.
#[derive(Debug, Default)]
pub struct Detached {
    /// Per channel, the place of the last event that left for the socket.
    pub seen: Vec<(ChannelKey, Position)>,
    /// Channels without a member on this thread now.
    pub emptied: Vec<ChannelKey>,
    /// Channels left before, and the place of the event by which each was left.
    departures: VecDeque<(Arc<ChannelKey>, Position)>,
}

impl Listener {
    pub fn new(
        connection: ConnectionId,
        player: PlayerId,
        lang: &str,
        with_place: bool,
        outbox: Rc<Outbox>,
        blocks: impl IntoIterator<Item = PlayerId>,
    ) -> Rc<Self> {
        let blocks: BTreeSet<_> = blocks.into_iter().collect();
        let has_blocks = Cell::new(!blocks.is_empty());
        let (blocks, rooms, departures) = (RefCell::new(blocks), RefCell::default(), RefCell::default());
        let lang = lang.into();
        Rc::new(Self { connection, player, lang, with_place, outbox, blocks, has_blocks, rooms, departures })
    }

    pub fn set_blocked(&self, player: PlayerId, blocked: bool) {
        let mut blocks = self.blocks.borrow_mut();
        if blocked {
            blocks.insert(player)
        } else {
            blocks.remove(&player)
        };
        self.has_blocks.set(!blocks.is_empty());
    }

    /// Replaces the whole block list.
    pub fn set_all_blocked(&self, players: Vec<PlayerId>) {
        self.has_blocks.set(!players.is_empty());
        *self.blocks.borrow_mut() = players.into_iter().collect();
    }

    pub fn blocks(&self, player: PlayerId) -> bool {
        self.has_blocks.get() && self.blocks.borrow().contains(&player)
    }

    /// Everybody this player blocks.
    pub fn blocked(&self) -> Vec<PlayerId> {
        self.blocks.borrow().iter().copied().collect()
    }

    pub fn is_in(&self, key: &ChannelKey) -> bool {
        self.rooms.borrow().iter().any(|room| **room == *key)
    }

    /// Whether `event` ends this listener's membership; forgets the room if so.
    fn leaves_by(&self, event: &Encoded) -> bool {
        let leaves = event.ends_membership_of(self.player);
        if leaves {
            self.rooms.borrow_mut().retain(|room| *room != event.key);
            self.depart(event);
        }
        leaves
    }

    /// Remembers the event by which the listener left, or would have.
    pub fn depart(&self, event: &Encoded) {
        let mut departures = self.departures.borrow_mut();
        departures.retain(|(key, _)| *key != event.key);
        departures.push_back((event.key.clone(), event.event.position));
        if departures.len() > DEPARTURES {
            departures.pop_front();
        }
    }

    /// Where the listener left a room that it has not joined again.
    pub fn departed(&self, key: &ChannelKey) -> Option<Position> {
        self.departures.borrow().iter().find(|(left, _)| **left == *key).map(|(_, position)| *position)
    }

    /// What a member missed: asked for by itself, so the outbox's bounds are not for it.
    pub fn replay(&self, missed: &[Arc<Encoded>]) {
        for encoded in missed {
            if self.may_see(&encoded.event.body) {
                self.outbox.push_replay(Frame::Shared { encoded: encoded.clone(), with_place: self.with_place });
            }
        }
        self.outbox.flush();
    }

    /// Hands events over, but for those that a block or the language keeps from this listener. Nothing follows the
    /// event by which it leaves.
    pub fn give(&self, events: &[Arc<Encoded>]) {
        let end = events.iter().position(|encoded| encoded.ends_membership_of(self.player));
        let events = &events[..end.map_or(events.len(), |end| end + 1)];
        self.outbox.give(events.iter().filter(|encoded| self.may_see(&encoded.event.body)), self.with_place);
    }

    /// The block filter works both ways, for players' messages only ("Hive Chat WebSocket API, block").
    fn may_see(&self, body: &EventBody) -> bool {
        match body {
            EventBody::Chat { from, hidden_from, .. } => !hidden_from.contains(&self.player) && !self.blocks(*from),
            EventBody::Notice { lang: Some(lang), .. } => **lang == *self.lang,
            _ => true,
        }
    }
}

impl Listeners {
    pub fn add(&self, listener: Rc<Listener>) {
        self.by_connection.borrow_mut().insert(listener.connection, listener);
    }

    pub fn get(&self, connection: ConnectionId) -> Option<Rc<Listener>> {
        self.by_connection.borrow().get(&connection).cloned()
    }

    /// Makes the listener a member of the room as of `cursor`.
    pub fn join(&self, key: &Arc<ChannelKey>, listener: &Rc<Listener>, cursor: Position) {
        debug_assert!(!listener.is_in(key), "joined once");
        listener.rooms.borrow_mut().push(key.clone());
        listener.departures.borrow_mut().retain(|(left, _)| left != key);
        let mut rooms = self.rooms.borrow_mut();
        let room = rooms.entry(key.clone()).or_insert_with(|| Room { cursor, members: Rc::default(), served: None });
        Rc::make_mut(&mut room.members).push(listener.clone());
    }

    /// The room's cursor and members, when there is a member on this thread.
    pub fn room(&self, key: &ChannelKey) -> Option<(Position, Rc<Vec<Rc<Listener>>>)> {
        self.rooms.borrow().get(key).map(|room| (room.cursor, room.members.clone()))
    }

    /// Records that the first `count` of `members` were given `events`, and the rest will be.
    pub fn handing_out(
        &self,
        key: &ChannelKey,
        members: &Rc<Vec<Rc<Listener>>>,
        count: usize,
        events: &[Arc<Encoded>],
    ) {
        if let (Some(room), Some(last)) = (self.rooms.borrow_mut().get_mut(key), events.last()) {
            room.served = Some(Served { members: members.clone(), count, cursor: last.event.position });
        }
    }

    /// Records that `events` were handed out: the cursor moves, and who left by one of them is no member any more.
    pub fn handed_out(&self, key: &ChannelKey, events: &[Arc<Encoded>]) {
        let mut rooms = self.rooms.borrow_mut();
        let Some(room) = rooms.get_mut(key) else { return };
        room.served = None;
        if let Some(last) = events.last() {
            room.cursor = last.event.position;
        }
        for event in events {
            if matches!(event.event.body, EventBody::Exited { .. } | EventBody::Deleted) {
                Rc::make_mut(&mut room.members).retain(|member| !member.leaves_by(event));
            }
        }
        if room.members.is_empty() {
            rooms.remove(key);
        }
    }

    pub fn count(&self, key: &ChannelKey) -> usize {
        self.rooms.borrow().get(key).map_or(0, |room| room.members.len())
    }

    /// Takes a connection out of every room.
    pub fn remove(&self, connection: ConnectionId) -> Detached {
        let Some(listener) = self.by_connection.borrow_mut().remove(&connection) else { return Detached::default() };
        let mut detached = Detached::default();
        for key in listener.rooms.take() {
            self.leave(&key, &listener, &mut detached);
        }
        detached.departures = listener.departures.take();
        detached.rewind(&listener.outbox.unsent());
        detached
    }

    fn leave(&self, key: &Arc<ChannelKey>, listener: &Rc<Listener>, detached: &mut Detached) {
        let mut rooms = self.rooms.borrow_mut();
        let Some(room) = rooms.get_mut(key) else { return };
        Rc::make_mut(&mut room.members).retain(|member| !Rc::ptr_eq(member, listener));
        detached.seen.push(((**key).clone(), room.given_to(listener)));
        if room.members.is_empty() {
            detached.emptied.push((**key).clone());
            rooms.remove(key);
        }
    }
}

impl Detached {
    /// Adds channels that were to be heard after these places and were not yet, and those that were left before.
    pub fn add_unheard(&mut self, hearing: impl IntoIterator<Item = (ChannelKey, Position)>) {
        for (key, after) in hearing {
            if !self.seen.iter().any(|(heard, _)| *heard == key) {
                let left = self.departures.iter().find(|(left, at)| **left == key && at.reaches(after));
                self.seen.push((key, left.map_or(after, |(_, at)| *at)));
            }
        }
        for (key, at) in std::mem::take(&mut self.departures) {
            if !self.seen.iter().any(|(heard, _)| *heard == *key) {
                self.seen.push(((*key).clone(), at));
            }
        }
    }

    /// Takes back what was queued and never left.
    fn rewind(&mut self, unsent: &[Arc<Encoded>]) {
        for encoded in unsent {
            for (key, seen) in &mut self.seen {
                if *key == *encoded.key {
                    *seen = encoded.event.position.before();
                }
            }
        }
    }
}

impl Room {
    /// The newest event this member was given.
    fn given_to(&self, listener: &Rc<Listener>) -> Position {
        let is_served =
            |served: &&Served| served.members[..served.count].iter().any(|member| Rc::ptr_eq(member, listener));
        self.served.as_ref().filter(is_served).map_or(self.cursor, |served| served.cursor)
    }
}
