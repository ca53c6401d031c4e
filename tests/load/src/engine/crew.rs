//! Threads of players, and how a scenario leads them.

use std::iter::Sum;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mio::{Poll, Waker};

use super::player::Role;
use super::site::Site;
use super::tally::{Counts, Tally};
use super::worker::{Order, WAKER, Worker};

/// What a thread shows while it works.
#[derive(Default)]
pub(crate) struct Gauges {
    present: AtomicI64,
    arrived: AtomicU64,
    failed: AtomicU64,
    published: AtomicU64,
    expected: AtomicU64,
    delivered: AtomicU64,
    notices: AtomicU64,
    calls: AtomicU64,
    p99_us: AtomicU64,
    reason: OnceLock<String>,
}

/// The same of all threads together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sight {
    pub(crate) present: u64,
    /// How often somebody came in.
    pub(crate) arrived: u64,
    pub(crate) failed: u64,
    pub(crate) published: u64,
    /// Deliveries of what was published.
    pub(crate) expected: u64,
    pub(crate) delivered: u64,
    pub(crate) notices: u64,
    /// HTTP requests that are not answered yet.
    pub(crate) calls: u64,
    /// Of the slowest thread.
    pub(crate) p99_us: u64,
}

impl Gauges {
    pub(super) fn arrived(&self) {
        self.present.fetch_add(1, Ordering::Relaxed);
        self.arrived.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn left(&self) {
        self.present.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn set_p99(&self, p99_us: u64) {
        self.p99_us.store(p99_us, Ordering::Relaxed);
    }

    pub(super) fn calls(&self, unanswered: usize) {
        self.calls.store(unanswered as u64, Ordering::Relaxed);
    }

    /// The first reason of a failure is kept for [`Crew::failure`].
    pub(super) fn failed(&self, reason: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.reason.get_or_init(|| reason.to_owned());
    }

    pub(super) fn count(&self, total: Counts) {
        self.expected.store(total.expected, Ordering::Relaxed);
        self.published.store(total.published, Ordering::Relaxed);
        self.delivered.store(total.delivered, Ordering::Relaxed);
        self.notices.store(total.notices, Ordering::Relaxed);
    }
}

/// Threads of players. They end when this is dropped.
pub(crate) struct Crew {
    threads: Vec<Thread>,
}

struct Thread {
    orders: Sender<Order>,
    waker: Waker,
    gauges: Arc<Gauges>,
    handle: JoinHandle<std::io::Result<Tally>>,
}

impl Crew {
    /// One thread for each list of players.
    pub(crate) fn start(site: &Arc<Site>, parts: Vec<Vec<Role>>, ping_every: Duration) -> Result<Self> {
        let threads = parts.into_iter().map(|roles| Thread::start(site, roles, ping_every)).collect::<Result<_>>()?;
        Ok(Self { threads })
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

    pub(crate) fn sight(&self) -> Sight {
        self.threads.iter().map(|thread| Sight::of(&thread.gauges)).sum()
    }

    /// Why the first player failed, if one did.
    pub(crate) fn failure(&self) -> &str {
        self.threads.iter().find_map(|thread| thread.gauges.reason.get()).map_or("", String::as_str)
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

impl Sight {
    fn of(gauges: &Gauges) -> Self {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        Self {
            present: gauges.present.load(Ordering::Relaxed).max(0).unsigned_abs(),
            arrived: read(&gauges.arrived),
            failed: read(&gauges.failed),
            published: read(&gauges.published),
            expected: read(&gauges.expected),
            delivered: read(&gauges.delivered),
            notices: read(&gauges.notices),
            calls: read(&gauges.calls),
            p99_us: read(&gauges.p99_us),
        }
    }

    /// Arrivals that have succeeded or failed.
    pub(crate) fn through(&self) -> u64 {
        self.arrived + self.failed
    }
}

impl Sum for Sight {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            present: sum.present + one.present,
            arrived: sum.arrived + one.arrived,
            failed: sum.failed + one.failed,
            published: sum.published + one.published,
            expected: sum.expected + one.expected,
            delivered: sum.delivered + one.delivered,
            notices: sum.notices + one.notices,
            calls: sum.calls + one.calls,
            p99_us: sum.p99_us.max(one.p99_us),
        })
    }
}

impl Thread {
    fn start(site: &Arc<Site>, roles: Vec<Role>, ping_every: Duration) -> Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let (orders, received) = channel();
        let gauges = Arc::new(Gauges::default());
        let (site, shown) = (site.clone(), gauges.clone());
        let work = move || Worker::new((site, poll), (received, shown), roles, ping_every)?.run();
        let handle = thread::Builder::new().name("players".to_owned()).spawn(work)?;
        Ok(Self { orders, waker, gauges, handle })
    }
}
