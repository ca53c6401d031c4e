//! Memory without a disk: what a reading that comes late may still say, and what is forgotten.

use std::panic::{AssertUnwindSafe, catch_unwind};

use guildhall_actors::ids::{PcId, TokenId};
use guildhall_actors::ports::{Durability, Version};
use guildhall_actors::session::Account;

use super::flush::Unwritten;
use super::memory::Mark;
use super::*;

/// Entries of a generation.
const CAPACITY: usize = 4;

fn cafe() -> CafeId {
    CafeId::parse("cafe").expect("a cafe id")
}

fn key(name: &str) -> DocumentKey {
    DocumentKey::Pc(PcId::parse(name).expect("a PC id"))
}

fn document() -> Option<Arc<Document>> {
    Some(Arc::new(Document::Account(Account::default())))
}

/// As read from the disk.
fn stored(version: u64) -> Stored {
    Stored { version: Version(version), document: document() }
}

fn forgetful() -> Memory {
    Memory::new(Version(10), CAPACITY)
}

fn recall(memory: &Memory, key: &DocumentKey) -> Option<Version> {
    let found = memory.recall(&cafe(), std::slice::from_ref(key)).0.remove(0);
    found.map(|stored| stored.version)
}

fn mark(memory: &Memory) -> Mark {
    memory.recall(&cafe(), &[]).1
}

fn learn(memory: &Memory, key: &DocumentKey, mark: Mark, read: Stored) -> Version {
    memory.learn(&cafe(), mark, vec![(key.clone(), read)]).remove(0).version
}

/// Changes a document that memory has.
fn change(memory: &Memory, key: &DocumentKey) -> Version {
    let expected = vec![(key.clone(), recall(memory, key).expect("it is in memory"))];
    let changes = vec![(key.clone(), document())];
    let commit = Commit { expected, changes, settlements: vec![], durability: Durability::Soon };
    match memory.apply(&cafe(), &commit, None).expect("nothing has failed") {
        Applied::Done(versions, None) => versions[0],
        _ => panic!("nothing is in the way"),
    }
}

fn hand_over(memory: &Memory) {
    memory.hand_over(None).expect("nothing has failed");
}

/// Has so many others read that a generation is dropped.
fn rotate(memory: &Memory, round: usize) {
    for number in 0..CAPACITY {
        learn(memory, &key(&format!("{round}-{number}")), mark(memory), Stored::default());
    }
}

#[test]
fn what_is_ahead_of_the_disk_stays_in_memory_and_what_is_on_it_goes_in_the_end() {
    let memory = forgetful();
    let a = key("a");
    learn(&memory, &a, mark(&memory), stored(1));
    let first = change(&memory, &a);
    (0..5).for_each(|round| rotate(&memory, round));
    assert_eq!(recall(&memory, &a), Some(first), "dirty");
    hand_over(&memory);
    (5..10).for_each(|round| rotate(&memory, round));
    assert_eq!(recall(&memory, &a), Some(first), "handed over");
    let second = change(&memory, &a);
    hand_over(&memory);
    (10..15).for_each(|round| rotate(&memory, round));
    assert_eq!(recall(&memory, &a), Some(second), "handed over once more");
    memory.end_transaction(Ok(()));
    rotate(&memory, 15);
    assert_eq!(recall(&memory, &a), Some(second), "asked for again");
    (16..19).for_each(|round| rotate(&memory, round));
    assert_eq!(recall(&memory, &a), None, "on disk, and not asked for");
}

#[test]
fn what_was_read_is_remembered_while_it_is_exact() {
    let memory = forgetful();
    let a = key("a");
    let since = mark(&memory);
    assert_eq!(learn(&memory, &a, since, stored(1)), Version(1));
    assert_eq!(recall(&memory, &a), Some(Version(1)));
    assert_eq!(learn(&memory, &a, since, stored(0)), Version(1), "another reading was here first");
    let newer = change(&memory, &a);
    assert_eq!(learn(&memory, &a, since, stored(1)), newer, "changed since");
}

// The reading began before the change, which has come, gone to the disk and been forgotten in the meantime.
#[test]
fn what_was_read_too_long_ago_is_not_remembered() {
    for rotations in 0..6 {
        let memory = forgetful();
        let a = key("a");
        let late = mark(&memory);
        learn(&memory, &a, mark(&memory), stored(1));
        let newer = change(&memory, &a);
        hand_over(&memory);
        memory.end_transaction(Ok(()));
        (0..rotations).for_each(|round| rotate(&memory, round));
        learn(&memory, &a, late, stored(1));
        let remembered = recall(&memory, &a);
        assert!(remembered.is_none_or(|version| version == newer), "{rotations}: {remembered:?}");
    }
}

