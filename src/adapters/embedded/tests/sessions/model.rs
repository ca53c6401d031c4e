//! Many callers at random, with hardly any memory: coins move between accounts, and none is made or lost.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const ACCOUNTS: usize = 6;
const COINS: i64 = 100;
const CALLERS: u64 = 12;
const TRANSFERS: usize = 60;
/// Fewer than the accounts, so that most are read from the disk again and again.
const REMEMBERED: usize = 2;

fn open_forgetful(folder: &Path) -> Embedded {
    let idempotency = ChatLimits::default().idempotency;
    Embedded::open_with(folder, LogLimits::default(), idempotency, REMEMBERED, BOUND)
        .expect("the folder is sound and free")
}

fn account(number: usize) -> DocumentKey {
    pc(&format!("account {number}"))
}

/// The coins are the deadline. An account without any is removed.
fn coins(stored: &Stored) -> i64 {
    match stored.document.as_deref() {
        Some(Document::Pc(pc)) => pc.deadline.expect("set for every account").0,
        _ => 0,
    }
}

async fn total(store: &Embedded) -> i64 {
    let keys: Vec<_> = (0..ACCOUNTS).map(account).collect();
    let stored = store.load(&cafe(), &keys).await.expect("the store answers");
    stored.iter().map(coins).sum()
}

/// Moves a coin if there is one. A failure leaves it open whether it was moved.
async fn transfer(store: &Embedded, from: usize, to: usize, durability: Durability) -> Result<(), StoreError> {
    let keys = [account(from), account(to)];
    loop {
        let stored = store.load(&cafe(), &keys).await.expect("the store answers");
        let moved = coins(&stored[0]).min(1);
        let becomes = |key: &DocumentKey, coins: i64| (key.clone(), until(coins).filter(|_| coins > 0));
        let changes = vec![becomes(&keys[0], coins(&stored[0]) - moved), becomes(&keys[1], coins(&stored[1]) + moved)];
        let expected = keys.iter().cloned().zip(stored.iter().map(|stored| stored.version)).collect();
        let commit = Commit { expected, changes, settlements: vec![], durability };
        if let Committed::Done(_) = store.commit(&cafe(), &commit).await? {
            return Ok(());
        }
    }
}

/// Says how many transfers failed.
async fn call(store: Embedded, seed: u64) -> usize {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut failed = 0;
    for _ in 0..TRANSFERS {
        let from = rng.random_range(0..ACCOUNTS);
        let to = (from + rng.random_range(1..ACCOUNTS)) % ACCOUNTS;
        let durability = if rng.random_bool(0.5) { Durability::Soon } else { Durability::Now };
        failed += usize::from(transfer(&store, from, to, durability).await.is_err());
    }
    failed
}

async fn run(seed: u64, meanwhile: impl AsyncFn(&Embedded)) -> usize {
    let folder = temp();
    let store = open_forgetful(folder.path());
    for number in 0..ACCOUNTS {
        put(&store, Durability::Now, &account(number), until(COINS)).await;
    }
    let callers: Vec<_> = (0..CALLERS).map(|caller| tokio::spawn(call(store.clone(), seed * 1000 + caller))).collect();
    let finished = async { join_all(callers).await.into_iter().map(|failed| failed.expect("no caller panics")).sum() };
    let (_, failed) = tokio::join!(meanwhile(&store), finished);
    assert_eq!(total(&store).await, ACCOUNTS as i64 * COINS, "seed {seed}");
    drop(store);
    assert_eq!(total(&open_forgetful(folder.path())).await, ACCOUNTS as i64 * COINS, "seed {seed}, on disk");
    failed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_coin_is_made_or_lost() {
    for seed in 0..3 {
        assert_eq!(run(seed, async |_| ()).await, 0, "seed {seed}: a transfer failed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_coin_is_made_or_lost_when_writes_fail() {
    for seed in 0..3 {
        let fail = async |store: &Embedded| {
            for _ in 0..20 {
                let poison = |transaction: &crate::adapters::embedded::writer::Transaction<'_>| {
                    transaction.sql.execute_batch("ROLLBACK")?;
                    Ok::<_, Failure<StoreError>>(())
                };
                store.0.writer.write(poison).await.expect_err("the transaction is gone");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        run(seed, fail).await;
    }
}
