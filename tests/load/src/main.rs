//! `guildhall-bench`: many players against a chat server, and what they cost it. See `guildhall-bench --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command's results go to its terminal")]

mod api;
mod clock;
mod compare;
mod engine;
mod floor;
mod launcher;
mod login_key;
mod options;
#[allow(dead_code, reason = "the scenarios fill it")]
mod outcome;
mod peers;
#[allow(dead_code, reason = "the scenarios read it")]
mod process;
mod progress;
#[allow(dead_code, reason = "the scenarios end with it")]
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
