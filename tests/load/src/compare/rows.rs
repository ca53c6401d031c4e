//! The matches, as data: who plays, under which load, and what is read from it.
//!
//! The numbers are sized for a machine of two cores which may open 20,000 files in a process; a bound is a ratio, so it
//! holds on any other as well.

use super::measure::{Bound, Measure};

use Bound::{AtMost, RatioAtLeast, RatioAtMost, RatioWithin};
use Measure::{Count, CpuPer, IdleCpuPerPlayer, KernelPerPlayer, MemoryPerPlayer, P99, P99Over, PerSecond};

/// A server that a side starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// Workers as many as cores, everything at its default but the limits that would refuse the load.
    Guildhall,
    /// One worker, so that all that is measured shares it.
    GuildhallOneWorker,
    /// So many nodes on one Redis.
    GuildhallOnRedis(usize),
    Floor,
    /// The floor that syncs what is said and published.
    FloorOnDisk,
    /// A peer from the npm registry.
    Ws,
    SocketIo,
}

/// Who plays, and under which load.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) server: Server,
    /// A scenario and its options.
    pub(super) load: &'static str,
    /// Whether each node gets a tool and players of its own, instead of one tool that takes the nodes in turn.
    pub(super) tool_for_each_node: bool,
}

/// What is read of a match: a measure of one side, and how it compares with the same of another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) measure: Measure,
    /// Places in the match's sides.
    pub(super) sides: (usize, Option<usize>),
    pub(super) bound: Bound,
}

/// Sides that take turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    pub(super) name: &'static str,
    pub(super) sides: &'static [Side],
    pub(super) rows: &'static [Row],
}

impl Match {
    /// What is read first of an outcome of this side, for people who wait.
    pub(super) fn first_measure(&self, side: usize) -> Option<Measure> {
        self.rows.iter().find(|row| row.sides.0 == side || row.sides.1 == Some(side)).map(|row| row.measure)
    }

    /// Whether it takes part only when peers are asked for.
    pub(super) fn has_peers(&self) -> bool {
        self.sides.iter().any(|side| matches!(side.server, Server::Ws | Server::SocketIo))
    }
}

const fn side(name: &'static str, server: Server, load: &'static str) -> Side {
    Side { name, server, load, tool_for_each_node: false }
}

const fn sides(server: Server, other: Server, load: &'static str) -> [Side; 2] {
    [side(name(server), server, load), side(name(other), other, load)]
}

const fn name(server: Server) -> &'static str {
    match server {
        Server::Guildhall | Server::GuildhallOneWorker | Server::GuildhallOnRedis(_) => "guildhall",
        Server::Floor | Server::FloorOnDisk => "floor",
        Server::Ws => "ws",
        Server::SocketIo => "socket.io",
    }
}

const fn row(name: &'static str, measure: Measure, bound: Bound) -> Row {
    Row { name, measure, sides: (0, Some(1)), bound }
}

/// A row of one side, by itself.
const fn alone(name: &'static str, measure: Measure, bound: Bound) -> Row {
    Row { name, measure, sides: (0, None), bound }
}

const CPU: Measure = CpuPer("delivered");

const MODERATE: &str = "chat --players 5000 --channels 50 --rate 600";
const ONE_CHANNEL: &str = "chat --players 5000 --channels 1 --rate 12";
/// As much as the server takes, and little of it waits: up to four messages can go in one write.
const SATURATED: &str = "chat --players 5000 --channels 50 --window 4";
/// As much as the server takes, and much of it waits.
const FLOODED: &str = "chat --players 5000 --channels 50 --window 16";
const HEARTBEATS: &str = "chat --players 5000 --channels 1 --rate 12 --probe-heartbeats 500";
const HEARTBEATS_IDLE: &str = "chat --players 5000 --channels 1 --rate 0 --probe-heartbeats 500";
const READS: &str = "chat --players 5000 --channels 1 --rate 12 --probe-http 500";
const READS_IDLE: &str = "chat --players 5000 --channels 1 --rate 0 --probe-http 500";
const IDLE: &str = "idle --players 10000 --channels-each 2 --channel-size 100";
const LOGIN: &str = "login --players 10000 --at-once 256";
const STORM: &str = "login --players 10000 --at-once 256 --beside 100";
const PUBLISH: &str = "publish --senders 64";
const IDLE_ON_NODE: &str = "idle --players 15000 --channels-each 2 --channel-size 100";
const SPLIT: &str = "chat --players 1000 --channels 1 --rate 40";

