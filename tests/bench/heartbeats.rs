//! Warm heartbeats against a bare actix-web handler of the same route and body: `cargo bench --bench heartbeats`.
//!
//! Both servers run side by side with as many workers; rounds alternate between them, so that a noisy machine
//! disturbs both. The honest figure is the server's CPU per request; requests a second also count what the load costs
//! on the same cores. `GUILDHALL_BENCH_ROUNDS` and `GUILDHALL_BENCH_REQUESTS` (in each round) make it longer.

mod bare;
mod figures;
mod load;
mod node;
mod server;

use std::io::{self, Write};

use figures::{amount, spread};
use load::Measured;

const ROUNDS: usize = 7;
const REQUESTS: usize = 60_000;
const CONNECTIONS: usize = 64;

fn main() -> io::Result<()> {
    if std::env::args().any(|argument| argument == bare::FLAG) {
        return bare::serve();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(compare())
}

async fn compare() -> io::Result<()> {
    let node = node::start(CONNECTIONS).await;
    let bare = bare::start(&node.bodies);
    let targets = [bare.target(), node.target()];
    let (rounds, requests) = (amount("GUILDHALL_BENCH_ROUNDS", ROUNDS), amount("GUILDHALL_BENCH_REQUESTS", REQUESTS));
    for target in &targets {
        load::run(target, requests / 10).await;
    }
    let mut pairs = Vec::new();
    for round in 0..rounds {
        // Who comes first alternates as well.
        let mut measured = [Measured::default(); 2];
        for place in [round % 2, 1 - round % 2] {
            measured[place] = load::run(&targets[place], requests).await;
        }
        pairs.push(measured);
    }
    report(&pairs)
}

fn report(pairs: &[[Measured; 2]]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let column = |of: &dyn Fn(&[Measured; 2]) -> f64| spread(pairs.iter().map(of));
    writeln!(out, "warm heartbeats, {} rounds, median [least-most]", pairs.len())?;
    writeln!(out, "  CPU us per request, bare       {}", column(&|[bare, _]| bare.cpu_us))?;
    writeln!(out, "  CPU us per request, guildhall  {}", column(&|[_, node]| node.cpu_us))?;
    writeln!(out, "  bare / guildhall, CPU          {}", column(&|[bare, node]| bare.cpu_us / node.cpu_us))?;
    writeln!(out, "  guildhall / bare, requests/s   {}", column(&|[bare, node]| node.per_sec / bare.per_sec))
}
