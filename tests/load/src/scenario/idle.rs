//! `idle`: players who are there and say nothing. What memory and CPU does each of them take?

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::course::Course;
use crate::api::Api;
use crate::engine::crew::Crew;
use crate::engine::player::Role;
use crate::engine::site::Site;
use crate::options::{Run, Target};
use crate::outcome::Outcome;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Players who are there
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) players: usize,
    /// Channels that each of them is in
    #[arg(long, value_name = "NUMBER", default_value_t = 2)]
    pub(crate) channels_each: usize,
    /// Members of a channel
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) channel_size: usize,
}

impl Arguments {
    /// Channels of all first memberships, of all second ones, ...
    fn channels(&self) -> usize {
        self.channels_each * self.players.div_ceil(self.channel_size)
    }

    fn parts(&self) -> Vec<Vec<Role>> {
        let sets = self.players.div_ceil(self.channel_size);
        let role = |number: usize| {
            let channels = (0..self.channels_each).map(|set| (set * sets + number / self.channel_size) as u32);
            Role { id: self.target.first_player + number as i64, channels: channels.collect(), talks: false }
        };
        Role::deal((0..self.players).map(role), self.run.threads)
    }
}

/// Runs it.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = &arguments.run;
    ensure!(arguments.players > 0 && arguments.channel_size > 0 && run.threads > 0, "at least one of each");
    let mut course = Course::begin(run, arguments.players)?;
    let sizes = std::iter::repeat_n(arguments.channel_size, arguments.channels());
    let channels = Api::new(&arguments.target).create_channels(sizes)?;
    let site = Arc::new(Site::new(&arguments.target, channels.names())?);
    let crew = Crew::start(&site, arguments.parts(), run.ping_every)?;
    course.gather(&crew, arguments.players, run.at_once)?;
    let mut outcome = course.steady(("idle", run), &[&crew], |_| Ok(()))?;
    drop(channels);

    let tally = crew.end()?;
    outcome.take_phase(tally.phase("measured").context("it was marked")?);
    outcome.take_failures(&tally);
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
    fn every_player_is_in_as_many_channels_and_no_channel_is_too_full() {
        let line = ["bench", "--players", "250", "--channels-each", "3", "--threads", "4"];
        let arguments = Cli::parse_from(line).arguments;
        let all: Vec<_> = arguments.parts().into_iter().flatten().collect();
        assert!(all.iter().all(|role| role.channels.len() == 3 && !role.talks));
        assert_eq!(arguments.channels(), 9);
        for channel in 0..9 {
            let members = all.iter().filter(|role| role.channels.contains(&channel)).count();
            assert_eq!(members, if channel % 3 == 2 { 50 } else { 100 });
        }
    }
}
