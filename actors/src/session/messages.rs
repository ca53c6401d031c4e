//! What one may ask of play and money, and what is answered. The calls on one session are messages to its
//! `GameSession`.

use std::time::Duration;

use actix::prelude::*;

use super::documents::{EndReason, Rate};
use crate::ids::{CreditId, GameId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use crate::ports::{StoreError, Suspension};

/// The game server says that the player is there ("PlayWave API, heartbeat").
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Beat, SessionError>")]
pub struct Heartbeat {
    pub session: SessionId,
    pub game: GameId,
    pub player: PlayerId,
}

/// Another game server takes the session up ("PlayWave API, check").
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Checked, SessionError>")]
pub struct Check {
    pub session: SessionId,
    pub game: GameId,
    pub player: PlayerId,
}

/// The game server ends the session ("PlayWave API, end").
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<Finished, SessionError>")]
pub struct End {
    pub session: SessionId,
    pub game: GameId,
    pub client_play_duration_sec: Option<u64>,
}

/// Somebody else ends the session. Answers whether it was live.
#[derive(Clone, Copy, Debug)]
pub struct Terminate {
    pub session: SessionId,
    pub reason: EndReason,
}

/// The player of a session was suspended, for now or for a time to come, or is not any more. Answers whether that
/// ended the session.
#[derive(Clone, Debug)]
pub struct Suspend {
    pub session: SessionId,
    pub suspension: Option<Suspension>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    pub result: BeatResult,
    pub next_heartbeat_in: Duration,
    pub play_duration_sec: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeatResult {
    Ok,
    ChargeExhausted,
    SessionReplaced,
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    pub next_heartbeat_in: Duration,
    pub play_duration_sec: u64,
}

/// The answer to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub play_duration_sec: u64,
}

/// Why a call on a session does nothing for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Never begun, another's, expired or forgotten.
    NotFound,
    Ended,
    /// Its end is being written at this moment.
    Ending,
    /// As `Ended`, to a second end.
    AlreadyEnded,
}

/// Why a call on a session was not answered.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    #[error("refused: {0:?}")]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A token is to become a session ("PlayWave API, verify").
#[derive(Clone, Debug)]
pub struct Verify {
    pub token: TokenId,
    pub game: GameId,
    pub player: PlayerId,
    pub rate: Rate,
    pub new_session: SessionId,
    pub clearance: Clearance,
}

/// What is known of the player who wants to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clearance {
    /// Nobody has looked yet.
    Unasked,
    Welcome,
    Suspended,
}

/// The answer to a verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid(SessionId),
    Refused(VerifyRefusal),
    /// Everything so far is in order: look at the player, then ask again.
    AskPlayer,
}

/// Why a token does not become a session ("PlayWave API, verify"; `Suspended` is ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerifyRefusal {
    OttExpired,
    OttAlreadyUsed,
    GameMismatch,
    Suspended,
    NotChargeable,
}

/// A launcher starts on a PC.
#[derive(Clone, Debug)]
pub struct StartLauncher {
    pub pc: PcId,
    pub key: LauncherKey,
    pub id: LauncherId,
    /// What it says of its PC, as text for operators.
    pub about: String,
}

/// A launcher wants a one-time token for a game.
#[derive(Clone, Debug)]
pub struct IssueToken {
    pub launcher: LauncherKey,
    pub game: GameId,
    pub rate: Rate,
    pub new_token: TokenId,
}

/// A launcher's heartbeat or end. It must name the session that its bearer token belongs to.
#[derive(Clone, Copy, Debug)]
pub struct LauncherCall {
    pub launcher: LauncherKey,
    pub id: LauncherId,
}

/// The account cannot pay the first unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotChargeable;

/// A token, or why there is none.
pub type Issued = Result<TokenId, NotChargeable>;

/// Why a launcher is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LauncherRefusal {
    /// The bearer token is of no launcher session, or of another one than named.
    WrongToken,
    /// Ended, superseded on its PC, or silent for too long.
    Ended,
}

/// The answer to a launcher's heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LauncherBeat {
    /// Whether the session on this PC has begun a unit that cannot be paid.
    pub is_exhausted: bool,
    pub balance: u64,
    pub playing: Option<Playing>,
}

/// The game session on a launcher's PC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playing {
    pub session: SessionId,
    pub game: GameId,
    pub play_duration_sec: u64,
}

/// An operator makes a cafe.
#[derive(Clone)]
pub struct Register {
    pub secret: String,
    pub networks: Vec<String>,
    pub balance: u64,
}

/// An operator adds coins; under an id, once.
#[derive(Clone, Debug)]
pub struct CreditAccount {
    pub id: Option<CreditId>,
    pub coins: u64,
}

impl CreditAccount {
    /// Most coins an account may hold: every number up to it is exact in every JSON reader.
    pub const MAX_BALANCE: u64 = 1_000_000_000_000_000;
}

/// The answer to a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credited {
    pub balance: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditRefusal {
    NoSuchCafe,
    /// The id was used for another number of coins.
    OtherCoins,
    /// The balance would go beyond [`CreditAccount::MAX_BALANCE`].
    TooMuch,
}
