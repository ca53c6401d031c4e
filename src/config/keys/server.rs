//! Settings of the server itself.

use super::super::forms;
use super::{Default, Key, Kind, Presence, Section};

pub(super) const NODE: Section = Section {
    path: "node",
    presence: Presence::Always,
    about: "This node among the others.",
    keys: &[Key {
        name: "id",
        kind: Kind::Text(&forms::NAME),
        default: Default::Made { means: "made at each start", sample: r#""a""# },
        about: "Name of the node in logs and in its lease",
    }],
};

pub(super) const LISTEN: Section = Section {
    path: "listen",
    presence: Presence::Always,
    about: "Where the node listens.",
    keys: &[
        Key {
            name: "public",
            kind: Kind::Text(&forms::ADDRESS),
            default: Default::Value(r#""127.0.0.1:7600""#),
            about: "Address for game clients, game servers and platforms; port 0 takes a free one",
        },
        Key {
            name: "admin",
            kind: Kind::Text(&forms::ADDRESS),
            default: Default::Value(r#""127.0.0.1:7601""#),
            about: "Address for operators: probes and operator API",
        },
        Key {
            name: "trusted_proxies",
            kind: Kind::List(&forms::NETWORK),
            default: Default::Value("[]"),
            about: "Networks of the load balancers whose X-Forwarded-For is believed",
        },
        Key {
            name: "allowed_origins",
            kind: Kind::List(&forms::ORIGIN),
            default: Default::Value("[]"),
            about: "Origins of web pages that may open the chat socket; empty means any",
        },
        Key {
            name: "workers",
            kind: Kind::Whole { min: 1, max: 1024 },
            default: Default::Made { means: "the number of cores", sample: "4" },
            about: "Worker threads of the public listener",
        },
    ],
};

pub(super) const LISTEN_TLS: Section = Section {
    path: "listen.tls",
    presence: Presence::Optional,
    about: "TLS on the public listener; without this section it speaks plain HTTP.",
    keys: &[
        Key {
            name: "certificate",
            kind: Kind::Text(&forms::PATH),
            default: Default::Required { sample: r#""certificate.pem""# },
            about: "PEM file with the certificate chain",
        },
        Key {
            name: "key",
            kind: Kind::Text(&forms::PATH),
            default: Default::Required { sample: r#""key.pem""# },
            about: "PEM file with the private key",
        },
    ],
};

pub(super) const STORE: Section = Section {
    path: "store",
    presence: Presence::Always,
    about: "Where the state lives.",
    keys: &[
        Key {
            name: "kind",
            kind: Kind::Choice(&["embedded", "redis"]),
            default: Default::Value(r#""embedded""#),
            about: "embedded: one node, a data folder, nothing to install; redis: any number of nodes on Redis or Valkey, 7.0 or later",
        },
        Key {
            name: "path",
            kind: Kind::Text(&forms::PATH),
            default: Default::Value(r#""guildhall-data""#),
            about: "Data folder",
        },
        Key {
            name: "url",
            kind: Kind::List(&forms::REDIS_URL),
            default: Default::Made { means: "needed by redis only", sample: r#"["redis://127.0.0.1:6379"]"# },
            about: "Redis addresses: a server, Sentinels, or some servers of a cluster; rediss:// for TLS by the system's certificates (or those of SSL_CERT_FILE), user:password@ before the host",
        },
        Key {
            name: "sentinel_master",
            kind: Kind::Text(&forms::NAME),
            default: Default::Made { means: "the only one", sample: r#""mymaster""# },
            about: "What the Sentinels call the master; needed when they watch several",
        },
        Key {
            name: "timeout_ms",
            kind: Kind::Whole { min: 50, max: 60_000 },
            default: Default::Value("2000"),
            about: "Milliseconds Redis has for one answer; beyond: the request fails with 500 or 503",
        },
    ],
};

pub(super) const ADMIN: Section = Section {
    path: "admin",
    presence: Presence::Always,
    about: "The operator API.",
    keys: &[Key {
        name: "keys",
        kind: Kind::List(&forms::SECRET),
        default: Default::Value("[]"),
        about: "Accepted X-Admin-Key values; empty closes the operator API. Several, so that rotation needs no downtime",
    }],
};

pub(super) const LOG: Section = Section {
    path: "log",
    presence: Presence::Always,
    about: "The log, on standard error.",
    keys: &[
        Key {
            name: "format",
            kind: Kind::Choice(&["text", "json"]),
            default: Default::Value(r#""text""#),
            about: "text for people, json for collectors",
        },
        Key {
            name: "filter",
            kind: Kind::Text(&forms::LOG_FILTER),
            default: Default::Value(r#""info""#),
            about: "What is logged, such as info or warn,guildhall=debug",
        },
    ],
};

pub(super) const CLUSTER: Section = Section {
    path: "cluster",
    presence: Presence::Always,
    about: "The life of nodes.",
    keys: &[
        Key {
            name: "lease_sec",
            kind: Kind::Whole { min: 1, max: 300 },
            default: Default::Value("10"),
            about: "Seconds without a sign of life after which a node counts as dead",
        },
        Key {
            name: "drain_sec",
            kind: Kind::Whole { min: 0, max: 3600 },
            default: Default::Value("20"),
            about: "Seconds a stopping node takes at most to close its sockets",
        },
    ],
};

pub(super) const CHAT: Section = Section {
    path: "chat",
    presence: Presence::Always,
    about: "Rules of the chat.",
    keys: &[
        Key {
            name: "leave_on_disconnect",
            kind: Kind::Choice(&["all", "public"]),
            default: Default::Value(r#""all""#),
            about: "Channels the loss of a socket leaves: all of them, or only PUBLIC ones",
        },
        Key {
            name: "replay_on_reconnect",
            kind: Kind::Flag,
            default: Default::Value("true"),
            about: "Whether missed messages follow RESPONSE_RECONNECT",
        },
        Key {
            name: "sweep_sec",
            kind: Kind::Whole { min: 1, max: 86_400 },
            default: Default::Value("600"),
            about: "Seconds between two sweeps of empty channels that a player owns",
        },
        Key {
            name: "channel_linger_sec",
            kind: Kind::Whole { min: 0, max: 3600 },
            default: Default::Value("30"),
            about: "Seconds a node keeps following a channel after its last member there",
        },
        Key {
            name: "relax_min_members",
            kind: Kind::Flag,
            default: Default::Value("false"),
            about: "Whether a channel may be made with maxMemberCount 1; otherwise 2 is the least",
        },
    ],
};
