//! Programs of the system that tests need, installed when a test may do so.

use std::env;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the program lies, or its path as it stands. Installs the Debian package of the same name when it is missing.
///
/// Tests are threads and their binaries may run side by side: a locked file lets one install and the others wait.
pub(crate) fn require(program: &str) -> PathBuf {
    if let Some(path) = find(program) {
        return path;
    }
    let lock = File::create(env::temp_dir().join("guildhall-test-packages.lock")).expect("a lock file");
    lock.lock().expect("the lock of the packages");
    if find(program).is_none() {
        install(program);
    }
    find(program).unwrap_or_else(|| panic!("{program} is missing: install the package {program} of your system"))
}

fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Tries to; whether it is there afterwards is what counts.
fn install(package: &str) {
    if !Path::new("/etc/debian_version").exists() || !is_root() {
        return;
    }
    let install = ["apt-get", "install", "-y", "--no-install-recommends", package];
    if !run(&install) && run(&["apt-get", "update"]) {
        run(&install);
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

fn run(words: &[&str]) -> bool {
    let mut command = Command::new(words[0]);
    // The package would start a server of its own.
    command.args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// `program` so that it ends with the thread that starts it, also when that is killed, where the system can do it.
pub(crate) fn guarded(program: impl AsRef<OsStr>) -> Command {
    const GUARD: &str = "/usr/bin/setpriv";
    if !Path::new(GUARD).exists() {
        return Command::new(program);
    }
    let mut command = Command::new(GUARD);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

#[test]
fn a_missing_program_is_named_in_the_refusal() {
    assert!(find("sh").is_some());
    assert_eq!(find("no-such-program-anywhere"), None);
}
