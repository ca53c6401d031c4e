//! The labels of the server's metrics. An enum and its list have one order.

use guildhall_actors::metrics::Label;
use guildhall_actors::session::{BeatResult, Refusal, SessionError};

use crate::webhooks;

/// Requests that are of one kind for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RouteGroup {
    /// The Hive Chat HTTP API.
    Chat,
    /// What game servers call of the PlayWave API.
    Game,
    Launcher,
    Events,
    Webhooks,
    Operator,
    /// `/livez`, `/readyz`, `/metrics`.
    Probes,
    /// Every other path.
    Other,
}

/// The first digit of an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusClass {
    Success,
    Redirection,
    ClientError,
    ServerError,
}

/// What a request for a chat socket got.
#[derive(Clone, Copy, Debug)]
pub enum UpgradeOutcome {
    Accepted,
    Refused,
}

/// What a game heartbeat was answered.
#[derive(Clone, Copy, Debug)]
pub enum HeartbeatOutcome {
    Ok,
    ChargeExhausted,
    SessionReplaced,
    NotFound,
    Ended,
    Ending,
    /// The store failed.
    Failed,
}

/// Who pushes.
#[derive(Clone, Copy, Debug)]
pub enum WebhookSource {
    Aghanim,
    HiveSuspension,
}

/// What a webhook was answered.
#[derive(Clone, Copy, Debug)]
pub enum WebhookOutcome {
    /// 2xx.
    Accepted,
    /// 401 and 403.
    Unauthorized,
    /// Any other 4xx.
    Refused,
    /// 5xx: to be sent again.
    Failed,
}

impl RouteGroup {
    /// Fixed prefixes only: what a caller writes into a path never becomes a label.
    pub(super) fn of(path: &str) -> Self {
        let groups = [
            ("/v1/game/", Self::Game),
            ("/api/", Self::Chat),
            ("/v1/launcher/", Self::Launcher),
            ("/v1/events", Self::Events),
            ("/webhooks/", Self::Webhooks),
            ("/admin/", Self::Operator),
            ("/livez", Self::Probes),
            ("/readyz", Self::Probes),
            ("/metrics", Self::Probes),
        ];
        groups.into_iter().find(|(prefix, _)| path.starts_with(prefix)).map_or(Self::Other, |(_, group)| group)
    }
}

impl Label for RouteGroup {
    const NAME: &'static str = "group";
    const VALUES: &'static [&'static str] =
        &["chat", "game", "launcher", "events", "webhooks", "operator", "probes", "other"];

    fn place(self) -> usize {
        self as usize
    }
}

impl From<u16> for StatusClass {
    fn from(status: u16) -> Self {
        match status {
            ..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }
}

impl Label for StatusClass {
    const NAME: &'static str = "status";
    const VALUES: &'static [&'static str] = &["2xx", "3xx", "4xx", "5xx"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for UpgradeOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [&'static str] = &["accepted", "refused"];

    fn place(self) -> usize {
        self as usize
    }
}

impl From<BeatResult> for HeartbeatOutcome {
    fn from(result: BeatResult) -> Self {
        match result {
            BeatResult::Ok => Self::Ok,
            BeatResult::ChargeExhausted => Self::ChargeExhausted,
            BeatResult::SessionReplaced => Self::SessionReplaced,
        }
    }
}

impl From<&SessionError> for HeartbeatOutcome {
    fn from(error: &SessionError) -> Self {
        match error {
            SessionError::Refused(Refusal::NotFound) => Self::NotFound,
            SessionError::Refused(Refusal::Ended | Refusal::AlreadyEnded) => Self::Ended,
            SessionError::Refused(Refusal::Ending) => Self::Ending,
            SessionError::Store(_) => Self::Failed,
        }
    }
}

impl Label for HeartbeatOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [&'static str] =
        &["ok", "charge_exhausted", "session_replaced", "not_found", "ended", "ending", "failed"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for WebhookSource {
    const NAME: &'static str = "source";
    const VALUES: &'static [&'static str] = &webhooks::SOURCES;

    fn place(self) -> usize {
        self as usize
    }
}

impl WebhookOutcome {
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Unauthorized,
            400..500 => Self::Refused,
            ..400 => Self::Accepted,
            500.. => Self::Failed,
        }
    }
}

impl Label for WebhookOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [&'static str] = &["accepted", "unauthorized", "refused", "failed"];

    fn place(self) -> usize {
        self as usize
    }
}