pub(super) const MATCHES: &[Match] = &[
    Match {
        name: "moderate",
        sides: &sides(Server::Guildhall, Server::Floor, MODERATE),
        rows: &[
            row("CPU per delivery, 50 channels of 100", CPU, RatioAtMost(1.05)),
            row("p99 of delivery, 50 channels of 100", P99("deliver"), RatioAtMost(1.5)),
        ],
    },
    Match {
        name: "durable",
        sides: &sides(Server::Guildhall, Server::FloorOnDisk, MODERATE),
        rows: &[
            row("CPU per delivery, over a floor that syncs each message", CPU, Bound::None),
            row("p99 of delivery, over a floor that syncs each message", P99("deliver"), Bound::None),
        ],
    },
    Match {
        name: "one-channel",
        sides: &sides(Server::Guildhall, Server::Floor, ONE_CHANNEL),
        rows: &[row("CPU per delivery, one channel of 5,000", CPU, RatioAtMost(1.10))],
    },
    Match {
        name: "saturated",
        sides: &sides(Server::Guildhall, Server::Floor, SATURATED),
        rows: &[
            row("CPU per delivery, saturated", CPU, RatioAtMost(0.40)),
            row("deliveries per second, saturated", PerSecond("delivered"), Bound::None),
        ],
    },
    Match {
        name: "flooded",
        sides: &sides(Server::Guildhall, Server::Floor, FLOODED),
        rows: &[
            row("CPU per delivery, flooded", CPU, RatioAtMost(0.40)),
            row("deliveries per second, flooded", PerSecond("delivered"), Bound::None),
        ],
    },
    Match {
        name: "http",
        sides: &[
            side("busy", Server::GuildhallOneWorker, HEARTBEATS),
            side("idle", Server::GuildhallOneWorker, HEARTBEATS_IDLE),
        ],
        rows: &[row("p99 of a heartbeat beside a channel of 5,000", P99("http"), RatioAtMost(3.0))],
    },
    Match {
        name: "http-read",
        sides: &[side("busy", Server::GuildhallOneWorker, READS), side("idle", Server::GuildhallOneWorker, READS_IDLE)],
        rows: &[row("p99 of a read beside a channel of 5,000", P99("http"), RatioAtMost(3.0))],
    },
    Match {
        name: "memory",
        sides: &sides(Server::Guildhall, Server::Floor, IDLE),
        rows: &[
            row("memory per idle player, 2 channels each", MemoryPerPlayer, AtMost(4096.0)),
            row("kernel memory per idle player", KernelPerPlayer, Bound::None),
            row("CPU per idle player and second", IdleCpuPerPlayer, Bound::None),
        ],
    },
    Match {
        name: "login",
        sides: &sides(Server::Guildhall, Server::Floor, LOGIN),
        rows: &[row("CPU per login", CpuPer("logins"), RatioAtMost(3.0))],
    },
    Match {
        name: "storm",
        sides: &[side("guildhall", Server::Guildhall, STORM)],
        rows: &[
            alone("failures in a storm of 10,000 logins", Count("failures"), AtMost(0.0)),
            alone("p99 of login in the storm", P99("login"), Bound::None),
            alone("p99 of others, during over before", P99Over("deliver", "deliver_before"), AtMost(3.0)),
        ],
    },
    Match {
        name: "channel-size",
        sides: &[
            side("5,000", Server::Guildhall, "chat --players 5000 --channels 1 --rate 8"),
            side("10", Server::Guildhall, "chat --players 5000 --channels 500 --rate 4000"),
            side("100", Server::Guildhall, "chat --players 5000 --channels 50 --rate 400"),
            side("1,000", Server::Guildhall, "chat --players 5000 --channels 5 --rate 40"),
        ],
        rows: &[
            Row {
                name: "CPU per delivery, channel of 100 over 10",
                measure: CPU,
                sides: (2, Some(1)),
                bound: RatioAtMost(1.15),
            },
            Row {
                name: "CPU per delivery, channel of 1,000 over 10",
                measure: CPU,
                sides: (3, Some(1)),
                bound: RatioAtMost(1.15),
            },
            row("CPU per delivery, channel of 5,000 over 10", CPU, RatioAtMost(1.15)),
        ],
    },
    Match {
        name: "idle-players",
        sides: &[
            side("15,000", Server::Guildhall, "chat --players 1000 --channels 10 --rate 400 --idle-players 15000"),
            side("1,000", Server::Guildhall, "chat --players 1000 --channels 10 --rate 400 --idle-players 1000"),
        ],
        rows: &[row("CPU per delivery, 15,000 idle players over 1,000", CPU, RatioAtMost(1.10))],
    },
    Match {
        name: "three-nodes",
        sides: &[
            Side { name: "3 nodes", server: Server::GuildhallOnRedis(3), load: IDLE_ON_NODE, tool_for_each_node: true },
            Side { name: "1 node", server: Server::GuildhallOnRedis(1), load: IDLE_ON_NODE, tool_for_each_node: true },
        ],
        rows: &[
            alone("failures of 45,000 players on three nodes", Count("failures"), AtMost(0.0)),
            row("memory per player, 3 nodes over 1", MemoryPerPlayer, RatioWithin(0.2)),
            row("CPU per idle player, 3 nodes over 1", IdleCpuPerPlayer, RatioWithin(0.2)),
        ],
    },
    Match {
        name: "publish",
        sides: &sides(Server::Guildhall, Server::FloorOnDisk, PUBLISH),
        rows: &[
            row("durable publishes per second, 64 senders", PerSecond("published"), RatioAtLeast(0.8)),
            row("p99 of a durable publish", P99("publish"), Bound::None),
        ],
    },
    Match {
        name: "two-nodes",
        sides: &[
            side("2 nodes", Server::GuildhallOnRedis(2), SPLIT),
            side("1 node", Server::GuildhallOnRedis(1), SPLIT),
        ],
        rows: &[row("CPU per delivery, channel over 2 nodes", CPU, RatioAtMost(1.25))],
    },
    Match {
        name: "socket.io",
        sides: &sides(Server::Guildhall, Server::SocketIo, MODERATE),
        rows: &[row("CPU per delivery vs Socket.IO", CPU, RatioAtMost(0.5))],
    },
    Match {
        name: "socket.io-saturated",
        sides: &sides(Server::Guildhall, Server::SocketIo, SATURATED),
        rows: &[row("CPU per delivery vs Socket.IO, saturated", CPU, RatioAtMost(0.2))],
    },
    Match {
        name: "ws",
        sides: &sides(Server::Guildhall, Server::Ws, MODERATE),
        rows: &[row("CPU per delivery vs ws", CPU, Bound::None)],
    },
    Match {
        name: "ws-saturated",
        sides: &sides(Server::Guildhall, Server::Ws, SATURATED),
        rows: &[row("CPU per delivery vs ws, saturated", CPU, Bound::None)],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_names_sides_that_are_there() {
        for a_match in MATCHES {
            for row in a_match.rows {
                let (a, b) = row.sides;
                assert!(a.max(b.unwrap_or(a)) < a_match.sides.len(), "{}: {}", a_match.name, row.name);
            }
        }
    }

    #[test]
    fn no_two_rows_have_one_name() {
        let names: Vec<_> = MATCHES.iter().flat_map(|a_match| a_match.rows).map(|row| row.name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
