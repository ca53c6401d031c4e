//! Events on their way to a channel's members.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::Encoded;
use crate::event::Event;
use crate::ids::ChannelKey;
use crate::outbox::Framing;

/// Events that may wait in one batch; beyond, they wait at the channel.
const MAX_EVENTS: usize = 256;

/// Events that each member gets in one write. More may join until the first thread hands them out: the longer a busy
/// thread lets them wait, the fewer writes they need.
pub struct Batch {
    key: Arc<ChannelKey>,
    game_index: i64,
    framing: Framing,
    /// `None` once nothing may join.
    open: Mutex<Option<Vec<Arc<Event>>>>,
    closed: OnceLock<Arc<[Arc<Encoded>]>>,
}

impl Batch {
    pub fn new(key: &Arc<ChannelKey>, game_index: i64, framing: Framing, events: Vec<Arc<Event>>) -> Arc<Self> {
        let (key, open) = (key.clone(), Mutex::new(Some(events)));
        Arc::new(Self { key, game_index, framing, open, closed: OnceLock::new() })
    }

    /// Adds what `more` gives, if it may still join; otherwise `more` is not called.
    pub fn join(&self, more: impl FnOnce() -> Vec<Arc<Event>>) {
        let mut open = self.open.lock();
        if let Some(events) = open.as_mut().filter(|events| events.len() < MAX_EVENTS) {
            events.extend(more());
        }
    }

    /// Closes it and makes its events ready, once for all threads.
    pub fn events(&self) -> &Arc<[Arc<Encoded>]> {
        self.closed.get_or_init(|| {
            let events = self.open.lock().take().unwrap_or_default();
            let encode = |event| Encoded::new(&self.key, self.game_index, event, self.framing);
            events.into_iter().map(encode).collect()
        })
    }

    pub fn key(&self) -> &Arc<ChannelKey> {
        &self.key
    }
}
