//! `login`: a storm of players who log in, as after a restart or at the hour of an event; and what those feel of it who
//! talk meanwhile.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::course::{Course, Plan, mark};
use crate::api::Api;
use crate::engine::crew::Crew;
use crate::engine::player::Role;
use crate::engine::schedule::Schedule;
use crate::engine::site::Site;
use crate::engine::talk::{Pace, Talk};
use crate::engine::worker::Order;
use crate::options::{Run, Target};
use crate::outcome::Outcome;

/// Members of a channel of those who talk meanwhile.
const CHANNEL_SIZE: usize = 100;
const MESSAGE_BYTES: usize = 64;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Players who log in
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) players: usize,
    /// Messages a second of others, for --warmup and --duration before the storm, and during it
    #[arg(long, value_name = "NUMBER", default_value_t = 0.0)]
    pub(crate) beside: f64,
    /// How many others there are, in channels of 100
    #[arg(long, value_name = "NUMBER", default_value_t = 500)]
    pub(crate) beside_players: usize,
}

impl Arguments {
    /// Those who log in, by threads. They are in no channel.
    fn storm(&self) -> Vec<Vec<Role>> {
        let role =
            |number: usize| Role { id: self.target.first_player + number as i64, channels: Vec::new(), talks: false };
        Role::deal((0..self.players).map(role), self.run.threads)
    }

    /// Those who talk meanwhile, in a thread of their own: the storm must not delay them in this tool.
    fn others(&self) -> Vec<Role> {
        let first = self.target.first_player + self.players as i64;
        let role = |number: usize| Role {
            id: first + number as i64,
            channels: vec![(number / CHANNEL_SIZE) as u32],
            talks: true,
        };
        (0..self.other_players()).map(role).collect()
    }

    fn other_players(&self) -> usize {
        if self.beside > 0.0 { self.beside_players } else { 0 }
    }

    /// Talks until told to stop.
    fn talk(&self, begin: u64) -> Talk {
        Talk { pace: Pace::Open(Schedule::new(self.beside, begin, u64::MAX)), message_bytes: MESSAGE_BYTES }
    }
}

/// Runs it.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = &arguments.run;
    ensure!(arguments.players > 0 && run.threads > 0, "at least one of each");
    let mut course = Course::begin(run, arguments.players + arguments.other_players())?;
    let sizes = std::iter::repeat_n(CHANNEL_SIZE, arguments.other_players().div_ceil(CHANNEL_SIZE));
    let channels = Api::new(&arguments.target).create_channels(sizes)?;
    let site = Arc::new(Site::new(&arguments.target, channels.names())?);
    let storm = Crew::start(&site, arguments.storm(), run.ping_every)?;
    let others = Crew::start_urgent(&site, arguments.others(), run.ping_every)?;
    course.gather(&others, arguments.other_players(), run.at_once)?;

    let crews = [&others, &storm];
    if arguments.beside > 0.0 {
        let plan = Plan::new(run);
        mark(&crews, "warm-up", plan.warmup)?;
        mark(&crews, "before", plan.measured)?;
        others.order(&Order::Talk(arguments.talk(plan.warmup)))?;
        course.until("before", &crews, plan.after);
    }
    let arrive = || storm.order(&Order::Arrive { at_once: run.at_once });
    let mut outcome = course.storm(("login", arguments.players), &crews, arrive)?;
    drop(channels);

    for (tally, before) in [(others.end()?, "deliver_before"), (storm.end()?, "")] {
        let phase = tally.phase("storm").context("it was marked")?;
        outcome.take_phase(phase);
        outcome.take_deliveries("deliver", phase);
        outcome.take_failures(&tally);
        if let Some(quiet) = tally.phase("before") {
            outcome.take_deliveries(before, quiet);
        }
    }
    outcome.set("logins", outcome.latencies.get("login").map_or(0, |login| login.count));
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn nobody_is_two_players() {
        let line = ["bench", "--players", "300", "--beside", "10", "--beside-players", "250", "--threads", "2"];
        let arguments = Cli::parse_from(line).arguments;
        let others = arguments.others();
        assert_eq!((others[0].channels[0], others[249].channels[0]), (0, 2));
        let all = arguments.storm().into_iter().flatten().chain(others).map(|role| role.id);
        assert_eq!(all.collect::<std::collections::BTreeSet<_>>().len(), 550);
    }

    #[test]
    fn without_talk_there_is_nobody_to_talk() {
        assert_eq!(Cli::parse_from(["bench"]).arguments.others(), []);
    }
}
