//! The metrics' names: `guildhall_`, what it is, its base unit, and `_total` where it only grows.

pub const CONNECTIONS: &str = "guildhall_connections";
pub const LOGINS: &str = "guildhall_logins_total";
pub const SECOND_LOGINS: &str = "guildhall_second_logins_total";
pub const LOGOUTS: &str = "guildhall_logouts_total";
pub const CLOSES: &str = "guildhall_closes_total";
pub const FRAMES_SENT: &str = "guildhall_frames_sent_total";
pub const SENT_BYTES: &str = "guildhall_sent_bytes_total";

pub const EVENTS_APPENDED: &str = "guildhall_events_appended_total";
pub const PUBLISH: &str = "guildhall_publish_seconds";
pub const DELIVERY_LAG: &str = "guildhall_delivery_lag_seconds";
pub const CHANNELS_FOLLOWED: &str = "guildhall_channels_followed";
pub const LOG_READS: &str = "guildhall_log_reads_total";
pub const EVENTS_HEALED: &str = "guildhall_events_healed_total";

pub const SESSION_ACTORS: &str = "guildhall_session_actors";
pub const SESSIONS_STARTED: &str = "guildhall_sessions_started_total";
pub const SESSIONS_ENDED: &str = "guildhall_sessions_ended_total";
pub const SESSION_COMMITS: &str = "guildhall_session_commits_total";
pub const SETTLEMENTS: &str = "guildhall_settlements_total";
pub const SETTLED_COINS: &str = "guildhall_settled_coins_total";

pub const WEBHOOK_REPEATS: &str = "guildhall_webhook_repeats_total";
pub const RATE_LIMITED: &str = "guildhall_rate_limited_total";
pub const LEASE_HELD: &str = "guildhall_lease_held";
pub const LEASE_RENEWAL_FAILURES: &str = "guildhall_lease_renewal_failures_total";
pub const LEASES_LOST: &str = "guildhall_leases_lost_total";
pub const DEAD_NODES_RECOVERED: &str = "guildhall_dead_nodes_recovered_total";
pub const ACTOR_CRASHES: &str = "guildhall_actor_crashes_total";
