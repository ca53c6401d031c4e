//! Every metric there is.

use std::fmt::Write;

use guildhall_actors::metrics::{
    CommitOutcome, CrashedActor, End, EventKind, Label, LoginKind, LoginOutcome, RateLimit, StoreOperation, StorePort,
    names as game,
};
use guildhall_actors::session::EndReason;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::labels::{HeartbeatOutcome, RouteGroup, StatusClass, UpgradeOutcome, WebhookOutcome, WebhookSource};
use super::names;

/// One metric, as operators know it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    /// What it is measured in, when it is not a number of things.
    pub unit: Option<Unit>,
    pub labels: &'static [Values],
    /// One sentence or two, for the exposition and the README.
    pub meaning: &'static str,
}

/// What Prometheus does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A label and the values it can have; none are listed where they are told elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Values {
    pub label: &'static str,
    pub values: &'static [&'static str],
}

const fn of<L: Label>() -> Values {
    Values { label: L::NAME, values: L::VALUES }
}

/// A number that is not bounded by a list of ours, but by the program: a close code, a version.
const fn told_elsewhere(label: &'static str) -> Values {
    Values { label, values: &[] }
}

const fn metric(name: &'static str, kind: Kind, labels: &'static [Values], meaning: &'static str) -> Metric {
    Metric { name, kind, unit: None, labels, meaning }
}

const fn measure(
    name: &'static str,
    kind: Kind,
    unit: Unit,
    labels: &'static [Values],
    meaning: &'static str,
) -> Metric {
    Metric { name, kind, unit: Some(unit), labels, meaning }
}

use Kind::{Counter, Gauge, Histogram};
use Unit::{Bytes, Seconds};

