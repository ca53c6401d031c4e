//! What a message allocates, from the sender's text to the last recipient's socket.

use crate::budgets::{ALLOCATIONS_PER_MESSAGE, ALLOCATIONS_PER_RECIPIENT};
use crate::heap::{Heap, alone};
use crate::stage::Stage;

const FEW: usize = 50;
const MANY: usize = 10 * FEW;
const MESSAGES: usize = 200;

#[test]
fn a_message_allocates_nothing_for_a_further_recipient_and_little_on_the_whole() {
    alone(async {
        let stage = Stage::new();
        let few = allocations_per_message(&stage, 1, FEW).await;
        let many = allocations_per_message(&stage, 1000, MANY).await;
        assert!(few >= 1.0, "the allocator counts: {few}");
        ALLOCATIONS_PER_RECIPIENT.check((many - few) / (MANY - FEW) as f64);
        ALLOCATIONS_PER_MESSAGE.check(few);
    });
}

async fn allocations_per_message(stage: &Stage, first: i64, members: usize) -> f64 {
    let channel = format!("of:{members}");
    let mut players = Vec::new();
    for player in (first..).take(members) {
        players.push(stage.connect(player).await);
    }
    stage.gather(&channel, &players).await;
    let packet = |number: usize| players[0].chat(&channel, &format!("message {number}"));
    // What is made once, and grows to the size it keeps.
    for packet in (0..MESSAGES).map(packet) {
        stage.say(&players[0], packet, members).await;
    }
    let packets: Vec<_> = (MESSAGES..2 * MESSAGES).map(packet).collect();
    let heap = Heap::watch(&format!("messages-to-{members}"));
    for packet in packets {
        stage.say(&players[0], packet, members).await;
    }
    heap.allocations() as f64 / MESSAGES as f64
}
