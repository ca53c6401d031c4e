//! One random history: nodes, callers and faults over one store, interleaved step by step.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};

use super::super::*;
use super::asks::{Answered, Ask};
use super::calls::{Node, finish};
use super::invariants::{self, Status, status};
use super::known::Known;
use crate::clock::{Clock, Timestamp};
use crate::ids::{GameId, PcId, SessionId};
use crate::testing::memory_sessions::{FAULT, Faults};
use crate::testing::{Dice, MemorySessions};

/// What the games cost; a game is called by its place here.
pub(super) const RATES: [Rate; 4] = [
    Rate { coins: 0, unit_sec: 60 },
    Rate { coins: 1, unit_sec: 60 },
    Rate { coins: 7, unit_sec: 3600 },
    Rate { coins: 1, unit_sec: 1 },
];
const BEGIN: Timestamp = Timestamp(1_800_000_000_000);
/// What the rich cafe begins with: more than any history can spend.
pub(super) const RICHES: u64 = 1_000_000_000;
/// Calls under way at once.
const MOST_CALLS: usize = 5;
/// Steps of the clock in milliseconds, the usual ones more often.
const STEPS: [i64; 30] = [
    1, 500, 1_000, 1_000, 5_000, 5_000, 5_000, 10_000, 10_000, 20_000, 30_000, 30_000, 59_999, 60_000, 60_000, 60_000,
    60_000, 110_000, 110_000, 119_999, 120_000, 120_000, 120_000, 125_000, 239_999, 240_000, 244_999, 245_000, 600_000,
    3_600_000,
];
/// More than any deadline.
const DAY: i64 = 24 * 3_600_000;

pub(super) struct World {
    pub(super) dice: Dice,
    pub(super) store: Arc<MemorySessions>,
    clock: Arc<AtomicI64>,
    /// The latest time anybody has read.
    pub(super) latest: Timestamp,
    nodes: [Node; 2],
    /// What the actor of a session on a node remembers between calls.
    memories: BTreeMap<(usize, SessionId), Memory>,
    calls: Vec<Call>,
    /// Retries, and what follows from an answer.
    queue: Vec<Ask>,
    /// How this history's clock moves on.
    steps: Vec<i64>,
    pub(super) known: Known,
    /// State of the store that was checked last.
    checked: u64,
    pub(super) seen: BTreeMap<&'static str, u64>,
}

/// A call under way.
struct Call {
    node: usize,
    ask: Ask,
    /// What was so when it was made.
    before: Before,
    future: Pin<Box<dyn Future<Output = (Answered, Option<Memory>)>>>,
}

