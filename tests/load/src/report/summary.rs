//! One run: what a unit of work cost comes first, then what was done, how long it took, and what the processes used.

use crate::outcome::{Latency, Outcome, ProcessUse, Second};

use super::page::page;
use super::plot::Plot;
use super::table::Table;
use super::units::{bytes, count, micros, percent, plain};

/// What the CPU of the servers is divided by, where it was done: the count, and what one of it is called.
const WORK: [(&str, &str); 4] =
    [("delivered", "delivery"), ("logins", "login"), ("heartbeats", "heartbeat"), ("publishes", "publish")];

/// All of it, for the terminal.
pub(super) fn text(outcome: &Outcome) -> String {
    let tables = tables(outcome);
    let tables: Vec<_> = tables.iter().filter(|table| !table.is_empty()).map(Table::text).collect();
    let busy = if outcome.is_tool_late() {
        "\nThe tool itself was busy, or waited for a CPU: the latencies are its own.\n"
    } else {
        ""
    };
    format!("{}, {} s measured\n\n{}{busy}", outcome.scenario, plain(outcome.seconds), tables.join("\n"))
}

/// All of it and the plots, as a page.
pub(super) fn html(outcome: &Outcome) -> String {
    let mut parts: Vec<_> = tables(outcome).iter().filter(|table| !table.is_empty()).map(Table::html).collect();
    parts.extend(plots(outcome).iter().map(Plot::svg));
    page(&format!("{}, {} s measured", outcome.scenario, plain(outcome.seconds)), &parts)
}

fn tables(outcome: &Outcome) -> [Table; 4] {
    [costs(outcome), counts(outcome), latencies(outcome), processes(outcome)]
}

fn costs(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["cost", "value"]);
    let cpu = outcome.servers_cpu_us() as f64;
    for (name, one) in WORK {
        let done = outcome.count(name);
        if done > 0 && !outcome.servers.is_empty() {
            table.row([format!("server CPU per {one}"), micros(cpu / done as f64)]);
        }
    }
    let players = outcome.count("players") as f64;
    if players > 0.0 {
        if !outcome.servers.is_empty() {
            table.row(["server memory per player".to_owned(), bytes(outcome.servers_grew_bytes() as f64 / players)]);
            table.row(["server CPU per player and second".to_owned(), micros(cpu / players / outcome.seconds)]);
        }
        table.row(["kernel memory per player, both ends".to_owned(), bytes(outcome.kernel_bytes as f64 / players)]);
    }
    if outcome.count("recvs") > 0 {
        let together = outcome.count("delivered") as f64 / outcome.count("recvs") as f64;
        table.row(["deliveries per read of the tool".to_owned(), plain(together)]);
    }
    table
}

fn counts(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["count", "in all", "per second"]);
    for (name, &number) in &outcome.counts {
        table.row([name.clone(), count(number), plain(number as f64 / outcome.seconds)]);
    }
    table
}

fn latencies(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["latency", "count", "p50", "p90", "p99", "p99.9", "max"]);
    for (name, latency) in &outcome.latencies {
        let times = percentiles(latency).map(|(_, time)| micros(time as f64));
        table.row([name.clone(), count(latency.count)].into_iter().chain(times));
    }
    table
}

fn processes(outcome: &Outcome) -> Table {
    let mut table = Table::new(&["process", "user", "system", "cores busy", "memory before", "after"]);
    let mut row = |name: String, used: &ProcessUse| {
        let cores = percent(used.cpu_us() as f64 / (outcome.seconds * 1e6));
        let [user, system] = [used.user_us, used.system_us].map(|time| micros(time as f64));
        let [before, after] = [used.rss_before, used.rss_after].map(|size| bytes(size as f64));
        table.row([name, user, system, cores, before, after]);
    };
    for (place, server) in outcome.servers.iter().enumerate() {
        row(format!("server {}", place + 1), server);
    }
    row("this tool".to_owned(), &outcome.own);
    table
}

fn plots(outcome: &Outcome) -> Vec<Plot<'_>> {
    let mut plots = Vec::new();
    if !outcome.latencies.is_empty() {
        let times = |latency| percentiles(latency).map(|(_, time)| time as f64).to_vec();
        plots.push(Plot {
            title: "Latency by percentile",
            places: percentiles(&Latency::default()).map(|(name, _)| name.to_owned()).to_vec(),
            lines: outcome.latencies.iter().map(|(name, latency)| (name.as_str(), times(latency))).collect(),
            unit: micros,
        });
    }
    if !outcome.series.is_empty() {
        let places = || outcome.series.iter().map(|second| second.at.to_string()).collect();
        let values = |of: fn(&Second) -> u64| outcome.series.iter().map(|second| of(second) as f64).collect();
        let delivered = vec![("delivered", values(|second| second.delivered))];
        plots.push(Plot { title: "Delivered in each second", places: places(), lines: delivered, unit: plain });
        let latency = vec![("p50", values(|second| second.p50)), ("p99", values(|second| second.p99))];
        plots.push(Plot { title: "Latency in each second", places: places(), lines: latency, unit: micros });
    }
    plots
}

fn percentiles(latency: &Latency) -> [(&'static str, u64); 5] {
    [("p50", latency.p50), ("p90", latency.p90), ("p99", latency.p99), ("p99.9", latency.p999), ("max", latency.max)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn outcome() -> Outcome {
        let server = ProcessUse { user_us: 400_000, system_us: 800_000, rss_before: 0, rss_after: 2_048_000 };
        Outcome {
            scenario: "chat".to_owned(),
            seconds: 2.0,
            counts: BTreeMap::from([
                ("delivered".to_owned(), 200_000),
                ("players".to_owned(), 1000),
                ("busiest_thread_percent".to_owned(), 95),
            ]),
            latencies: BTreeMap::from([(
                "deliver".to_owned(),
                Latency { count: 200_000, p99: 1500, ..Latency::default() },
            )]),
            servers: vec![server],
            series: vec![Second { at: 0, delivered: 100_000, p50: 200, p99: 1500 }],
            ..Outcome::default()
        }
    }

    #[test]
    fn what_one_delivery_cost_comes_first() {
        let text = text(&outcome());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "chat, 2.00 s measured");
        assert!(lines[3].starts_with("server CPU per delivery") && lines[3].ends_with("6.00 us"), "{text}");
        assert!(lines[4].starts_with("server memory per player") && lines[4].ends_with("2.00 KiB"), "{text}");
        assert!(text.contains("the latencies are its own"), "{text}");
    }

    #[test]
    fn a_page_has_the_tables_and_a_plot_of_each_kind() {
        let page = html(&outcome());
        assert_eq!((page.matches("<svg").count(), page.matches("<table>").count()), (3, 4));
        assert!(!page.contains("http://") && !page.contains("<script"), "complete in itself");
    }
}
