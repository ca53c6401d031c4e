//! How players come in: connect, upgrade, log in, and be entered into their channels by the game server.

use std::collections::VecDeque;

use super::calls::{Call, Purpose};
use super::player::{Player, Role, Stage};
use super::site::Site;
use super::socket::Socket;
use super::worker::Worker;
use crate::clock::now;
use crate::wire::http;

/// Who is to come in, and how many are on their way.
#[derive(Default)]
pub(super) struct Arrivals {
    waiting: VecDeque<usize>,
    pub(super) under_way: usize,
    at_once: usize,
}

impl Worker {
    /// All who are away get in the queue.
    pub(super) fn call_in(&mut self, at_once: usize) {
        let now = now();
        self.arrivals.at_once = at_once;
        for (slot, player) in self.players.iter_mut().enumerate().filter(|(_, player)| player.stage == Stage::Away) {
            player.wanted_at = now;
            self.arrivals.waiting.push_back(slot);
        }
    }

    /// Lets those in for whom there is room.
    pub(super) fn admit(&mut self) {
        while self.arrivals.under_way < self.arrivals.at_once
            && let Some(slot) = self.arrivals.waiting.pop_front()
        {
            self.arrivals.under_way += 1;
            self.connect(slot);
        }
    }

    fn connect(&mut self, slot: usize) {
        let player = &mut self.players[slot];
        (player.stage, player.began_at) = (Stage::Upgrading, now());
        let (registry, token) = (self.poll.registry(), Self::token(slot));
        let (node, source) = (self.site.node(player.role.id), self.site.source(player.role.id));
        let upgrade = http::upgrade(&node.host, self.site.dialect.path());
        match Socket::connect(node.address, source, upgrade, (registry, token)) {
            Ok(socket) => player.socket = Some(socket),
            Err(error) => self.lose(slot, &format!("no connection: {error}")),
        }
    }

    /// The socket is a WebSocket now.
    pub(super) fn on_upgrade(&mut self, slot: usize) {
        self.players[slot].stage = Stage::Opening;
        if self.site.dialect.is_ready_at_once() {
            self.log_in(slot);
        }
    }

    /// Packets may be sent.
    pub(super) fn log_in(&mut self, slot: usize) {
        let player = &mut self.players[slot];
        player.stage = Stage::LoggingIn;
        let id = player.role.id;
        let login = self.site.packets.login(player.returns, id, &self.site.signer.login_key(id));
        self.say(slot, &login);
    }

    /// CONNECT or RECONNECT was answered by 200.
    pub(super) fn on_login(&mut self, slot: usize, answer: &[u8], now: u64) {
        let player = &self.players[slot];
        self.tally.done("login", player.began_at, now);
        if player.returns {
            self.tally.done("reconnect", player.wanted_at, now);
            let missing = player.role.channels.len().saturating_sub(self.site.named_in(&player.role, answer));
            (0..missing).for_each(|_| self.tally.failed("channel not resumed"));
            return self.settle(slot);
        }
        self.enter(slot);
    }

    /// Has the player entered into its channels, as a game server does.
    fn enter(&mut self, slot: usize) {
        let player = &mut self.players[slot];
        player.stage = Stage::Entering(player.role.channels.len());
        for channel in &player.role.channels {
            let request = self.site.enter_request(player, *channel);
            self.calls.push(Call { due: now(), purpose: Purpose::Enter(slot), request });
        }
        if player.role.channels.is_empty() {
            self.settle(slot);
        }
    }

    /// The game server was told that the player is in one more of its channels.
    pub(super) fn on_entered(&mut self, slot: usize, result: Result<(), String>) {
        match (self.players[slot].stage, result) {
            (Stage::Entering(_), Err(reason)) => self.lose(slot, &format!("not entered: {reason}")),
            (Stage::Entering(1), Ok(())) => self.settle(slot),
            (Stage::Entering(left), Ok(())) => self.players[slot].stage = Stage::Entering(left - 1),
            // Lost in the meantime, which was told then.
            _ => {}
        }
    }

    /// The player is where it belongs.
    fn settle(&mut self, slot: usize) {
        let player = &mut self.players[slot];
        (player.stage, player.returns) = (Stage::Present, true);
        self.site.entered(&player.role);
        self.arrivals.under_way -= 1;
        self.sight.present += 1;
        self.sight.arrived += 1;
    }

    /// Cuts the sockets of all who are present.
    pub(super) fn cut(&mut self) {
        for player in self.players.iter_mut().filter(|player| player.stage == Stage::Present) {
            (player.stage, player.socket) = (Stage::Away, None);
            self.site.left(&player.role);
            self.sight.present -= 1;
        }
    }
}

impl Site {
    fn enter_request(&self, player: &Player, channel: u32) -> Vec<u8> {
        let (game, name, id) = (self.game_index, &self.channels[channel as usize].name, player.role.id);
        let path = format!("/api/v1/games/{game}/channels/{name}/members/{id}");
        let bearer = format!("Bearer {}", self.certification_key);
        http::request("POST", &self.first_node().host, &path, &[("Authorization", &bearer)], "")
    }

    /// How many of a player's channels an answer names.
    fn named_in(&self, role: &Role, answer: &[u8]) -> usize {
        let is_named = |channel: &&u32| {
            let quoted = format!("\"{}\"", self.channels[**channel as usize].name);
            memchr::memmem::find(answer, quoted.as_bytes()).is_some()
        };
        role.channels.iter().filter(is_named).count()
    }

    fn entered(&self, role: &Role) {
        role.channels.iter().for_each(|channel| self.channels[*channel as usize].entered());
    }

    pub(super) fn left(&self, role: &Role) {
        role.channels.iter().for_each(|channel| self.channels[*channel as usize].left());
    }
}
