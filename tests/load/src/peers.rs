//! Servers from the npm registry that Guildhall is compared with. They need Node and npm.
//!
//! Their programs are part of this one; they are written below the folder of this program, and what they depend on is
//! fetched there once, in the exact versions of `peers/package-lock.json`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// What is written.
const FILES: [(&str, &str); 5] = [
    ("hall.js", include_str!("../peers/hall.js")),
    ("ws.js", include_str!("../peers/ws.js")),
    ("socketio.js", include_str!("../peers/socketio.js")),
    ("package.json", include_str!("../peers/package.json")),
    ("package-lock.json", include_str!("../peers/package-lock.json")),
];
/// A copy of the lock that was installed.
const INSTALLED: &str = "installed.json";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The `ws` package, bare.
    Ws,
    SocketIo,
}

impl Peer {
    fn program(self) -> &'static str {
        match self {
            Self::Ws => "ws.js",
            Self::SocketIo => "socketio.js",
        }
    }
}

/// Makes sure that a peer can run, and gives its program.
///
/// # Errors
/// npm is not there, or its registry.
pub(crate) fn install(peer: Peer) -> Result<PathBuf> {
    let folder = std::env::current_exe()?.with_file_name("guildhall-bench-peers");
    fs::create_dir_all(&folder)?;
    for (name, content) in FILES {
        fs::write(folder.join(name), content)?;
    }
    let lock = include_str!("../peers/package-lock.json");
    if fs::read_to_string(folder.join(INSTALLED)).unwrap_or_default() != lock {
        fetch(&folder)?;
        fs::write(folder.join(INSTALLED), lock)?;
    }
    Ok(folder.join(peer.program()))
}

fn fetch(folder: &Path) -> Result<()> {
    eprintln!("npm fetches the peers");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder);
    let status = npm.stdin(Stdio::null()).stdout(Stdio::null()).status().context("npm cannot be started")?;
    ensure!(status.success(), "npm cannot fetch the peers ({status})");
    Ok(())
}
