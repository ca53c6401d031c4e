//! `compare`: Guildhall beside the floor and its peers, in one command and one table.
//!
//! The sides of a match take turns (A B, B A, A B, ...), each run with servers started for it alone, so that what disturbs
//! the machine disturbs all; a ratio is made of two runs of the same round. Servers and tools are processes of their own
//! and end with this one, whatever happens. Their data is in the folder for temporary files (`TMPDIR`): where that is no
//! disk, durable writes cost nothing, and their rows say nothing.

mod folder;
pub(crate) mod leash;
mod measure;
mod results;
mod rows;
mod run;
mod servers;

use std::iter;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use serde_json::json;

use crate::outcome::Outcome;
use crate::report;
use folder::Folder;
use results::Played;
use rows::{MATCHES, Match};
use run::Times;
use servers::Programs;

/// What is compared, and how often.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Rounds of each match
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    rounds: usize,
    /// Only this match or row, or all whose names hold this text; may be given several times
    #[arg(long = "row", value_name = "NAME")]
    only: Vec<String>,
    /// Also the peers from the npm registry (needs Node and npm)
    #[arg(long)]
    peers: bool,
    /// The server's program
    #[arg(long, value_name = "PATH", default_value = "target/release/guildhall")]
    guildhall: PathBuf,
    /// Redis, for the rows of several nodes
    #[arg(long, value_name = "PATH", default_value = "redis-server")]
    redis: PathBuf,
    /// Seconds of each run that are measured
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    duration: f64,
    /// Seconds of load before them
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    warmup: f64,
    /// File for all outcomes and the table as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for the table as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print the matches and their rows, and run nothing
    #[arg(long)]
    list: bool,
}

/// # Errors
/// No match has the name, or a result cannot be written. A run that fails is told and counted, and the others go on.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let matches: Vec<_> = MATCHES.iter().filter(|plan| arguments.takes(plan)).collect();
    if matches.is_empty() {
        bail!("no such row; --list names them (those of peers need --peers)");
    }
    if arguments.list {
        list(&matches);
        return Ok(());
    }
    let folder = Folder::new()?;
    let played: Vec<_> = matches.into_iter().map(|plan| play(plan, arguments, folder.path())).collect();
    tell(&played, arguments)
}

impl Arguments {
    fn takes(&self, plan: &Match) -> bool {
        let is_named =
            |text: &String| plan.name == text || plan.rows.iter().any(|row| row.name.contains(text.as_str()));
        (self.peers || !plan.has_peers()) && (self.only.is_empty() || self.only.iter().any(is_named))
    }

    fn programs(&self) -> Programs {
        Programs { guildhall: self.guildhall.clone(), redis: self.redis.clone() }
    }
}

fn list(matches: &[&Match]) {
    for plan in matches {
        println!("{}", plan.name);
        plan.rows.iter().for_each(|row| println!("    {}", row.name));
        plan.sides.iter().for_each(|side| println!("        {:<12} {}", side.name, side.load));
    }
}

fn play(plan: &Match, arguments: &Arguments, folder: &Path) -> Played {
    let times = Times { duration: arguments.duration, warmup: arguments.warmup };
    let mut played = Played::new(*plan);
    for round in 0..arguments.rounds {
        for place in order(plan.sides.len(), round) {
            let side = &plan.sides[place];
            let outcome = run::run(side, &arguments.programs(), times, folder);
            let told = match &outcome {
                Ok(outcome) => told(plan, place, outcome),
                Err(error) => format!("{error:#}"),
            };
            eprintln!("{}, round {} of {}, {}: {told}", plan.name, round + 1, arguments.rounds, side.name);
            played.add(place, outcome.ok());
        }
    }
    played
}

/// The first number of an outcome, so that who waits sees that it goes on.
fn told(plan: &Match, side: usize, outcome: &Outcome) -> String {
    let value = plan.first_measure(side).and_then(|measure| Some(measure.text(measure.of(outcome)?)));
    value.unwrap_or_else(|| "nothing".to_owned())
}

/// Forwards in even rounds, backwards in odd ones.
fn order(sides: usize, round: usize) -> Vec<usize> {
    let forwards = 0..sides;
    if round.is_multiple_of(2) { forwards.collect() } else { forwards.rev().collect() }
}

fn tell(played: &[Played], arguments: &Arguments) -> Result<()> {
    let title = format!("{} rounds of {} s, medians; ratios of the same round", arguments.rounds, arguments.duration);
    let table = results::table(played);
    println!("\n{title}\n\n{}", table.text());
    played.iter().flat_map(Played::complaints).for_each(|complaint| println!("{complaint}"));
    if let Some(path) = &arguments.json {
        let rows: Vec<_> = played.iter().flat_map(Played::lines).collect();
        report::write_json(&json!({ "rows": rows, "matches": played }), path)?;
    }
    match &arguments.html {
        Some(path) => {
            let plots = played.iter().flat_map(Played::plots).map(|plot| plot.svg());
            let parts: Vec<_> = iter::once(table.html()).chain(plots).collect();
            report::write_text(&report::page::page(&title, &parts), path)
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_first_alternates() {
        assert_eq!([order(2, 0), order(2, 1), order(2, 2)], [vec![0, 1], vec![1, 0], vec![0, 1]]);
    }
}
