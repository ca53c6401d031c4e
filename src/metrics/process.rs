//! The process as Linux sees it, under Prometheus' usual names. Elsewhere these metrics are absent.

use std::fmt::Write;
use std::fs;
use std::sync::OnceLock;

use super::names;
use super::table::METRICS;
use crate::clock;

/// Ticks of `/proc/PID/stat` in a second: the kernel's USER_HZ, the same on every platform it is built for today.
const TICKS_PER_SEC: f64 = 100.0;

/// Unix time in milliseconds at which the node started.
static STARTED_AT: OnceLock<i64> = OnceLock::new();

/// Remembers when the process started: now.
pub(super) fn start() {
    STARTED_AT.get_or_init(|| clock::now().0);
}

/// Appends what can be read now.
pub(super) fn append(text: &mut String) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |field: &str| number_of(&status, field).map(|kib| kib * 1024.0);
    let values = [
        (names::PROCESS_CPU, cpu_seconds()),
        (names::PROCESS_RESIDENT_MEMORY, kib("VmRSS:")),
        (names::PROCESS_VIRTUAL_MEMORY, kib("VmSize:")),
        (names::PROCESS_THREADS, number_of(&status, "Threads:")),
        (names::PROCESS_OPEN_FDS, open_files()),
        (names::PROCESS_MAX_FDS, most_files()),
        (names::PROCESS_START_TIME, STARTED_AT.get().map(|at_ms| *at_ms as f64 / 1000.0)),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            append_value(text, name, value);
        }
    }
}

fn append_value(text: &mut String, name: &str, value: f64) {
    let row = METRICS.iter().find(|metric| metric.name == name).expect("every metric is in the table");
    let kind = row.kind.as_str();
    // Writing into a string cannot fail.
    let _ = write!(text, "# HELP {name} {}\n# TYPE {name} {kind}\n{name} {value}\n\n", row.meaning);
}

/// The first number after a field's name.
fn number_of(text: &str, field: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

/// User and system time: the 14th and 15th word (proc(5)). The second is the command, which may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut words = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS_PER_SEC)
}

fn open_files() -> Option<f64> {
    // One of them is open for this count.
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn most_files() -> Option<f64> {
    rlimit::Resource::NOFILE.get_soft().ok().map(|most| most as f64)
}
