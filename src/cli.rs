//! The command line: what it accepts, what it prints, and how the process ends.
//!
//! Exit code 0 is success, 1 a failure told on standard error, 2 a command line that makes no sense.

mod choice;
mod play;
mod sign;
mod token;

use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Flag, Settings, Sources};
use crate::{node, telemetry};

/// Self-hosted game backend: real-time chat, game sessions and platform webhooks.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the node (the default)
    Serve,
    /// Check the configuration and report every mistake in it
    CheckConfig,
    /// Print a complete configuration with every default
    DefaultConfig {
        /// Print the settings as a Markdown table instead
        #[arg(long)]
        markdown: bool,
        /// Print the settings as environment variables instead
        #[arg(long, conflicts_with = "markdown")]
        env: bool,
    },
    /// Print a chat login key for a player
    Token(token::Arguments),
    /// Play a whole session of a cafe against a running node, printing each request and answer
    Play(play::Arguments),
    /// Print a signed webhook as a curl line
    Sign(sign::Arguments),
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Configuration file [default: guildhall.toml when present]
    #[arg(long, global = true, value_name = "PATH", env = "GUILDHALL_CONFIG")]
    config: Option<PathBuf>,
    /// Address for clients, game servers and platforms (listen.public)
    #[arg(long, global = true, value_name = "ADDR")]
    public: Option<String>,
    /// Address for operators (listen.admin)
    #[arg(long, global = true, value_name = "ADDR")]
    admin: Option<String>,
    /// Data folder (store.path)
    #[arg(long, global = true, value_name = "PATH")]
    data: Option<String>,
    /// What is logged, such as info or warn,guildhall=debug (log.filter)
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

/// Runs what the command line asks for.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(format_args!("{error:#}")),
    }
}

fn execute(cli: Cli) -> anyhow::Result<()> {
    let sources = cli.global.into_sources();
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve(&sources),
        Command::CheckConfig => print(&summary(&config::load(&sources)?)),
        Command::DefaultConfig { markdown: true, .. } => print(&config::markdown_table()),
        Command::DefaultConfig { env: true, .. } => print(&config::default_environment()),
        Command::DefaultConfig { .. } => print(&config::default_config()),
        Command::Play(arguments) => arguments.play(&settings(&sources)?, &mut |line| print(&format!("{line}\n"))),
        Command::Sign(arguments) => print(&arguments.sign(&settings(&sources)?)?),
        Command::Token(arguments) => print(&arguments.mint(&settings(&sources)?)?),
    }
}

fn serve(sources: &Sources) -> anyhow::Result<()> {
    let settings = settings(sources)?;
    telemetry::init(&settings.log);
    node::serve(settings)
}

fn settings(sources: &Sources) -> anyhow::Result<Settings> {
    Ok(config::load(sources)?.with_development_game()?)
}

impl Global {
    fn into_sources(self) -> Sources {
        let flag = |(name, key, text): (_, _, Option<String>)| Some(Flag { name, key, text: text? });
        let given = [
            ("--public", "listen.public", self.public),
            ("--admin", "listen.admin", self.admin),
            ("--data", "store.path", self.data),
            ("--log", "log.filter", self.log),
        ];
        Sources::of_process(self.config, given.into_iter().filter_map(flag).collect())
    }
}

fn summary(settings: &Settings) -> String {
    let games: Vec<&str> = settings.games.iter().map(|game| game.name.as_str()).collect();
    let games = if settings.development { "a demo game for development".to_owned() } else { games.join(", ") };
    format!(
        "configuration ok\n  public  {}\n  admin   {}\n  store   embedded in {}\n  games   {games}\n  cafes   {}\n",
        settings.listen.public,
        settings.listen.admin,
        settings.store.path.display(),
        settings.cafes.len()
    )
}

/// A reader that has seen enough (`guildhall default-config | head`) is no failure.
fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn fail(error: impl Display) -> ExitCode {
    // With standard error gone too, the exit code is all that is left to say.
    let _ = writeln!(io::stderr().lock(), "guildhall: {error}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_come_before_or_after_the_command() {
        for line in ["guildhall --public 127.0.0.1:1 check-config", "guildhall check-config --public 127.0.0.1:1"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            let flags = cli.global.into_sources().flags;
            assert_eq!(
                (flags[0].name, flags[0].key, flags[0].text.as_str()),
                ("--public", "listen.public", "127.0.0.1:1")
            );
        }
    }

    #[test]
    fn no_command_means_serve() {
        assert!(Cli::try_parse_from(["guildhall"]).unwrap().command.is_none());
        assert!(Cli::try_parse_from(["guildhall", "frobnicate"]).is_err());
    }
}
