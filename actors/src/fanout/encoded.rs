//! An event as every recipient gets it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::event::{Event, EventBody};
use crate::ids::{ChannelKey, PlayerId};
use crate::outbox::Framing;
use crate::packet;

/// A channel event as ready frames: server frames are not masked, so the same bytes serve every recipient.
pub struct Encoded {
    pub key: Arc<ChannelKey>,
    pub event: Arc<Event>,
    game_index: i64,
    framing: Framing,
    plain: Bytes,
    /// With the fields of the `sequence` extension; made when the first recipient wants it.
    with_place: OnceLock<Bytes>,
}

impl Encoded {
    pub fn new(key: &Arc<ChannelKey>, game_index: i64, event: Arc<Event>, framing: Framing) -> Arc<Self> {
        let plain = (framing.text)(&packet::event(game_index, &key.channel, &event, false));
        Arc::new(Self { key: key.clone(), event, game_index, framing, plain, with_place: OnceLock::new() })
    }

    pub fn bytes(&self, with_place: bool) -> &Bytes {
        if !with_place {
            return &self.plain;
        }
        self.with_place
            .get_or_init(|| (self.framing.text)(&packet::event(self.game_index, &self.key.channel, &self.event, true)))
    }

    /// Whether this is the event by which `player` leaves the channel.
    pub fn ends_membership_of(&self, player: PlayerId) -> bool {
        match self.event.body {
            EventBody::Exited { player: leaver } => leaver == player,
            EventBody::Deleted => true,
            _ => false,
        }
    }
}
