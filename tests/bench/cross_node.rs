//! How long a chat message takes from one node to another: `cargo bench --bench cross_node`.
//!
//! From the write on the sender's socket at node A to the read on the receiver's socket at node B: two real node
//! processes on one real Redis server. Beside it, in rounds that alternate, the same bytes from one connection of this
//! process to two others by a raw PUBLISH, by a raw transaction of XADD and PUBLISH, which is the least that
//! keeps what it publishes, and by a raw PUBLISH between sockets at two bare relays, which wakes whom two nodes must
//! wake. Every way has two receivers and goes at the same moderate rate. The three durabilities
//! of the server are measured in turn; a raw PUBLISH is never written to disk, so with `appendfsync always` the
//! transaction is what a message compares with.
//!
//! Expected before the first measurement, for p50: a raw PUBLISH wakes two processes one after the other, the server and
//! the receiver; a message here wakes at least four (node A, the server, node B, the receiver), and one more for each
//! time it goes from one thread of a node to another. Ratio 3 to PUBLISH without fsync, nearer to 1 to the
//! transaction with it. `GUILDHALL_BENCH_ROUNDS` and `GUILDHALL_BENCH_REQUESTS` (messages in each round) make it longer.

mod chat;
mod figures;
mod race;
mod relay;
mod server;
mod store;

use std::io::{self, Write};

use chat::Node;
use figures::{amount, spread};
use race::{Lane, Latency};
use store::{Durability, Store};
use tokio::task::LocalSet;

const ROUNDS: usize = 9;
const MESSAGES: usize = 400;
/// The ways, in their order; the last is ours.
const LANES: [&str; 4] = ["raw PUBLISH", "raw MULTI XADD PUBLISH", "bare relays and PUBLISH", "guildhall"];
const OURS: usize = LANES.len() - 1;

fn main() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let store = Store::start().await;
        let (a, b) = (Node::start(&store.url()), Node::start(&store.url()));
        a.create_channel().await;
        let lanes = [
            Lane::publish(store.port).await,
            Lane::transaction(store.port).await,
            Lane::relays(store.port).await,
            Lane::nodes(&a, &b).await,
        ];
        for durability in Durability::ALL {
            store.set_durability(durability).await;
            report(durability, &compare(&lanes).await)?;
        }
        Ok(())
    })
}

async fn compare(lanes: &[Lane; LANES.len()]) -> Vec<[Latency; LANES.len()]> {
    let messages = amount("GUILDHALL_BENCH_REQUESTS", MESSAGES);
    for lane in lanes {
        lane.run(messages / 4).await;
    }
    let mut rounds = Vec::new();
    for round in 0..amount("GUILDHALL_BENCH_ROUNDS", ROUNDS) {
        let mut measured = [Latency::default(); LANES.len()];
        // Who comes first alternates as well.
        for step in 0..lanes.len() {
            let place = (round + step) % lanes.len();
            measured[place] = lanes[place].run(messages).await;
        }
        rounds.push(measured);
    }
    rounds
}

fn report(durability: Durability, rounds: &[[Latency; LANES.len()]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let column = |of: &dyn Fn(&[Latency; LANES.len()]) -> f64| spread(rounds.iter().map(of));
    writeln!(out, "publish to receive, {}, {} rounds, median [least-most]", durability.name(), rounds.len())?;
    for (lane, name) in LANES.iter().enumerate() {
        let (p50, p99) = (column(&|round| round[lane].p50_us), column(&|round| round[lane].p99_us));
        writeln!(out, "  us, {name:<24} p50 {p50:<24} p99 {p99}")?;
    }
    for (lane, name) in LANES[..OURS].iter().enumerate() {
        let p50 = column(&|round| round[OURS].p50_us / round[lane].p50_us);
        let p99 = column(&|round| round[OURS].p99_us / round[lane].p99_us);
        writeln!(out, "  guildhall / {name:<24} p50 {p50:<16} p99 {p99}")?;
    }
    Ok(())
}