/// What an answer is judged by.
pub(super) struct Before {
    pub(super) status: Status,
    /// Least play the session has been promised.
    pub(super) played: u64,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let store = Arc::new(MemorySessions::new(dice.throw()));
        let clock = Arc::new(AtomicI64::new(BEGIN.0));
        let read = clock.clone();
        let node = || {
            let read = read.clone();
            Node::new(store.clone(), Clock::new(move || Timestamp(read.load(Ordering::Relaxed))))
        };
        let nodes = [node(), node()];
        let known = Known::new(&mut dice);
        // A few of them, so that the same times come together again and again.
        let steps = (0..6).map(|_| *dice.pick(&STEPS)).collect();
        let (memories, calls, queue, seen) = Default::default();
        Self { dice, store, clock, latest: BEGIN, nodes, memories, calls, queue, steps, known, checked: 0, seen }
    }

    /// Lives through a history of so many calls, and the end of all things.
    pub(super) fn run(&mut self, calls: usize) {
        self.open();
        let faults = self.dice.pick(&[(0, 0), (0, 0), (20, 20), (100, 60)]).to_owned();
        self.store.set_faults(Faults { before: faults.0, after: faults.1 });
        // Some histories are without crashes and steps back, so that all they promise is kept to the end.
        let crashes = *self.dice.pick(&[0, 0, 2, 10]);
        let steps_back = *self.dice.pick(&[0, 0, 60]);
        let mut left = calls;
        while left > 0 {
            match self.dice.below(1000) {
                0..150 if self.calls.len() < MOST_CALLS => {
                    left -= 1;
                    let ask = if self.queue.is_empty() || self.dice.chance(250) {
                        self.any_ask()
                    } else {
                        let next = self.dice.below(self.queue.len());
                        self.queue.swap_remove(next)
                    };
                    self.call(ask);
                }
                150..170 => self.pass_time(steps_back),
                170..190 if self.dice.chance(crashes * 10) => self.crash(),
                _ => self.step(),
            }
        }
        self.drain();
        self.end_of_all_things();
    }

    /// Every cafe is opened, and on most PCs a launcher starts.
    fn open(&mut self) {
        for (cafe, balance) in self.known.cafes.clone() {
            let node = self.nodes[0].clone();
            assert!(finish(node.open_account(&cafe, balance)).expect("no faults yet").reply);
            for pc in self.known.pcs.clone() {
                if self.dice.chance(850) {
                    let ask = self.launcher_on(cafe.clone(), pc);
                    self.call(ask);
                }
            }
        }
        self.drain();
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    fn pass_time(&mut self, steps_back: usize) {
        let step = if self.dice.chance(10) { DAY } else { *self.dice.pick(&self.steps) };
        let step = if self.dice.chance(steps_back) { -step } else { step };
        self.set_clock(self.now().0 + step);
    }

    fn set_clock(&mut self, now: i64) {
        self.clock.store(now, Ordering::Relaxed);
        self.latest = self.latest.max(Timestamp(now));
    }

    pub(super) fn call(&mut self, ask: Ask) {
        if let Ask::Credit(cafe, credit) = &ask {
            self.known.crediting(cafe, credit, self.now(), self.latest);
        }
        let node = self.dice.below(self.nodes.len());
        let session = ask.session();
        let memory = session.and_then(|session| self.memories.remove(&(node, session))).unwrap_or_default();
        let status = session.map_or(Status::None, |session| self.store.look(|kept| status(kept, session)));
        let played = session.map_or(0, |session| self.known.played(session));
        let before = Before { status, played };
        let future = Box::pin(ask.clone().perform(self.nodes[node].clone(), memory, self.now()));
        self.calls.push(Call { node, ask, before, future });
    }

    /// Goes on with one call, up to where it next reaches for the store.
    fn step(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let at = self.dice.below(self.calls.len());
        let polled = self.calls[at].future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        self.check();
        let Poll::Ready((answered, memory)) = polled else { return };
        let Call { node, ask, before, .. } = self.calls.swap_remove(at);
        if let (Some(memory), Some(session)) = (memory, ask.session()) {
            self.memories.insert((node, session), memory);
        }
        match answered {
            Ok((answer, durability)) => {
                *self.seen.entry(answer.name()).or_default() += 1;
                self.judge(&ask, &answer, durability, &before);
                // Callers repeat what they were answered, too: the answer was lost on its way.
                if self.dice.chance(40) {
                    let again = self.again(ask);
                    self.queue.push(again);
                }
            }
            Err(error) => {
                assert_eq!(error.0, FAULT, "{ask:?}");
                *self.seen.entry("fault").or_default() += 1;
                if self.dice.chance(700) {
                    let again = self.again(ask);
                    self.queue.push(again);
                }
            }
        }
    }

    pub(super) fn later(&mut self, ask: Ask) {
        self.queue.push(ask);
    }

    fn drain(&mut self) {
        while !self.calls.is_empty() {
            self.step();
        }
    }

    /// A node, or the whole machine, is killed; calls under way are never answered.
    fn crash(&mut self) {
        *self.seen.entry("crash").or_default() += 1;
        match self.dice.below(3) {
            0 => {
                let node = self.dice.below(self.nodes.len());
                self.calls.retain(|call| call.node != node);
                self.memories.retain(|(of, _), _| *of != node);
                let fresh = self.nodes[node].restarted(self.store.clone());
                self.nodes[node] = fresh;
            }
            // A caller that hangs up takes one call with it.
            1 if !self.calls.is_empty() => {
                let at = self.dice.below(self.calls.len());
                drop(self.calls.swap_remove(at));
            }
            _ => {
                self.calls.clear();
                self.memories.clear();
                self.store.crash();
                let store = self.store.clone();
                store.look(|kept| self.known.crash(kept));
                self.check();
            }
        }
    }

    /// The invariants, whenever something has changed.
    fn check(&mut self) {
        let Self { store, nodes, known, checked, .. } = self;
        store.look(|kept| {
            if kept.changes != *checked {
                *checked = kept.changes;
                invariants::check(kept, &nodes[0].limits, &RATES, |cafe| known.is_rich(cafe));
                known.check(kept);
            }
        });
    }

    /// Long after, both nodes sweep at once, until nothing is left but the accounts.
    fn end_of_all_things(&mut self) {
        self.store.set_faults(Faults::default());
        for _ in 0..4 {
            self.set_clock(self.latest.0 + 2 * DAY);
            self.call(Ask::Sweep);
            self.call(Ask::Sweep);
            self.drain();
        }
        let store = self.store.clone();
        store.look(|kept| {
            for settlement in &kept.settlements {
                *self.seen.entry(settlement.end_reason.as_str()).or_default() += 1;
            }
            for key in kept.cafes.values().flat_map(BTreeMap::keys) {
                assert_eq!(key, &DocumentKey::Account, "never forgotten");
            }
            self.known.check_end(kept);
        });
    }
}

pub(super) fn game(number: usize) -> GameId {
    GameId::new(&number.to_string())
}

pub(super) fn pc(number: usize) -> PcId {
    PcId::parse(&format!("pc-{number}")).expect("a PC id")
}
