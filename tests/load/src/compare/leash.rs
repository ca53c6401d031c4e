//! A process that does not outlive the one that started it, however that one ends.
//!
//! The tool starts itself as `leash PARENT PROGRAM ...`; that asks the kernel for its own end at the end of its parent
//! (prctl(2), PR_SET_PDEATHSIG), and becomes the program, which keeps the request and the process id.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Result, ensure};
use clap::Args;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// What becomes of this process.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Process whose end this one does not outlive
    parent: i32,
    /// Program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    program: Vec<OsString>,
}

/// Becomes the program.
///
/// # Errors
/// The parent is gone already, or there is no such program.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have ended before it was asked about.
    ensure!(getppid().is_some_and(|parent| parent.as_raw_pid() == arguments.parent), "the parent is gone");
    let (program, rest) = arguments.program.split_first().expect("clap requires a program");
    Err(Command::new(program).args(rest).exec().into())
}

/// A command of `program` on a leash of this process. Its id is the program's.
///
/// # Errors
/// This program has no path any more.
pub(super) fn leashed(program: impl Into<OsString>) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("leash").arg(std::process::id().to_string()).arg(program.into());
    Ok(command)
}
