//! What one may say to a `PlayerConnection`.

use std::sync::Arc;

use actix::prelude::*;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::close::Close;
use crate::event::Position;
use crate::ids::{ChannelId, ChannelKey, LoginId, PlayerId};
use crate::ports::Suspension;

/// A text message came in. Answered when the request has been dealt with.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Incoming(pub String);

/// The socket has ended, or must end for this reason.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Lost(pub Option<Close>);

/// The node closes this connection. Answered when the player's login has been ended in good order.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ShutDown(pub Close);

/// Another login has taken this one's place. Answers what the socket was given of each channel.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Vec<(ChannelKey, Position)>")]
pub struct Kick(pub LoginId);

/// The node had lost its lease, and has it again: whether this connection's login still lives is to be found out.
/// Answered when that is settled, or will be by the login under way.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Reclaim;

/// News for a player, from wherever it happened.
#[derive(Clone, Debug, PartialEq, Message, Serialize, Deserialize)]
#[rtype(result = "()")]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// The player is a member of the channel, by the ENTER event at this place: hear it and everything after it.
    Joined { channel: ChannelId, entered: Position },
    /// The player's block list changed.
    Blocked { player: PlayerId, blocked: bool },
    /// NOTIFY_DIRECT_CHAT.
    DirectChat { from: PlayerId, message: Arc<str>, extra_data: Arc<str>, at: Timestamp },
    /// NOTIFY_NOTICE.
    Notice { message: Arc<str>, at: Timestamp },
    /// NOTIFY_CUSTOM.
    Custom { payload: Arc<str>, at: Timestamp },
    /// The player was suspended, now or for a time to come, or a suspension was lifted.
    Suspension(Option<Suspension>),
    /// An operator ends the connection.
    Disconnected,
}
