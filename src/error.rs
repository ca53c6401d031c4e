//! The only tables from our errors to what the outside sees: here HTTP status, code and text of the Hive Chat HTTP API,
//! which the operator API shares; in `playwave` those of the PlayWave API.

mod playwave;

use guildhall_actors::backend::{DeleteError, EnterError};
use guildhall_actors::ports::{ChannelError, PlayerError, StoreError};
use serde_json::json;
use tracing::error;

pub use playwave::PlaywaveError;

/// An answer of the chat HTTP API other than success ("Hive Chat HTTP API, codes"). The numbers are the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    /// With what is wrong, for the developer.
    BadRequest(String),
    InvalidToken,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Internal,
    Busy,
    TooManySockets,
    BodyTooLarge,
    DuplicateChannel,
    ChannelNotFound,
    ChannelFull,
    WrongPassword,
    MessageTooLong,
    NotInSession,
    NotInChannel,
    AlreadyInChannel,
    AlreadyBlocked,
    BlockListFull,
    NotBlocked,
    Blocked,
    TooManyChannels,
    NotOwner,
    CustomTooLarge,
    DuplicateCafe,
}

impl ApiError {
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::BadRequest(detail.into())
    }

    /// HTTP status, `code` and `message`.
    const fn row(&self) -> (u16, u16, &'static str) {
        match self {
            Self::BadRequest(_) => (400, 100, "Bad request."),
            Self::BodyTooLarge => (413, 100, "Bad request."),
            Self::InvalidToken => (401, 101, "Invalid token."),
            Self::Forbidden => (403, 102, "Forbidden."),
            Self::NotFound => (404, 103, "Not found."),
            Self::MethodNotAllowed => (405, 104, "Method not allowed."),
            Self::Internal => (500, 105, "Internal server error."),
            Self::Busy => (503, 108, "Server is busy. please request later."),
            Self::TooManySockets => (429, 108, "Server is busy. please request later."),
            Self::DuplicateChannel => (400, 200, "Duplicate channel ID."),
            Self::ChannelNotFound => (400, 201, "Channel not found or deleted."),
            Self::ChannelFull => (400, 202, "Channel is full."),
            Self::WrongPassword => (400, 203, "Invalid channel password."),
            Self::MessageTooLong => (400, 204, "Message size exceeded. The maximum size is 200."),
            Self::NotInSession => (400, 300, "User not in session."),
            Self::NotInChannel => (400, 301, "User not in channel."),
            Self::AlreadyInChannel => (400, 302, "User already in channel."),
            Self::AlreadyBlocked => (400, 303, "User already blocked."),
            Self::BlockListFull => (400, 304, "Block list is full."),
            Self::NotBlocked => (400, 305, "User not in block list."),
            Self::Blocked => (400, 306, "User is blocked."),
            Self::TooManyChannels => (400, 307, "Channel count exceeded."),
            Self::NotOwner => (403, 308, "Not the channel owner."),
            Self::DuplicateCafe => (409, 109, "Cafe exists already."),
            Self::CustomTooLarge => (400, 400, "Custom message size exceeded. The maximum size is 8,000 bytes."),
        }
    }

    pub const fn status(&self) -> u16 {
        self.row().0
    }

    /// Seconds after which the same request may succeed, when that is known.
    pub const fn retry_after_sec(&self) -> Option<u32> {
        match self {
            Self::Busy | Self::TooManySockets => Some(1),
            _ => None,
        }
    }

    /// The contract's envelope; `data.detail` says what is wrong with a bad request.
    pub fn body(&self) -> String {
        let (_, code, message) = self.row();
        let data = match self {
            Self::BadRequest(detail) => json!({ "detail": detail }),
            _ => json!({}),
        };
        format!(r#"{{"code":{code},"message":"{message}","data":{data}}}"#)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        error!(%error, "request failed");
        Self::Internal
    }
}

impl From<ChannelError> for ApiError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::NotFound => Self::ChannelNotFound,
            ChannelError::Duplicate => Self::DuplicateChannel,
            ChannelError::Full => Self::ChannelFull,
            ChannelError::WrongPassword => Self::WrongPassword,
            ChannelError::AlreadyMember => Self::AlreadyInChannel,
            ChannelError::NotMember => Self::NotInChannel,
            ChannelError::Store(error) => error.into(),
        }
    }
}

impl From<PlayerError> for ApiError {
    fn from(error: PlayerError) -> Self {
        match error {
            PlayerError::Suspended => Self::Forbidden,
            PlayerError::Offline => Self::NotInSession,
            PlayerError::ChannelLimit => Self::TooManyChannels,
            PlayerError::AlreadyBlocked => Self::AlreadyBlocked,
            PlayerError::BlockLimit => Self::BlockListFull,
            PlayerError::NotBlocked => Self::NotBlocked,
            PlayerError::Store(error) => error.into(),
        }
    }
}

impl From<EnterError> for ApiError {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::Channel(error) => error.into(),
            EnterError::Player(error) => error.into(),
            EnterError::Store(error) => error.into(),
        }
    }
}

impl From<DeleteError> for ApiError {
    fn from(error: DeleteError) -> Self {
        match error {
            DeleteError::NotOwner => Self::NotOwner,
            DeleteError::Channel(error) => error.into(),
        }
    }
}
