//! `reconnect`: all players lose their sockets at once, as when a proxy restarts, and come back. How long are they away,
//! and is everybody in all channels again?

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::course::Course;
use crate::api::Api;
use crate::engine::crew::Crew;
use crate::engine::player::Role;
use crate::engine::site::Site;
use crate::engine::worker::Order;
use crate::options::{Run, Target};
use crate::outcome::Outcome;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Players who are cut off
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) players: usize,
    /// Channels they are spread over
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(crate) channels: usize,
}

impl Arguments {
    fn parts(&self) -> Vec<Vec<Role>> {
        let role = |number: usize| {
            let channels = vec![(number % self.channels) as u32];
            Role { id: self.target.first_player + number as i64, channels, talks: false }
        };
        Role::deal((0..self.players).map(role), self.run.threads)
    }
}

/// Runs it. `reconnect` is the time from the cut until the answer to RECONNECT, `login` that from the connect.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = &arguments.run;
    ensure!(arguments.players > 0 && arguments.channels > 0 && run.threads > 0, "at least one of each");
    let mut course = Course::begin(run, arguments.players)?;
    let sizes = std::iter::repeat_n(arguments.players.div_ceil(arguments.channels), arguments.channels);
    let channels = Api::new(&arguments.target).create_channels(sizes)?;
    let site = Arc::new(Site::new(&arguments.target, channels.names())?);
    let crew = Crew::start(&site, arguments.parts(), run.ping_every)?;
    course.gather(&crew, arguments.players, run.at_once)?;

    let present = usize::try_from(crew.sight().present)?;
    let cut = || {
        crew.order(&Order::Cut)?;
        crew.order(&Order::Arrive { at_once: run.at_once })
    };
    let mut outcome = course.storm(("reconnect", present), &[&crew], cut)?;
    drop(channels);

    let tally = crew.end()?;
    outcome.take_phase(tally.phase("storm").context("it was marked")?);
    outcome.take_failures(&tally);
    outcome.set("players", arguments.players as u64);
    outcome.set("logins", outcome.latencies.get("reconnect").map_or(0, |login| login.count));
    Ok(outcome)
}
