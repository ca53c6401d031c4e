//! The registry of channel actors: found or started by key, started anew after a crash.

use std::collections::HashMap;

use actix::prelude::*;
use parking_lot::Mutex;

use super::Backend;
use crate::channel::{AttachMember, ChatChannel, Hearing, Recount, Retired};
use crate::fanout::WorkerId;
use crate::ids::{ChannelKey, ConnectionId};

#[derive(Default)]
pub(super) struct ChatChannels(Mutex<HashMap<ChannelKey, Addr<ChatChannel>>>);

impl Backend {
    /// The channel's actor on this node; started on the current thread when there is none.
    /// Whether the channel exists is for the store to say.
    pub fn channel(&self, key: &ChannelKey) -> Option<Addr<ChatChannel>> {
        let mut channels = self.0.channels.0.lock();
        if let Some(channel) = channels.get(key).filter(|channel| channel.connected()) {
            return Some(channel.clone());
        }
        let game = self.game(&key.game)?;
        let channel = ChatChannel::new(key.clone(), game.index, self.clone()).start();
        channels.insert(key.clone(), channel.clone());
        Some(channel)
    }

    /// The channel's actor on this node, if it has one.
    fn running_channel(&self, key: &ChannelKey) -> Option<Addr<ChatChannel>> {
        self.0.channels.0.lock().get(key).filter(|channel| channel.connected()).cloned()
    }

    /// Number of channel actors on this node.
    pub fn channel_count(&self) -> usize {
        self.0.channels.0.lock().len()
    }

    /// Takes an actor that lets go out of the registry.
    pub(crate) fn forget_channel(&self, key: &ChannelKey, channel: &Addr<ChatChannel>) {
        let mut channels = self.0.channels.0.lock();
        if channels.get(key) == Some(channel) {
            channels.remove(key);
        }
    }

    /// Has a connection of this node hear a channel.
    pub(crate) async fn attach(&self, key: &ChannelKey, worker: WorkerId, connection: ConnectionId, hearing: Hearing) {
        loop {
            let Some(channel) = self.channel(key) else { return };
            match channel.send(AttachMember { worker, connection, hearing }).await {
                Ok(Ok(())) => return,
                // Let go, or crashed: the next one will do it. Attaching twice does nothing.
                Ok(Err(Retired)) | Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Tells a channel's actor, if there is one, that a worker thread may have lost its last member.
    pub(crate) fn recount(&self, key: &ChannelKey, worker: WorkerId) {
        if let Some(channel) = self.running_channel(key) {
            channel.do_send(Recount(worker));
        }
    }
}
