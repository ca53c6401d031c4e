//! Every bound of the chat and of game sessions: value, unit, and what happens beyond it. All are settings; these are
//! the defaults.

use std::time::Duration;

/// Bounds of one connection and its packets.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Longest chat or notice text, in Unicode code points. Beyond: status 400 (socket), code 204 (HTTP).
    pub message_chars: usize,
    /// Largest `extraData`, in bytes of UTF-8. Beyond: status 400.
    pub extra_data_bytes: usize,
    /// Longest time without a request. Beyond: the socket is closed (1008, "408 Request Timeout").
    pub idle: Duration,
    /// Longest time from the upgrade to a successful CONNECT. Beyond: the socket is closed (1008).
    pub connect: Duration,
    /// Chat messages a second one connection may send in the long run. Beyond: status 400.
    pub chat_per_sec: u32,
    /// Chat messages one connection may send at once after a pause.
    pub chat_burst: u32,
    /// Leeway on `exp` and `iat` of a login key, for clocks that differ.
    pub login_key_leeway: Duration,
}

/// Bounds of what waits for one socket. Beyond either, that client is closed as slow (4001).
#[derive(Clone, Copy, Debug)]
pub struct OutboxLimits {
    /// Bytes of frames not yet taken by the kernel.
    pub bytes: usize,
    /// Frames not yet taken by the kernel.
    pub frames: usize,
}

/// Bounds of players and channels, enforced by the ports.
#[derive(Clone, Debug)]
pub struct ChatLimits {
    /// PUBLIC, PRIVATE and GROUP channels a player may be in, together. Beyond: code 307.
    pub channels_per_player: usize,
    /// ONE_ON_ONE channels a player may be in. Beyond: code 307.
    pub one_on_one_per_player: usize,
    /// Players one player may block. Beyond: code 304.
    pub blocks_per_player: usize,
    /// How long after the loss of a socket RECONNECT restores its channels
    /// ("Hive Chat WebSocket API, RECONNECT": 10 minutes).
    pub resume: Duration,
    /// How long the first result of a publish with an idempotency key is returned.
    pub idempotency: Duration,
}

/// How much of a channel's log is kept. Older events are trimmed; a reader that needs them is told.
#[derive(Clone, Debug)]
pub struct LogLimits {
    /// Newest events kept in a channel without history.
    pub events: u64,
    /// Age at which an event of a channel without history goes.
    pub age: Duration,
    /// Newest events kept in a channel with history.
    pub history_events: u64,
    /// Age at which an event of a channel with history goes ("Hive Chat, message history": 30 days).
    pub history_age: Duration,
}

/// Times of game sessions and of what leads to them ("PlayWave API, timing constants", unless said otherwise).
#[derive(Clone, Debug)]
pub struct SessionLimits {
    /// Time a game server or launcher is told to wait until its next heartbeat.
    pub heartbeat: Duration,
    /// Time without a game heartbeat after which a session is gone.
    pub silence: Duration,
    /// Forbearance beyond `silence`, for two heartbeats that are exactly `silence` apart. Ours.
    pub slack: Duration,
    /// Time without a launcher heartbeat after which a game heartbeat ends the session.
    pub launcher_silence: Duration,
    /// Time from the first report that the coins are used up to the end of the session.
    pub grace: Duration,
    /// Life of a one-time token.
    pub token: Duration,
    /// How long an ended session or launcher, and a token beyond its life, is remembered. Ours.
    pub remember: Duration,
    /// How long a repeated credit gets its first answer. Ours.
    pub credit: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            message_chars: 200,
            extra_data_bytes: 256,
            idle: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            chat_per_sec: 10,
            chat_burst: 20,
            login_key_leeway: Duration::from_secs(30),
        }
    }
}

impl Default for OutboxLimits {
    fn default() -> Self {
        Self { bytes: 256 * 1024, frames: 1024 }
    }
}

impl Default for ChatLimits {
    fn default() -> Self {
        Self {
            channels_per_player: 10,
            one_on_one_per_player: 200,
            blocks_per_player: 100,
            resume: Duration::from_secs(600),
            idempotency: Duration::from_secs(300),
        }
    }
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            events: 1_000,
            age: Duration::from_secs(600),
            history_events: 100_000,
            history_age: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(120),
            silence: Duration::from_secs(240),
            slack: Duration::from_secs(5),
            launcher_silence: Duration::from_secs(240),
            grace: Duration::from_secs(120),
            token: Duration::from_secs(60),
            remember: Duration::from_secs(600),
            credit: Duration::from_secs(24 * 3600),
        }
    }
}
