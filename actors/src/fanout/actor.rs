//! The actor that hands a channel's events to the members on its thread.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::{Batch, Encoded, Listeners};
use crate::event::{EventBody, Position};
use crate::ids::{ChannelKey, ConnectionId, PlayerId};
use crate::metrics::tell_sent;

/// Members served between two yields, so that other requests on the same thread keep their tail latency: each of
/// their steps waits for a chunk at the most, some 0.1 ms of writes.
const CHUNK: usize = 16;

/// Between two looks at what this thread's sockets were sent: shorter than anybody scrapes.
const TELL_SENT: Duration = Duration::from_secs(1);

/// One worker thread of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerId(pub usize);

/// See the module's text.
pub struct Fanout {
    listeners: Rc<Listeners>,
}

/// Hands the events out, in order. Answers how many members are left on this thread.
#[derive(Clone, Message)]
#[rtype(result = "usize")]
pub struct Deliver {
    pub key: Arc<ChannelKey>,
    pub batch: Arc<Batch>,
}

/// Where a member begins to hear a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Now,
    /// With everything after this place.
    After(Position),
    /// Where this very connection was when it left; nothing after this place was left for it before.
    WhereItLeft(Position),
}

/// Makes connections members: first each gets what it missed after its start, then everything after `cursor`.
/// Answers how many members there are on this thread now.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct Attach {
    pub key: Arc<ChannelKey>,
    pub connections: Vec<(ConnectionId, Start)>,
    /// Everything up to `cursor` that any of them missed.
    pub missed: Arc<[Arc<Encoded>]>,
    pub cursor: Position,
}

/// Asks what a channel's members on this thread were given last; `None` when there are none.
#[derive(Clone, Message)]
#[rtype(result = "Option<(Position, usize)>")]
pub struct Adopt(pub Arc<ChannelKey>);

/// Asks how many members a channel has on this thread.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct Count(pub Arc<ChannelKey>);

impl Start {
    /// Nothing up to this place is needed from the log; `None`: nothing at all.
    pub fn place(self) -> Option<Position> {
        match self {
            Self::Now => None,
            Self::After(place) | Self::WhereItLeft(place) => Some(place),
        }
    }
}

impl Fanout {
    pub fn new(listeners: Rc<Listeners>) -> Self {
        Self { listeners }
    }
}

impl Actor for Fanout {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TELL_SENT, |_, _| tell_sent());
    }
}

impl Handler<Deliver> for Fanout {
    // Exclusive: the next message waits, so events of one channel never overtake each other.
    type Result = AtomicResponse<Self, usize>;

    fn handle(&mut self, deliver: Deliver, _: &mut Self::Context) -> Self::Result {
        let listeners = self.listeners.clone();
        AtomicResponse::new(Box::pin(hand_out(listeners, deliver).into_actor(self)))
    }
}

async fn hand_out(listeners: Rc<Listeners>, Deliver { key, batch }: Deliver) -> usize {
    let Some((cursor, members)) = listeners.room(&key) else { return 0 };
    let new = unseen(cursor, batch.events());
    let mut served = 0;
    for chunk in members.chunks(CHUNK) {
        chunk.iter().for_each(|member| member.outbox.warm());
        chunk.iter().for_each(|member| member.give(new));
        served += chunk.len();
        if served < members.len() {
            listeners.handing_out(&key, &members, served, new);
            tokio::task::yield_now().await;
        }
    }
    drop(members);
    listeners.handed_out(&key, new);
    listeners.count(&key)
}

/// The events after the room's cursor: a channel actor that was restarted may repeat some. The log may have gone on in
/// a new epoch among them: what comes before an event that was seen was seen as well.
fn unseen(cursor: Position, events: &[Arc<Encoded>]) -> &[Arc<Encoded>] {
    let seen = |encoded: &Arc<Encoded>| cursor.reaches(encoded.event.position);
    &events[events.iter().rposition(seen).map_or(0, |last| last + 1)..]
}

impl Handler<Attach> for Fanout {
    // Exclusive, as for `Deliver`.
    type Result = AtomicResponse<Self, usize>;

    fn handle(&mut self, attach: Attach, _: &mut Self::Context) -> Self::Result {
        let listeners = self.listeners.clone();
        AtomicResponse::new(Box::pin(attach_all(listeners, attach).into_actor(self)))
    }
}

async fn attach_all(listeners: Rc<Listeners>, attach: Attach) -> usize {
    for chunk in attach.connections.chunks(CHUNK) {
        chunk.iter().for_each(|(connection, start)| attach_one(&listeners, &attach, *connection, *start));
        tokio::task::yield_now().await;
    }
    listeners.count(&attach.key)
}

fn attach_one(listeners: &Listeners, attach: &Attach, connection: ConnectionId, start: Start) {
    let Some(listener) = listeners.get(connection).filter(|listener| !listener.is_in(&attach.key)) else { return };
    let after = match start {
        Start::WhereItLeft(since) => {
            // The log may have gone on in a new epoch before it left: then the place itself is among what is missed.
            let is_later = |at: &Position| at.reaches(since) || attach.missed.iter().any(|it| it.event.position == *at);
            Some(listener.departed(&attach.key).filter(is_later).unwrap_or(since))
        }
        start => start.place(),
    };
    let missed = after.map_or(&[][..], |after| unseen(after, &attach.missed));
    let missed = without_own_gap(missed, listener.player);
    listener.replay(&missed);
    match missed.last().filter(|last| last.ends_membership_of(listener.player)) {
        Some(end) => listener.depart(end),
        None => listeners.join(&attach.key, &listener, attach.cursor),
    }
}

/// A member who comes back is not told of its own leaving, only of what went on meanwhile.
fn without_own_gap(missed: &[Arc<Encoded>], player: PlayerId) -> Vec<Arc<Encoded>> {
    let enters = |encoded: &Arc<Encoded>| matches!(encoded.event.body, EventBody::Entered { player: p } if p == player);
    let last_enter = missed.iter().rposition(enters).unwrap_or(0);
    let keep = |(index, encoded): &(usize, &Arc<Encoded>)| *index >= last_enter || !encoded.ends_membership_of(player);
    missed.iter().enumerate().filter(keep).map(|(_, encoded)| encoded.clone()).collect()
}

impl Handler<Adopt> for Fanout {
    type Result = Option<(Position, usize)>;

    fn handle(&mut self, Adopt(key): Adopt, _: &mut Self::Context) -> Self::Result {
        self.listeners.room(&key).map(|(cursor, members)| (cursor, members.len()))
    }
}

impl Handler<Count> for Fanout {
    type Result = usize;

    fn handle(&mut self, Count(key): Count, _: &mut Self::Context) -> usize {
        self.listeners.count(&key)
    }
}
