//! Threads of players, and how a scenario leads them.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mio::{Poll, Waker};
use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
    thread_native_id,
};

use super::player::Role;
use super::sight::{Shown, Sight};
use super::site::Site;
use super::tally::Tally;
use super::worker::{Order, WAKER, Worker};

/// Threads of players. They end when this is dropped.
pub(crate) struct Crew {
    threads: Vec<Thread>,
}

struct Thread {
    orders: Sender<Order>,
    waker: Waker,
    shown: Arc<Shown>,
    handle: JoinHandle<std::io::Result<Tally>>,
}

impl Crew {
    /// One thread for each list of players.
    pub(crate) fn start(site: &Arc<Site>, parts: Vec<Vec<Role>>, ping_every: Duration) -> Result<Self> {
        let start = |roles| Thread::start(site, roles, ping_every, false);
        Ok(Self { threads: parts.into_iter().map(start).collect::<Result<_>>()? })
    }

    /// One thread that gets a CPU before all others: what it measures is how long the server takes, not how long the
    /// rest of this tool keeps it from a CPU. Where the system does not allow that (CAP_SYS_NICE), it is a thread like
    /// any.
    pub(crate) fn start_urgent(site: &Arc<Site>, roles: Vec<Role>, ping_every: Duration) -> Result<Self> {
        Ok(Self { threads: vec![Thread::start(site, roles, ping_every, true)?] })
    }

    /// The number of threads.
    pub(crate) fn size(&self) -> usize {
        self.threads.len()
    }

    /// Tells all threads the same.
    pub(crate) fn order(&self, order: &Order) -> Result<()> {
        self.order_each(|_| order.clone())
    }

    /// Tells each thread something of its own, by its number.
    pub(crate) fn order_each(&self, order: impl Fn(usize) -> Order) -> Result<()> {
        for (index, thread) in self.threads.iter().enumerate() {
            // A thread that is gone tells why when it is joined.
            let _ = thread.orders.send(order(index));
            thread.waker.wake()?;
        }
        Ok(())
    }

    /// How things stand with all threads together.
    pub(crate) fn sight(&self) -> Sight {
        self.threads.iter().map(|thread| *thread.shown.sight.lock()).sum()
    }

    /// Why the first player failed, if one did.
    pub(crate) fn failure(&self) -> &str {
        self.threads.iter().find_map(|thread| thread.shown.failure.get()).map_or("", String::as_str)
    }

    /// Ends the threads; what all of them have seen.
    pub(crate) fn end(self) -> Result<Tally> {
        let mut whole: Option<Tally> = None;
        for Thread { orders, waker, handle, .. } in self.threads {
            drop(orders);
            waker.wake()?;
            let tally = handle.join().map_err(|_| anyhow!("a thread of players panicked"))??;
            match &mut whole {
                Some(whole) => whole.absorb(tally),
                None => whole = Some(tally),
            }
        }
        whole.context("a crew has at least one thread")
    }
}

impl Thread {
    fn start(site: &Arc<Site>, roles: Vec<Role>, ping_every: Duration, urgent: bool) -> Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (orders, received) = channel();
        let shown = Arc::new(Shown::default());
        let (site, show) = (site.clone(), shown.clone());
        let work = move || {
            if urgent {
                // Where it is not allowed, the share of time that threads waited for a CPU, which is told, tells it.
                let _ = get_real_time();
            }
            Worker::new((site, poll), (received, show), roles, ping_every)?.run()
        };
        let handle = thread::Builder::new().name("players".to_owned()).spawn(work)?;
        Ok(Self { orders, waker, shown, handle })
    }
}

/// Has the system run this thread whenever it can run. It sleeps nearly all the time.
fn get_real_time() -> Result<(), thread_priority::Error> {
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, policy)
}
