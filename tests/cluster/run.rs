//! A whole run: players gather, talk, something breaks, they talk on, and everything is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::announcer::announce;
use super::damage::{Damage, Scrapes};
use super::member::{Member, Phase, Plan};
use crate::faults::cafe::{self, Cafe};
use crate::support::Node;
use crate::support::checker::{Presence, Recording, Truth, Verdict, judge};
use crate::support::cluster::Store;
use crate::support::http::channel;
use crate::support::node::{Builder, Door};

/// Longest wait for a whole deployment to get anywhere: beyond the longest fault and the lease after it.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at all recordings.
const LOOK: Duration = Duration::from_millis(250);
/// Channels of each player.
const EACH: usize = 2;
const FIRST_PLAYER: i64 = 5001;
/// In the cafe, and between two of their calls.
const PCS: usize = 8;
const PLAY_PAUSE: Duration = Duration::from_millis(300);
/// Seconds without a sign of life after which a node counts as dead.
pub(super) const LEASE_SEC: u64 = 3;

/// How much goes on.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    pub(super) players: usize,
    pub(super) channels: usize,
    /// Between two messages of one player, on average.
    pub(super) pause: Duration,
}

/// How a run went.
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) damage: Damage,
    /// Messages that were never answered with 200.
    pub(super) unanswered: usize,
    /// How long the fault lasted.
    pub(super) lasted: Duration,
    /// From its end until all nodes were in rotation, every player was back and every channel took messages.
    pub(super) ready_after: Duration,
}

/// A deployment with players on it.
pub(super) struct Run {
    pub(super) node: Node,
    scale: Scale,
    records: Vec<Arc<Mutex<Recording>>>,
    announced: Arc<Mutex<Recording>>,
    phase: watch::Sender<Phase>,
    begin: Instant,
    /// Players, and the game server that sends notices.
    talkers: JoinSet<()>,
    cafe: JoinHandle<Cafe>,
}

impl Run {
    /// Starts the deployment, and waits until every player is in its channels.
    pub(super) async fn gather(store: Store, scale: Scale) -> Self {
        let mut node = builder().start_cluster(store).await;
        node.forgive();
        let api = node.api();
        for number in 0..scale.channels {
            let mut spec = channel(&name(number), "PUBLIC");
            spec["maxMemberCount"] = scale.players.into();
            api.create(spec).await;
        }
        let (phase, watched) = watch::channel(Phase::Gather);
        let begin = Instant::now();
        let plan = Plan { address: node.public(), api, begin, phase: watched, pause: scale.pause };
        let plan = Arc::new(plan);
        let records: Vec<_> = (0..scale.players).map(|at| Arc::new(Mutex::new(record(at, scale.channels)))).collect();
        let mut talkers = JoinSet::new();
        for record in &records {
            talkers.spawn(Member::new(Arc::clone(&plan), Arc::clone(record)).live());
        }
        let announced = Arc::default();
        let channels = (0..scale.channels).map(name).collect();
        talkers.spawn(announce(Arc::clone(&plan), channels, Arc::clone(&announced)));
        let cafe = tokio::spawn(play(node.door(), plan.phase.clone()));
        let run = Self { node, scale, records, announced, phase, begin, talkers, cafe };
        run.until("every player is connected", || run.is_everybody_connected()).await;
        run
    }

    /// Talks before, during and after the fault, and judges it all.
    pub(super) async fn through(mut self, fault: impl AsyncFnOnce(&mut Node)) -> Outcome {
        self.phase.send_replace(Phase::Talk);
        self.talk_on().await;
        let before = Scrapes::take(&mut self.node).await;
        let broke = self.begin.elapsed();
        fault(&mut self.node).await;
        let mended = self.begin.elapsed();
        self.until("everybody is back", || self.is_everybody_connected()).await;
        self.until("every channel takes messages", || self.is_everywhere_acknowledged(mended)).await;
        self.node.cluster().balancer.all_up().await;
        let ready_after = self.begin.elapsed() - mended;
        self.talk_on().await;
        self.phase.send_replace(Phase::Listen);
        let mut verdict = self.settle().await;
        let damage = Scrapes::take(&mut self.node).await.damage_since(&before);
        self.phase.send_replace(Phase::End);
        while self.talkers.join_next().await.is_some() {}
        let is_durable = self.is_durable();
        let cafe = self.cafe.await.expect("the cafe plays on");
        verdict.complaints.extend(money(cafe, self.node.door(), is_durable).await);
        let said = self.records.iter().map(|record| record.lock().said.len()).sum::<usize>();
        let unanswered = said + self.announced.lock().said.len() - verdict.acknowledged;
        Outcome { verdict, damage, unanswered, lasted: mended - broke, ready_after }
    }

