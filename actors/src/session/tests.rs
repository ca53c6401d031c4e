//! Tests of play and money. `calls` makes the calls of a node; the stories use it one call after the other, the
//! histories many at once, with faults and crashes in between.

mod account_stories;
mod asks;
mod calls;
mod choice;
mod end_stories;
mod grace_stories;
mod heartbeat_stories;
mod histories;
mod invariants;
mod judge;
mod known;
mod launcher_stories;
mod story;
mod suspension_stories;
mod transactions;
mod verify_stories;
mod world;
