//! Settings of `[limits]`. Each bound's answer when exceeded stands with its meaning.

use super::{Default, Key, Kind, Presence, Section};

pub(super) const LIMITS: Section = Section {
    path: "limits",
    presence: Presence::Always,
    about: "Bounds, and what happens beyond them.",
    keys: &[
        row("message_chars", 1, 10_000, "200", "Longest message, in code points; beyond: 400"),
        row("extra_data_bytes", 0, 65_536, "256", "Largest extraData, in bytes of UTF-8; beyond: 400"),
        row(
            "inbound_bytes",
            512,
            16_777_216,
            "8192",
            "Largest WebSocket frame or assembled message from a client, in bytes; beyond: close 1009",
        ),
        row("idle_sec", 1, 86_400, "60", "Seconds without a request from a client; beyond: close 1008"),
        row("connect_sec", 1, 3600, "10", "Seconds from the upgrade to a successful CONNECT; beyond: close 1008"),
        row("login_key_leeway_sec", 0, 3600, "30", "Seconds by which exp and iat of a login key may be off"),
        row("chat_per_sec", 1, 100_000, "10", "Chat messages a second from one connection; beyond: 400"),
        row("chat_burst", 1, 1_000_000, "20", "Chat messages at once from one connection after a pause"),
        row(
            "outbox_bytes",
            4096,
            1_073_741_824,
            "262144",
            "Bytes that may wait for one client to read; beyond: close 4001",
        ),
        row("outbox_frames", 1, 1_000_000, "1024", "Frames that may wait for one client to read; beyond: close 4001"),
        row(
            "send_buffer_bytes",
            4096,
            16_777_216,
            "65536",
            "Size of the kernel's send buffer of a socket (SO_SNDBUF), in bytes",
        ),
        row("close_grace_ms", 0, 60_000, "2000", "Milliseconds a closing client has to read before it is dropped"),
        row(
            "sockets_per_ip_per_sec",
            1,
            1_000_000,
            "20",
            "New sockets a second from one IP address; beyond: 429 before the upgrade",
        ),
        row("sockets_per_ip_burst", 1, 1_000_000, "100", "New sockets at once from one IP address after a pause"),
        row("api_per_sec", 1, 1_000_000, "100", "HTTP requests a second with one key; beyond: 429 or 503"),
        row("api_burst", 1, 1_000_000, "200", "HTTP requests at once with one key after a pause"),
        row(
            "failures_per_ip_per_sec",
            1,
            1_000_000,
            "10",
            "Launcher calls a second from one IP address that prove nobody; beyond: 429",
        ),
        row("failures_per_ip_burst", 1, 1_000_000, "200", "Such calls at once from one IP address after a pause"),
        row("body_bytes", 1024, 67_108_864, "65536", "Largest HTTP body, webhooks apart, in bytes; beyond: 413"),
        row("webhook_body_bytes", 1024, 67_108_864, "1048576", "Largest body of a webhook, in bytes; beyond: 413"),
        row(
            "channels_per_player",
            1,
            10_000,
            "10",
            "PUBLIC, PRIVATE and GROUP channels a player may be in; beyond: code 307",
        ),
        row("one_on_one_per_player", 1, 100_000, "200", "ONE_ON_ONE channels a player may be in; beyond: code 307"),
        row("blocks_per_player", 1, 10_000, "100", "Players one player may block; beyond: code 304"),
        row(
            "resume_sec",
            0,
            86_400,
            "600",
            "Seconds after the loss of a socket in which RECONNECT restores its channels",
        ),
        row("idempotency_sec", 1, 86_400, "300", "Seconds for which a repeated publish gets its first answer"),
        row("log_events", 1, 1_000_000, "1000", "Newest events kept of a channel; beyond: older ones are trimmed"),
        row("log_sec", 1, 31_536_000, "600", "Seconds for which events of a channel are kept"),
        row("history_events", 1, 10_000_000, "100000", "Newest events kept of a channel with chatHistoryAllowed"),
        row("history_days", 1, 3650, "30", "Days for which events of a channel with chatHistoryAllowed are kept"),
    ],
};

const fn row(name: &'static str, min: i64, max: i64, default: &'static str, about: &'static str) -> Key {
    Key { name, kind: Kind::Whole { min, max }, default: Default::Value(default), about }
}
