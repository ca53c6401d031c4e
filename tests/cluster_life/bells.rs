//! The channels of an embedded store for several nodes: each has a subscription of its own, as in a store that is shared
//! between processes. The embedded one knows one subscriber.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::Position;
use guildhall_actors::ids::{ChannelKey, GameId, PlayerId};
use guildhall_actors::ports::{
    Admission, Channel, ChannelError, ChannelKind, ChannelPage, ChannelPatch, ChannelSpec, Channels, Deleted, Entered,
    Exited, History, LogSlice, Member, NewEvent, Ring, StoreError, Subscriber,
};
use parking_lot::Mutex;

use super::fickle::Fickle;

type Subscribers = Arc<Mutex<HashMap<ChannelKey, BTreeMap<&'static str, Subscriber>>>>;

/// One node's view.
pub(super) struct Bells {
    channels: Arc<dyn Channels>,
    node: &'static str,
    subscribers: Subscribers,
    link: Arc<Fickle>,
}

impl Bells {
    pub(super) fn of(
        channels: &Arc<dyn Channels>,
        node: &'static str,
        subscribers: &Subscribers,
        link: &Arc<Fickle>,
    ) -> Arc<Self> {
        Arc::new(Self { channels: channels.clone(), node, subscribers: subscribers.clone(), link: link.clone() })
    }
}

#[async_trait]
impl Channels for Bells {
    async fn append(&self, key: &ChannelKey, event: NewEvent, now: Timestamp) -> Result<Position, ChannelError> {
        self.channels.append(key, event, now).await
    }

    async fn create(
        &self,
        key: &ChannelKey,
        spec: ChannelSpec,
        members: &[PlayerId],
        now: Timestamp,
    ) -> Result<Channel, ChannelError> {
        self.channels.create(key, spec, members, now).await
    }

    async fn get(&self, key: &ChannelKey) -> Result<Channel, ChannelError> {
        self.channels.get(key).await
    }

    async fn update(&self, key: &ChannelKey, patch: ChannelPatch) -> Result<Channel, ChannelError> {
        self.channels.update(key, patch).await
    }

    async fn delete(&self, key: &ChannelKey, now: Timestamp) -> Result<Deleted, ChannelError> {
        self.channels.delete(key, now).await
    }

    async fn delete_if_vacant(&self, key: &ChannelKey, before: Timestamp, now: Timestamp) -> Result<bool, StoreError> {
        self.channels.delete_if_vacant(key, before, now).await
    }

    async fn list(
        &self,
        game: &GameId,
        kind: Option<ChannelKind>,
        page: u64,
        size: u64,
    ) -> Result<ChannelPage, StoreError> {
        self.channels.list(game, kind, page, size).await
    }

    async fn vacant(&self, before: Timestamp, limit: usize) -> Result<Vec<ChannelKey>, StoreError> {
        self.channels.vacant(before, limit).await
    }

    async fn enter(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        admission: Admission,
        now: Timestamp,
    ) -> Result<Entered, ChannelError> {
        self.channels.enter(key, player, admission, now).await
    }

    async fn exit(
        &self,
        key: &ChannelKey,
        player: PlayerId,
        entered: Option<Position>,
        now: Timestamp,
    ) -> Result<Exited, ChannelError> {
        self.channels.exit(key, player, entered, now).await
    }

    async fn members(&self, key: &ChannelKey) -> Result<Vec<Member>, ChannelError> {
        self.channels.members(key).await
    }

    async fn member(&self, key: &ChannelKey, player: PlayerId) -> Result<Option<Member>, ChannelError> {
        self.channels.member(key, player).await
    }

    async fn read(&self, key: &ChannelKey, after: Position, limit: usize) -> Result<LogSlice, ChannelError> {
        self.channels.read(key, after, limit).await
    }

    async fn history(
        &self,
        key: &ChannelKey,
        anchor: Option<Position>,
        prev: usize,
        next: usize,
        now: Timestamp,
    ) -> Result<History, ChannelError> {
        self.channels.history(key, anchor, prev, next, now).await
    }

    async fn subscribe(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError> {
        let _free = self.link.subscriptions.read().await;
        self.subscribers.lock().entry(key.clone()).or_default().insert(self.node, subscriber);
        let (subscribers, rung) = (self.subscribers.clone(), key.clone());
        let ring_all = move |ring: Ring| {
            let all: Vec<_> = subscribers.lock().get(&rung).into_iter().flat_map(|all| all.values().cloned()).collect();
            all.iter().for_each(|subscriber| subscriber(ring.clone()));
        };
        self.channels.subscribe(key, Arc::new(ring_all)).await
    }

    async fn unsubscribe(&self, key: &ChannelKey) {
        self.subscribers.lock().entry(key.clone()).or_default().remove(self.node);
    }
}
