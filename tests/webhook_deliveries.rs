//! Ten thousand deliveries, twice, out of order, again after lost answers, and kill -9 in between: each takes effect
//! once.
//!
//! `GUILDHALL_DELIVERIES=100000 cargo test --test blackbox webhook_deliveries::` is a longer form. A failure prints its
//! seed; `GUILDHALL_SEED` brings the deliveries back, though not what the machine did with them.

mod model;

use std::cell::{Cell, RefCell};

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::iter;
use rand::RngExt;
use rand::seq::SliceRandom;
use reqwest::Method;
use serde_json::Value;

use crate::seed::{Seed, amount};
use crate::support::arcade::Seat;
use crate::support::http::success;
use crate::support::webhooks::Reply;
use crate::support::{Hall, eventually};
use model::Model;

/// Deliveries on their way at once.
const AT_ONCE: usize = 128;
/// Deliveries between two kills.
const ROUND: usize = 500;
/// Of ten deliveries, so many are repeats.
const REPEATS: usize = 3;
/// Players who are in a game session when they are suspended.
const PLAYING: usize = 20;

/// What was sent and answered so far, and what the event stream told of it.
struct Story {
    hall: Hall,
    model: Model,
    /// Counts what happens: what is before what.
    ticks: Cell<u64>,
    answers: RefCell<Vec<Answers>>,
    /// The events seen, each page read where the one before ended.
    events: Vec<Value>,
}

/// Of one delivery, however often it was sent.
#[derive(Clone, Default)]
struct Answers {
    first_sent: Option<u64>,
    answered: Option<(u64, Reply)>,
}

impl Story {
    fn tick(&self) -> u64 {
        self.ticks.set(self.ticks.get() + 1);
        self.ticks.get()
    }

    /// Sends a delivery. Whatever was answered before is answered again.
    async fn send(&self, http: &reqwest::Client, number: usize) {
        let sent = self.tick();
        self.answers.borrow_mut()[number].first_sent.get_or_insert(sent);
        let request = self.model.deliveries[number].request(http, self.hall.node.public());
        let Some(reply) = crate::support::webhooks::reply_to(request).await else { return };
        if [502, 503].contains(&reply.status) {
            return; // another copy of it is under way, or a load balancer found the node gone
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        let tick = self.tick();
        let mut answers = self.answers.borrow_mut();
        let (_, first) = answers[number].answered.get_or_insert((tick, reply.clone()));
        assert_eq!(*first, reply, "another answer to a repeat");
    }

    /// Sends these, and kills the node once it has answered so many.
    async fn round(&mut self, numbers: Vec<usize>, deadly: usize) {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        let done = Cell::new(0);
        iter(numbers)
            .for_each_concurrent(AT_ONCE, async |number| {
                self.send(&http, number).await;
                done.set(done.get() + 1);
                if done.get() == deadly {
                    self.hall.node.signal("KILL");
                }
            })
            .await;
        if done.get() >= deadly {
            self.hall.node.kill();
            self.hall.node.restart().await;
        }
    }

    fn unanswered(&self) -> Vec<usize> {
        let answers = self.answers.borrow();
        (0..answers.len()).filter(|number| answers[*number].answered.is_none()).collect()
    }

    /// Reads on where the page before ended.
    async fn read_events(&mut self) {
        let after = self.events.last().map_or("0", |event| event["cursor"].as_str().expect("a cursor")).to_owned();
        self.events.extend(self.hall.events_after(&after, "").await);
    }

    /// Each delivery is in the stream once, and none before another that was answered before it was sent.
    async fn check_events(&self) {
        assert_eq!(self.hall.events("").await, self.events, "what was read on the way is what there is");
        let cursor = |event: &Value| event["cursor"].as_str().and_then(|text| text.parse::<u64>().ok());
        assert!(self.events.is_sorted_by(|one, next| cursor(one) < cursor(next)), "cursors only grow");
        let numbers: Vec<_> = self.events.iter().map(|event| self.model.number_of(event)).collect();
        let mut once = numbers.clone();
        once.sort_unstable();
        assert!(once.into_iter().eq(0..self.model.deliveries.len()), "each event once");
        let answers = self.answers.borrow();
        let mut earliest_answer_behind = u64::MAX;
        for number in numbers.into_iter().rev() {
            let Answers { first_sent: Some(sent), answered: Some((answered, _)) } = &answers[number] else {
                panic!("{number} is in the stream and was not answered")
            };
            assert!(*sent < earliest_answer_behind, "{number} is before what was answered before it was sent");
            earliest_answer_behind = earliest_answer_behind.min(*answered);
        }
    }

    async fn check_players(&self) {
        for player in self.model.players() {
            assert_eq!(self.hall.profile(player).await, self.model.profile(player), "player {player}");
        }
        for player in self.model.suspended() {
            // What a kill cut off after its answer is taken up again by itself.
            let holds = async || self.hall.is_suspended(player).await.then_some(());
            eventually(&format!("the suspension of {player} holds"), holds).await;
        }
    }

    /// Each session of a suspended player was settled once, because of that.
    async fn check_sessions(&self, seats: &[Seat]) {
        let settled = async || {
            let path = "/admin/v1/settlements?limit=1000";
            let found = success("settlements", self.hall.node.admin(Method::GET, path, None).await);
            let rows = found["settlements"].as_array().expect("a list").clone();
            (rows.len() >= seats.len()).then_some(rows)
        };
        let rows = eventually("every session is settled", settled).await;
        assert_eq!(rows.len(), seats.len(), "{rows:?}");
        for seat in seats {
            let row = rows.iter().find(|row| row["session_id"] == seat.session.id.as_str()).expect("it is settled");
            assert_eq!(row["end_reason"], "suspended", "{row}");
        }
    }
}

#[tokio::test]
async fn whatever_happens_to_deliveries_each_takes_effect_once_and_is_in_the_stream_once() {
    let seed = Seed::pick();
    let mut chance = seed.generator(0);
    let total = amount("GUILDHALL_DELIVERIES", 10_000);
    let model = Model::new(&mut chance, total * (10 - REPEATS) / 10);
    // Nobody keeps the sessions alive that suspensions are to end, and some of those come last.
    let builder = Hall::builder().set("playwave.silence_sec", 86_400);
    let hall = Hall { node: builder.tables(&crate::support::webhooks::tables("", "freshness_sec = 0")).start().await };
    join_all(model.players().map(|player| hall.token(player))).await;
    let playing = model.suspended().take(PLAYING);
    let seats = join_all(playing.map(|player| hall.seat(player))).await;
    let answers = RefCell::new(vec![Answers::default(); model.deliveries.len()]);
    let mut story = Story { hall, model, ticks: Cell::new(0), answers, events: Vec::new() };

    let mut fresh = 0;
    while fresh < story.model.deliveries.len() {
        let next = (fresh + ROUND * (10 - REPEATS) / 10).min(story.model.deliveries.len());
        // What was sent before, whether its answer was lost or not, some of it more than once in this round.
        let mut numbers: Vec<_> = (0..ROUND * REPEATS / 10).map(|_| chance.random_range(0..next)).collect();
        numbers.extend(fresh..next);
        numbers.shuffle(&mut chance);
        let deadly = chance.random_range(1..=numbers.len());
        story.round(numbers, deadly).await;
        story.read_events().await;
        fresh = next;
    }
    eventually("everything is answered", async || {
        story.round(story.unanswered(), usize::MAX).await;
        story.unanswered().is_empty().then_some(())
    })
    .await;
    story.read_events().await;
    story.check_events().await;
    story.check_players().await;
    story.check_sessions(&seats).await;
    story.hall.node.stop().await;
}
