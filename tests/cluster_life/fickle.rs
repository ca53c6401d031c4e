//! The nodes of a store as one node sees them through a link that fails on demand.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::ids::NodeId;
use guildhall_actors::ports::{Mail, MailId, Nodes, StoreError};
use tokio::sync::{RwLock, Semaphore};

/// Delegates what it does not refuse.
pub(super) struct Fickle {
    nodes: Arc<dyn Nodes>,
    /// Whether the lease can be renewed.
    pub(super) renews: AtomicBool,
    /// Whether every other look into the mailbox fails, and the rest says everything again.
    pub(super) garbles_mail: AtomicBool,
    looks: AtomicU32,
    /// Mail is not handed out while this is held.
    pub(super) mail: RwLock<()>,
    /// Mail that was fetched, and may be held up.
    pub(super) fetched: AtomicU32,
    /// Channels cannot be subscribed to while this is held.
    pub(super) subscriptions: RwLock<()>,
    /// One permit for each node that may be retired.
    pub(super) retires: Semaphore,
}

impl Fickle {
    pub(super) fn new(nodes: Arc<dyn Nodes>) -> Arc<Self> {
        let (renews, garbles_mail) = (AtomicBool::new(true), AtomicBool::new(false));
        Arc::new(Self {
            nodes,
            renews,
            garbles_mail,
            looks: AtomicU32::new(0),
            mail: RwLock::default(),
            fetched: AtomicU32::new(0),
            subscriptions: RwLock::default(),
            retires: Semaphore::new(0),
        })
    }
}

fn away<T>() -> Result<T, StoreError> {
    Err(StoreError("the store is away".into()))
}

#[async_trait]
impl Nodes for Fickle {
    async fn register(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        self.nodes.register(node, until).await
    }

    async fn renew(&self, node: &NodeId, until: Timestamp) -> Result<bool, StoreError> {
        if self.renews.load(Ordering::SeqCst) { self.nodes.renew(node, until).await } else { away() }
    }

    async fn expired(&self, now: Timestamp) -> Result<Vec<NodeId>, StoreError> {
        self.nodes.expired(now).await
    }

    async fn claim(&self, dead: &NodeId, by: &NodeId, now: Timestamp) -> Result<bool, StoreError> {
        self.nodes.claim(dead, by, now).await
    }

    async fn retire(&self, node: &NodeId) -> Result<(), StoreError> {
        self.retires.acquire().await.expect("never closed").forget();
        self.nodes.retire(node).await
    }

    async fn send(&self, to: &NodeId, mail: &Mail) -> Result<bool, StoreError> {
        self.nodes.send(to, mail).await
    }

    async fn receive(&self, node: &NodeId, after: MailId) -> Result<Vec<(MailId, Mail)>, StoreError> {
        if !self.garbles_mail.load(Ordering::SeqCst) {
            let received = self.nodes.receive(node, after).await;
            self.fetched.fetch_add(received.iter().flatten().count() as u32, Ordering::SeqCst);
            let _free = self.mail.read().await;
            return received;
        }
        let looks = self.looks.fetch_add(1, Ordering::SeqCst);
        if looks.is_multiple_of(2) { away() } else { self.nodes.receive(node, after).await }
    }
}
