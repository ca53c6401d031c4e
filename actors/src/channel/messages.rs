//! What one may say to a `ChatChannel`.

use actix::prelude::*;

use crate::event::Position;
use crate::fanout::{Start, WorkerId};
use crate::ids::ConnectionId;
use crate::ports::Ring;

/// The actor has let go of the channel: ask the registry for a fresh one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retired;

/// Makes a connection of this node hear the channel.
#[derive(Clone, Debug, Message)]
#[rtype(result = "Result<(), Retired>")]
pub struct AttachMember {
    pub worker: WorkerId,
    pub connection: ConnectionId,
    pub hearing: Hearing,
}

/// From where a member hears a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hearing {
    /// Place of the ENTER event of its membership. Nobody is attached before the members here have been given that
    /// event: the EXIT event of an earlier membership of the same player may be on its way, and would end this one.
    pub entered: Position,
    pub start: Start,
}

/// A worker thread may have lost its last member.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Recount(pub WorkerId);

/// The subscription rang.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Rang(pub(super) Ring);
