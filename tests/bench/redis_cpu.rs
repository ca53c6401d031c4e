//! What a chat message costs the Redis server: `cargo bench --bench redis_cpu`.
//!
//! The same tasks, as many at once over one connection, append chat messages through the Redis adapter of the port
//! `Channels`, publish the very bytes of such a message plainly, and have a bare script do the least that orders a
//! log and rings (`INCR`, `XADD`, `SPUBLISH`). Rounds alternate; nobody subscribes, which makes the plain publication
//! as cheap as can be. The figure is the server's CPU of a round (`INFO cpu`) for each message.
//!
//! Expected before the first measurement: 7. A prototype of the bare script took 5.6 times a plain publication, and ours
//! looks at the channel, the membership and the incarnation besides. `GUILDHALL_BENCH_ROUNDS` and
//! `GUILDHALL_BENCH_REQUESTS` (messages in each round) make it longer.

mod figures;
mod store;

use std::io::{self, Write};
use std::time::Duration;

use figures::{amount, spread};
use futures_util::StreamExt;
use futures_util::stream;
use guildhall::adapters::redis::{Options, Redis};
use guildhall_actors::backend::Ports;
use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::EventBody;
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId, PlayerId};
use guildhall_actors::limits::LogLimits;
use guildhall_actors::ports::{ChannelKind, ChannelSpec, NewEvent, Owner};
use redis::{Cmd, Script};
use store::{Durability, Store};

const ROUNDS: usize = 9;
const MESSAGES: usize = 40_000;
/// Messages under way at once.
const AT_ONCE: usize = 64;
/// Rung bytes are 250 then.
const TEXT_CHARS: usize = 155;
const PLAYER: PlayerId = PlayerId(1);

const BARE: &str = "
local sequence = redis.call('INCR', KEYS[1])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 1000, sequence .. '-0', 'b', ARGV[1])
redis.call('SPUBLISH', KEYS[3], ARGV[1])
return sequence";

struct Bench {
    store: Store,
    ports: Ports,
    channel: ChannelKey,
    messages: usize,
    /// What one message rings with.
    rung: String,
}

#[derive(Clone, Copy)]
enum Way {
    Plain,
    Bare,
    Ours,
}

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let bench = Bench::start().await;
        for durability in Durability::ALL {
            bench.store.set_durability(durability).await;
            let rounds = bench.compare().await;
            report(durability, &rounds)?;
        }
        Ok(())
    })
}

fn report(durability: Durability, rounds: &[[f64; 3]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let column = |of: &dyn Fn(&[f64; 3]) -> f64| spread(rounds.iter().map(of));
    writeln!(
        out,
        "CPU of Redis for each message, {}, {} rounds, median [least-most]",
        durability.name(),
        rounds.len()
    )?;
    writeln!(out, "  us, plain publication                    {}", column(&|[plain, ..]| *plain))?;
    writeln!(out, "  us, bare script (INCR, XADD, SPUBLISH)   {}", column(&|[_, bare, _]| *bare))?;
    writeln!(out, "  us, append of a chat message             {}", column(&|[.., ours]| *ours))?;
    writeln!(out, "  bare script / plain publication          {}", column(&|[plain, bare, _]| bare / plain))?;
    writeln!(out, "  append / plain publication               {}", column(&|[plain, _, ours]| ours / plain))?;
    writeln!(out, "  append / bare script                     {}", column(&|[_, bare, ours]| ours / bare))
}

impl Bench {
    async fn start() -> Self {
        let store = Store::start().await;
        let options = Options { urls: vec![store.url()], sentinel_master: None, timeout: Duration::from_secs(10) };
        let redis = Redis::open(&options, LogLimits::default(), Duration::from_secs(300)).await;
        let ports = redis.expect("the server answers").ports();
        let channel = GameId::new("bench").channel(ChannelId::parse("lobby").expect("a name"));
        let created = ports.channels.create(&channel, spec(), &[PLAYER], now()).await;
        assert_eq!(created.expect("the server answers").member_count, 1);
        let body = serde_json::to_string(&message()).expect("an event is JSON");
        let rung = format!("0000000000000001-12345 {} {body}", now().0);
        Self { store, ports, channel, messages: amount("GUILDHALL_BENCH_REQUESTS", MESSAGES), rung }
    }

    async fn compare(&self) -> Vec<[f64; 3]> {
        let mut rounds = Vec::new();
        let ways = [Way::Plain, Way::Bare, Way::Ours];
        for way in ways {
            self.measure(way, self.messages / 10).await;
        }
        for round in 0..amount("GUILDHALL_BENCH_ROUNDS", ROUNDS) {
            let mut measured = [0.0; 3];
            // Who comes first alternates as well.
            for step in 0..ways.len() {
                let place = (round + step) % ways.len();
                measured[place] = self.measure(ways[place], self.messages).await;
            }
            rounds.push(measured);
        }
        rounds
    }

    /// Microseconds of the server for each of `count` messages.
    async fn measure(&self, way: Way, count: usize) -> f64 {
        let before = self.cpu_us().await;
        match way {
            Way::Plain => self.publish(count).await,
            Way::Bare => self.run_bare(count).await,
            Way::Ours => self.append(count).await,
        }
        (self.cpu_us().await - before) / count as f64
    }

    async fn cpu_us(&self) -> f64 {
        let (user, system) =
            (self.store.info("cpu", "used_cpu_user").await, self.store.info("cpu", "used_cpu_sys").await);
        (user + system) * 1e6
    }

    async fn publish(&self, count: usize) {
        let mut command = redis::cmd("SPUBLISH");
        command.arg("{bench}").arg(&self.rung);
        self.repeat(count, &command).await;
    }

    async fn run_bare(&self, count: usize) {
        let hash = Script::new(BARE).get_hash().to_owned();
        self.store.command::<String>(&["SCRIPT", "LOAD", BARE]).await;
        let mut command = redis::cmd("EVALSHA");
        command.arg(hash).arg(3).arg("{bench}:head").arg("{bench}:log").arg("{bench}").arg(&self.rung);
        self.repeat(count, &command).await;
    }

    async fn repeat(&self, count: usize, command: &Cmd) {
        let send = |_| async {
            command.query_async::<i64>(&mut self.store.connection()).await.expect("the server answers");
        };
        stream::iter(0..count).map(send).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    }

    async fn append(&self, count: usize) {
        let append = |_| async {
            let appended = self.ports.channels.append(&self.channel, NewEvent::new(message()), now()).await;
            appended.expect("a member may append");
        };
        stream::iter(0..count).map(append).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;
    }
}

fn message() -> EventBody {
    let message = "x".repeat(TEXT_CHARS).into();
    EventBody::Chat { from: PLAYER, message, extra_data: "".into(), hidden_from: Vec::new() }
}

fn now() -> Timestamp {
    guildhall::clock::now()
}

fn spec() -> ChannelSpec {
    ChannelSpec {
        kind: ChannelKind::Public,
        name: "Lobby".into(),
        max_members: 100,
        password: None,
        password_revision: 0,
        history: false,
        owner: Owner::System,
    }
}
