//! A node's life in the cluster: its lease, and what follows when it was lost.
//!
//! A node that could not renew its lease in time, because it slept or the store was away, may have been taken for dead:
//! another node has ended its logins then. It waits until that one is done, begins anew under its own name, and has
//! every connection claim its login again.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{error, info, warn};

use super::{Backend, mail};
use crate::connection::Reclaim;
use crate::metrics::meters;
use crate::ports::StoreError;

/// Renewals within one lease: two may fail.
const RENEWALS_PER_LEASE: u32 = 3;
/// Leases between two looks whether the store knows the logins of this node: it reads all of them.
const LEASES_PER_AUDIT: u32 = 6;
/// Pause before a node that lost its lease asks again for a new one.
const RETURN_RETRY: Duration = Duration::from_millis(200);
/// Connections that claim their logins anew at once: their steps share the store's commits.
const RECLAIM_BATCH: usize = 256;

/// Whether this node may judge that others are dead.
///
/// When the store was away for longer than a lease, every lease has run out, and who comes back first would find all
/// others dead although they are about to renew. So a node judges only after it has held its own lease, without a
/// gap, for as long as a lease lasts: by then everybody who lives has renewed.
#[derive(Debug)]
struct Standing {
    lease: Duration,
    renewed_at: Option<Instant>,
    since: Option<Instant>,
}

impl Standing {
    fn new(lease: Duration) -> Self {
        Self { lease, renewed_at: None, since: None }
    }

    /// The lease was renewed by a request that began at `now`.
    fn on_renewed(&mut self, now: Instant) {
        if !self.holds(now) {
            self.since = Some(now);
        }
        self.renewed_at = Some(now);
    }

    fn on_failed(&mut self) {
        (self.renewed_at, self.since) = (None, None);
    }

    fn holds(&self, now: Instant) -> bool {
        self.renewed_at.is_some_and(|at| now - at < self.lease)
    }

    fn may_judge(&self, now: Instant) -> bool {
        self.holds(now) && self.since.is_some_and(|since| now - since >= self.lease)
    }
}

impl Backend {
    /// Begins the node's life: its lease is kept, its mail is read, and dead nodes are recovered, until it ends.
    ///
    /// # Errors
    /// The store's, or the node's name is still taken by a life that is being ended.
    pub async fn begin_life(&self, lease: Duration) -> Result<(), StoreError> {
        if !self.0.ports.nodes.register(&self.0.node, self.now() + lease).await? {
            return Err(StoreError("the logins of this node's last life are being ended".into()));
        }
        meters().lease_held.set(1);
        actix::spawn(live(self.clone(), lease));
        actix::spawn(audit(self.clone(), lease * LEASES_PER_AUDIT));
        Ok(())
    }

    /// Whether the node has lost its lease and not got it back, or could not renew it just now: a store that takes no
    /// writes serves nobody, even if it answers.
    pub fn is_lease_in_doubt(&self) -> bool {
        self.has_lost_lease() || self.0.lease_not_renewed.load(Ordering::SeqCst)
    }

    /// Whether the node has lost its lease and not got it back.
    pub fn has_lost_lease(&self) -> bool {
        self.0.lease_lost.load(Ordering::SeqCst)
    }

    /// Waits until the node has a lease again. Its mailbox is a new one then.
    async fn register_anew(&self, lease: Duration) {
        loop {
            match self.0.ports.nodes.register(&self.0.node, self.now() + lease).await {
                Ok(true) => return,
                // The logins are still being ended.
                Ok(false) => {}
                Err(error) => warn!(%error, "no new lease yet"),
            }
            sleep(RETURN_RETRY).await;
        }
    }

    /// Has every connection claim its login again.
    async fn reclaim_connections(&self) {
        let _alone = self.0.reclaiming.lock().await;
        let connections = self.connections();
        for batch in connections.chunks(RECLAIM_BATCH) {
            // A connection that has gone meanwhile needs none.
            join_all(batch.iter().map(|connection| connection.send(Reclaim))).await;
        }
        info!(connections = connections.len(), "logins claimed anew");
    }
}

