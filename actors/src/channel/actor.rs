//! `ChatChannel`, the actor that follows one channel's log for the members on this node.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tracing::{debug, warn};

use super::messages::{AttachMember, Rang, Recount, Retired};
use super::rules::{Follower, Step};
use super::work::{Done, Task, Waiting, Work};
use crate::backend::{Backend, CrashNote, Crashed};
use crate::fanout::{Batch, WorkerId};
use crate::ids::ChannelKey;
use crate::metrics::{Live, meters};
use crate::ports::{Ring, StoreError};

/// Pause before the store is asked again after it failed.
const RETRY: Duration = Duration::from_millis(200);
/// A retired actor still answers for this long those who looked it up just before.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the module's text.
pub struct ChatChannel {
    key: Arc<ChannelKey>,
    game_index: i64,
    backend: Backend,
    /// `None` until the first member needs the subscription.
    follower: Option<Follower>,
    /// While there is a follower.
    followed: Option<Live>,
    /// What rang before the subscription was answered.
    early: Vec<Ring>,
    /// Members by worker thread.
    workers: BTreeMap<WorkerId, usize>,
    tasks: VecDeque<Task>,
    /// Connections that wait to hear the channel, and whether the log was followed to its end for them.
    waiting: Vec<Waiting>,
    caught_up: bool,
    /// One task at a time: what the members hear depends on the order.
    busy: bool,
    retired: bool,
    /// Whether a task goes before the log, when both are waiting: neither may starve the other.
    task_is_next: bool,
    /// After a restart, until the log has been followed to its end: the threads' members may be at different places.
    adopting: bool,
    /// While one is under way.
    delivery: Option<Arc<Batch>>,
    used_at: tokio::time::Instant,
    crash_note: CrashNote,
}

impl ChatChannel {
    pub fn new(key: ChannelKey, game_index: i64, backend: Backend) -> Self {
        let crash_note = backend.crash_note(Crashed::Channel(key.clone()));
        Self {
            key: Arc::new(key),
            game_index,
            backend,
            follower: None,
            followed: None,
            early: Vec::new(),
            workers: BTreeMap::new(),
            tasks: VecDeque::from([Task::Adopt]),
            waiting: Vec::new(),
            caught_up: false,
            busy: false,
            retired: false,
            task_is_next: false,
            adopting: false,
            delivery: None,
            used_at: tokio::time::Instant::now(),
            crash_note,
        }
    }

