//! One run of one side: its servers, and the tool as a process of its own for each load.
//!
//! The tool runs as a child so that its CPU and memory are its own, and so that its end is not the comparison's.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::leash::leashed;
use super::rows::{Server, Side};
use super::servers::{Programs, Servers, last_lines};
use crate::outcome::Outcome;

/// First player of the first tool, and how far apart the tools' players are.
const FIRST_PLAYER: u64 = 1_000_000;
const PLAYERS_APART: u64 = 1_000_000;

/// With so many players as need several tools, the server is busy for a while with what their coming has left.
const LEAST_WARMUP_OF_SEVERAL: f64 = 15.0;

/// How long a run lasts, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) duration: f64,
    pub(super) warmup: f64,
}

/// A load on its way; its process ends when this is dropped.
struct Tool(Child);

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// # Errors
/// A server does not start, or the tool fails; the error tells the end of its log.
pub(super) fn run(side: &Side, programs: &Programs, times: Times, folder: &Path) -> Result<Outcome> {
    let servers = Servers::start(side.server, programs, folder)?;
    let folder = TempDir::new_in(folder)?;
    let (urls, pids): (Vec<_>, Vec<_>) = (servers.urls().collect(), servers.pids().collect());
    let least_warmup = if side.tool_for_each_node { LEAST_WARMUP_OF_SEVERAL } else { 0.0 };
    let times = Times { warmup: times.warmup.max(least_warmup), ..times };
    let mut tools = Vec::new();
    let nodes_of_a_tool = if side.tool_for_each_node { 1 } else { urls.len() };
    let parts = urls.chunks(nodes_of_a_tool).zip(pids.chunks(nodes_of_a_tool));
    let meeting = folder.path().join("meeting");
    fs::create_dir(&meeting)?;
    for (place, nodes) in parts.clone().enumerate() {
        let mut command = tool(side, times, nodes, place, folder.path())?;
        command.arg("--meet").arg(&meeting).args(["--tools", &parts.len().to_string()]);
        let log = File::create(folder.path().join(format!("{place}.log")))?;
        tools.push(Tool(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?));
    }
    let outcomes = tools.into_iter().enumerate().map(|(place, tool)| end(tool, place, folder.path()));
    Ok(together(outcomes.collect::<Result<_>>()?))
}

/// The tool for some of the nodes: their addresses and processes.
fn tool(side: &Side, times: Times, (urls, pids): (&[&str], &[u32]), place: usize, folder: &Path) -> Result<Command> {
    let mut command = leashed(std::env::current_exe()?)?;
    command.args(side.load.split(' '));
    for (url, pid) in urls.iter().zip(pids) {
        command.args(["--url", url, "--pid", &pid.to_string()]);
    }
    if side.server == Server::SocketIo {
        command.args(["--dialect", "socketio"]);
    }
    let first_player = FIRST_PLAYER + PLAYERS_APART * place as u64;
    command.args(["--first-player", &first_player.to_string()]);
    command.args(["--duration", &times.duration.to_string(), "--warmup", &times.warmup.to_string()]);
    command.arg("--json").arg(folder.join(format!("{place}.json")));
    Ok(command)
}

fn end(mut tool: Tool, place: usize, folder: &Path) -> Result<Outcome> {
    let status = tool.0.wait()?;
    if !status.success() {
        bail!("the tool failed ({status}):\n{}", last_lines(&folder.join(format!("{place}.log"))));
    }
    let text = fs::read_to_string(folder.join(format!("{place}.json"))).context("the tool wrote no outcome")?;
    serde_json::from_str(&text).context("the tool's outcome cannot be read")
}

/// One outcome of tools that ran side by side, each against a node of its own.
fn together(mut outcomes: Vec<Outcome>) -> Outcome {
    let mut whole = outcomes.remove(0);
    for outcome in outcomes {
        for (name, count) in outcome.counts {
            *whole.counts.entry(name).or_default() += count;
        }
        whole.servers.extend(outcome.servers);
        // Each saw the sockets of all.
        whole.kernel_bytes = whole.kernel_bytes.max(outcome.kernel_bytes);
    }
    whole
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outcome::ProcessUse;

    #[test]
    fn tools_side_by_side_count_together() {
        let outcome = |players, kernel_bytes| Outcome {
            counts: BTreeMap::from([("players".to_owned(), players)]),
            servers: vec![ProcessUse { rss_after: players, ..ProcessUse::default() }],
            kernel_bytes,
            ..Outcome::default()
        };
        let whole = together(vec![outcome(5, 70), outcome(6, 60)]);
        assert_eq!((whole.count("players"), whole.servers_grew_bytes(), whole.kernel_bytes), (11, 11, 70));
    }
}
