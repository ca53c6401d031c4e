//! Group commit: steps that wait for the writer share its next commit, and nothing else.

use std::sync::{Arc, mpsc};

use futures_util::FutureExt;
use futures_util::future::join_all;
use guildhall_actors::ports::{ChannelError, Ring, StoreError, Subscriber};
use rusqlite::Connection;

use super::*;
use crate::adapters::embedded::error::Failure;
use crate::adapters::embedded::writer::Transaction;

/// Keeps the writer busy with a step of its own, in a commit of its own, until told to go on.
pub(super) fn hold(store: &Embedded) -> (mpsc::Sender<()>, impl Future<Output = ()>) {
    let (go_on, told) = mpsc::channel();
    let (begun, began) = mpsc::channel();
    let step_store = store.clone();
    let held = async move {
        let wait = move |_: &Transaction<'_>| {
            begun.send(()).expect("the test waits");
            told.recv().expect("the test goes on");
            Ok::<_, Failure<StoreError>>(())
        };
        step_store.0.writer.write(wait).await.expect("a step that does nothing");
    };
    let mut held = Box::pin(held);
    assert!((&mut held).now_or_never().is_none(), "the step waits");
    // What is handed over from now on cannot share its commit.
    began.recv().expect("the writer takes the step");
    (go_on, held)
}

/// Runs `steps` in one commit: the writer is held by an earlier step until all of them wait for it.
pub(super) async fn together<T>(store: &Embedded, steps: impl Future<Output = T>) -> T {
    let (go_on, held) = hold(store);
    let all = async { tokio::join!(biased; held, steps).1 };
    let mut all = Box::pin(all);
    assert!((&mut all).now_or_never().is_none(), "every step has been handed over and waits");
    go_on.send(()).expect("the writer waits");
    all.await
}

/// Events on disk, as a reader of its own sees them.
fn events_on_disk(folder: &Path) -> i64 {
    let connection = Connection::open(folder.join("guildhall.db")).expect("a database");
    connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0)).expect("its tables")
}

#[tokio::test]
async fn steps_that_wait_for_the_writer_share_one_commit() {
    let folder = temp();
    let store = open(folder.path());
    make_room(&store, false).await;
    let path = folder.path().to_owned();
    let appends = async { join_all((0..100).map(|_| append(&store, "x", NOW))).await };
    // Last in the queue: the steps before it have run, and if any had a commit of its own it would be seen here.
    let look = store.0.writer.write(move |_| Ok::<_, Failure<StoreError>>(events_on_disk(&path)));
    let (_, seen) = together(&store, async { tokio::join!(biased; appends, look) }).await;
    assert_eq!(seen.expect("a step that only looks"), 0);
    assert_eq!(events_on_disk(folder.path()), 100);
}

#[tokio::test]
async fn a_step_that_fails_in_a_shared_commit_is_undone_alone() {
    let folder = temp();
    let store = open(folder.path());
    make_room(&store, false).await;
    let rung = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let ring = rung.clone();
    let subscriber = move |rang| {
        let Ring::Event(event) = rang else { return };
        ring.lock().push(event.position.sequence);
    };
    store.subscribe(&room(), Arc::new(subscriber)).await.expect("the room exists");

    let unlike = |sql: &'static str| {
        // Writes, rings, and then fails in the database.
        store.0.writer.write(move |transaction: &Transaction<'_>| {
            transaction.sql.execute("DELETE FROM channels", [])?;
            transaction.sql.execute(sql, [])?;
            Ok::<_, Failure<StoreError>>(())
        })
    };
    let room = room();
    let refused = store.append(&room, NewEvent::new(by_a_stranger()), NOW);
    let steps = async {
        tokio::join!(
            biased;
            append(&store, "one", NOW),
            refused,
            unlike("INSERT INTO nowhere VALUES (1)"),
            unlike("INSERT INTO nodes (id, lease_until) VALUES (NULL, 'x')"),
            append(&store, "two", NOW),
        )
    };
    let (one, refused, unknown_table, constraint, two) = together(&store, steps).await;
    assert_eq!((one.sequence, two.sequence), (1, 2));
    assert!(matches!(refused, Err(ChannelError::NotMember)), "{refused:?}");
    assert!(unknown_table.expect_err("no such table").0.contains("nowhere"));
    constraint.expect_err("no node without id");
    assert_eq!(log(&store).await, (vec![1, 2], true));
    assert_eq!(*rung.lock(), [1, 2]);
}

fn by_a_stranger() -> EventBody {
    let from = guildhall_actors::ids::PlayerId(666);
    EventBody::Chat { from, message: "hi".into(), extra_data: "".into(), hidden_from: Vec::new() }
}

// Subscribing, deleting and making anew are in the order of the commit for the subscribers too.
#[tokio::test]
async fn a_subscription_begins_in_the_middle_of_a_shared_commit() {
    let folder = temp();
    let store = open(folder.path());
    make_room(&store, false).await;
    let heard = [(); 2].map(|()| Arc::new(parking_lot::Mutex::new(Vec::new())));
    let [old, new] = heard.clone().map(|heard| -> Subscriber {
        Arc::new(move |ring| {
            let Ring::Event(event) = ring else { return };
            heard.lock().push((event.position.epoch, event.position.sequence));
        })
    });
    let room = room();
    store.subscribe(&room, old).await.expect("the room exists");
    let steps = async {
        tokio::join!(
            biased;
            append(&store, "for the old one", NOW),
            store.delete(&room, NOW),
            make_room(&store, false),
            append(&store, "for nobody", NOW),
            store.subscribe(&room, new),
            append(&store, "for the new one", NOW),
        )
    };
    let (first, deleted, epoch, _, head, _) = together(&store, steps).await;
    let deleted = deleted.expect("the room existed").position;
    assert_eq!(head.expect("the room exists"), Position { epoch, sequence: 1 });
    assert_eq!(*heard[0].lock(), [(first.epoch, 1), (deleted.epoch, 2)]);
    assert_eq!(*heard[1].lock(), [(epoch, 2)]);
}
