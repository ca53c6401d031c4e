//! The heap of players who say nothing.

use crate::budgets::HEAP_PER_PLAYER;
use crate::heap::{Heap, alone};
use crate::stage::{Player, Stage};

const PLAYERS: usize = 500;
/// In each channel.
const MEMBERS: usize = 50;

#[test]
fn an_idle_player_keeps_little_heap() {
    alone(async {
        let heap = Heap::watch("idle-players");
        let stage = Stage::new();
        // What is made once.
        let _first = arrive(&stage, 1, MEMBERS).await;
        let before = heap.live_bytes();
        let _players = arrive(&stage, 1000, PLAYERS).await;
        let grown = heap.live_bytes().saturating_sub(before);
        assert!(grown > 0, "the allocator counts");
        HEAP_PER_PLAYER.check(grown as f64 / PLAYERS as f64);
    });
}

/// Connects players and enters each into two channels.
async fn arrive(stage: &Stage, first: i64, count: usize) -> Vec<Player> {
    let mut players = Vec::with_capacity(count);
    for player in (first..).take(count) {
        players.push(stage.connect(player).await);
    }
    for (number, members) in players.chunks(MEMBERS).enumerate() {
        for name in ["trade", "guild"] {
            stage.gather(&format!("{name}:{first}:{number}"), members).await;
        }
    }
    players
}
