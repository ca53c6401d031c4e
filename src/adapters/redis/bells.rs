//! The links for subscriptions: a line to every master from each thread that listens, apart from the link for
//! commands. What is heard is handed over on the thread that listens, so that no other one need wake.
//!
//! Names are sharded pub/sub channels, on a single server as on a cluster. A line that breaks, or has gone deaf without
//! breaking, is made anew; whoever listens is told that something may have been missed. When a cluster moves a slot,
//! its names move to the line of their new master.

mod lines;
mod topology;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use guildhall_actors::ports::StoreError;
use parking_lot::Mutex;
use redis::{FromRedisValue, PushInfo, PushKind, Value};
use tokio::runtime::{self, Handle};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use self::lines::{Order, Switchboard};
use super::link::Link;
use super::source::Source;
use crate::metrics::server_meters;

/// Between two looks at which master has which slots. When slots move their names are dropped, which is heard.
const LOOK: Duration = Duration::from_secs(5);
/// Between two looks at which master Sentinels name: until one that was replaced is told, nobody hears of it otherwise.
const LOOK_AT_SENTINELS: Duration = Duration::from_secs(1);

/// What a listener hears. It must not block.
#[derive(Clone, Copy, Debug)]
pub(super) enum Heard<'a> {
    Message(&'a [u8]),
    /// The line was broken meanwhile.
    Gap,
}

pub(super) type Listener = Arc<dyn Fn(Heard<'_>) + Send + Sync>;

/// See the module's text.
pub(super) struct Bells {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

struct Shared {
    link: Arc<Link>,
    names: Mutex<HashMap<Arc<str>, Name>>,
    switchboard: Mutex<Switchboard>,
    /// A name is no longer where it was.
    moved: Notify,
}

struct Name {
    listener: Listener,
    /// Of the thread that listens.
    runtime: runtime::Id,
    confirmed: bool,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Bells {
    pub(super) fn start(link: Arc<Link>) -> Self {
        let switchboard = Mutex::new(Switchboard::new(Handle::current()));
        let shared = Arc::new(Shared { link, names: Mutex::default(), switchboard, moved: Notify::new() });
        let keeper = tokio::spawn(shared.clone().keep());
        Self { shared, keeper }
    }

    /// Has everything that is published under the name from now on handed to the listener, in place of an earlier one,
    /// on this thread.
    ///
    /// # Errors
    /// The server has not confirmed it in time; nothing is listened to then.
    pub(super) async fn listen(&self, name: &str, listener: Listener) -> Result<(), StoreError> {
        let (sender, confirmed) = oneshot::channel();
        self.shared.enter(name, listener, sender);
        if tokio::time::timeout(self.shared.link.timeout, confirmed).await.is_ok_and(|confirmed| confirmed.is_ok()) {
            return Ok(());
        }
        self.ignore(name);
        Err(StoreError("redis: the subscription was not confirmed".into()))
    }

    /// As [`Self::listen`], without waiting: it may take until the server is there.
    pub(super) fn listen_later(&self, name: &str, listener: Listener) {
        self.shared.enter(name, listener, oneshot::channel().0);
    }

    pub(super) fn ignore(&self, name: &str) {
        let switchboard = self.shared.switchboard.lock();
        let removed = self.shared.names.lock().remove_entry(name);
        if let Some((name, known)) = removed {
            switchboard.order(known.runtime, Order::Ignore(name));
        }
    }

    /// Whether every line hears what is published.
    pub(super) fn is_hearing(&self) -> bool {
        self.shared.switchboard.lock().is_hearing()
    }
}

impl Drop for Bells {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Shared {
    /// Whether all lines hear has changed, for those who look at the metrics.
    fn tell_hearing(&self) {
        server_meters().subscription_up.set(u32::from(self.switchboard.lock().is_hearing()));
    }

    /// Under the lock of the lines, so that they are told in the order in which the names change.
    fn enter(self: &Arc<Self>, name: &str, listener: Listener, confirmed: oneshot::Sender<()>) {
        let here = Handle::current();
        let mut switchboard = self.switchboard.lock();
        switchboard.admit(&here, self);
        let (runtime, mut names) = (here.id(), self.names.lock());
        if let Some(known) = names.get_mut(name).filter(|known| known.runtime == runtime) {
            known.listener = listener;
            if known.confirmed {
                // Whoever asks may have gone.
                let _ = confirmed.send(());
            } else {
                known.waiting.push(confirmed);
            }
            return;
        }
        let mut waiting = vec![confirmed];
        if let Some((name, elsewhere)) = names.remove_entry(name) {
            waiting.extend(elsewhere.waiting);
            switchboard.order(elsewhere.runtime, Order::Ignore(name));
        }
        let name: Arc<str> = name.into();
        names.insert(name.clone(), Name { listener, runtime, confirmed: false, waiting });
        switchboard.order(runtime, Order::Listen(name));
    }

    /// Follows the masters; a single server is found again by its line.
    async fn keep(self: Arc<Self>) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! { () = self.moved.notified() => {} () = tokio::time::sleep(pause) => {} }
            pause = match topology::masters(&self.link).await {
                Ok(masters) => {
                    if self.switchboard.lock().connect(masters, &self) {
                        // The link for commands hears of it by errors only, and without traffic there are none.
                        self.link.connect_anew();
                    }
                    if matches!(self.link.source, Source::Sentinel { .. }) { LOOK_AT_SENTINELS } else { LOOK }
                }
                Err(error) => {
                    tracing::warn!(%error, "masters not found");
                    Duration::from_secs(1)
                }
            };
        }
    }

    /// A line brings something.
    fn hear(&self, push: &PushInfo) {
        let Some(name) = push.data.first().and_then(|name| String::from_redis_value_ref(name).ok()) else { return };
        match (&push.kind, push.data.get(1)) {
            (PushKind::SMessage, Some(Value::BulkString(message))) => {
                let listener = self.names.lock().get(name.as_str()).map(|known| known.listener.clone());
                if let Some(listener) = listener {
                    listener(Heard::Message(message));
                }
            }
            (PushKind::SSubscribe, _) => self.confirm(&name),
            // By ourselves, or because the slot went to another master.
            (PushKind::SUnsubscribe, _) if self.names.lock().contains_key(name.as_str()) => self.moved.notify_one(),
            _ => {}
        }
    }

    fn confirm(&self, name: &str) {
        let again = {
            let mut names = self.names.lock();
            let Some(known) = names.get_mut(name) else { return };
            for waiting in known.waiting.drain(..) {
                // Whoever asked may have gone.
                let _ = waiting.send(());
            }
            std::mem::replace(&mut known.confirmed, true).then(|| known.listener.clone())
        };
        if let Some(listener) = again {
            listener(Heard::Gap);
        }
    }
}