/// See the module's text.
pub const METRICS: &[Metric] = &[
    metric(names::BUILD_INFO, Gauge, &[told_elsewhere("version")], "Always 1; `version` is the program's"),
    metric(names::READY, Gauge, &[], "1 while the node takes traffic, as `/readyz` says; looked at by each scrape"),
    metric(game::CONNECTIONS, Gauge, &[], "Open chat sockets"),
    metric(
        names::SOCKET_UPGRADES,
        Counter,
        &[of::<UpgradeOutcome>()],
        "Requests for a chat socket; refused: wrong path, origin or handshake, over the rate, or draining",
    ),
    metric(
        game::LOGINS,
        Counter,
        &[of::<LoginKind>(), of::<LoginOutcome>()],
        "CONNECT and RECONNECT; failed: the store failed; abandoned: the socket was gone before the login was through",
    ),
    metric(game::SECOND_LOGINS, Counter, &[], "Logins that took the place of an older one, on whichever node"),
    metric(game::LOGOUTS, Counter, &[], "Logins ended by this node, those of dead nodes included"),
    metric(
        game::CLOSES,
        Counter,
        &[told_elsewhere("code"), of::<End>()],
        "Sockets that ended, by close code; 1006: lost without a close frame. A client that reads too slowly is 4001",
    ),
    metric(game::FRAMES_SENT, Counter, &[], "WebSocket frames that the kernel took whole, of all sockets"),
    measure(game::SENT_BYTES, Counter, Bytes, &[], "Bytes of these frames, before TLS"),
    metric(
        game::EVENTS_APPENDED,
        Counter,
        &[of::<EventKind>()],
        "Events that this node appended to channel logs; a repeat with the same idempotency key counts again",
    ),
    measure(
        game::PUBLISH,
        Histogram,
        Seconds,
        &[],
        "From the call to append a message, notice or custom event until it is durable and answered",
    ),
    measure(
        game::DELIVERY_LAG,
        Histogram,
        Seconds,
        &[],
        "From the time of an event in its log until this node has given it to all its sockets of the channel. Where another node \
         appended it, the difference of the two clocks is in it; a negative difference counts as 0",
    ),
    metric(game::CHANNELS_FOLLOWED, Gauge, &[], "Channels that this node is subscribed to"),
    metric(
        game::LOG_READS,
        Counter,
        &[],
        "Readings of a channel's log because it was known to be ahead of what rang: a gap, a newer head, a restart, a \
         newcomer ahead of the others",
    ),
    metric(game::EVENTS_HEALED, Counter, &[], "Events that came by such a reading and not by the subscription"),
    metric(names::SUBSCRIPTION_UP, Gauge, &[], "1 while the link on which the store's events ring is up"),
    metric(names::RESUBSCRIPTIONS, Counter, &[], "Times that this link was made anew"),
    metric(game::LEASE_HELD, Gauge, &[], "1 while this node has its lease; 0 while another node has taken it"),
    metric(game::LEASE_RENEWAL_FAILURES, Counter, &[], "Renewals of the lease that the store failed"),
    metric(game::LEASES_LOST, Counter, &[], "Times that a renewal found the lease taken by another node"),
    metric(game::DEAD_NODES_RECOVERED, Counter, &[], "Nodes without a lease whose logins this node has ended"),
    measure(
        names::STORE_CALL,
        Histogram,
        Seconds,
        &[of::<StorePort>(), of::<StoreOperation>()],
        "Calls to the store until their answer. What the embedded store answers from memory is not among them",
    ),
    metric(
        names::STORE_ERRORS,
        Counter,
        &[of::<StorePort>(), of::<StoreOperation>()],
        "Calls that the store failed; what a rule refuses is none",
    ),
    metric(
        game::SESSION_COMMITS,
        Counter,
        &[of::<CommitOutcome>()],
        "Decisions about play and money; conflict: a document had changed meanwhile, and the rule decided again",
    ),
    measure(
        names::HTTP_REQUEST,
        Histogram,
        Seconds,
        &[of::<RouteGroup>(), of::<StatusClass>()],
        "HTTP requests from the parsed head until the answer's head; `_count` is their number",
    ),
    metric(
        game::SESSION_ACTORS,
        Gauge,
        &[],
        "Actors of game sessions: those asked for lately, one for each worker thread that was asked",
    ),
    metric(game::SESSIONS_STARTED, Counter, &[], "One-time tokens that became a game session"),
    metric(game::SESSIONS_ENDED, Counter, &[of::<EndReason>()], "Game sessions that this node ended"),
    metric(names::HEARTBEATS, Counter, &[of::<HeartbeatOutcome>()], "Heartbeats of game servers, by their answer"),
    metric(game::SETTLEMENTS, Counter, &[], "Settlements written"),
    metric(game::SETTLED_COINS, Counter, &[], "Coins of these settlements"),
    metric(
        names::WEBHOOKS,
        Counter,
        &[of::<WebhookSource>(), of::<WebhookOutcome>()],
        "Webhooks by their answer: 2xx, 401 and 403, other 4xx, 5xx",
    ),
    metric(game::WEBHOOK_REPEATS, Counter, &[], "Webhooks that were recorded before and got the first answer"),
    metric(
        game::RATE_LIMITED,
        Counter,
        &[of::<RateLimit>()],
        "Refusals over a rate: messages of a connection, new sockets of an address, calls of a key, cafe or launcher, \
         calls from an address where too many proved to be nobody",
    ),
    metric(game::ACTOR_CRASHES, Counter, &[of::<CrashedActor>()], "Actors that panicked and were repaired"),
    measure(names::PROCESS_CPU, Counter, Seconds, &[], "CPU time of the process, user and system"),
    measure(names::PROCESS_RESIDENT_MEMORY, Gauge, Bytes, &[], "Resident memory"),
    measure(names::PROCESS_VIRTUAL_MEMORY, Gauge, Bytes, &[], "Virtual memory"),
    metric(names::PROCESS_OPEN_FDS, Gauge, &[], "Open file descriptors: sockets and files"),
    metric(names::PROCESS_MAX_FDS, Gauge, &[], "The most there may be"),
    metric(names::PROCESS_THREADS, Gauge, &[], "Threads of the operating system"),
    measure(names::PROCESS_START_TIME, Gauge, Seconds, &[], "When the node started, in Unix time"),
];

/// Tells the recorder what its metrics mean.
pub(super) fn describe() {
    for Metric { name, kind, unit, meaning, .. } in METRICS {
        let unit = unit.unwrap_or(Unit::Count);
        match kind {
            Counter => describe_counter!(*name, unit, *meaning),
            Gauge => describe_gauge!(*name, unit, *meaning),
            Histogram => describe_histogram!(*name, unit, *meaning),
        }
    }
}

impl Kind {
    /// As the exposition spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The table as the README has it.
pub fn markdown_table() -> String {
    let mut table = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for Metric { name, kind, labels, meaning, .. } in METRICS {
        let labels: Vec<_> = labels.iter().map(Values::markdown).collect();
        // Writing into a string cannot fail.
        let _ = writeln!(table, "| `{name}` | {} | {} | {meaning} |", kind.as_str(), labels.join("; "));
    }
    table
}

impl Values {
    fn markdown(&self) -> String {
        let values: Vec<_> = self.values.iter().map(|value| format!("`{value}`")).collect();
        if values.is_empty() { format!("`{}`", self.label) } else { format!("`{}`: {}", self.label, values.join(", ")) }
    }
}
