//! The settings as the rest of the server sees them: complete, checked, plain. `keys` says what each one means.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use guildhall_actors::ids::CafeId;
use guildhall_actors::limits::SessionLimits;
use guildhall_actors::session::Rate;
use ipnet::IpNet;

use super::limits::Limits;
use crate::secret::{KeyDigest, Secret};

#[derive(Clone, Debug)]
pub struct Settings {
    pub node: NodeSettings,
    pub listen: Listen,
    pub store: Store,
    pub admin: Admin,
    /// At least one, once `Settings::with_development_game` has run.
    pub games: Vec<Game>,
    pub cafes: Vec<Cafe>,
    pub limits: Limits,
    pub chat: Chat,
    pub playwave: PlaywaveTimes,
    pub webhooks: Webhooks,
    pub cluster: Cluster,
    pub log: Log,
    /// No game is configured and both listeners are on loopback addresses, so the demo game applies.
    pub development: bool,
}

#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// `None`: the node makes one at its start.
    pub id: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Listen {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    /// Of the public listener.
    pub tls: Option<TlsFiles>,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Origins of browsers that may open the chat socket; empty means any.
    pub allowed_origins: Vec<String>,
    pub workers: usize,
}

/// PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug)]
pub struct Store {
    pub kind: StoreKind,
    /// The data folder.
    pub path: PathBuf,
    /// Redis addresses; secret because they may hold a password.
    pub urls: Vec<Secret>,
    /// What the Sentinels call the master; `None`: the only one they watch.
    pub sentinel_master: Option<String>,
    /// Of a single answer of Redis.
    pub timeout: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreKind {
    Embedded,
    Redis,
}

#[derive(Clone, Debug)]
pub struct Admin {
    pub keys: Vec<Secret>,
}

#[derive(Clone, Debug)]
pub struct Game {
    pub name: String,
    pub hive: Option<Hive>,
    pub playwave: Option<Playwave>,
    pub aghanim: Option<Aghanim>,
}

#[derive(Clone, Debug)]
pub struct Hive {
    pub game_index: i64,
    /// Bearers of the chat HTTP API.
    pub certification_keys: Vec<Secret>,
    /// Signs login keys, as its UTF-8 bytes.
    pub login_key_secret: Secret,
    /// Bearers of the suspension webhook.
    pub suspension_keys: Vec<Secret>,
    /// `+HH:MM` or `-HH:MM`, of the dates in the suspension webhook.
    pub suspension_utc_offset: String,
}

#[derive(Clone, Debug)]
pub struct Playwave {
    /// Of `api_keys` and `api_keys_sha256` together; never empty.
    pub api_keys: Vec<KeyDigest>,
    /// Those of them that are known in clear, for trying things out.
    pub plain_api_keys: Vec<Secret>,
    pub rate: Rate,
    pub active: bool,
    /// The game's name where launchers are to show it as it is.
    pub title: Option<String>,
    pub provider: String,
    pub place_id: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Aghanim {
    pub game_id: String,
    pub webhook_secrets: Vec<Secret>,
    /// 0: not checked.
    pub freshness_sec: u64,
    pub unknown_players: UnknownPlayers,
    pub notify_profile_update: bool,
    /// Whether `player.verify` is answered from the stored profile.
    pub player_verify: bool,
    /// Of a `player.update` that fails for its player or its data.
    pub business_error_status: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPlayers {
    NotFound,
    Create,
}

#[derive(Clone, Debug)]
pub struct Cafe {
    pub id: CafeId,
    /// HMAC key of its launchers.
    pub secret: Secret,
    /// Where its launchers call from.
    pub networks: Vec<IpNet>,
    /// Opening balance in coins, applied once.
    pub balance: u64,
}

#[derive(Clone, Debug)]
pub struct Chat {
    pub leave_on_disconnect: LeaveOnDisconnect,
    pub replay_on_reconnect: bool,
    pub sweep_sec: u64,
    pub channel_linger_sec: u64,
    pub relax_min_members: bool,
}

/// Which channels the loss of a socket leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaveOnDisconnect {
    All,
    Public,
}

/// Times of game sessions, and how their documents are kept up.
#[derive(Clone, Debug)]
pub struct PlaywaveTimes {
    pub limits: SessionLimits,
    /// By which the timestamp of a launcher's signature may be off.
    pub signature: Duration,
    /// After its last call, until a session's actor is let go.
    pub actor_idle: Duration,
    /// Between two sweeps.
    pub sweep: Duration,
    pub launch_prefix: String,
}

/// How long accepted webhooks are kept, and when one that was cut off is taken up.
#[derive(Clone, Debug)]
pub struct Webhooks {
    pub keep: Duration,
    /// Of each game.
    pub keep_events: u64,
    pub retry: Duration,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub lease_sec: u64,
    pub drain_sec: u64,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    /// A directive of `tracing_subscriber::EnvFilter`, checked.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}
