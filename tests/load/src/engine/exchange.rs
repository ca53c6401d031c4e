//! What goes between a player and the server: frames in and out, and how a socket ends.

use std::io::{self, ErrorKind};

use mio::event::Event;

use super::player::Stage;
use super::worker::Worker;
use crate::clock::now;
use crate::wire::dialect::Text;
use crate::wire::{frame, http, packet};

impl Worker {
    pub(super) fn on_player(&mut self, slot: usize, event: &Event) {
        let Some(socket) = &mut self.players[slot].socket else { return };
        if event.is_writable()
            && let Err(error) = socket.flush()
        {
            return self.lose(slot, &lost(&error));
        }
        if event.is_readable() {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.read(slot, &mut buffer, event.is_read_closed());
            self.buffer = buffer;
            if let Err(reason) = read {
                self.lose(slot, &reason);
            }
        }
    }

    /// Takes all that has come. When the server has closed its side, `to_end` makes sure that this is seen.
    fn read(&mut self, slot: usize, buffer: &mut [u8], to_end: bool) -> Result<(), String> {
        loop {
            let Some(socket) = &mut self.players[slot].socket else { return Ok(()) };
            let filled = socket.fill(buffer).map_err(|error| lost(&error))?;
            let now = now();
            self.tally.read(now, filled.new);
            let used = self.take(slot, &buffer[..filled.bytes], now)?;
            if let Some(socket) = &mut self.players[slot].socket {
                socket.keep(&buffer[used..filled.bytes]);
            }
            if !filled.more && !to_end {
                return Ok(());
            }
        }
    }

    /// Takes the complete answers and frames of these bytes; returns how many bytes they are.
    fn take(&mut self, slot: usize, bytes: &[u8], now: u64) -> Result<usize, String> {
        let mut used = 0;
        if self.players[slot].stage == Stage::Upgrading {
            let Some(answer) = http::first(bytes) else { return Ok(0) };
            if answer.status != 101 {
                return Err(format!("upgrade refused: {}", answer.status));
            }
            used = answer.length;
            self.on_upgrade(slot);
        }
        let mut delivered = 0;
        while let Some(frame) = frame::first(&bytes[used..]) {
            used += frame.length;
            match frame.opcode {
                Some(frame::TEXT) => delivered += u64::from(self.on_text(slot, frame.payload, now)?),
                Some(frame::PING) => self.pong(slot, frame.payload),
                Some(frame::CLOSE) => return Err(closed(frame.payload)),
                other => return Err(format!("a frame of kind {other:?}")),
            }
        }
        self.arrived(slot, delivered);
        Ok(used)
    }

    /// Whether the text is a message of this tool.
    fn on_text(&mut self, slot: usize, text: &[u8], now: u64) -> Result<bool, String> {
        match self.site.dialect.read(text) {
            Text::Packet(packet) => return self.on_packet(slot, packet, now),
            Text::Answer(answer) => self.send_text(slot, answer),
            Text::Ready => self.log_in(slot),
            Text::Nothing => {}
        }
        Ok(false)
    }

    /// Whether the packet is a message of this tool.
    fn on_packet(&mut self, slot: usize, packet: &[u8], now: u64) -> Result<bool, String> {
        if let Some(due) = self.stamps.due(packet) {
            self.tally.delivered(due, now);
            return Ok(true);
        }
        match packet::status(packet) {
            Some(200) if self.players[slot].stage == Stage::LoggingIn => self.on_login(slot, packet, now),
            None if packet::is_notification(packet) => self.tally.noticed(now),
            Some(200) | None => {}
            Some(status) if self.players[slot].stage == Stage::LoggingIn => {
                return Err(format!("login refused: {status}"));
            }
            Some(status) => self.tally.failed(&format!("message refused: {status}")),
        }
        Ok(false)
    }

    fn pong(&mut self, slot: usize, payload: &[u8]) {
        let mut frame = Vec::new();
        frame::pong(&mut frame, payload);
        self.send(slot, &frame);
    }

    /// Sends a packet.
    pub(super) fn say(&mut self, slot: usize, packet: &str) {
        let text = self.site.dialect.text(packet);
        self.send_text(slot, &text);
    }

    fn send_text(&mut self, slot: usize, text: &str) {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frame::text(&mut frame, text.as_bytes());
        self.send(slot, &frame);
    }

    fn send(&mut self, slot: usize, frame: &[u8]) {
        let Some(socket) = &mut self.players[slot].socket else { return };
        if let Err(error) = socket.send(frame) {
            self.lose(slot, &lost(&error));
        }
    }

    /// The end of a player's socket.
    pub(super) fn lose(&mut self, slot: usize, reason: &str) {
        let player = &mut self.players[slot];
        if player.stage == Stage::Present {
            self.site.left(&player.role);
            self.sight.present -= 1;
        }
        if player.is_arriving() {
            self.arrivals.under_way -= 1;
        }
        (player.stage, player.socket) = (Stage::Gone, None);
        if !self.parted {
            self.tally.failed(reason);
            self.sight.failed += 1;
            self.shown.failure.get_or_init(|| reason.to_owned());
        }
    }
}

fn lost(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::UnexpectedEof => "closed 1006 without a close frame".to_owned(),
        _ => error.to_string(),
    }
}

/// A close frame: its code and its reason (RFC 6455, section 5.5.1).
fn closed(payload: &[u8]) -> String {
    match payload.split_first_chunk() {
        Some((code, reason)) => format!("closed {} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason)),
        None => "closed 1005 without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_socket_is_told_by_its_close_code() {
        assert_eq!(closed(b"\x0f\xa1reads too slowly"), "closed 4001 reads too slowly");
        assert_eq!(closed(b""), "closed 1005 without a code");
        assert_eq!(lost(&ErrorKind::UnexpectedEof.into()), "closed 1006 without a close frame");
    }
}
