//! A whole run: players gather, talk, something breaks, they talk on, and everything is judged.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::member::{Member, Phase, Plan};
use crate::support::Node;
use crate::support::checker::{Presence, Recording, Verdict, judge};
use crate::support::cluster::Store;
use crate::support::http::channel;

/// Longest wait for a whole deployment to get anywhere: beyond the longest fault and the lease after it.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at all recordings.
const LOOK: Duration = Duration::from_millis(250);
/// Channels of each player.
const EACH: usize = 2;
const FIRST_PLAYER: i64 = 5001;
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
    /// From the begin of the fault until every player was back and every channel took messages again.
    pub(super) ready_after: Duration,
}

/// A deployment with players on it.
pub(super) struct Run {
    pub(super) node: Node,
    scale: Scale,
    records: Vec<Arc<Mutex<Recording>>>,
    phase: watch::Sender<Phase>,
    begin: Instant,
    members: JoinSet<()>,
}

impl Run {
    /// Starts the deployment, and waits until every player is in its channels.
    pub(super) async fn gather(store: Store, scale: Scale) -> Self {
        let unlimited = 1_000_000;
        let builder = Node::builder().set("cluster.lease_sec", LEASE_SEC).set("cluster.drain_sec", 5);
        let builder = builder.set("limits.sockets_per_ip_burst", unlimited).set("limits.api_burst", unlimited);
        let mut node = builder.start_cluster(store).await;
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
        let mut members = JoinSet::new();
        for record in &records {
            members.spawn(Member::new(Arc::clone(&plan), Arc::clone(record)).live());
        }
        let run = Self { node, scale, records, phase, begin, members };
        run.until("every player is connected", || run.is_everybody_connected()).await;
        run
    }

    /// Talks before, during and after the fault, and judges it all.
    pub(super) async fn through(mut self, fault: impl AsyncFnOnce(&mut Node)) -> Outcome {
        self.phase.send_replace(Phase::Talk);
        self.talk_on().await;
        let broke = self.begin.elapsed();
        fault(&mut self.node).await;
        let mended = self.begin.elapsed();
        self.until("everybody is back", || self.is_everybody_connected()).await;
        self.until("every channel takes messages", || self.is_everywhere_acknowledged(mended)).await;
        let ready_after = self.begin.elapsed() - broke;
        self.talk_on().await;
        self.phase.send_replace(Phase::Listen);
        let verdict = self.settle().await;
        self.phase.send_replace(Phase::End);
        while self.members.join_next().await.is_some() {}
        Outcome { verdict, ready_after }
    }

    /// Waits until every player has said and been answered something more, on average.
    async fn talk_on(&self) {
        let goal = self.acknowledged(Duration::ZERO) + self.scale.players;
        self.until("messages are acknowledged", || self.acknowledged(Duration::ZERO) >= goal).await;
    }

    /// The judgement once nothing is under way any more: a good one at once, a bad one when time does not mend it.
    async fn settle(&self) -> Verdict {
        let deadline = Instant::now() + DEADLINE / 2;
        loop {
            let verdict = judge(&self.recordings(), &self.presence().await);
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

    fn recordings(&self) -> Vec<Recording> {
        self.records.iter().map(|record| record.lock().clone()).collect()
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
        write!(f, "{} | {:.1} s", self.verdict, self.ready_after.as_secs_f64())
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
