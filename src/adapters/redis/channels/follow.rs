//! Following channels: their bells, and a look at where their logs are whenever a bell may have been missed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use guildhall_actors::event::{Epoch, Event, EventBody, Position};
use guildhall_actors::ids::ChannelKey;
use guildhall_actors::ports::{ChannelError, Ring, StoreError, Subscriber};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::warn;

use super::{Keys, forms};
use crate::adapters::redis::bells::{Bells, Heard};
use crate::adapters::redis::link::Link;

/// Between two looks at where every log is: what neither bell nor gap told is found then.
const LOOK: Duration = Duration::from_secs(5);
/// Pause after a look that failed.
const RETRY: Duration = Duration::from_millis(200);
/// Logs looked at together.
const CHUNK: usize = 256;

/// The channels that this node follows.
pub(in crate::adapters::redis) struct Follower {
    shared: Arc<Shared>,
    looks: JoinHandle<()>,
}

struct Shared {
    link: Arc<Link>,
    bells: Arc<Bells>,
    channels: Mutex<HashMap<ChannelKey, Arc<Followed>>>,
    /// Those whose log may be ahead.
    doubtful: Mutex<HashSet<ChannelKey>>,
    doubt: Notify,
}

struct Followed {
    subscriber: Subscriber,
    /// `None` until the subscription has begun.
    known: Mutex<Option<Known>>,
}

/// What the subscriber was told.
#[derive(Clone, Copy)]
struct Known {
    /// The epoch the channel was made in: another one is another channel.
    born: Epoch,
    place: Position,
}

impl Follower {
    pub(in crate::adapters::redis) fn start(link: Arc<Link>, bells: Arc<Bells>) -> Self {
        let (channels, doubtful, doubt) = (Mutex::default(), Mutex::default(), Notify::new());
        let shared = Arc::new(Shared { link, bells, channels, doubtful, doubt });
        let looks = tokio::spawn(shared.clone().look_from_time_to_time());
        Self { shared, looks }
    }

    /// Begins to ring at the subscriber, from the returned place on.
    pub(super) async fn follow(&self, key: &ChannelKey, subscriber: Subscriber) -> Result<Position, ChannelError> {
        let followed = Arc::new(Followed { subscriber, known: Mutex::new(None) });
        self.shared.channels.lock().insert(key.clone(), followed.clone());
        let begun = self.begin(key, &followed).await;
        if begun.is_err() {
            self.shared.let_go(key, &followed);
        }
        begun
    }

    async fn begin(&self, key: &ChannelKey, followed: &Arc<Followed>) -> Result<Position, ChannelError> {
        let (shared, heard_by, bell) = (Arc::downgrade(&self.shared), key.clone(), Keys::of(key).bell);
        let listener = move |heard: Heard<'_>| {
            if let Some(shared) = shared.upgrade() {
                shared.hear(&heard_by, heard);
            }
        };
        self.shared.bells.listen(&bell, Arc::new(listener)).await?;
        let known = self.shared.place(key).await?.ok_or(ChannelError::NotFound)?;
        *followed.known.lock() = Some(known);
        Ok(known.place)
    }

    pub(super) fn let_go(&self, key: &ChannelKey) {
        let followed = self.shared.channels.lock().get(key).cloned();
        if let Some(followed) = followed {
            self.shared.let_go(key, &followed);
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.looks.abort();
    }
}

impl Shared {
    fn let_go(&self, key: &ChannelKey, followed: &Arc<Followed>) {
        let mut channels = self.channels.lock();
        if channels.get(key).is_some_and(|present| Arc::ptr_eq(present, followed)) {
            channels.remove(key);
            // Under the lock: whoever follows it anew listens after this.
            self.bells.ignore(&Keys::of(key).bell);
        }
    }

    fn hear(&self, key: &ChannelKey, heard: Heard<'_>) {
        let Some(followed) = self.channels.lock().get(key).cloned() else { return };
        let event = match heard {
            Heard::Gap => None,
            Heard::Message(message) => forms::rung(message),
        };
        match event {
            Some(event) if followed.takes(event.position) => self.ring(key, &followed, event),
            // Of an epoch that is new, or of a channel that is: the look tells.
            _ => self.doubt(key),
        }
    }

    fn ring(&self, key: &ChannelKey, followed: &Arc<Followed>, event: Event) {
        let is_last = event.body == EventBody::Deleted;
        if is_last {
            // A channel made anew under this id is not heard.
            self.let_go(key, followed);
        }
        (followed.subscriber)(Ring::Event(Arc::new(event)));
        if is_last {
            // Where the log has lost its end, the event's place looks like an old one.
            (followed.subscriber)(Ring::Head(None));
        }
    }

    fn doubt(&self, key: &ChannelKey) {
        self.doubtful.lock().insert(key.clone());
        self.doubt.notify_one();
    }

    async fn look_from_time_to_time(self: Arc<Self>) {
        loop {
            if tokio::time::timeout(LOOK, self.doubt.notified()).await.is_err() {
                let all: Vec<_> = self.channels.lock().keys().cloned().collect();
                self.doubtful.lock().extend(all);
            }
            let doubtful: Vec<_> = self.doubtful.lock().drain().collect();
            for chunk in doubtful.chunks(CHUNK) {
                let looked = join_all(chunk.iter().map(|key| self.look(key))).await;
                if let Some(error) = looked.into_iter().find_map(Result::err) {
                    warn!(%error, "logs of channels could not be looked at");
                    sleep(RETRY).await;
                }
            }
        }
    }

    /// Tells the subscriber where the log is, if that is news. When it fails it is tried again.
    async fn look(&self, key: &ChannelKey) -> Result<(), StoreError> {
        let Some(followed) = self.channels.lock().get(key).cloned() else { return Ok(()) };
        let Some(known) = *followed.known.lock() else { return Ok(()) };
        let found = self.place(key).await.inspect_err(|_| self.doubt(key))?;
        match found.filter(|found| found.born == known.born) {
            Some(found) => {
                *followed.known.lock() = Some(found);
                (followed.subscriber)(Ring::Head(Some(found.place)));
            }
            None => {
                self.let_go(key, &followed);
                (followed.subscriber)(Ring::Head(None));
            }
        }
        Ok(())
    }

    async fn place(&self, key: &ChannelKey) -> Result<Option<Known>, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(Keys::of(key).channel).arg("born").arg("epoch").arg("head");
        let (born, epoch, head): (Option<String>, Option<String>, Option<u64>) = self.link.call(&command).await?;
        let epoch_of = |text: Option<String>| text.and_then(|text| Epoch::parse(&text));
        let (Some(born), Some(epoch), Some(sequence)) = (epoch_of(born), epoch_of(epoch), head) else {
            return Ok(None);
        };
        Ok(Some(Known { born, place: Position { epoch, sequence } }))
    }
}

impl Followed {
    /// Whether the event is of the epoch the subscriber knows. Before the subscription has begun, any is.
    fn takes(&self, position: Position) -> bool {
        match &mut *self.known.lock() {
            None => true,
            Some(known) if known.place.epoch == position.epoch => {
                known.place.sequence = known.place.sequence.max(position.sequence);
                true
            }
            Some(_) => false,
        }
    }
}
