//! What all scenarios are told: which server, how long, and where the results go.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::meeting::Meeting;
use crate::wire::dialect::Dialect;

/// The server, and the keys of a game on it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Target {
    /// Public address of the server; given several times, of its nodes, which the players take in turn
    #[arg(long = "url", value_name = "URL", default_value = "http://127.0.0.1:7600")]
    pub(crate) urls: Vec<String>,
    /// Game whose players are played
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) game_index: u32,
    /// How packets travel
    #[arg(long, value_enum, default_value_t)]
    pub(crate) dialect: Dialect,
    /// Signs the players' login keys (the game's hive.login_key_secret)
    #[arg(long, value_name = "SECRET", default_value = "login-key-secret-of-the-bench-0123456789")]
    pub(crate) login_key_secret: String,
    /// Opens the HTTP API (one of the game's hive.certification_keys)
    #[arg(long, value_name = "KEY", default_value = "certification-key-of-the-bench")]
    pub(crate) certification_key: String,
    /// The first player's id; several tools against one server need different players
    #[arg(long, value_name = "ID", default_value_t = 1_000_000)]
    pub(crate) first_player: i64,
}

/// How a run goes, and what is made of it.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Server process whose CPU and memory are read; may be given several times
    #[arg(long = "pid", value_name = "PID")]
    pub(crate) pids: Vec<u32>,
    /// Threads of this tool
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) threads: usize,
    /// Seconds that are measured
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub(crate) duration: Duration,
    /// Seconds of the same load before them, which are not
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub(crate) warmup: Duration,
    /// Players of a thread that may be on their way in at once
    #[arg(long, value_name = "NUMBER", default_value_t = 128)]
    pub(crate) at_once: usize,
    /// Seconds between two PINGs of a player (the server ends a socket that asks for nothing)
    #[arg(long, value_name = "SECONDS", default_value = "25", value_parser = seconds)]
    pub(crate) ping_every: Duration,
    /// File for the results as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// File for a report with plots, complete in itself
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) meeting: Meeting,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_fractions_but_no_sign() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }
}
