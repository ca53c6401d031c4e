//! The operating system's side of a node: started, awaited, and never left behind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::sync::mpsc;

use super::packages::guarded;
use super::{eventually, within};

/// A server process that ends with its owner.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

/// The addresses a node really listens on.
#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Process {
    /// Starts the server with a configuration file and awaits its `ready` line. What it logs goes beside the file.
    pub(crate) async fn start(config: &Path) -> (Self, Addresses) {
        let log = config.with_extension("log");
        let mut child = guarded(env!("CARGO_BIN_EXE_guildhall"))
            .arg("--config")
            .arg(config)
            .current_dir(config.parent().expect("a file lies in a folder"))
            .env_remove("RUST_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("the folder takes a file"))
            .spawn()
            .expect("the server starts");
        let lines = lines_of(child.stdout.take().expect("stdout is piped"));
        let process = Self { child, log };
        let addresses = within("the ready line", ready(lines)).await;
        let addresses = addresses.unwrap_or_else(|| panic!("the server ended at its start; log:\n{}", process.log()));
        (process, addresses)
    }

    /// Starts any other program; everything it writes goes to the file `log`.
    pub(crate) fn spawn(command: &mut Command, log: PathBuf) -> Self {
        let file = File::create(&log).expect("the folder takes a file");
        let errors = file.try_clone().expect("a file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        Self { child: child.unwrap_or_else(|error| panic!("{command:?}: {error}")), log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything the process logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill runs").success(), "the process takes SIG{name}");
    }

    /// SIGKILL, and the end of it. Nothing happens to a process that ended already.
    pub(crate) fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process is our child")
    }

    pub(crate) async fn exit(&mut self) -> ExitStatus {
        eventually("the server exits", async || self.exit_status()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads stdout to its end, so that the server never blocks on it.
fn lines_of(stdout: impl std::io::Read + Send + 'static) -> mpsc::UnboundedReceiver<String> {
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line); // nobody listens after `ready`
        }
    });
    lines
}

async fn ready(mut lines: mpsc::UnboundedReceiver<String>) -> Option<Addresses> {
    loop {
        if let Some(addresses) = parse_ready(&lines.recv().await?) {
            return Some(addresses);
        }
    }
}

fn parse_ready(line: &str) -> Option<Addresses> {
    let (public, admin) = line.strip_prefix("ready public=")?.split_once(" admin=")?;
    Some(Addresses { public: public.parse().ok()?, admin: admin.parse().ok()? })
}
