//! The work of a `ChatChannel`: what it does with the store and the fan-outs, one piece at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::actor::ChatChannel;
use super::messages::{AttachMember, Rang, Retired};
use super::rules::Follower;
use crate::backend::Backend;
use crate::event::{Event, EventBody, Position};
use crate::fanout::{Adopt, Attach, Batch, Count, Deliver, Encoded, Fanout, Start, WorkerId};
use crate::ids::{ChannelKey, ConnectionId};
use crate::metrics::meters;
use crate::ports::{ChannelError, LogSlice, StoreError};

/// Events read from the log at once.
const READ_CHUNK: usize = 256;

/// Work that changes what the members of this node hear.
pub(super) enum Task {
    /// After a restart: take over the members the fan-outs still have.
    Adopt,
    /// Everybody who waits: a crowd shares one reading of the log.
    Attach(Vec<Waiting>),
    Recount(WorkerId),
}

/// A connection that waits to hear the channel.
pub(super) struct Waiting {
    pub(super) member: AttachMember,
    pub(super) answer: oneshot::Sender<Result<(), Retired>>,
}

/// What a finished task changes.
pub(super) enum Done {
    Adopted {
        workers: BTreeMap<WorkerId, usize>,
        follower: Option<Follower>,
    },
    Attached {
        members: Vec<(WorkerId, usize)>,
        follower: Option<Follower>,
    },
    Delivered {
        members: Vec<(WorkerId, usize)>,
        ended: bool,
    },
    Read(LogSlice),
    /// The log to be read is gone, and the channel with it.
    Gone,
    /// There was nothing to do: the channel of an attach does not exist.
    Nothing,
    /// The store failed; the task, or the reading, is taken up again.
    Failed {
        error: StoreError,
        task: Option<Task>,
    },
}

/// What a task needs of the actor; the work itself runs beside it.
pub(super) struct Work {
    pub(super) key: Arc<ChannelKey>,
    pub(super) game_index: i64,
    pub(super) backend: Backend,
}

impl Work {
    pub(super) async fn carry_out(self, task: Task, cursor: Option<Position>, channel: Addr<ChatChannel>) -> Done {
        let done = match &task {
            Task::Adopt => self.adopt(channel).await,
            Task::Recount(worker) => Ok(self.recount(*worker).await),
            Task::Attach(waiting) => self.attach(waiting, cursor, channel).await,
        };
        match (done, task) {
            (Err(ChannelError::Store(error)), task) => Done::Failed { error, task: Some(task) },
            (done, Task::Attach(waiting)) => {
                for Waiting { answer, .. } in waiting {
                    // The connection may have gone meanwhile; then nobody waits for the answer.
                    let _ = answer.send(Ok(()));
                }
                done.unwrap_or(Done::Nothing)
            }
            (done, _) => done.unwrap_or(Done::Nothing),
        }
    }

    async fn subscribe(&self, channel: Addr<ChatChannel>) -> Result<Position, ChannelError> {
        let ring = channel.recipient();
        self.backend.ports().channels.subscribe(&self.key, Arc::new(move |rang| ring.do_send(Rang(rang)))).await
    }

    async fn adopt(&self, channel: Addr<ChatChannel>) -> Result<Done, ChannelError> {
        let mut workers = BTreeMap::new();
        let mut oldest: Option<Position> = None;
        for (worker, fanout) in self.backend.fanouts() {
            if let Ok(Some((cursor, members))) = fanout.send(Adopt(self.key.clone())).await {
                workers.insert(worker, members);
                let older = |oldest: Position| oldest.sequence > cursor.sequence;
                oldest = if oldest.is_none_or(older) { Some(cursor) } else { oldest };
            }
        }
        let follower = match oldest {
            Some(cursor) => Some(Follower::new(cursor, self.subscribe(channel).await?)),
            None => None,
        };
        Ok(Done::Adopted { workers, follower })
    }

