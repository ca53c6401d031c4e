//! How soon a suspension is felt: from its 200 to the close of the socket, and to the 410 of a heartbeat.
//!
//! 50 runs; `GUILDHALL_SUSPENSIONS=1000 cargo test --test blackbox webhook_promptness:: -- --nocapture` is a longer form,
//! and prints the distributions. On a debug build they say that both always happen, not how fast a release is.

use std::io::Write;
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};

use crate::seed::amount;
use crate::support::arcade::Seat;
use crate::support::play::codes;
use crate::support::webhooks::{batch, permanent};
use crate::support::{Client, Hall, within};

/// Players of one batch.
const BATCH: i64 = 100;

/// Delays, in whatever order they were seen.
#[derive(Default)]
struct Distribution(Vec<Duration>);

impl Distribution {
    fn tell(mut self, what: &str) {
        self.0.sort_unstable();
        let at = |permille: usize| self.0[(self.0.len() * permille / 1000).min(self.0.len() - 1)];
        let (least, most) = (self.0[0], self.0[self.0.len() - 1]);
        let _ = writeln!(
            std::io::stderr(),
            "{what}: {} runs, least {least:.1?}, p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, most {most:.1?}",
            self.0.len(),
            at(500),
            at(900),
            at(990),
        );
    }
}

/// When the socket was closed because of the suspension.
async fn closed(client: &mut Client) -> Instant {
    assert_eq!(client.skip_to_close().await, (4003, "suspended".to_owned()));
    Instant::now()
}

/// When a heartbeat was first told that its session ends. That it has ended follows.
async fn ended(seat: &Seat) -> Instant {
    let mut told = None;
    within("a heartbeat is told that its session has ended", async {
        loop {
            let beat = seat.session.heartbeat().await;
            if beat.status == 200 {
                assert_eq!(told, None, "it went on");
                continue;
            }
            let told = *told.get_or_insert_with(Instant::now);
            if beat.body["error"]["code"] != codes::SESSION_ENDING.1 {
                beat.refused(codes::SESSION_ENDED);
                return told;
            }
            beat.refused(codes::SESSION_ENDING);
        }
    })
    .await
}

/// Suspends players who are online and play; how long after the answer each socket was closed and each session told.
async fn suspend(hall: &Hall, players: std::ops::Range<i64>) -> (Vec<Duration>, Vec<Duration>) {
    let mut clients = join_all(players.clone().map(|player| hall.connect(player))).await;
    let seats = join_all(players.clone().map(|player| hall.seat(player))).await;
    let rows = batch(&players.map(permanent).collect::<Vec<_>>());
    let answered = async {
        hall.suspend_batch(&rows).await.result(200, 0);
        let answered = Instant::now();
        (answered, join_all(seats.iter().map(ended)).await)
    };
    let ((answered, ended), closed) = join(answered, join_all(clients.iter_mut().map(closed))).await;
    // What came before the answer took no time after it.
    let after =
        |instants: Vec<Instant>| instants.into_iter().map(|at| at.saturating_duration_since(answered)).collect();
    (after(closed), after(ended))
}

#[tokio::test]
async fn both_always_happen() {
    let hall = Hall::open().await;
    let (mut closes, mut ends) = (Distribution::default(), Distribution::default());
    for run in 0..amount("GUILDHALL_SUSPENSIONS", 50) {
        let player = 5001 + i64::try_from(run).expect("a small number");
        let (closed, ended) = suspend(&hall, player..player + 1).await;
        closes.0.extend(closed);
        ends.0.extend(ended);
    }
    closes.tell("from the 200 to the close of the socket");
    ends.tell("from the 200 to a heartbeat's 410");
}

#[tokio::test]
async fn both_always_happen_to_all_100_of_a_batch() {
    let hall = Hall::open().await;
    let (mut closes, mut ends) = (Distribution::default(), Distribution::default());
    for run in 0..amount("GUILDHALL_SUSPENSIONS", 50).div_ceil(100) {
        let first = 5001 + BATCH * i64::try_from(run).expect("a small number");
        let (closed, ended) = suspend(&hall, first..first + BATCH).await;
        closes.0.extend(closed);
        ends.0.extend(ended);
    }
    closes.tell("batch of 100: from the 200 to the close of each socket");
    ends.tell("batch of 100: from the 200 to each heartbeat's 410");
}
