//! The names of what the server itself measures; the game's are in `guildhall_actors::metrics::names`.

pub(super) const BUILD_INFO: &str = "guildhall_build_info";
pub(super) const READY: &str = "guildhall_ready";

pub(super) const HTTP_REQUEST: &str = "guildhall_http_request_seconds";
pub(super) const SOCKET_UPGRADES: &str = "guildhall_socket_upgrades_total";
pub(super) const HEARTBEATS: &str = "guildhall_heartbeats_total";
pub(super) const WEBHOOKS: &str = "guildhall_webhooks_total";

pub(super) const STORE_CALL: &str = "guildhall_store_call_seconds";
pub(super) const STORE_ERRORS: &str = "guildhall_store_errors_total";
pub(super) const SUBSCRIPTION_UP: &str = "guildhall_subscription_up";
pub(super) const RESUBSCRIPTIONS: &str = "guildhall_resubscriptions_total";

pub(super) const PROCESS_CPU: &str = "process_cpu_seconds_total";
pub(super) const PROCESS_RESIDENT_MEMORY: &str = "process_resident_memory_bytes";
pub(super) const PROCESS_VIRTUAL_MEMORY: &str = "process_virtual_memory_bytes";
pub(super) const PROCESS_OPEN_FDS: &str = "process_open_fds";
pub(super) const PROCESS_MAX_FDS: &str = "process_max_fds";
pub(super) const PROCESS_THREADS: &str = "process_threads";
pub(super) const PROCESS_START_TIME: &str = "process_start_time_seconds";
