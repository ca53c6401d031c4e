//! The tool against its own floor: every scenario that needs no more than a floor gives, from the command line to the
//! JSON. What is measured must add up to what was asked for.

mod floor;

use std::process::Output;

use floor::{Floor, bench, number};

fn run(arguments: &[&str]) -> Output {
    bench(arguments).output().expect("it starts")
}

#[test]
fn every_member_gets_every_message_of_a_rate() {
    let outcome = Floor::start(&[]).under(
        "chat --players 30 --channels 3 --idle-players 7 --rate 200 --probe-http 50 --threads 2 --warmup 0.2 --duration 1",
    );
    let (counts, latencies) = (&outcome["counts"], &outcome["latencies"]);
    assert!(number(&counts["published"]).abs_diff(200) <= 10, "{counts}");
    assert_eq!(latencies["deliver"]["count"], 2000, "each to the ten of its channel");
    assert_eq!([&counts["missing"], &counts["failures"]], [0, 0]);
    assert_eq!(latencies["http"]["count"], 50);
    assert!(number(&outcome["servers"][0]["rss_after"]) > 0, "{outcome}");
    let in_seconds: u64 = outcome["series"].as_array().expect("a list").iter().map(|of| number(&of["delivered"])).sum();
    assert!(in_seconds.abs_diff(number(&counts["delivered"])) <= 100, "{in_seconds} and {counts}");
}

#[test]
fn a_window_keeps_the_server_busy_and_loses_nothing() {
    let load = "chat --players 20 --channels 2 --window 4 --warmup 0.1 --duration 0.5";
    let counts = &Floor::start(&[]).under(load)["counts"];
    assert!(number(&counts["published"]) > 100, "{counts}");
    assert_eq!([&counts["missing"], &counts["failures"]], [0, 0]);
}

#[test]
fn idle_players_hear_nothing() {
    let load = "idle --players 30 --channels-each 2 --channel-size 10 --warmup 0 --duration 0.2";
    let counts = &Floor::start(&[]).under(load)["counts"];
    assert_eq!([&counts["players"], &counts["delivered"], &counts["failures"]], [30, 0, 0]);
}

#[test]
fn a_storm_of_logins_is_measured_with_others_before_and_in_it() {
    let load = "login --players 200 --beside 100 --beside-players 20 --warmup 0.1 --duration 0.5 --at-once 4";
    let outcome = Floor::start(&[]).under(load);
    assert_eq!([&outcome["counts"]["logins"], &outcome["counts"]["failures"]], [200, 0]);
    assert!(number(&outcome["latencies"]["deliver_before"]["count"]).abs_diff(1000) <= 20, "{outcome:#}");
    assert!(number(&outcome["latencies"]["login"]["p50"]) > 0);
}

#[test]
fn everybody_comes_back_after_a_cut_and_a_server_that_forgets_their_channels_is_found_out() {
    let outcome = Floor::start(&[]).under("reconnect --players 50 --channels 5 --at-once 4");
    let counts = &outcome["counts"];
    assert_eq!([&counts["logins"], &counts["failures"], &counts["failure: channel not resumed"]], [50, 50, 50]);
    let latencies = &outcome["latencies"];
    assert!(
        number(&latencies["reconnect"]["max"]) > number(&latencies["login"]["max"]),
        "the last one waited for its turn"
    );
}

#[test]
fn a_server_that_is_not_there_is_an_error() {
    let done = run(&["chat", "--url", "http://127.0.0.1:1"]);
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stderr).contains("a channel cannot be made"), "{done:?}");
}
