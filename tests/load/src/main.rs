//! `guildhall-bench`: many players against a chat server, and what they cost it.
//!
//! ```text
//! cargo run --release -p guildhall-bench -- chat --url http://127.0.0.1:7600 --pid "$(pidof guildhall)" \
//!     --login-key-secret SECRET --certification-key KEY --players 5000 --channels 50 --rate 600 --html report.html
//! ```
//!
//! It is a client like any other: it makes channels over the HTTP API, signs login keys, and speaks the chat's packets
//! over WebSockets. It needs a game of its own on the server, and limits that stop nobody at its load: it comes from one
//! address (`limits.sockets_per_ip_*`), calls with one key (`limits.api_*`), and its players talk fast (`limits.chat_*`).
//!
//! | subcommand | what happens | what to look at |
//! |---|---|---|
//! | `chat` | players talk in channels, at a rate or with a window always full | CPU per delivery, `deliver`, `missing` |
//! | `idle` | players are there and say nothing | memory and CPU per player |
//! | `login` | a storm of logins, beside others who talk | CPU per login, `login`, `deliver` over `deliver_before` |
//! | `reconnect` | all sockets are cut at once | `reconnect`: from the cut until the answer to RECONNECT |
//! | `heartbeat` | game servers report their players' sessions | CPU per heartbeat, `heartbeat` |
//! | `publish` | senders wait until what they publish is on disk | publishes a second |
//! | `compare` | the above for several servers in turn, in one table | the ratios |
//! | `floor` | is a server that does the least for the same packets | |
//!
//! **How far the numbers can be trusted.** Latencies are corrected for coordinated omission: they count from a time that
//! was fixed before the load began. CPU and memory of the server are those of the processes named by `--pid`, read from
//! `/proc` at the begin and the end of the measured time, and divided by what was counted between the same two moments.
//! The warm-up is in neither. The tool tells its own CPU, how busy its busiest thread was, and how long that had to wait
//! for a CPU while ready (`busiest_thread_waited_percent`): where the two together near 100, latencies are the tool's own.
//! Whatever goes wrong is a failure and is told with its reason.
//!
//! The map: [`scenario`] has one file for each subcommand, [`engine`] is what plays the players, [`wire`] the bytes they
//! exchange with the server; [`outcome`] is what a run results in, [`report`] shows it, [`compare`] judges many.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's results go to its terminal")]

mod api;
mod clock;
mod compare;
mod engine;
mod floor;
mod launcher;
mod login_key;
mod meeting;
mod options;
mod outcome;
mod peers;
mod process;
mod progress;
mod report;
mod scenario;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::options::Run;
use crate::outcome::Outcome;

/// Load for chat servers: many players, their messages and storms, and what they cost the server.
#[derive(Debug, Parser)]
#[command(name = "guildhall-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "one is made in the life of the process")]
enum Command {
    /// Players talk in channels: latency of each delivery, CPU of the server for it
    Chat(scenario::chat::Arguments),
    /// Players are there and say nothing: memory and CPU of each
    Idle(scenario::idle::Arguments),
    /// A storm of logins: failures, their latency, and that of others who talk meanwhile
    Login(scenario::login::Arguments),
    /// All sockets are cut at once, and all players come back
    Reconnect(scenario::reconnect::Arguments),
    /// Heartbeats of game sessions
    Heartbeat(scenario::heartbeat::Arguments),
    /// Guildhall beside the floor and its peers, in one table
    Compare(compare::Arguments),
    /// Serve as the floor: the least that a server can do for the same packets
    Floor(floor::Arguments),
    /// Senders publish over HTTP, each as soon as its last message is on disk
    Publish(scenario::publish::Arguments),
    #[command(hide = true)]
    Leash(compare::leash::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Chat(arguments) => tell(scenario::chat::run(&arguments), &arguments.run),
        Command::Idle(arguments) => tell(scenario::idle::run(&arguments), &arguments.run),
        Command::Login(arguments) => tell(scenario::login::run(&arguments), &arguments.run),
        Command::Reconnect(arguments) => tell(scenario::reconnect::run(&arguments), &arguments.run),
        Command::Heartbeat(arguments) => tell(scenario::heartbeat::run(&arguments), &arguments.run),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Leash(arguments) => compare::leash::run(&arguments),
        Command::Publish(arguments) => tell(scenario::publish::run(&arguments), &arguments.run),
        Command::Floor(arguments) => floor::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guildhall-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn tell(outcome: Result<Outcome>, run: &Run) -> Result<()> {
    report::tell(&outcome?, run.json.as_deref(), run.html.as_deref())
}
