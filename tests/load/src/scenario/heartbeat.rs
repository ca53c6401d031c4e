//! `heartbeat`: game servers report that their players still play, at a fixed rate. PlayWave's API: a launcher starts,
//! gets a one-time token, a game server makes a session of it, and its heartbeats are what is measured.

use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use serde_json::json;

use super::course::Course;
use crate::engine::calls::Asking;
use crate::engine::crew::Crew;
use crate::engine::schedule::Schedule;
use crate::engine::site::Site;
use crate::engine::worker::Order;
use crate::launcher::{Keys, Launcher};
use crate::options::{Run, Target};
use crate::outcome::Outcome;
use crate::wire::http;

/// Sessions are made by so many threads, because each takes three answers from the server's disk.
const MAKERS: usize = 16;
/// Roblox user id of the first player.
const FIRST_USER: usize = 5001;

#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) run: Run,
    #[command(flatten)]
    pub(crate) keys: Keys,
    /// Sessions, whose heartbeats come in turn
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    pub(crate) sessions: usize,
    /// Heartbeats a second, of all sessions together
    #[arg(long, value_name = "NUMBER", default_value_t = 1000.0)]
    pub(crate) rate: f64,
}

/// The heartbeats of so many new sessions, as they go over the wire.
///
/// # Errors
/// The server refuses a step on the way to a session.
pub(super) fn heartbeats(target: &Target, keys: &Keys, site: &Site, sessions: usize) -> Result<Vec<Vec<u8>>> {
    let launcher = Launcher::new(&target.urls[0], keys);
    let users: Vec<_> = (FIRST_USER..FIRST_USER + sessions).map(|user| user.to_string()).collect();
    let make = |user: &String| Ok(heartbeat(keys, site, &launcher.session(user)?, user));
    let make_all = |users: &[String]| users.iter().map(make).collect::<Result<Vec<_>>>();
    let made: Result<Vec<_>> = thread::scope(|scope| {
        let parts = users.chunks(sessions.div_ceil(MAKERS).max(1));
        let makers: Vec<_> = parts.map(|users| scope.spawn(|| make_all(users))).collect();
        makers.into_iter().map(|maker| maker.join().map_err(|_| anyhow!("a maker of sessions panicked"))?).collect()
    });
    Ok(made?.into_iter().flatten().collect())
}

fn heartbeat(keys: &Keys, site: &Site, session: &str, user: &str) -> Vec<u8> {
    let body = json!({ "game_session_id": session, "provider_user_id": user }).to_string();
    let headers = [("X-Api-Key", keys.api_key.as_str())];
    http::request("PATCH", &site.first_node().host, "/v1/game/session/heartbeat", &headers, &body)
}

/// Runs it.
///
/// # Errors
/// The server refuses what is needed before the measurement, or ends in it.
pub(crate) fn run(arguments: &Arguments) -> Result<Outcome> {
    let run = &arguments.run;
    ensure!(arguments.sessions > 0 && run.threads > 0, "at least one of each");
    let mut course = Course::begin(run, 0)?;
    let site = Arc::new(Site::new(&arguments.target, Vec::new())?);
    let requests = Arc::new(heartbeats(&arguments.target, &arguments.keys, &site, arguments.sessions)?);
    let crew = Crew::start(&site, vec![Vec::new(); run.threads], run.ping_every)?;
    let mut outcome = course.steady(("heartbeat", run), &[&crew], |plan| {
        let whole = Schedule::new(arguments.rate, plan.warmup, plan.after);
        let part = |thread| whole.part(thread, run.threads);
        let asking = |thread| Asking { name: "heartbeat", schedule: part(thread), requests: requests.clone() };
        crew.order_each(|thread| Order::Ask(asking(thread)))
    })?;

    let tally = crew.end()?;
    outcome.take_phase(tally.phase("measured").context("it was marked")?);
    outcome.take_failures(&tally);
    outcome.set("sessions", arguments.sessions as u64);
    outcome.set("heartbeats", outcome.count("answered"));
    Ok(outcome)
}