/// Keeps the lease and what hangs on it, until the node ends.
async fn live(backend: Backend, lease: Duration) {
    let mut standing = Standing::new(lease);
    let mut reader = actix::spawn(mail::read(backend.clone()));
    let mut recovery: Option<JoinHandle<()>> = None;
    let mut ticks = interval(lease / RENEWALS_PER_LEASE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !backend.is_ending() {
        ticks.tick().await;
        let began = Instant::now();
        match backend.0.ports.nodes.renew(&backend.0.node, backend.now() + lease).await {
            Ok(true) => {
                standing.on_renewed(began);
                backend.0.lease_not_renewed.store(false, Ordering::SeqCst);
            }
            // Retired by itself.
            Ok(false) if backend.is_ending() => break,
            Ok(false) => {
                standing.on_failed();
                backend.0.lease_not_renewed.store(false, Ordering::SeqCst);
                reader = return_to_life(&backend, lease, reader).await;
            }
            Err(error) => {
                standing.on_failed();
                backend.0.lease_not_renewed.store(true, Ordering::SeqCst);
                meters().lease_renewal_failures.increment(1);
                error!(%error, "lease not renewed");
            }
        }
        if standing.may_judge(Instant::now()) && recovery.as_ref().is_none_or(JoinHandle::is_finished) {
            recovery = Some(actix::spawn(recover(backend.clone())));
        }
    }
    reader.abort();
}

async fn return_to_life(backend: &Backend, lease: Duration, reader: JoinHandle<()>) -> JoinHandle<()> {
    warn!(node.id = %backend.0.node, "lease lost");
    meters().leases_lost.increment(1);
    meters().lease_held.set(0);
    backend.0.lease_lost.store(true, Ordering::SeqCst);
    // Before the mailbox is made anew: it would be read from a place in the old one.
    reader.abort();
    let _ = reader.await;
    backend.register_anew(lease).await;
    backend.0.lease_lost.store(false, Ordering::SeqCst);
    meters().lease_held.set(1);
    info!(node.id = %backend.0.node, "lease taken anew");
    let story = backend.clone();
    drop(backend.spawn(async move { story.reclaim_connections().await }));
    actix::spawn(mail::read(backend.clone()))
}

async fn audit(backend: Backend, every: Duration) {
    while !backend.is_ending() {
        sleep(every).await;
        if !backend.has_lost_lease()
            && let Err(error) = backend.settle_logins().await
        {
            error!(%error, "logins of this node not settled");
        }
    }
}

/// Beside the renewals, which must not wait for it.
async fn recover(backend: Backend) {
    if let Err(error) = backend.recover_dead_nodes(backend.now()).await {
        error!(%error, "dead nodes not recovered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(10);

    fn renewed(begin: Instant, at: &[u64]) -> Standing {
        let mut standing = Standing::new(LEASE);
        at.iter().for_each(|second| standing.on_renewed(begin + Duration::from_secs(*second)));
        standing
    }

    #[test]
    fn a_node_judges_others_once_it_has_held_its_lease_for_as_long_as_one_lasts() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        assert!(!Standing::new(LEASE).may_judge(at(100)), "it has none");
        assert!(!renewed(begin, &[0, 3, 6, 9]).may_judge(at(9)));
        assert!(renewed(begin, &[0, 3, 6, 9]).may_judge(at(10)));
        assert!(!renewed(begin, &[0, 3, 6, 9]).may_judge(at(19)), "its own has run out");
    }

    #[test]
    fn a_gap_in_its_own_lease_begins_the_wait_anew() {
        let begin = Instant::now();
        let at = |second| begin + Duration::from_secs(second);
        let mut asleep = renewed(begin, &[0, 5, 10, 50]);
        assert!(!asleep.may_judge(at(50)));
        asleep.on_renewed(at(55));
        assert!(asleep.may_judge(at(60)));
        asleep.on_failed();
        assert!(!asleep.may_judge(at(61)));
        asleep.on_renewed(at(62));
        assert!(!asleep.may_judge(at(63)));
    }
}
