//! The labels of the game's metrics. An enum and its list have one order.

use super::{Label, Labels};
use crate::close::Close;
use crate::event::EventBody;
use crate::session::EndReason;

/// How a player asked to be let in.
#[derive(Clone, Copy, Debug)]
pub enum LoginKind {
    Connect,
    Reconnect,
}

#[derive(Clone, Copy, Debug)]
pub enum LoginOutcome {
    Ok,
    /// The login key does not fit.
    Unauthorized,
    Suspended,
    /// The store failed.
    Failed,
    /// The socket was gone before the login was through.
    Abandoned,
}

/// What happened in a channel.
#[derive(Clone, Copy, Debug)]
pub enum EventKind {
    Entered,
    Exited,
    Chat,
    Notice,
    Custom,
    Deleted,
}

/// What became of a commit of session documents.
#[derive(Clone, Copy, Debug)]
pub enum CommitOutcome {
    Done,
    /// A document had changed meanwhile: read, decide, commit again.
    Conflict,
    Failed,
}

/// Which limit of rate a call was over.
#[derive(Clone, Copy, Debug)]
pub enum RateLimit {
    /// Chat messages of a connection.
    Chat,
    /// New sockets of an address.
    Sockets,
    /// Calls of an API key, a cafe or a launcher.
    Calls,
    /// Calls from an address where too many proved to be nobody.
    Strangers,
}

#[derive(Clone, Copy, Debug)]
pub enum CrashedActor {
    Channel,
    Session,
    Connection,
}

/// The noun a store is asked about.
#[derive(Clone, Copy, Debug)]
pub enum StorePort {
    Channels,
    Players,
    Sessions,
    Nodes,
    Inbox,
}

/// What a store is asked to do.
#[derive(Clone, Copy, Debug)]
pub enum StoreOperation {
    Read,
    /// Anything that may change the store; answered when it is durable.
    Write,
}

impl Label for LoginKind {
    const NAME: &'static str = "kind";
    const VALUES: &'static [&'static str] = &["connect", "reconnect"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for LoginOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [&'static str] = &["ok", "unauthorized", "suspended", "failed", "abandoned"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for EventKind {
    const NAME: &'static str = "kind";
    const VALUES: &'static [&'static str] = &["entered", "exited", "chat", "notice", "custom", "deleted"];

    fn place(self) -> usize {
        self as usize
    }
}

impl From<&EventBody> for EventKind {
    fn from(body: &EventBody) -> Self {
        match body {
            EventBody::Entered { .. } => Self::Entered,
            EventBody::Exited { .. } => Self::Exited,
            EventBody::Chat { .. } => Self::Chat,
            EventBody::Notice { .. } => Self::Notice,
            EventBody::Custom { .. } => Self::Custom,
            EventBody::Deleted => Self::Deleted,
        }
    }
}

impl Label for CommitOutcome {
    const NAME: &'static str = "outcome";
    const VALUES: &'static [&'static str] = &["done", "conflict", "failed"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for RateLimit {
    const NAME: &'static str = "limit";
    const VALUES: &'static [&'static str] = &["chat", "sockets", "calls", "strangers"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for CrashedActor {
    const NAME: &'static str = "actor";
    const VALUES: &'static [&'static str] = &["channel", "session", "connection"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for StorePort {
    const NAME: &'static str = "port";
    const VALUES: &'static [&'static str] = &["channels", "players", "sessions", "nodes", "inbox"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for StoreOperation {
    const NAME: &'static str = "operation";
    const VALUES: &'static [&'static str] = &["read", "write"];

    fn place(self) -> usize {
        self as usize
    }
}

impl Label for EndReason {
    const NAME: &'static str = "reason";
    const VALUES: &'static [&'static str] = &EndReason::NAMES;

    fn place(self) -> usize {
        self as usize
    }
}

/// How a socket ended.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Closed(Close),
    /// Without a close frame of either side.
    Lost,
}

impl End {
    /// What clients see of a socket that is gone (RFC 6455, section 7.4.1); never sent.
    const LOST_CODE: u16 = 1006;
    /// A close frame of a normal close carries no text.
    const NORMAL: &'static str = "normal";
    const LOST: &'static str = "lost";
    const COUNT: usize = Close::ALL.len() + 1;

    const fn reasons() -> [&'static str; Self::COUNT] {
        let mut reasons = [Self::LOST; Self::COUNT];
        let mut place = 0;
        while place < Close::ALL.len() {
            let reason = Close::ALL[place].reason();
            reasons[place] = if reason.is_empty() { Self::NORMAL } else { reason };
            place += 1;
        }
        reasons
    }
}

impl Label for End {
    const NAME: &'static str = "reason";
    const VALUES: &'static [&'static str] = &Self::reasons();

    fn place(self) -> usize {
        match self {
            Self::Closed(reason) => reason as usize,
            Self::Lost => Close::ALL.len(),
        }
    }
}

/// The reason with its close code.
impl Labels for End {
    fn all() -> Vec<Vec<metrics::Label>> {
        let codes = Close::ALL.into_iter().map(Close::code).chain([Self::LOST_CODE]);
        let series = |(code, reason): (u16, &&'static str)| {
            let code = metrics::Label::new("code", code.to_string());
            vec![code, metrics::Label::from_static_parts(Self::NAME, reason)]
        };
        codes.zip(Self::VALUES).map(series).collect()
    }

    fn place(self) -> usize {
        Label::place(self)
    }
}
