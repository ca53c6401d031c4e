//! The lines: each leads from one thread to one master, and is made anew for as long as that is a master.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionInfo, ProtocolVersion, PushInfo, PushKind, RedisResult};
use tokio::runtime::{self, Handle};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tracing::{info, warn};

use super::Shared;
use super::topology::{Address, Masters};
use crate::adapters::redis::source;
use crate::metrics::server_meters;

/// Each line hears its own beat so often.
const BEAT: Duration = Duration::from_secs(1);
/// A line that hears no beat for so long is deaf.
const DEAF: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);
/// Names of a new line that are under way at once.
const SUBSCRIBING: usize = 256;

/// What a line is told. Unbounded: one for each name at most.
#[derive(Clone, Debug)]
pub(super) enum Order {
    Listen(Arc<str>),
    Ignore(Arc<str>),
}

/// All lines.
pub(super) struct Switchboard {
    masters: Option<Masters>,
    /// The threads that listen.
    threads: Vec<Handle>,
    lines: HashMap<(runtime::Id, Address), Line>,
}

struct Line {
    orders: mpsc::UnboundedSender<Order>,
    hears: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Switchboard {
    /// Of this thread, which listens from the beginning.
    pub(super) fn new(first: Handle) -> Self {
        Self { masters: None, threads: vec![first], lines: HashMap::new() }
    }

    /// Has a thread that did not listen before listen.
    pub(super) fn admit(&mut self, thread: &Handle, shared: &Arc<Shared>) {
        if self.threads.iter().any(|known| known.id() == thread.id()) {
            return;
        }
        self.threads.push(thread.clone());
        let Some(masters) = &self.masters else { return };
        for address in &masters.addresses {
            // Until it turns out otherwise, the new line hears what the others hear.
            let hears = self.lines.iter().any(|((_, to), line)| to == address && line.hears.load(Ordering::Relaxed));
            let line = start(thread, address.clone(), masters, hears, shared);
            self.lines.insert((thread.id(), address.clone()), line);
        }
    }

    /// Hands an order to the line of its name. Before the masters are known nothing happens: they begin with all names.
    pub(super) fn order(&self, from: runtime::Id, order: Order) {
        let (Order::Listen(name) | Order::Ignore(name)) = &order;
        let to = self.masters.as_ref().and_then(|masters| masters.of(name));
        if let Some(to) = to {
            self.tell(from, to, order);
        }
    }

    fn tell(&self, from: runtime::Id, to: &Address, order: Order) {
        if let Some(line) = self.lines.get(&(from, to.clone())) {
            // The task ends with the line only.
            let _ = line.orders.send(order);
        }
    }

    pub(super) fn is_hearing(&self) -> bool {
        !self.lines.is_empty() && self.lines.values().all(|line| line.hears.load(Ordering::Relaxed))
    }

    /// Brings the lines in step with the masters, and every name to its line. Says whether anything has moved.
    pub(super) fn connect(&mut self, masters: Masters, shared: &Arc<Shared>) -> bool {
        if self.masters.as_ref() == Some(&masters) {
            return false;
        }
        self.lines.retain(|(_, address), _| masters.addresses.contains(address));
        for (thread, address) in
            self.threads.iter().flat_map(|thread| masters.addresses.iter().map(move |to| (thread, to)))
        {
            let line = || start(thread, address.clone(), &masters, false, shared);
            self.lines.entry((thread.id(), address.clone())).or_insert_with(line);
        }
        let before = self.masters.replace(masters);
        let masters = self.masters.as_ref().expect("just put there");
        for (name, known) in &*shared.names.lock() {
            let old = before.as_ref().and_then(|before| before.of(name));
            if old == masters.of(name) {
                continue;
            }
            old.into_iter().for_each(|old| self.tell(known.runtime, old, Order::Ignore(name.clone())));
            self.order(known.runtime, Order::Listen(name.clone()));
        }
        before.is_some()
    }

    /// A name that only this line hears, on its master; the present one as long as it does.
    fn beat_of(&self, address: &Address, present: Arc<str>) -> Arc<str> {
        match &self.masters {
            Some(masters) if masters.of(&present) != Some(address) => beat_on(address, masters),
            _ => present,
        }
    }
}

fn start(thread: &Handle, address: Address, masters: &Masters, hears: bool, shared: &Arc<Shared>) -> Line {
    let (orders, receiver) = mpsc::unbounded_channel();
    let hears = Arc::new(AtomicBool::new(hears));
    let (beat, shared) = (beat_on(&address, masters), shared.clone());
    let run = Run { address, beat, shared, hears: hears.clone(), wanted: HashSet::new(), served: false };
    Line { orders, hears, task: thread.spawn(run.forever(receiver)) }
}

/// A name that only this line hears, on its master.
fn beat_on(address: &Address, masters: &Masters) -> Arc<str> {
    let name = |number: u64| format!("guildhall:{{beat:{:016x}:{number}}}", rand::random::<u64>());
    (0..).map(name).find(|name| masters.of(name) == Some(address)).expect("a master has slots").into()
}

struct Run {
    address: Address,
    beat: Arc<str>,
    shared: Arc<Shared>,
    hears: Arc<AtomicBool>,
    wanted: HashSet<Arc<str>>,
    /// Whether it has served before.
    served: bool,
}

/// What the driver of a connection tells its line.
struct Ear {
    heard_at: Mutex<Instant>,
    lost: Notify,
}

impl Run {
    async fn forever(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut pause = FIRST_PAUSE;
        loop {
            // Its slot may have gone to another master.
            self.beat = self.shared.switchboard.lock().beat_of(&self.address, self.beat.clone());
            let ear = Arc::new(Ear { heard_at: Mutex::new(Instant::now()), lost: Notify::new() });
            match self.connect(&ear).await {
                Ok(connection) => {
                    pause = FIRST_PAUSE;
                    let why = self.serve(connection, &ear, &mut orders).await;
                    self.fall_deaf();
                    warn!(line = ?self.address, why, "subscription line lost");
                    self.shared.moved.notify_one();
                }
                Err(error) => {
                    self.fall_deaf();
                    warn!(line = ?self.address, %error, "no subscription line");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn fall_deaf(&self) {
        self.hears.store(false, Ordering::Relaxed);
        self.shared.tell_hearing();
    }

    async fn connect(&self, ear: &Arc<Ear>) -> RedisResult<MultiplexedConnection> {
        let source = &self.shared.link.source;
        let client = match &self.address {
            Address::Only => source.client().await?,
            Address::Member(host, port) => source.member(host, *port).await?,
        };
        let (shared, ear, beat, hears) = (self.shared.clone(), ear.clone(), self.beat.clone(), self.hears.clone());
        let on_push = move |push: PushInfo| -> Result<(), redis::aio::SendError> {
            if push.kind == PushKind::Disconnection {
                ear.lost.notify_one();
            } else if is_beat(&push, &beat) {
                *ear.heard_at.lock() = Instant::now();
                if !hears.swap(true, Ordering::Relaxed) {
                    shared.tell_hearing();
                }
            } else {
                shared.hear(&push);
            }
            Ok(())
        };
        let client = Client::open(with_pushes(client.get_connection_info().clone()))?;
        source::connect(&client, source::config(self.shared.link.timeout).set_push_sender(on_push)).await
    }

    /// Listens until the line is lost; answers why.
    async fn serve(
        &mut self,
        connection: MultiplexedConnection,
        ear: &Ear,
        orders: &mut mpsc::UnboundedReceiver<Order>,
    ) -> &'static str {
        info!(line = ?self.address, "subscription line established");
        server_meters().resubscriptions.increment(u64::from(std::mem::replace(&mut self.served, true)));
        while let Ok(order) = orders.try_recv() {
            self.note(&order);
        }
        let mut waiting: Vec<Arc<str>> = self.wanted.iter().cloned().chain([self.beat.clone()]).collect();
        let (mut under_way, mut refused) = (FuturesUnordered::new(), Vec::new());
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            while under_way.len() < SUBSCRIBING
                && let Some(name) = waiting.pop()
            {
                under_way.push(send(connection.clone(), "SSUBSCRIBE", name));
            }
            tokio::select! {
                () = ear.lost.notified() => return "disconnected",
                _ = beats.tick() => {
                    if ear.heard_at.lock().elapsed() > DEAF {
                        return "deaf";
                    }
                    self.strike();
                    waiting.append(&mut refused);
                }
                Some((name, result)) = under_way.next() => {
                    if let Err(error) = result {
                        if error.is_timeout() || error.is_unrecoverable_error() {
                            return "a subscription was not answered";
                        }
                        // Most likely the slot has moved, and the name goes to another line.
                        self.shared.moved.notify_one();
                        refused.extend(self.wanted.contains(&name).then_some(name));
                    }
                }
                Some(order) = orders.recv() => {
                    self.note(&order);
                    match order {
                        Order::Listen(name) => waiting.push(name),
                        Order::Ignore(name) => under_way.push(send(connection.clone(), "SUNSUBSCRIBE", name)),
                    }
                }
            }
        }
    }

    fn note(&mut self, order: &Order) {
        match order {
            Order::Listen(name) => drop(self.wanted.insert(name.clone())),
            Order::Ignore(name) => drop(self.wanted.remove(name)),
        }
    }

    /// Publishes the beat over the link for commands.
    fn strike(&self) {
        let (shared, beat) = (self.shared.clone(), self.beat.clone());
        tokio::spawn(async move {
            // When it fails the line will find itself deaf, as it may well be.
            let _ = shared.link.query::<()>(redis::cmd("SPUBLISH").arg(&*beat).arg("")).await;
        });
    }
}

async fn send(mut connection: MultiplexedConnection, command: &str, name: Arc<str>) -> (Arc<str>, RedisResult<()>) {
    let mut command = redis::cmd(command);
    let sent = connection.send_packed_command(command.arg(&*name)).await;
    (name, sent.and_then(redis::Value::extract_error).map(drop))
}

fn is_beat(push: &PushInfo, beat: &str) -> bool {
    push.kind == PushKind::SMessage
        && matches!(push.data.first(), Some(redis::Value::BulkString(name)) if name == beat.as_bytes())
}

/// Messages come as pushes, apart from answers.
fn with_pushes(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}
