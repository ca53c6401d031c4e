//! What happens in a channel, as its log keeps it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::PlayerId;

/// One life of a channel's log. A log that was made anew, or lost its end, has another epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// A place in a channel's log. Sequences count from 1 without holes; 0 stands before the first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    pub epoch: Epoch,
    pub sequence: u64,
}

/// An event with its place and time. Shared, never copied, on its way to the sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub position: Position,
    pub at: Timestamp,
    pub body: EventBody,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventBody {
    Entered {
        player: PlayerId,
    },
    Exited {
        player: PlayerId,
    },
    Chat {
        from: PlayerId,
        message: Arc<str>,
        extra_data: Arc<str>,
        /// Players the sender had blocked: they never see this message.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        hidden_from: Vec<PlayerId>,
    },
    Notice {
        message: Arc<str>,
        /// Only for players connected with this language, when given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lang: Option<Arc<str>>,
    },
    Custom {
        payload: Arc<str>,
    },
    Deleted,
}

impl EventBody {
    /// The player whose message this is, when it is one.
    pub fn author(&self) -> Option<PlayerId> {
        match self {
            Self::Chat { from, .. } => Some(*from),
            _ => None,
        }
    }
}

impl Position {
    /// The place just before this one: reading "after" it yields this event first.
    pub fn before(self) -> Self {
        Self { sequence: self.sequence.saturating_sub(1), ..self }
    }

    /// Whether everything up to `other` lies at or before this place.
    pub fn reaches(self, other: Self) -> bool {
        self.epoch == other.epoch && other.sequence <= self.sequence
    }

    /// The opaque id of the message at this place.
    pub fn message_id(self) -> String {
        format!("{}-{}", self.epoch, self.sequence)
    }

    /// Reads what [`Self::message_id`] wrote; `None` for any other text.
    pub fn parse_message_id(text: &str) -> Option<Self> {
        let (epoch, sequence) = text.split_once('-')?;
        Some(Self { epoch: Epoch::parse(epoch)?, sequence: sequence.parse().ok()? })
    }
}

impl Epoch {
    /// Reads the text form; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 16).then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_reads_back_and_other_text_does_not() {
        let position = Position { epoch: Epoch(0xabc), sequence: 42 };
        assert_eq!(Position::parse_message_id(&position.message_id()), Some(position));
        for bad in ["", "-", "42", "zz-1", "0000000000000abc-", "0000000000000abc--1", "abc-1"] {
            assert_eq!(Position::parse_message_id(bad), None, "{bad}");
        }
    }
}
