//! The floor as the tests start it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A floor that ends with the test.
pub(crate) struct Floor {
    process: Child,
    url: String,
}

impl Floor {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut floor = bench(&["floor", "--workers", "2"]);
        let mut process = floor.args(arguments).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut ready = String::new();
        BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut ready).expect("it tells");
        let url = format!("http://{}", ready.trim().strip_prefix("ready public=").expect("it is ready"));
        Self { process, url }
    }

    /// The outcome of a load on it.
    pub(crate) fn under(&self, load: &str) -> Value {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let (pid, json) = (self.process.id().to_string(), file.path().to_string_lossy().into_owned());
        let arguments = ["--url", &self.url, "--pid", &pid, "--json", &json];
        let load_and_target: Vec<_> = load.split(' ').chain(arguments).collect();
        let done = bench(&load_and_target).output().expect("it starts");
        assert!(done.status.success(), "{load}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_reader(file.as_file()).expect("JSON")
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn bench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall-bench"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}
