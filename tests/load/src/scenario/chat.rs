//! `chat`: players talk in channels.

use anyhow::Result;
use clap::Args;

use crate::options::{Run, Target};

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
    /// Messages a second, of all channels together
    #[arg(long, value_name = "NUMBER", default_value_t = 100.0)]
    pub(crate) rate: f64,
    /// Instead of a rate: so many messages of each channel are always under way
    #[arg(long, value_name = "NUMBER", conflicts_with = "rate")]
    pub(crate) window: Option<u32>,
    /// Characters of a message
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) message_bytes: usize,
    /// Further players in channels where nobody talks
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) idle_players: usize,
    /// HTTP requests a second beside it, over kept-alive connections
    #[arg(long, value_name = "NUMBER")]
    pub(crate) probe_http: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    println!("{arguments:?}");
    Ok(())
}
