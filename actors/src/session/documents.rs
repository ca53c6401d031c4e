//! What is kept of a cafe: small documents, each with its own version in the store.
//!
//! The rules alone decide what is in them. A document that something must happen to later carries the time as its
//! `deadline`; the sweeper looks at it then.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{CafeId, CreditId, GameId, LauncherId, LauncherKey, PcId, PlayerId, SessionId, TokenId};

/// Names a document within its cafe.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKey {
    Registration,
    Account,
    Credit(CreditId),
    Pc(PcId),
    Launcher(LauncherKey),
    Token(TokenId),
    Session(SessionId),
}

/// One of them, as the store holds it.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    Registration(Registration),
    Account(Account),
    Credit(Credit),
    Pc(Pc),
    Launcher(Launcher),
    Token(Token),
    Session(Session),
}

/// A cafe made by an operator. One from the configuration has none.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Registration {
    /// HMAC key of its launchers, in clear because it must sign.
    pub secret: String,
    /// Networks its launchers call from.
    pub networks: Vec<String>,
    pub created_at: Timestamp,
}

/// The money of a cafe, in coins. `balance` is always `credited - charged`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub balance: u64,
    pub credited: u64,
    pub charged: u64,
}

/// A credit that was given, kept while a repeat of it may come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    pub coins: u64,
    /// The balance after it, which a repeat is told again.
    pub balance: u64,
    pub deadline: Timestamp,
}

/// A PC: at most one launcher and one live game session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pc {
    pub launcher: Option<LauncherSeat>,
    pub session: Option<SessionId>,
    pub deadline: Option<Timestamp>,
}

/// The newest launcher of a PC, and its last sign of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LauncherSeat {
    pub key: LauncherKey,
    pub id: LauncherId,
    pub seen_at: Timestamp,
}

/// A launcher session. Whether it lives is for its PC to say, unless it has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Launcher {
    pub id: LauncherId,
    pub pc: PcId,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// What the launcher said of its PC, as text for operators: nothing here depends on its shape.
    pub about: String,
    pub deadline: Timestamp,
}

/// A one-time token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub game: GameId,
    pub pc: PcId,
    pub launcher: LauncherKey,
    pub issued_at: Timestamp,
    pub used_at: Option<Timestamp>,
    pub deadline: Timestamp,
}

/// A game session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub game: GameId,
    pub pc: PcId,
    pub player: PlayerId,
    /// The price as it was when the session began.
    pub rate: Rate,
    pub started_at: Timestamp,
    /// The last accepted heartbeat; the beginning counts as one.
    pub heartbeat_at: Timestamp,
    pub charged_units: u64,
    /// Start of the first unit that could not be paid.
    pub exhausted_at: Option<Timestamp>,
    /// When a heartbeat first reported it.
    pub grace_started_at: Option<Timestamp>,
    /// When a suspension of the player begins that still lies ahead.
    #[serde(default)]
    pub suspended_from: Option<Timestamp>,
    pub ended: Option<Ended>,
    pub deadline: Timestamp,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub reason: EndReason,
    pub at: Timestamp,
    pub play_duration_sec: u64,
}

/// Price of play: `coins` for each begun unit of `unit_sec` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub coins: u64,
    pub unit_sec: u64,
}

/// The endings ("PlayWave API, session flow: 6 ways to end"; the names beside `normal` are ours). A game server that
/// shuts down ends its sessions by the same call as a player who leaves: `normal`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The game server said so.
    Normal,
    /// The grace after the last coin is over, or the game server ended the session in it.
    ChargeExhausted,
    /// Another session began on the same PC.
    SessionReplaced,
    /// No game heartbeat.
    HeartbeatTimeout,
    /// No launcher heartbeat, noticed at a game heartbeat.
    LauncherTimeout,
    /// The launcher ended in good order.
    LauncherExit,
    /// The player was suspended.
    Suspended,
}

/// What a session cost: written once, with its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub session_id: SessionId,
    pub game_id: GameId,
    pub cafe_id: CafeId,
    pub pc_id: PcId,
    pub provider_user_id: PlayerId,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub end_reason: EndReason,
    pub play_duration_sec: u64,
    pub billed_sec: u64,
    pub coins: u64,
    /// The game server's own measure, for comparison only.
    pub client_play_duration_sec: Option<u64>,
}

/// What tells the kinds of documents apart; also the first word of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    Registration,
    Account,
    Credit,
    Pc,
    Launcher,
    Token,
    Session,
}

impl DocumentKind {
    pub const ALL: [Self; 7] =
        [Self::Registration, Self::Account, Self::Credit, Self::Pc, Self::Launcher, Self::Token, Self::Session];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Account => "account",
            Self::Credit => "credit",
            Self::Pc => "pc",
            Self::Launcher => "launcher",
            Self::Token => "token",
            Self::Session => "session",
        }
    }

    /// Whether documents of this kind are found without knowing their cafe.
    pub const fn is_found_by_key(self) -> bool {
        matches!(self, Self::Launcher | Self::Token | Self::Session)
    }
}

