//! The servers of one side: started fresh for each run, ended whatever happens.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::leash::leashed;
use super::rows::Server;
use crate::peers::{self, Peer};

/// Longest start of a server.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of a log that say why.
const LAST_LINES: usize = 20;

/// The programs that are started.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) guildhall: PathBuf,
    pub(super) redis: PathBuf,
}

/// Running servers; ended when this is dropped, or with this process.
pub(super) struct Servers {
    nodes: Vec<Node>,
    /// Dropped after the nodes, which depend on it.
    _redis: Option<Process>,
    _folder: TempDir,
}

struct Node {
    process: Process,
    url: String,
}

/// A process that ends with this value.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Servers {
    /// # Errors
    /// One of them does not start; the error tells the end of its log.
    pub(super) fn start(server: Server, programs: &Programs, folder: &Path) -> Result<Self> {
        let folder = TempDir::new_in(folder)?;
        let mut redis = None;
        let nodes = match server {
            Server::Guildhall => vec![guildhall(programs, folder.path(), "")?],
            Server::GuildhallOneWorker => vec![guildhall(programs, folder.path(), "workers = 1")?],
            Server::GuildhallOnRedis(nodes) => {
                let (process, port) = start_redis(programs, folder.path())?;
                redis = Some(process);
                let start = |_| guildhall_on(programs, folder.path(), port);
                (0..nodes).map(start).collect::<Result<_>>()?
            }
            Server::Floor => vec![floor(folder.path(), &[])?],
            Server::FloorOnDisk => vec![floor(folder.path(), &["--log", "publishes"])?],
            Server::Ws => vec![peer(Peer::Ws, folder.path())?],
            Server::SocketIo => vec![peer(Peer::SocketIo, folder.path())?],
        };
        Ok(Self { nodes, _redis: redis, _folder: folder })
    }

    pub(super) fn urls(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|node| node.url.as_str())
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().map(|node| node.process.0.id())
    }
}

/// Everything at its default, but limits that stop nobody at this load, and the keys that the tool has by default.
const CONFIG: &str = r#"
[limits]
chat_per_sec = 100000
chat_burst = 1000000
sockets_per_ip_per_sec = 1000000
sockets_per_ip_burst = 1000000
api_per_sec = 1000000
api_burst = 1000000
[[games]]
name = "bench"
[games.hive]
game_index = 1
certification_keys = ["certification-key-of-the-bench"]
login_key_secret = "login-key-secret-of-the-bench-0123456789"
[games.playwave]
api_keys = ["api-key-of-the-bench"]
[[cafes]]
id = "cafe"
secret = "cafe-secret-of-the-bench"
networks = ["127.0.0.0/8"]
balance = 1000000
"#;

fn guildhall(programs: &Programs, folder: &Path, listen: &str) -> Result<Node> {
    let listen = format!("[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n{listen}\n");
    node(programs, folder, &(listen + CONFIG))
}

fn guildhall_on(programs: &Programs, folder: &Path, redis: u16) -> Result<Node> {
    let store = format!("[store]\nkind = \"redis\"\nurl = [\"redis://127.0.0.1:{redis}\"]\n");
    let listen = "[listen]\npublic = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n";
    node(programs, folder, &format!("{listen}{store}{CONFIG}"))
}

fn node(programs: &Programs, folder: &Path, config: &str) -> Result<Node> {
    let program = fs::canonicalize(&programs.guildhall);
    let program = program.with_context(|| format!("no server at {}", programs.guildhall.display()))?;
    fs::write(folder.join("guildhall.toml"), config)?;
    start(leashed(program)?, folder)
}

fn floor(folder: &Path, arguments: &[&str]) -> Result<Node> {
    let mut command = leashed(std::env::current_exe()?)?;
    command.arg("floor").args(arguments);
    start(command, folder)
}

fn peer(peer: Peer, folder: &Path) -> Result<Node> {
    let mut command = leashed("node")?;
    command.arg(peers::install(peer)?);
    start(command, folder)
}

/// Starts a server that says `ready public=ADDRESS` once it serves.
fn start(mut command: Command, folder: &Path) -> Result<Node> {
    let log = folder.join("server.log");
    let writer = File::options().create(true).append(true).open(&log)?;
    let child = command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(writer).spawn()?;
    let mut process = Process(child);
    let stdout = process.0.stdout.take().context("stdout is piped")?;
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.strip_prefix("ready public=")?.split(' ').next()?.to_owned()));
    let Some(address) = address else { bail!("a server does not start: {command:?}\n{}", last_lines(&log)) };
    Ok(Node { process, url: format!("http://{address}") })
}

fn start_redis(programs: &Programs, folder: &Path) -> Result<(Process, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut command = leashed(&programs.redis)?;
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
    let process = Process(command.current_dir(folder).stdout(Stdio::null()).spawn()?);
    let begin = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if begin.elapsed() > PATIENCE {
            bail!("{} does not start", programs.redis.display());
        }
        sleep(PAUSE);
    }
    Ok((process, port))
}

pub(super) fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}
