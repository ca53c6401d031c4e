//! In a storm of logins they wait here for each other, instead of everybody else for them.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Logins that the store is asked to claim at once. More would wait in the queues of its writer and of the worker
/// threads, and whatever comes to those behind them; fewer would make the commits that they share small.
const AT_ONCE: usize = 16;
/// A login makes the others wait for so long at the most: a slow store must be asked for many at once.
const PATIENCE: Duration = Duration::from_millis(5);

/// See the module's text.
pub(super) struct LoginGate(Semaphore);

impl Default for LoginGate {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl LoginGate {
    /// Does the work when it is its turn.
    pub(super) async fn pass<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let turn = self.0.acquire().await.expect("never closed");
        let in_time = timeout(PATIENCE, &mut work).await;
        drop(turn);
        match in_time {
            Ok(done) => done,
            Err(_) => work.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    /// A store, and how many logins it is at work for.
    struct Store {
        takes: Duration,
        at_work: Cell<usize>,
        most: Cell<usize>,
    }

    impl Store {
        fn new(takes: Duration) -> Self {
            Self { takes, at_work: Cell::new(0), most: Cell::new(0) }
        }

        async fn claim(&self) {
            self.at_work.set(self.at_work.get() + 1);
            self.most.set(self.most.get().max(self.at_work.get()));
            sleep(self.takes).await;
            self.at_work.set(self.at_work.get() - 1);
        }
    }

    /// Many times more logins than may be at work at once.
    async fn storm(store: &Store) {
        let gate = LoginGate::default();
        join_all((0..10 * AT_ONCE).map(|_| gate.pass(store.claim()))).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_answers_soon_is_asked_for_few_at_once() {
        let store = Store::new(PATIENCE / 5);
        storm(&store).await;
        assert_eq!((store.most.get(), store.at_work.get()), (AT_ONCE, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_store_is_asked_for_more_as_time_goes_by() {
        let store = Store::new(PATIENCE * 100);
        let mut storm = pin!(storm(&store));
        for crowds in 1..=10 {
            assert_eq!(timeout(PATIENCE, &mut storm).await.ok(), None);
            assert!(
                store.at_work.get().abs_diff(crowds * AT_ONCE) <= AT_ONCE,
                "{} after {crowds}",
                store.at_work.get()
            );
        }
        storm.await;
        assert_eq!((store.most.get(), store.at_work.get()), (10 * AT_ONCE, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_lets_the_next_one_pass() {
        let (gate, never) = (LoginGate::default(), std::future::pending::<()>);
        assert!(timeout(PATIENCE / 2, join_all((0..AT_ONCE).map(|_| gate.pass(never())))).await.is_err());
        assert!(timeout(PATIENCE / 2, gate.pass(async {})).await.is_ok());
    }
}
