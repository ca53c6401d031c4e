//! What live sessions cost a node that nobody calls: `cargo bench --bench live_sessions`.
//!
//! A backend over the real embedded store, in this process, with a clock that the bench moves. It shows the memory for
//! each live session, with and without actors, and what a sweep costs: proportional to what is due, not to what is
//! live. `GUILDHALL_BENCH_SESSIONS` changes how many live.

use std::fs;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use guildhall::adapters::embedded::Embedded;
use guildhall_actors::backend::{Arrival, Backend, LeaveOnDisconnect, Settings};
use guildhall_actors::clock::{Clock, Timestamp};
use guildhall_actors::ids::{CafeId, GameId, LauncherId, LauncherKey, NodeId, PcId, PlayerId, SessionId};
use guildhall_actors::limits::{ChatLimits, ConnectionLimits, LogLimits, OutboxLimits, SessionLimits};
use guildhall_actors::session::{GameSessions, Heartbeat, Rate, StartLauncher};
use guildhall_actors::testing::plain_framing;
use tempfile::TempDir;

const SESSIONS: usize = 100_000;
/// Sessions that a sweep finds due, and those that a later one does.
const DUE: usize = 500;
const DUE_LATER: usize = 10 * DUE;
/// Calls under way at once.
const AT_ONCE: usize = 512;
const BEGIN: i64 = 1_800_000_000_000;
/// Between the beginnings of those that will be due first, those that will be due later, and the others.
const LATER_MS: i64 = 30_000;
/// Silence after which a session is due.
const SILENCE_MS: i64 = 245_000;
const RATE: Rate = Rate { coins: 1, unit_sec: 86_400 };
/// Sweeps with nothing due, timed together.
const IDLE_SWEEPS: u32 = 200;

struct Hall {
    backend: Backend,
    now: Arc<AtomicI64>,
    game: GameId,
    folder: TempDir,
}

fn main() -> io::Result<()> {
    let sessions = std::env::var("GUILDHALL_BENCH_SESSIONS").map_or(SESSIONS, |text| text.parse().expect("a number"));
    actix::System::new().block_on(async {
        let few = measure(2 * DUE_LATER).await;
        let many = measure(sessions).await;
        let mut out = io::stdout().lock();
        let few_live = 2 * DUE_LATER;
        let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
        writeln!(out, "{sessions} live sessions on one node")?;
        writeln!(out, "  resident bytes per session, documents only      {}", many.document_bytes)?;
        writeln!(out, "  resident bytes per session, each with an actor  {}", many.actor_bytes)?;
        writeln!(out, "  bytes on disk per session with PC and launcher  {}", many.disk_bytes)?;
        writeln!(out, "  time of a sweep, as a ratio")?;
        writeln!(out, "    nothing due: {sessions} live / {few_live} live      {:.2}", ratio(many.idle, few.idle))?;
        writeln!(out, "    {DUE} due: {sessions} live / {few_live} live          {:.2}", ratio(many.due, few.due))?;
        writeln!(
            out,
            "    {sessions} live: {DUE_LATER} due / {DUE} due          {:.2}",
            ratio(many.due_later, many.due)
        )
    })
}

struct Measured {
    document_bytes: u64,
    actor_bytes: u64,
    disk_bytes: u64,
    /// Sweeps with nothing due, with a few due, and with ten times as many.
    idle: Duration,
    due: Duration,
    due_later: Duration,
}

async fn measure(count: usize) -> Measured {
    let hall = Hall::new();
    let before = resident();
    let mut live = hall.begin(0..DUE).await;
    hall.now.fetch_add(LATER_MS, Ordering::SeqCst);
    live.extend(hall.begin(DUE..DUE + DUE_LATER).await);
    hall.now.fetch_add(LATER_MS, Ordering::SeqCst);
    live.extend(hall.begin(DUE + DUE_LATER..count).await);
    let documents = resident();
    let registry = GameSessions::start(hall.backend.clone(), Duration::from_secs(3600));
    hall.beat(&registry, &live[DUE + DUE_LATER..]).await;
    assert_eq!(registry.len(), count - DUE - DUE_LATER, "one actor for each session that was asked");
    let actors = resident();
    hall.now.store(BEGIN + SILENCE_MS - 1, Ordering::SeqCst);
    let begin = Instant::now();
    for _ in 0..IDLE_SWEEPS {
        assert_eq!(hall.sweep().await, 0);
    }
    let idle = begin.elapsed() / IDLE_SWEEPS;
    hall.now.store(BEGIN + SILENCE_MS, Ordering::SeqCst);
    let due = hall.timed_sweep(DUE).await;
    hall.now.store(BEGIN + LATER_MS + SILENCE_MS, Ordering::SeqCst);
    let due_later = hall.timed_sweep(DUE_LATER).await;
    let per = |bytes: u64| bytes / count as u64;
    Measured {
        document_bytes: per(documents.saturating_sub(before)),
        actor_bytes: per(actors.saturating_sub(before)),
        disk_bytes: per(hall.disk()),
        idle,
        due,
        due_later,
    }
}