impl DocumentKey {
    pub const fn kind(&self) -> DocumentKind {
        match self {
            Self::Registration => DocumentKind::Registration,
            Self::Account => DocumentKind::Account,
            Self::Credit(_) => DocumentKind::Credit,
            Self::Pc(_) => DocumentKind::Pc,
            Self::Launcher(_) => DocumentKind::Launcher,
            Self::Token(_) => DocumentKind::Token,
            Self::Session(_) => DocumentKind::Session,
        }
    }

    /// Reads what `Display` writes; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "registration" if name.is_empty() => Some(Self::Registration),
            "account" if name.is_empty() => Some(Self::Account),
            "credit" => CreditId::parse(name).map(Self::Credit),
            "pc" => PcId::parse(name).map(Self::Pc),
            "launcher" => LauncherKey::parse(name).map(Self::Launcher),
            "token" => TokenId::parse(name).map(Self::Token),
            "session" => SessionId::parse(name).map(Self::Session),
            _ => None,
        }
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind().as_str();
        match self {
            Self::Registration | Self::Account => f.write_str(kind),
            Self::Credit(name) => write!(f, "{kind}:{}", name.as_str()),
            Self::Pc(name) => write!(f, "{kind}:{name}"),
            Self::Launcher(name) => write!(f, "{kind}:{name}"),
            Self::Token(name) => write!(f, "{kind}:{name}"),
            Self::Session(name) => write!(f, "{kind}:{name}"),
        }
    }
}

impl Document {
    /// When the sweeper must look at it.
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self {
            Self::Registration(_) | Self::Account(_) => None,
            Self::Credit(credit) => Some(credit.deadline),
            Self::Pc(pc) => pc.deadline,
            Self::Launcher(launcher) => Some(launcher.deadline),
            Self::Token(token) => Some(token.deadline),
            Self::Session(session) => Some(session.deadline),
        }
    }

    /// As a store keeps it.
    pub fn to_json(&self) -> String {
        let text = match self {
            Self::Registration(document) => serde_json::to_string(document),
            Self::Account(document) => serde_json::to_string(document),
            Self::Credit(document) => serde_json::to_string(document),
            Self::Pc(document) => serde_json::to_string(document),
            Self::Launcher(document) => serde_json::to_string(document),
            Self::Token(document) => serde_json::to_string(document),
            Self::Session(document) => serde_json::to_string(document),
        };
        text.expect("documents are plain data")
    }

    /// # Errors
    /// The text is not what [`Self::to_json`] wrote of a document of this kind.
    pub fn from_json(kind: DocumentKind, text: &str) -> Result<Self, serde_json::Error> {
        match kind {
            DocumentKind::Registration => serde_json::from_str(text).map(Self::Registration),
            DocumentKind::Account => serde_json::from_str(text).map(Self::Account),
            DocumentKind::Credit => serde_json::from_str(text).map(Self::Credit),
            DocumentKind::Pc => serde_json::from_str(text).map(Self::Pc),
            DocumentKind::Launcher => serde_json::from_str(text).map(Self::Launcher),
            DocumentKind::Token => serde_json::from_str(text).map(Self::Token),
            DocumentKind::Session => serde_json::from_str(text).map(Self::Session),
        }
    }
}

impl EndReason {
    /// The reasons' names, in their order.
    pub const NAMES: [&'static str; 7] = [
        "normal",
        "charge_exhausted",
        "session_replaced",
        "heartbeat_timeout",
        "launcher_timeout",
        "launcher_exit",
        "suspended",
    ];

    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration").field("networks", &self.networks).finish_non_exhaustive()
    }
}

/// A stored key that cannot be read back.
pub fn unreadable_key(text: &str) -> serde_json::Error {
    serde_json::Error::custom(format_args!("no document is called {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written() {
        let keys = [
            DocumentKey::Registration,
            DocumentKey::Account,
            DocumentKey::Credit(CreditId::parse("march:7").unwrap()),
            DocumentKey::Pc(PcId::parse("window: 3").unwrap()),
            DocumentKey::Launcher(LauncherKey([7; 32])),
            DocumentKey::Token(TokenId::from_random(7)),
            DocumentKey::Session(SessionId::from_random(7)),
        ];
        for (key, kind) in keys.into_iter().zip(DocumentKind::ALL) {
            assert_eq!(key.kind(), kind);
            assert!(key.to_string().starts_with(kind.as_str()));
            assert_eq!(DocumentKey::parse(&key.to_string()), Some(key));
        }
        for bad in ["", "account:", "account:x", "pc", "pc:", "session:7", "door:1"] {
            assert_eq!(DocumentKey::parse(bad).filter(|key| key.to_string() == bad), None, "{bad}");
        }
    }

    #[test]
    fn the_secret_of_a_cafe_is_not_printed() {
        let registration = Registration { secret: "hush".into(), networks: vec![], created_at: Timestamp(0) };
        let document = Document::Registration(registration);
        assert!(!format!("{document:?}").contains("hush"));
        assert_eq!(Document::from_json(DocumentKind::Registration, &document.to_json()).unwrap(), document);
    }
}
