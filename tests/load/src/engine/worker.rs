//! A thread of players: one epoll loop, one buffer for all reads.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::arrival::Arrivals;
use super::calls::{Asking, Calls};
use super::crew::Gauges;
use super::player::{Player, Role, Stage};
use super::schedule::{Schedule, Timer};
use super::site::Site;
use super::talk::{Talk, Talking};
use super::tally::{Mark, Tally};
use crate::clock::{SECOND, now};
use crate::wire::dialect::Text;
use crate::wire::{frame, http, packet, stamp};

pub(super) const WAKER: Token = Token(0);
const TIMER: Token = Token(1);
/// The first of the players' tokens.
const PLAYERS: usize = 2;
/// The first of the HTTP connections' tokens.
pub(super) const LINES: usize = 1 << 30;

/// Takes what a socket can hold in one read, so that a burst costs few calls to the kernel.
const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1024;
/// How often a thread looks around when nothing happens.
const PAUSE: Duration = Duration::from_millis(50);

/// What a worker is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// All players who are away come in, so many at once.
    Arrive { at_once: usize },
    /// Players talk by this plan.
    Talk(Talk),
    /// HTTP requests are made by this plan.
    Ask(Asking),
    /// A phase begins.
    Mark(Mark),
    /// Nobody talks and asks any more.
    Hush,
    /// All sockets are cut.
    Cut,
    /// The run is over: closes are no failures any more.
    Part,
}

pub(super) struct Worker {
    pub(super) site: Arc<Site>,
    pub(super) poll: Poll,
    pub(super) players: Vec<Player>,
    pub(super) arrivals: Arrivals,
    pub(super) talking: Option<Talking>,
    pub(super) calls: Calls,
    pub(super) pings: Schedule,
    pub(super) tally: Tally,
    pub(super) gauges: Arc<Gauges>,
    orders: Receiver<Order>,
    timer: Timer,
    buffer: Vec<u8>,
    stamps: stamp::Reader,
    next_ping: usize,
    parted: bool,
    next_p99: u64,
}

impl Worker {
    /// Each player asks for something once in `ping_every`.
    pub(super) fn new(
        (site, poll): (Arc<Site>, Poll),
        (orders, gauges): (Receiver<Order>, Arc<Gauges>),
        roles: Vec<Role>,
        ping_every: Duration,
    ) -> io::Result<Self> {
        let timer = Timer::new(poll.registry(), TIMER)?;
        let pings = Schedule::new(roles.len() as f64 / ping_every.as_secs_f64(), now(), u64::MAX);
        Ok(Self {
            site,
            poll,
            players: roles.into_iter().map(Player::new).collect(),
            arrivals: Arrivals::default(),
            talking: None,
            calls: Calls::default(),
            pings,
            tally: Tally::new(),
            gauges,
            orders,
            timer,
            buffer: vec![0; BUFFER_BYTES],
            stamps: stamp::Reader::new(),
            next_ping: 0,
            parted: false,
            next_p99: 0,
        })
    }

    /// Until all who could give orders are gone.
    pub(super) fn run(mut self) -> io::Result<Tally> {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let pause = self.pause()?;
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                self.on_event(event);
            }
            if !self.obey() {
                return Ok(self.tally.finish());
            }
            self.go_on(now());
        }
    }

    /// How long there is nothing to do unless a socket stirs.
    fn pause(&mut self) -> io::Result<Duration> {
        let talk = self.talking.as_ref().and_then(Talking::due);
        let due = [talk, self.calls.due()].into_iter().flatten().min();
        let now = now();
        if due.is_some_and(|due| due <= now) {
            return Ok(Duration::ZERO);
        }
        self.timer.set(due)?;
        Ok(PAUSE)
    }

    fn on_event(&mut self, event: &Event) {
        match event.token() {
            WAKER | TIMER => {}
            Token(token) if token >= LINES => self.on_line(token - LINES, event),
            Token(token) => self.on_player(token - PLAYERS, event),
        }
    }

    /// Whether there may be further orders.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(order) => self.execute(order),
                Err(error) => return error == std::sync::mpsc::TryRecvError::Empty,
            }
        }
    }

    fn execute(&mut self, order: Order) {
        match order {
            Order::Arrive { at_once } => self.call_in(at_once),
            Order::Talk(talk) => self.talking = Some(Talking::new(talk, &self.players, &self.site)),
            Order::Ask(asking) => self.calls.ask(asking),
            Order::Mark(mark) => self.tally.mark(mark),
            Order::Hush => self.hush(),
            Order::Cut => self.cut(),
            Order::Part => self.parted = true,
        }
    }

    fn hush(&mut self) {
        self.talking = None;
        self.calls.hush();
    }

    /// Does what is due.
    fn go_on(&mut self, now: u64) {
        self.tally.pass(now);
        self.admit();
        self.talk(now);
        self.ask(now);
        self.send_pings(now);
        self.show(now);
    }

    fn send_pings(&mut self, now: u64) {
        while !self.players.is_empty() && self.pings.take(now).is_some() {
            let slot = self.next_ping;
            self.next_ping = (slot + 1) % self.players.len();
            if self.players[slot].stage == Stage::Present {
                self.say(slot, self.site.packets.ping());
            }
        }
    }

    fn show(&mut self, now: u64) {
        if now >= self.next_p99 {
            self.gauges.set_p99(self.tally.last_p99(now));
            self.next_p99 = now + SECOND;
        }
        self.gauges.count(self.tally.total());
        self.gauges.calls(self.calls.unanswered());
    }

    /// The token of a player's socket.
    pub(super) fn token(slot: usize) -> Token {
        Token(PLAYERS + slot)
    }

    fn on_player(&mut self, slot: usize, event: &Event) {
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
            self.gauges.left();
        }
        if player.is_arriving() {
            self.arrivals.under_way -= 1;
        }
        (player.stage, player.socket) = (Stage::Gone, None);
        if !self.parted {
            self.tally.failed(reason);
            self.gauges.failed(reason);
        }
    }

    fn on_line(&mut self, index: usize, event: &Event) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let answered = self.calls.on_event(index, event, &mut buffer);
        self.buffer = buffer;
        if let Some((call, result)) = answered {
            self.on_answer(&call, result);
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
