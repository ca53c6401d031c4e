//! Messages at their times: by a schedule, or always so many under way.

use super::player::{Player, Stage};
use super::schedule::Schedule;
use super::site::Site;
use super::worker::Worker;
use crate::wire::stamp;

/// How messages follow each other.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// At fixed times, whatever the server does.
    Open(Schedule),
    /// So many undelivered messages in each channel, until this time.
    Window { undelivered: u32, until: u64 },
}

/// What is said.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    pub(crate) pace: Pace,
    /// Characters of a message; never fewer than those of its stamp.
    pub(crate) message_bytes: usize,
}

/// A talk that goes on in one thread.
pub(super) struct Talking {
    pace: Pace,
    /// The channels whose players this thread has, each with the slots of those who talk there.
    rings: Vec<Ring>,
    next_ring: usize,
    padding: String,
}

struct Ring {
    channel: usize,
    slots: Vec<usize>,
    next: usize,
}

impl Talking {
    pub(super) fn new(talk: Talk, players: &[Player], site: &Site) -> Self {
        let mut slots = vec![Vec::new(); site.channels.len()];
        for (slot, player) in players.iter().enumerate().filter(|(_, player)| player.role.talks) {
            if let Some(channel) = player.role.channels.first() {
                slots[*channel as usize].push(slot);
            }
        }
        let rings = slots.into_iter().enumerate().filter(|(_, slots)| !slots.is_empty());
        let rings = rings.map(|(channel, slots)| Ring { channel, slots, next: 0 }).collect();
        let padding = "x".repeat(talk.message_bytes.saturating_sub(stamp::LENGTH));
        Self { pace: talk.pace, rings, next_ring: 0, padding }
    }

    /// When the next message is due, if that is known.
    pub(super) fn due(&self) -> Option<u64> {
        match &self.pace {
            Pace::Open(schedule) => schedule.due(),
            Pace::Window { .. } => None,
        }
    }
}

impl Ring {
    /// The next member who is there.
    fn sender(&mut self, players: &[Player]) -> Option<usize> {
        for _ in 0..self.slots.len() {
            let slot = self.slots[self.next];
            self.next = (self.next + 1) % self.slots.len();
            if players[slot].stage == Stage::Present {
                return Some(slot);
            }
        }
        None
    }
}

impl Worker {
    /// Sends the messages whose time has come.
    pub(super) fn talk(&mut self, now: u64) {
        // Taken out, so that it and the players can be changed side by side.
        let Some(mut talking) = self.talking.take() else { return };
        match &mut talking.pace {
            Pace::Open(schedule) => {
                while let Some(due) = schedule.take(now)
                    && !talking.rings.is_empty()
                {
                    let ring = talking.next_ring % talking.rings.len();
                    talking.next_ring = ring + 1;
                    self.speak(&mut talking.rings[ring], due, &talking.padding);
                }
            }
            Pace::Window { undelivered, until } if now < *until => {
                for ring in &mut talking.rings {
                    while self.site.channels[ring.channel].has_room(*undelivered)
                        && self.speak(ring, crate::clock::now(), &talking.padding)
                    {}
                }
            }
            Pace::Window { .. } => {}
        }
        self.talking = Some(talking);
    }

    /// Whether somebody was there to speak.
    fn speak(&mut self, ring: &mut Ring, due: u64, padding: &str) -> bool {
        let Some(slot) = ring.sender(&self.players) else { return false };
        let channel = &self.site.channels[ring.channel];
        let message = stamp::of(due) + padding;
        let packet = self.site.packets.say(self.players[slot].role.id, &channel.name, &message);
        channel.published();
        self.tally.published(due, channel.members());
        self.say(slot, &packet);
        true
    }

    /// So many messages have come to a player.
    pub(super) fn arrived(&mut self, slot: usize, messages: u64) {
        if messages > 0
            && let Some(channel) = self.players[slot].role.channels.first()
        {
            self.site.channels[*channel as usize].delivered(messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::player::Role;
    use super::*;

    fn player(id: i64, stage: Stage) -> Player {
        Player { stage, ..Player::new(Role { id, channels: vec![0], talks: true }) }
    }

    #[test]
    fn members_speak_in_turn_and_those_who_are_gone_are_passed_over() {
        let players = [Stage::Present, Stage::Gone, Stage::Present].map(|stage| player(0, stage));
        let mut ring = Ring { channel: 0, slots: vec![0, 1, 2], next: 0 };
        let turns: Vec<_> = (0..4).filter_map(|_| ring.sender(&players)).collect();
        assert_eq!(turns, [0, 2, 0, 2]);
    }

    #[test]
    fn a_channel_without_anybody_is_silent() {
        let players = [player(0, Stage::Gone)];
        assert_eq!(Ring { channel: 0, slots: vec![0], next: 0 }.sender(&players), None);
    }
}
