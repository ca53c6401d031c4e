//! The program as somebody runs it by hand: in a working directory, with arguments, its output read.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::within;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_guildhall");

/// Flags for free ports on loopback.
pub(crate) const FREE_PORTS: [&str; 4] = ["--public", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

/// A node started by hand, gone when the test ends.
pub(crate) struct Running {
    child: Child,
    // Held, so that the program never writes to a closed pipe.
    _stdout: Lines<BufReader<ChildStdout>>,
    /// What it printed before it was ready.
    pub(crate) banner: String,
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// The program in a working directory, told nothing by the environment.
pub(crate) fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder).env_remove("RUST_LOG").env_remove("GUILDHALL_CONFIG");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs the program to its end.
pub(crate) async fn run(folder: &Path, arguments: &[&str]) -> Output {
    finish(program(folder, arguments)).await
}

/// Runs any command to its end.
pub(crate) async fn finish(mut command: Command) -> Output {
    within("the end of the command", command.output()).await.expect("the command runs")
}

/// Asserts that the program failed with exit code 1 and nothing on standard output; what it told at its end.
#[track_caller]
pub(crate) fn failure(output: &Output) -> String {
    let errors = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    let told = errors.find("guildhall: ").filter(|at| *at == 0 || errors[..*at].ends_with('\n'));
    errors[told.unwrap_or_else(|| panic!("no reason in {errors}"))..].to_owned()
}

/// Asserts that the program ended well and told nothing on standard error; what it printed.
#[track_caller]
pub(crate) fn printed(output: &Output) -> String {
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

impl Running {
    /// Starts a node and awaits its `ready` line. Its log goes to `log` in the working directory.
    pub(crate) async fn start(folder: &Path, arguments: &[&str]) -> Self {
        Self::of(folder, program(folder, arguments)).await
    }

    /// The same with a command of [`program`] that was told more.
    pub(crate) async fn of(folder: &Path, mut command: Command) -> Self {
        let log = std::fs::File::create(folder.join("log")).expect("the folder takes a file");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the server starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let mut banner = String::new();
        let ready = within("the ready line", async {
            while let Some(line) = stdout.next_line().await.expect("stdout is UTF-8") {
                if let Some(ready) = line.strip_prefix("ready public=") {
                    return ready.to_owned();
                }
                banner += &format!("{line}\n");
            }
            panic!("the server ended at its start: {}", log_of(folder));
        });
        let ready = ready.await;
        let (public, admin) = ready.split_once(" admin=").expect("two addresses");
        let address = |text: &str| text.parse().expect("an address");
        Self { child, _stdout: stdout, banner, public: address(public), admin: address(admin) }
    }

    /// SIGTERM, and a clean exit.
    pub(crate) async fn stop(mut self) {
        let id = self.child.id().expect("the server runs").to_string();
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &id]);
        assert!(finish(kill).await.status.success(), "the process takes SIGTERM");
        let status = within("the server exits", self.child.wait()).await.expect("the process is our child");
        assert_eq!(status.code(), Some(0));
    }
}

/// What the node of this working directory logged.
pub(crate) fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