    /// Waits until every player has said and been answered something more, on average.
    async fn talk_on(&self) {
        let goal = self.acknowledged(Duration::ZERO) + self.scale.players;
        self.until("messages are acknowledged", || self.acknowledged(Duration::ZERO) >= goal).await;
    }

    /// The judgement once nothing is under way any more: a good one at once, a bad one when time does not mend it.
    async fn settle(&mut self) -> Verdict {
        let deadline = Instant::now() + DEADLINE / 2;
        loop {
            let presence = self.presence().await;
            let truth = self.truth(presence).await;
            let verdict = judge(&self.recordings(), &truth);
            if verdict.is_good() || Instant::now() > deadline {
                return verdict;
            }
            sleep(LOOK).await;
        }
    }

    async fn presence(&self) -> Presence {
        let api = self.node.api();
        let names = (0..self.scale.channels).map(name);
        let members = names.map(async |name| (name.clone(), api.try_members(&name).await.unwrap_or_default()));
        join_all(members).await.into_iter().collect()
    }

    async fn truth(&mut self, presence: Presence) -> Truth {
        let store = &self.node.cluster().store;
        let mut logs = BTreeMap::new();
        for name in (0..self.scale.channels).map(name) {
            logs.insert(name.clone(), store.log(&name).await);
        }
        Truth { presence, logs, is_durable: self.is_durable() }
    }

    fn is_durable(&mut self) -> bool {
        matches!(self.node.cluster().store, Store::Single(_) | Store::Linked(_))
    }

    fn recordings(&self) -> Vec<Recording> {
        let records = self.records.iter().chain([&self.announced]);
        records.map(|record| record.lock().clone()).collect()
    }

    fn is_everybody_connected(&self) -> bool {
        self.records.iter().all(|record| record.lock().lives.last().is_some_and(|life| life.ended.is_none()))
    }

    fn acknowledged(&self, since: Duration) -> usize {
        let count =
            |record: &Recording| record.said.iter().filter(|said| said.acknowledged && said.at >= since).count();
        self.records.iter().map(|record| count(&record.lock())).sum()
    }

    fn is_everywhere_acknowledged(&self, since: Duration) -> bool {
        let mut channels = BTreeSet::new();
        for record in &self.records {
            let record = record.lock();
            let said = record.said.iter().rev().take_while(|said| said.at >= since);
            channels.extend(said.filter(|said| said.acknowledged).map(|said| said.channel.clone()));
        }
        channels.len() == self.scale.channels
    }

    async fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so() {
            assert!(Instant::now() < deadline, "waited {DEADLINE:?} in vain: {what}");
            sleep(LOOK).await;
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [lasted, ready] = [self.lasted, self.ready_after].map(|time| time.as_secs_f64());
        write!(f, "{} | {} | {} | {lasted:.1} | {ready:.1}", self.verdict, self.unanswered, self.damage)
    }
}

fn builder() -> Builder {
    let plenty = 1_000_000;
    let builder = Node::builder().set("cluster.lease_sec", LEASE_SEC).set("cluster.drain_sec", 5);
    let builder = builder.set("limits.sockets_per_ip_burst", plenty).set("limits.api_burst", plenty);
    // The whole run stays in the log.
    builder.set("limits.log_events", plenty).set("limits.log_sec", 86_400).tables(cafe::TABLES)
}

/// Plays in a cafe until the run ends.
async fn play(door: Door, phase: watch::Receiver<Phase>) -> Cafe {
    let mut cafe = Cafe::patient(PCS);
    cafe.work_through(&door, PLAY_PAUSE, || *phase.borrow() == Phase::End).await;
    cafe
}

/// A complaint when the money does not add up; in a store that keeps what it acknowledged, also when a session is
/// neither live nor settled, or both.
async fn money(mut cafe: Cafe, door: Door, is_durable: bool) -> Option<String> {
    let checked = tokio::spawn(async move {
        if is_durable {
            cafe.check(&door, true).await;
        } else {
            cafe.check_sum(&door, true).await;
        }
        cafe.sessions()
    });
    match checked.await {
        Ok(sessions) if sessions >= PCS => None,
        Ok(sessions) => Some(format!("money: {sessions} sessions in the whole run")),
        Err(error) => Some(format!("money: {error}")),
    }
}

fn name(number: usize) -> String {
    format!("open:{number}")
}

/// Neighbours share one channel, and meet others in the next.
fn record(at: usize, channels: usize) -> Recording {
    let places = (0..EACH).map(|each| (at + each * (at / channels + 1)) % channels);
    let player = FIRST_PLAYER + i64::try_from(at).expect("a small number");
    Recording { player, channels: places.map(name).collect(), ..Recording::default() }
}
