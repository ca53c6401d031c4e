//! The log is copied to the database beside the writer, and begins anew.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;
use rusqlite::Connection;

use super::*;

/// Of the log, in frames.
const SMALL: i64 = 128;
/// A page and its header.
const FRAME: u64 = 4096 + 24;
const EVENTS: u64 = 2_000;

fn open_small(folder: &TempDir) -> Embedded {
    let limits = LogLimits { history_events: EVENTS, ..LogLimits::default() };
    Embedded::open_with(folder.path(), limits, ChatLimits::default().idempotency, 100, SMALL).expect("sound and free")
}

fn log_file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("guildhall.db-wal")
}

/// The longest the log has been, in frames: the file is written over from its beginning.
fn longest(folder: &TempDir) -> u64 {
    fs::metadata(log_file(folder)).expect("the store is open").len() / FRAME
}

/// How often the log has begun anew: the "checkpoint sequence number" of the log's header.
fn beginnings(folder: &TempDir) -> u32 {
    let log = fs::read(log_file(folder)).expect("the store is open");
    u32::from_be_bytes(log[12..16].try_into().expect("four bytes"))
}

async fn write(store: &Embedded, events: u64) {
    let payload = "x".repeat(2_000);
    for _ in 0..events {
        append(store, &payload, NOW).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_stays_bounded_while_everybody_writes_and_reads() {
    let folder = temp();
    let store = open_small(&folder);
    let epoch = make_room(&store, true).await;
    let (ended, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers = (0..8).map(|_| {
        let (store, ended, reads) = (store.clone(), ended.clone(), reads.clone());
        tokio::spawn(async move {
            while !ended.load(Ordering::Relaxed) {
                store.read(&room(), Position { epoch, sequence: 0 }, 20).await.expect("the room exists");
                reads.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    join_all((0..4).map(|_| write(&store, EVENTS / 4))).await;
    ended.store(true, Ordering::Relaxed);
    join_all(readers).await.into_iter().for_each(|reader| reader.expect("no read fails"));
    assert!(reads.load(Ordering::Relaxed) > 100, "they read all the time");
    let (longest, bound) = (longest(&folder), SMALL as u64);
    assert!(beginnings(&folder) > 3, "it began anew {} times", beginnings(&folder));
    assert!(longest < 8 * bound, "{longest} frames");

    let copy = temp();
    folders::copy_as_killed(&folder, &copy);
    let all: Vec<u64> = (1..=EVENTS).collect();
    assert_eq!(log(&open_small(&copy)).await, (all.clone(), true));
    drop(store);
    assert_eq!(log(&open_small(&folder)).await, (all, true));
}

#[tokio::test]
async fn a_reader_that_stays_disturbs_nobody_and_the_log_begins_anew_when_it_has_gone() {
    let folder = temp();
    let store = open_small(&folder);
    make_room(&store, true).await;
    let reader = Connection::open(folder.path().join("guildhall.db")).expect("a database");
    reader.execute_batch("BEGIN").expect("it is open");
    let events = || reader.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, u64>(0)).expect("a table");
    assert_eq!(events(), 0);
    let before = beginnings(&folder);
    write(&store, 200).await;
    assert_eq!(events(), 0, "it sees what it began with");
    assert_eq!(beginnings(&folder), before, "it needs the log");
    assert!(longest(&folder) > 4 * SMALL as u64, "{} frames", longest(&folder));
    reader.execute_batch("ROLLBACK").expect("it had begun");
    let mut more = 0;
    while beginnings(&folder) == before {
        write(&store, 1).await;
        more += 1;
        assert!(more < EVENTS - 200, "the log never begins anew");
    }
    assert_eq!(log(&store).await, ((1..=200 + more).collect(), true));
}

#[tokio::test]
async fn a_closed_store_leaves_no_log() {
    let folder = temp();
    let store = open_small(&folder);
    make_room(&store, true).await;
    write(&store, 100).await;
    drop(store);
    assert!(!log_file(&folder).exists(), "the last one to close has copied it");
}