impl Hall {
    fn new() -> Self {
        let folder = TempDir::with_prefix("guildhall-bench-").expect("a temporary folder");
        let store = Embedded::open(&folder.path().join("data"), LogLimits::default(), Duration::from_secs(300));
        let now = Arc::new(AtomicI64::new(BEGIN));
        let read = now.clone();
        let clock = Clock::new(move || Timestamp(read.load(Ordering::SeqCst)));
        let ports = store.expect("a fresh folder opens").ports();
        let backend = Backend::start(NodeId::new("bench"), ports, clock, settings(), [], rand::random);
        Self { backend, now, game: GameId::new("game"), folder }
    }

    /// A hundred PCs in each cafe.
    async fn begin(&self, numbers: std::ops::Range<usize>) -> Vec<(SessionId, PlayerId)> {
        let begin = |number: usize| async move {
            let cafe = CafeId::parse(&format!("cafe-{}", number / 100)).expect("a name");
            self.backend.open_account(&cafe, 1_000_000).await.expect("the store answers");
            let (key, id) = (LauncherKey(rand::random()), LauncherId::from_random(rand::random()));
            let pc = PcId::parse(&format!("pc-{}", number % 100)).expect("a name");
            let launcher = StartLauncher { pc, key, id, about: String::new() };
            self.backend.start_launcher(&cafe, launcher).await.expect("the store answers");
            let issued = self.backend.issue_token(key, self.game.clone(), RATE).await;
            let token = issued.expect("the store answers").expect("the launcher lives").expect("there are coins");
            let player = PlayerId(i64::try_from(number).expect("a small number"));
            let arrival = Arrival { token, game: self.game.clone(), player, rate: RATE };
            let session = self.backend.verify(arrival).await.expect("the store answers").expect("the token is good");
            (session, player)
        };
        stream::iter(numbers.map(begin)).buffer_unordered(AT_ONCE).collect().await
    }

    async fn beat(&self, registry: &Rc<GameSessions>, live: &[(SessionId, PlayerId)]) {
        let beat = |(session, player): &(SessionId, PlayerId)| {
            let (session, player) = (*session, *player);
            let ask = Heartbeat { session, game: self.game.clone(), player };
            async move { registry.ask(session, ask).await.expect("the session lives") }
        };
        stream::iter(live.iter().map(beat)).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    }

    async fn sweep(&self) -> usize {
        self.backend.sweep_cafes().await.expect("the store answers")
    }

    async fn timed_sweep(&self, due: usize) -> Duration {
        let begin = Instant::now();
        assert_eq!(self.sweep().await, due);
        begin.elapsed()
    }

    fn disk(&self) -> u64 {
        let database = self.folder.path().join("data").join("guildhall.db");
        fs::metadata(database).expect("the database is there").len()
    }
}

fn settings() -> Settings {
    Settings {
        connection: ConnectionLimits::default(),
        outbox: OutboxLimits::default(),
        chat: ChatLimits::default(),
        // Nothing but the sessions themselves comes to its end.
        session: SessionLimits {
            remember: Duration::from_secs(86_400),
            launcher_silence: Duration::from_secs(86_400),
            ..SessionLimits::default()
        },
        leave_on_disconnect: LeaveOnDisconnect::All,
        replay_on_reconnect: true,
        channel_linger: Duration::from_secs(30),
        framing: plain_framing(),
    }
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages: u64 = statm.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a number");
    pages * 4096
}
