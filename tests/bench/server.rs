//! The server as a bench starts it: ready, and gone when it is dropped.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

pub(crate) struct Server {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

impl Server {
    /// With this configuration, and these variables beside it.
    pub(crate) fn start(config: &str, environment: &[(&str, &str)]) -> Self {
        let folder = TempDir::with_prefix("guildhall-bench-").expect("a temporary folder");
        fs::write(folder.path().join("guildhall.toml"), config).expect("the folder takes a file");
        let mut process = Command::new(env!("CARGO_BIN_EXE_guildhall"))
            .current_dir(folder.path())
            .env("GUILDHALL__LOG__FILTER", "warn")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the node starts");
        let lines = BufReader::new(process.stdout.take().expect("stdout is piped")).lines();
        let ready = lines.map_while(Result::ok).find_map(|line| Some(line.strip_prefix("ready public=")?.to_owned()));
        let ready = ready.expect("the node gets ready");
        let address = ready.split(' ').next().and_then(|text| text.parse().ok()).expect("an address");
        Self { process, address, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
