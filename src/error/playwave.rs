//! The table from our refusals to what PlayWave's callers see: HTTP status, code and text.

use guildhall_actors::ports::StoreError;
use guildhall_actors::session::{LauncherRefusal, Refusal, SessionError};
use tracing::error;

/// An answer of the PlayWave API other than success ("PlayWave API, error codes"). `NotFound`, `MethodNotAllowed` and
/// the codes of the launcher are ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlaywaveError {
    /// With what is wrong, for the developer.
    BadRequest(String),
    BodyTooLarge,
    InvalidApiKey,
    InvalidSignature,
    InvalidToken,
    NotPcCafe,
    NotFound,
    GameNotFound,
    SessionNotFound,
    MethodNotAllowed,
    AlreadyEnded,
    SessionEnded,
    SessionEnding,
    LauncherSessionEnded,
    RateLimited,
    Internal,
}

impl PlaywaveError {
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::BadRequest(detail.into())
    }

    /// HTTP status, `error.code` and `error.message`.
    pub fn row(&self) -> (u16, &'static str, &str) {
        match self {
            Self::BadRequest(detail) => (400, "BAD_REQUEST", detail),
            Self::BodyTooLarge => (413, "BAD_REQUEST", "The body is too large."),
            Self::InvalidApiKey => (401, "INVALID_API_KEY", "The API key is missing or unknown."),
            Self::InvalidSignature => (401, "INVALID_SIGNATURE", "The signature does not fit the request."),
            Self::InvalidToken => (401, "INVALID_TOKEN", "The session token is missing or unknown."),
            Self::NotPcCafe => (403, "NOT_PC_CAFE", "The request does not come from the cafe's network."),
            Self::NotFound => (404, "NOT_FOUND", "There is nothing at this path."),
            Self::GameNotFound => (404, "GAME_NOT_FOUND", "There is no such game."),
            Self::SessionNotFound => (404, "SESSION_NOT_FOUND", "There is no such session."),
            Self::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED", "The path does not take this method."),
            Self::AlreadyEnded => (409, "ALREADY_ENDED", "The session has ended before."),
            Self::SessionEnded => (410, "SESSION_ENDED", "The session has ended."),
            Self::SessionEnding => (410, "SESSION_ENDING", "The session is ending."),
            Self::LauncherSessionEnded => (410, "LAUNCHER_SESSION_ENDED", "The launcher session has ended."),
            Self::RateLimited => (429, "RATE_LIMITED", "Too many requests."),
            Self::Internal => (500, "INTERNAL_ERROR", "The server failed."),
        }
    }

    /// Seconds after which the same request may succeed, when that is known.
    pub const fn retry_after_sec(&self) -> Option<u32> {
        match self {
            Self::RateLimited => Some(1),
            _ => None,
        }
    }
}

impl From<StoreError> for PlaywaveError {
    fn from(error: StoreError) -> Self {
        error!(%error, "request failed");
        Self::Internal
    }
}

impl From<SessionError> for PlaywaveError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Refused(Refusal::NotFound) => Self::SessionNotFound,
            SessionError::Refused(Refusal::Ended) => Self::SessionEnded,
            SessionError::Refused(Refusal::Ending) => Self::SessionEnding,
            SessionError::Refused(Refusal::AlreadyEnded) => Self::AlreadyEnded,
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<LauncherRefusal> for PlaywaveError {
    fn from(refusal: LauncherRefusal) -> Self {
        match refusal {
            LauncherRefusal::WrongToken => Self::InvalidToken,
            LauncherRefusal::Ended => Self::LauncherSessionEnded,
        }
    }
}
