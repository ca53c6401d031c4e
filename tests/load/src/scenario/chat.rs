//! `chat`: players talk in channels. Every member gets every message; how late, and at what cost for the server?

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::course::Course;
use super::heartbeat;
use crate::api::Api;
use crate::engine::calls::Asking;
use crate::engine::crew::Crew;
use crate::engine::player::Role;
use crate::engine::schedule::Schedule;
use crate::engine::site::Site;
use crate::engine::talk::{Pace, Talk};
use crate::engine::worker::Order;
use crate::launcher::Keys;
use crate::options::{Run, Target};
use crate::outcome::Outcome;
use crate::wire::http;

/// Members of a channel where nobody talks.
const IDLE_CHANNEL: usize = 100;
/// Game sessions whose heartbeats probe.
const PROBED_SESSIONS: usize = 100;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    /// Players who talk and listen
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    pub(crate) players: usize,
    /// Channels they are spread over
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    pub(crate) channels: usize,
    #[command(flatten)]
    pub(crate) traffic: Traffic,
    /// Further players in channels where nobody talks
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) idle_players: usize,
    /// HTTP requests a second beside it, over kept-alive connections of a thread of their own: reads of a player's
    /// channels
    #[arg(long, value_name = "NUMBER")]
    pub(crate) probe_http: Option<f64>,
    /// The same with heartbeats of game sessions
    #[arg(long, value_name = "NUMBER", conflicts_with = "probe_http")]
    pub(crate) probe_heartbeats: Option<f64>,
    #[command(flatten)]
    pub(crate) keys: Keys,
}

/// What is said.
#[derive(Args, Clone, Debug)]
pub(crate) struct Traffic {
    /// Messages a second, of all channels together
    #[arg(long, value_name = "NUMBER", default_value_t = 100.0)]
    pub(crate) rate: f64,
    /// Instead of a rate: so many messages of each channel are always under way
    #[arg(long, value_name = "NUMBER", conflicts_with = "rate")]
    pub(crate) window: Option<u32>,
    /// Characters of a message, 19 or more
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) message_bytes: usize,
}

impl Traffic {
    /// The part of it that a thread does.
    pub(crate) fn talk(&self, (begin, end): (u64, u64), thread: usize, threads: usize) -> Talk {
        let pace = match self.window {
            Some(undelivered) => Pace::Window { undelivered, until: end },
            None => Pace::Open(Schedule::new(self.rate, begin, end).part(thread, threads)),
        };
        Talk { pace, message_bytes: self.message_bytes }
    }
}

impl Arguments {
    /// Members of each channel: those of the talkers, then the quiet ones.
    fn sizes(&self) -> Vec<usize> {
        let talking = (0..self.channels).map(|_| self.players.div_ceil(self.channels));
        talking.chain((0..self.idle_players.div_ceil(IDLE_CHANNEL)).map(|_| IDLE_CHANNEL)).collect()
    }

    /// The players, by threads.
    fn parts(&self) -> Vec<Vec<Role>> {
        let role = |number: usize| {
            let talks = number < self.players;
            let idle = || self.channels + (number - self.players) / IDLE_CHANNEL;
            let channel = if talks { number % self.channels } else { idle() };
            Role { id: self.target.first_player + number as i64, channels: vec![channel as u32], talks }
        };
        Role::deal((0..self.players + self.idle_players).map(role), self.run.threads)
    }

    /// Requests a second of the probe, when there is one.
    fn probe_rate(&self) -> Option<f64> {
        self.probe_heartbeats.or(self.probe_http)
    }

    fn probe_requests(&self, site: &Site) -> Result<Vec<Vec<u8>>> {
        match self.probe_heartbeats {
            Some(_) => heartbeat::heartbeats(&self.target, &self.keys, site, PROBED_SESSIONS),
            None => Ok(vec![self.read(site)]),
        }
    }

    /// A GET that costs the server a look into its store.
    fn read(&self, site: &Site) -> Vec<u8> {
        let path = format!("/api/v1/games/{}/users/{}/channels", self.target.game_index, self.target.first_player);
        let bearer = format!("Bearer {}", self.target.certification_key);
        http::request("GET", &site.first_node().host, &path, &[("Authorization", &bearer)], "")
    }
}

/// Runs it.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let (run, players) = (&arguments.run, arguments.players + arguments.idle_players);
    ensure!(arguments.players > 0 && arguments.channels > 0 && run.threads > 0, "at least one of each");
    let mut course = Course::begin(run, players)?;
    let channels = Api::new(&arguments.target).create_channels(arguments.sizes())?;
    let site = Arc::new(Site::new(&arguments.target, channels.names())?);
    let crew = Crew::start(&site, arguments.parts(), run.ping_every)?;
    // The probe must not wait until a thread full of players has time for it.
    let probe = Crew::start_urgent(&site, Vec::new(), run.ping_every)?;
    let requests = Arc::new(arguments.probe_requests(&site)?);
    course.gather(&crew, players, run.at_once)?;

    let crews = [&crew, &probe];
    let mut outcome = course.steady(("chat", run), &crews, |plan| {
        let talk = |thread| arguments.traffic.talk((plan.warmup, plan.after), thread, crew.size());
        crew.order_each(|thread| Order::Talk(talk(thread)))?;
        let Some(rate) = arguments.probe_rate() else { return Ok(()) };
        let schedule = Schedule::new(rate, plan.warmup, plan.after);
        probe.order(&Order::Ask(Asking { name: "http", schedule, requests: requests.clone() }))
    })?;
    drop(channels);

    for (tally, name) in [(crew.end()?, "deliver"), (probe.end()?, "")] {
        let phase = tally.phase("measured").context("it was marked")?;
        outcome.take_phase(phase);
        outcome.take_deliveries(name, phase);
        outcome.take_failures(&tally);
        if !name.is_empty() {
            outcome.series = phase.series();
        }
    }
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
    fn players_are_spread_over_channels_and_threads() {
        let line = ["bench", "--players", "10", "--channels", "3", "--idle-players", "150", "--threads", "2"];
        let arguments = Cli::parse_from(line).arguments;
        assert_eq!(arguments.sizes(), [4, 4, 4, 100, 100]);
        let parts = arguments.parts();
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [80, 80]);
        let all: Vec<_> = parts.into_iter().flatten().collect();
        let members = |channel| all.iter().filter(|role| role.channels == [channel]).count();
        assert_eq!([0, 1, 2, 3, 4].map(members), [4, 3, 3, 100, 50]);
        assert_eq!(all.iter().filter(|role| role.talks).count(), 10);
    }
}
