//! A thread of players: one epoll loop, one buffer for all reads.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::arrival::Arrivals;
use super::calls::{Asking, Calls};
use super::player::{Player, Role, Stage};
use super::schedule::{Schedule, Timer};
use super::sight::{Shown, Sight};
use super::site::Site;
use super::talk::{Talk, Talking};
use super::tally::{Mark, Tally};
use crate::clock::{SECOND, now};
use crate::wire::stamp;

pub(super) const WAKER: Token = Token(0);
const TIMER: Token = Token(1);
/// The first of the players' tokens.
const PLAYERS: usize = 2;
/// The first of the HTTP connections' tokens.
pub(super) const LINES: usize = 1 << 30;

/// Takes what a socket can hold in one read, so that a burst costs few calls to the kernel.
const BUFFER_BYTES: usize = 256 * 1024;
/// So many sockets are read before the thread looks whether something is to be sent: a millisecond's work at most.
const EVENTS: usize = 256;
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
    /// Nobody begins to talk or ask any more.
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
    pub(super) tally: Tally,
    pub(super) sight: Sight,
    pub(super) shown: Arc<Shown>,
    pub(super) buffer: Vec<u8>,
    pub(super) stamps: stamp::Reader,
    /// Whether the run is over.
    pub(super) parted: bool,
    orders: Receiver<Order>,
    timer: Timer,
    pings: Schedule,
    next_ping: usize,
    next_p99: u64,
}

impl Worker {
    /// Each player asks for something once in `ping_every`.
    pub(super) fn new(
        (site, poll): (Arc<Site>, Poll),
        (orders, shown): (Receiver<Order>, Arc<Shown>),
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
            sight: Sight::default(),
            shown,
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

    /// What was due until now is still sent: a thread that is late must not leave out what would be told as late.
    fn hush(&mut self) {
        let now = now();
        self.talk(now);
        self.ask(now);
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
            self.sight.p99_us = self.tally.last_p99(now);
            self.next_p99 = now + SECOND;
        }
        (self.sight.counts, self.sight.calls) = (self.tally.total(), self.calls.unanswered() as u64);
        *self.shown.sight.lock() = self.sight;
    }

    /// The token of a player's socket.
    pub(super) fn token(slot: usize) -> Token {
        Token(PLAYERS + slot)
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