    /// Starts the next piece of work, if none is under way.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.busy {
            return;
        }
        let step = if self.is_task_due() { None } else { self.next_log_step() };
        let work = match step {
            Some(step) => self.follow_log(step),
            None => match self.next_task() {
                Some(task) => self.start(task, ctx.address()),
                None => return,
            },
        };
        self.busy = true;
        ctx.spawn(work.into_actor(self).map(|done, actor, ctx| {
            (actor.busy, actor.delivery) = (false, None);
            actor.on_done(done, ctx);
            actor.pump(ctx);
        }));
    }

    /// Whether a task goes before what the log has waiting. Attaching beyond the members' place does not: the newcomer
    /// would miss, or get twice, what lies between.
    fn is_task_due(&mut self) -> bool {
        let Some(follower) = &mut self.follower else { return true };
        let is_beyond = |waiting: &Waiting| !follower.reaches(waiting.member.hearing.entered);
        if self.tasks.is_empty() && self.waiting.iter().any(is_beyond) {
            // Once: the place may lie in a log that is gone.
            if !std::mem::replace(&mut self.caught_up, true) {
                follower.fall_behind();
            }
            return false;
        }
        let is_wanted = !self.tasks.is_empty() || !self.waiting.is_empty();
        is_wanted && self.task_is_next && !self.adopting
    }

    fn next_task(&mut self) -> Option<Task> {
        if let Some(task) = self.tasks.pop_front() {
            return Some(task);
        }
        self.caught_up = false;
        let waiting = std::mem::take(&mut self.waiting);
        (!waiting.is_empty()).then_some(Task::Attach(waiting))
    }

    fn next_log_step(&mut self) -> Option<Step> {
        self.task_is_next = true;
        let step = self.follower.as_mut().map(Follower::next_step).filter(|step| *step != Step::Wait);
        self.adopting &= step.is_some();
        step
    }

    fn follow_log(&mut self, step: Step) -> LocalBoxFuture<'static, Done> {
        let work = self.work();
        match step {
            Step::Deliver(events) => {
                let batch = Batch::new(work.encode_all(events));
                self.delivery = Some(batch.clone());
                work.deliver(batch, self.workers.keys().copied().collect()).boxed_local()
            }
            Step::Read(after) => work.read(after).boxed_local(),
            Step::Wait => unreachable!("filtered out"),
        }
    }

    /// What has come while a delivery waits for its turn goes along.
    fn join_delivery(&mut self) {
        let Some(batch) = self.delivery.clone() else { return };
        let work = self.work();
        if let Some(follower) = &mut self.follower {
            batch.join(|| work.encode_all(follower.take_pending()));
        }
    }

    fn start(&mut self, task: Task, channel: Addr<Self>) -> LocalBoxFuture<'static, Done> {
        self.task_is_next = false;
        if self.follower.is_none() {
            // Left by a subscription that came to nothing.
            self.early.clear();
        }
        let cursor = self.follower.as_ref().map(Follower::cursor);
        self.work().carry_out(task, cursor, channel).boxed_local()
    }

    fn on_done(&mut self, done: Done, ctx: &mut Context<Self>) {
        match done {
            Done::Adopted { workers, follower } => {
                self.workers = workers;
                self.adopting = follower.is_some();
                self.follow(follower);
            }
            Done::Attached { members, follower } => {
                self.follow(follower);
                self.set_members(members);
            }
            Done::Delivered { members, ended } => {
                self.set_members(members);
                if ended {
                    // The subscription ended with the channel; one made anew needs its own.
                    self.workers.clear();
                    self.unfollow();
                }
            }
            Done::Read(slice) => {
                meters().log_reads.increment(1);
                meters().events_healed.increment(slice.events.len() as u64);
                if let Some(follower) = &mut self.follower {
                    follower.on_read(slice);
                }
            }
            Done::Gone => {
                let now = self.backend.now();
                self.follower.iter_mut().for_each(|follower| follower.on_gone(now));
            }
            Done::Nothing => {}
            Done::Failed { error, task } => {
                match task {
                    Some(Task::Attach(waiting)) => drop(self.waiting.splice(0..0, waiting)),
                    Some(task) => self.tasks.push_front(task),
                    None => self.follower.iter_mut().for_each(Follower::on_read_failed),
                }
                self.pause(&error, ctx);
            }
        }
    }

    /// Begins to follow, if a subscription was made just now.
    fn follow(&mut self, follower: Option<Follower>) {
        if let Some(mut follower) = follower {
            let now = self.backend.now();
            self.early.drain(..).for_each(|ring| follower.on_ring(ring, now));
            self.follower = Some(follower);
            self.followed = Some(Live::one_more(&meters().channels_followed));
        }
    }

    fn unfollow(&mut self) {
        (self.follower, self.followed) = (None, None);
    }

    /// The store failed: ask again in a moment.
    fn pause(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        warn!(channel = %self.key.channel, %error, "channel log could not be read");
        self.busy = true;
        ctx.run_later(RETRY, |actor, ctx| {
            actor.busy = false;
            actor.pump(ctx);
        });
    }

    fn set_members(&mut self, counts: Vec<(WorkerId, usize)>) {
        for (worker, members) in counts {
            if members == 0 {
                self.workers.remove(&worker);
            } else {
                self.workers.insert(worker, members);
            }
        }
        self.used_at = tokio::time::Instant::now();
    }

    fn is_idle(&self) -> bool {
        let wanted = !self.tasks.is_empty() || !self.waiting.is_empty();
        let quiet = self.workers.is_empty() && !wanted && !self.busy;
        quiet && self.used_at.elapsed() >= self.backend.settings().channel_linger
    }

    /// Lets go when nobody needs the channel: unsubscribe first, leave the registry, stop after a farewell.
    fn check_idle(&mut self, ctx: &mut Context<Self>) {
        if !self.is_idle() || self.retired {
            return;
        }
        self.busy = true;
        let (backend, key) = (self.backend.clone(), self.key.clone());
        let unsubscribed = async move { backend.ports().channels.unsubscribe(&key).await };
        ctx.spawn(unsubscribed.into_actor(self).map(|(), actor, ctx| {
            actor.busy = false;
            actor.unfollow();
            actor.early.clear();
            if actor.tasks.is_empty() && actor.waiting.is_empty() {
                actor.retire(ctx);
            }
            actor.pump(ctx);
        }));
    }

    fn retire(&mut self, ctx: &mut Context<Self>) {
        debug!(channel = %self.key.channel, "channel is let go");
        self.retired = true;
        self.backend.forget_channel(&self.key, &ctx.address());
        ctx.run_later(FAREWELL, |actor, ctx| {
            actor.crash_note.withdraw();
            ctx.stop();
        });
    }

    fn work(&self) -> Work {
        Work { key: self.key.clone(), game_index: self.game_index, backend: self.backend.clone() }
    }
}

impl Actor for ChatChannel {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.pump(ctx);
        let linger = self.backend.settings().channel_linger;
        ctx.run_interval(linger.max(Duration::from_millis(100)), Self::check_idle);
    }
}

impl Handler<Rang> for ChatChannel {
    type Result = ();

    fn handle(&mut self, Rang(ring): Rang, ctx: &mut Self::Context) {
        match &mut self.follower {
            Some(follower) => follower.on_ring(ring, self.backend.now()),
            None => self.early.push(ring),
        }
        self.join_delivery();
        self.pump(ctx);
    }
}

impl Handler<AttachMember> for ChatChannel {
    type Result = ResponseFuture<Result<(), Retired>>;

    fn handle(&mut self, member: AttachMember, ctx: &mut Self::Context) -> Self::Result {
        if self.retired {
            return Box::pin(async { Err(Retired) });
        }
        let (answer, answered) = oneshot::channel();
        self.waiting.push(Waiting { member, answer });
        self.pump(ctx);
        Box::pin(async move { answered.await.unwrap_or(Err(Retired)) })
    }
}

impl Handler<Recount> for ChatChannel {
    type Result = ();

    fn handle(&mut self, Recount(worker): Recount, ctx: &mut Self::Context) {
        self.tasks.push_back(Task::Recount(worker));
        self.pump(ctx);
    }
}