    async fn attach(
        &self,
        waiting: &[Waiting],
        cursor: Option<Position>,
        channel: Addr<ChatChannel>,
    ) -> Result<Done, ChannelError> {
        let (cursor, follower) = match cursor {
            Some(cursor) => (cursor, None),
            None => {
                let head = self.subscribe(channel).await?;
                (head, Some(Follower::new(head, head)))
            }
        };
        let oldest = waiting
            .iter()
            .filter_map(|waiting| waiting.member.hearing.start.place())
            .min_by_key(|after| after.sequence);
        let missed: Arc<[_]> = match oldest {
            Some(after) if after != cursor => self.missed(after, cursor).await?.into(),
            _ => Arc::default(),
        };
        let mut by_worker: BTreeMap<WorkerId, Vec<(ConnectionId, Start)>> = BTreeMap::new();
        for AttachMember { worker, connection, hearing } in waiting.iter().map(|waiting| &waiting.member) {
            by_worker.entry(*worker).or_default().push((*connection, hearing.start));
        }
        let attached = by_worker.into_iter().map(|(worker, connections)| {
            let (key, missed) = (self.key.clone(), missed.clone());
            self.tell_fanout(worker, Attach { key, connections, missed, cursor })
        });
        Ok(Done::Attached { members: join_all(attached).await, follower })
    }

    /// Has a thread's fan-out do something, and answers how many members it has then; none when the thread is gone.
    async fn tell_fanout<M>(&self, worker: WorkerId, message: M) -> (WorkerId, usize)
    where
        M: Message<Result = usize> + Send + 'static,
        Fanout: Handler<M>,
    {
        match self.backend.fanout(worker) {
            Some(fanout) => (worker, fanout.send(message).await.unwrap_or(0)),
            None => (worker, 0),
        }
    }

    /// The events after `after` up to `cursor`: later ones come with the subscription.
    async fn missed(&self, after: Position, cursor: Position) -> Result<Vec<Arc<Encoded>>, ChannelError> {
        let mut missed = Vec::new();
        let mut from = after;
        loop {
            let slice = self.backend.ports().channels.read(&self.key, from, READ_CHUNK).await?;
            let Some(last) = slice.events.last().map(|event| event.position) else { return Ok(missed) };
            let wanted = |event: &Event| event.position.sequence <= cursor.sequence;
            missed.extend(slice.events.into_iter().filter(wanted).map(|event| self.encode(Arc::new(event))));
            if last.sequence >= cursor.sequence {
                return Ok(missed);
            }
            from = last;
        }
    }

    async fn recount(&self, worker: WorkerId) -> Done {
        Done::Delivered { members: vec![self.tell_fanout(worker, Count(self.key.clone())).await], ended: false }
    }

    pub(super) async fn deliver(self, batch: Arc<Batch>, workers: Vec<WorkerId>) -> Done {
        let message = Deliver { key: self.key.clone(), batch: batch.clone() };
        let delivered = workers.iter().map(|worker| self.tell_fanout(*worker, message.clone()));
        let members = join_all(delivered).await;
        let events = batch.events();
        if !workers.is_empty() {
            let now = self.backend.now();
            events.iter().for_each(|encoded| meters().delivery_lag.record(now.since(encoded.event.at)));
        }
        Done::Delivered { members, ended: events.iter().any(|encoded| encoded.event.body == EventBody::Deleted) }
    }

    pub(super) async fn read(self, after: Position) -> Done {
        match self.backend.ports().channels.read(&self.key, after, READ_CHUNK).await {
            Ok(slice) => Done::Read(slice),
            Err(ChannelError::Store(error)) => Done::Failed { error, task: None },
            Err(_) => Done::Gone,
        }
    }

    /// Here, not on the members' threads: a panic is this channel's alone.
    pub(super) fn encode_all(&self, events: Vec<Arc<Event>>) -> Vec<Arc<Encoded>> {
        events.into_iter().map(|event| self.encode(event)).collect()
    }

    fn encode(&self, event: Arc<Event>) -> Arc<Encoded> {
        Encoded::new(&self.key, self.game_index, event, self.backend.settings().framing)
    }
}
