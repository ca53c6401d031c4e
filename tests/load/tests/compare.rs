//! What a comparison rests on: its processes end with it, and its durable floor keeps what it acknowledged.

mod floor;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use floor::{Floor, number};

const BENCH: &str = env!("CARGO_BIN_EXE_guildhall-bench");
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until it is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        sleep(PAUSE);
    }
}

#[test]
fn a_leashed_program_ends_with_its_parent_even_when_that_is_killed() {
    let script = format!("{BENCH} leash $$ sleep 1000 & echo $!; wait");
    let mut parent = Command::new("sh").args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("a shell");
    let mut line = String::new();
    BufReader::new(parent.stdout.take().expect("it is piped")).read_line(&mut line).expect("it tells");
    let child = Path::new("/proc").join(line.trim());
    let is_sleeping = || fs::read_to_string(child.join("comm")).is_ok_and(|name| name.trim() == "sleep");
    eventually("the leash becomes the program", is_sleeping);
    parent.kill().expect("it lives");
    parent.wait().expect("it ended");
    eventually("the program ends", || !is_sleeping());
}

#[test]
fn a_leash_of_somebody_else_is_refused() {
    let done = Command::new(BENCH).args(["leash", "1", "true"]).output().expect("it starts");
    assert!(!done.status.success(), "{done:?}");
}

#[test]
fn what_the_durable_floor_acknowledged_or_delivered_is_in_its_file() {
    for (load, sign) in [
        ("publish --senders 8 --warmup 0 --duration 0.5", r#""payload""#),
        ("chat --players 20 --channels 2 --rate 400 --warmup 0 --duration 0.5", "NOTIFY_CHANNEL_CHAT"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let floor = Floor::start(&["--log", &log.to_string_lossy()]);
        let counts = &floor.under(load)["counts"];
        drop(floor);
        let done = number(&counts["published"]);
        assert_eq!(counts["failures"], 0);
        let text = fs::read(&log).expect("the floor's file");
        let written = String::from_utf8_lossy(&text).matches(sign).count() as u64;
        assert!(done > 100 && written >= done, "{load}: {written} of {done}");
    }
}

#[test]
fn a_row_that_is_not_there_is_an_error() {
    let done = Command::new(BENCH).args(["compare", "--row", "no such row"]).output().expect("it starts");
    assert!(String::from_utf8_lossy(&done.stderr).contains("no such row"), "{done:?}");
}