#[test]
fn what_was_read_before_everything_was_forgotten_is_not_remembered() {
    let memory = forgetful();
    let a = key("a");
    learn(&memory, &a, mark(&memory), stored(1));
    let since = mark(&memory);
    change(&memory, &a);
    hand_over(&memory);
    memory.end_transaction(Err(&StoreError("the disk is full".into())));
    assert_eq!(recall(&memory, &a), None);
    learn(&memory, &a, since, stored(1));
    assert_eq!(recall(&memory, &a), None, "it may be of the transaction that failed");
}

#[test]
fn a_flush_that_crashes_is_a_failed_write() {
    let memory = forgetful();
    let a = key("a");
    learn(&memory, &a, mark(&memory), stored(1));
    change(&memory, &a);
    let crashed = catch_unwind(AssertUnwindSafe(|| {
        hand_over(&memory);
        let _unwritten = Unwritten(&memory);
        panic!("a bug");
    }));
    assert!(crashed.is_err());
    assert!(recall(&memory, &a).is_some(), "until the end of the transaction, readers see less than its steps wrote");
    let nothing = Commit { expected: vec![], changes: vec![], settlements: vec![], durability: Durability::Soon };
    assert!(memory.apply(&cafe(), &nothing, None).is_err(), "nothing is decided from it any more");
    assert!(memory.hand_over(None).is_err());
    memory.end_transaction(Ok(()));
    assert_eq!(recall(&memory, &a), None);
    assert!(memory.hand_over(Some(0)).is_err(), "of those who waited for the one that failed");
    assert!(memory.hand_over(Some(1)).is_ok());
}

#[test]
fn a_place_that_was_read_too_long_ago_is_not_remembered() {
    let memory = forgetful();
    let token = |number| DocumentKey::Token(TokenId::from_random(number));
    let since = |number| memory.recall_place(&token(number)).expect_err("not in memory");
    let late = since(0);
    for number in 1..=3 * CAPACITY as u128 {
        memory.learn_place(&token(number), since(number), Some(cafe()));
    }
    assert_eq!(memory.learn_place(&token(0), late, Some(cafe())), Some(cafe()));
    since(0);
    memory.learn_place(&token(0), since(0), None);
    since(0);
    memory.learn_place(&token(0), since(0), Some(cafe()));
    assert_eq!(memory.recall_place(&token(0)).expect("read just now"), Some(cafe()));
}

fn plan(sql: &rusqlite::Connection, query: &str) -> String {
    let mut explain = sql.prepare(&format!("EXPLAIN QUERY PLAN {query}")).expect("a query");
    let mut rows = explain.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().expect("a plan") {
        plan += &row.get::<_, String>(3).expect("text");
    }
    plan
}

// Otherwise a query would become slow only when there is much to read.
#[test]
fn queries_are_answered_from_an_index() {
    let sql = rusqlite::Connection::open_in_memory().expect("a database");
    sql.execute_batch(include_str!("../schema/2.sql")).expect("its tables");
    let settlements = |of_cafe, of_game| rows::settlements_text(of_cafe, of_game);
    for (query, index) in [
        (rows::PLACE.to_owned(), "INDEX places (key=?)"),
        (rows::DUE.to_owned(), "INDEX deadlines (deadline<?)"),
        (rows::CAFES.to_owned(), "INDEX accounts (cafe>?)"),
        (settlements(false, false), "INDEX settlements_by_end ((ended_at,session)>(?,?) AND ended_at<?)"),
        (settlements(true, false), "INDEX settlements_of_cafe (cafe=? AND (ended_at,session)>(?,?) AND ended_at<?)"),
        (settlements(false, true), "INDEX settlements_of_game (game=? AND (ended_at,session)>(?,?) AND ended_at<?)"),
        (settlements(true, true), "(ended_at,session)>(?,?) AND ended_at<?)"),
    ] {
        let plan = plan(&sql, &query);
        assert!(plan.contains("SEARCH") && plan.contains(index) && !plan.contains("TEMP"), "{query}: {plan}");
    }
}
