//! Documents in memory and on disk: what is found again, what waits for what, and what a failed write takes with it.

mod faults;
mod model;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::join_all;
use guildhall_actors::ids::{CafeId, GameId, LauncherKey, PcId, PlayerId, SessionId, TokenId};
use guildhall_actors::ports::{Commit, Committed, Durability, Sessions, StoreError, Stored, Version};
use guildhall_actors::session::{Document, DocumentKey, DocumentKind, EndReason, Pc, Settlement, Token};
use rusqlite::{Connection, OptionalExtension};

use super::commits::{hold, together};
use super::folders::copy_as_killed;
use super::*;
use crate::adapters::embedded::error::Failure;

/// Longer than any flush takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

fn cafe() -> CafeId {
    CafeId::parse("cafe").expect("a cafe id")
}

fn pc(name: &str) -> DocumentKey {
    DocumentKey::Pc(PcId::parse(name).expect("a PC id"))
}

/// A PC whose deadline tells it from others.
fn until(deadline: i64) -> Option<Arc<Document>> {
    Some(Arc::new(Document::Pc(Pc { launcher: None, session: None, deadline: Some(Timestamp(deadline)) })))
}

fn token_key() -> DocumentKey {
    DocumentKey::Token(TokenId::from_random(1))
}

fn token() -> Option<Arc<Document>> {
    let (game, pc, launcher) = (GameId::new("game"), PcId::parse("pc").expect("a PC id"), LauncherKey([0; 32]));
    Some(Arc::new(Document::Token(Token { game, pc, launcher, issued_at: NOW, used_at: None, deadline: NOW })))
}

async fn load(store: &Embedded, key: &DocumentKey) -> Stored {
    store.load(&cafe(), std::slice::from_ref(key)).await.expect("the store answers").remove(0)
}

fn commit_of(durability: Durability, expected: &[(&DocumentKey, Version)], change: Option<&Arc<Document>>) -> Commit {
    let changes = change.map(|document| (expected[0].0.clone(), Some(document.clone()))).into_iter().collect();
    let expected = expected.iter().map(|(key, version)| ((*key).clone(), *version)).collect();
    Commit { expected, changes, settlements: vec![], durability }
}

/// Changes one document as it is now.
async fn try_put(
    store: &Embedded,
    durability: Durability,
    key: &DocumentKey,
    document: Option<Arc<Document>>,
) -> Result<Version, StoreError> {
    loop {
        let version = load(store, key).await.version;
        let changes = vec![(key.clone(), document.clone())];
        let commit = Commit { expected: vec![(key.clone(), version)], changes, settlements: vec![], durability };
        if let Committed::Done(versions) = store.commit(&cafe(), &commit).await? {
            return Ok(versions[0]);
        }
    }
}

async fn put(store: &Embedded, durability: Durability, key: &DocumentKey, document: Option<Arc<Document>>) -> Version {
    try_put(store, durability, key, document).await.expect("the store answers")
}

/// What any other process would find of a PC now: its deadline.
fn on_disk(folder: &Path, key: &DocumentKey) -> Option<i64> {
    let connection = Connection::open(folder.join("guildhall.db")).expect("a database");
    let query = "SELECT deadline FROM documents WHERE cafe = 'cafe' AND key = ?";
    connection.query_row(query, [key.to_string()], |row| row.get(0)).optional().expect("its tables")
}

async fn reaches_the_disk(folder: &Path, key: &DocumentKey, deadline: i64) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while on_disk(folder, key) != Some(deadline) {
        assert!(tokio::time::Instant::now() < end, "{key} is not on disk");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_folder_that_was_closed_has_every_soon_commit() {
    let folder = temp();
    let store = open(folder.path());
    let names: Vec<_> = (0..100).map(|number| pc(&number.to_string())).collect();
    put(&store, Durability::Now, &pc("removed"), until(1)).await;
    for key in &names {
        put(&store, Durability::Soon, key, until(7)).await;
    }
    put(&store, Durability::Soon, &token_key(), token()).await;
    put(&store, Durability::Soon, &pc("removed"), None).await;
    let before = store.load(&cafe(), &names).await.expect("the store answers");
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.load(&cafe(), &names).await.expect("the store answers"), before);
    assert_eq!(load(&store, &pc("removed")).await, Stored::default());
    assert_eq!(store.find(&token_key()).await.expect("the store answers"), Some(cafe()));
    let newest = before.iter().map(|stored| stored.version).max();
    let version = put(&store, Durability::Soon, &pc("new"), until(1)).await;
    assert!(Some(version) > newest, "{version:?} after {newest:?}");
}

#[tokio::test]
async fn a_folder_as_a_killed_process_leaves_it_has_what_a_durable_commit_was_decided_from() {
    let (folder, copy) = (temp(), temp());
    let store = open(folder.path());
    put(&store, Durability::Soon, &pc("soon"), until(1)).await;
    put(&store, Durability::Now, &pc("now"), until(2)).await;
    copy_as_killed(&folder, &copy);
    let found = open(copy.path()).load(&cafe(), &["soon", "now"].map(pc)).await.expect("the store answers");
    assert_eq!(found.into_iter().map(|stored| stored.document).collect::<Vec<_>>(), [until(1), until(2)]);
}

fn settlement() -> Settlement {
    Settlement {
        session_id: SessionId::from_random(1),
        game_id: GameId::new("game"),
        cafe_id: cafe(),
        pc_id: PcId::parse("pc").expect("a PC id"),
        provider_user_id: PlayerId(1),
        started_at: NOW,
        ended_at: NOW,
        end_reason: EndReason::Normal,
        play_duration_sec: 0,
        billed_sec: 0,
        coins: 1,
        client_play_duration_sec: None,
    }
}

#[tokio::test]
async fn a_session_that_was_settled_before_the_folder_was_closed_stays_settled_once() {
    let folder = temp();
    let settle = |durability| Commit { settlements: vec![settlement()], ..commit_of(durability, &[], None) };
    open(folder.path()).commit(&cafe(), &settle(Durability::Soon)).await.expect("the first");
    let store = open(folder.path());
    let ahead = put(&store, Durability::Soon, &pc("a"), until(1)).await;
    store.commit(&cafe(), &settle(Durability::Now)).await.expect_err("the second");
    assert_eq!(load(&store, &pc("a")).await.version, ahead, "others do not notice");
}

#[tokio::test]
async fn a_soon_commit_waits_for_nothing_and_reaches_the_disk_soon() {
    let folder = temp();
    let store = open(folder.path());
    let first = put(&store, Durability::Now, &pc("a"), until(1)).await;
    let absent = load(&store, &pc("b")).await.version;
    let (go_on, held) = hold(&store);
    let (a, b) = (pc("a"), pc("b"));
    let mut version = first;
    for deadline in 2..100 {
        let commit = commit_of(Durability::Soon, &[(&a, version), (&b, absent)], until(deadline).as_ref());
        let done = store.commit(&cafe(), &commit).now_or_never().expect("at once").expect("the store answers");
        let Committed::Done(versions) = done else { panic!("nobody else changes it") };
        version = versions[0];
        let seen = load(&store, &a).now_or_never().expect("at once");
        assert_eq!(seen, Stored { version, document: until(deadline) });
    }
    assert_eq!(on_disk(folder.path(), &a), Some(1));
    go_on.send(()).expect("the writer waits");
    held.await;
    reaches_the_disk(folder.path(), &a, 99).await;
}

#[tokio::test]
async fn commits_that_build_on_one_another_share_a_transaction() {
    let folder = temp();
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("a"), until(0)).await;
    let key = pc("a");
    let change = |deadline| put(&store, Durability::Now, &key, until(deadline));
    let commits = async { join_all((1..=100).map(change)).await };
    let path = folder.path().to_owned();
    // Last in the queue: if one of those before it had a commit of its own, it would be seen here.
    let look = store.0.writer.write(move |_| Ok::<_, Failure<StoreError>>(on_disk(&path, &pc("a"))));
    let (versions, seen) = together(&store, async { tokio::join!(biased; commits, look) }).await;
    assert_eq!(seen.expect("a step that only looks"), Some(0));
    assert!(versions.is_sorted_by(|a, b| a < b));
    assert_eq!(on_disk(folder.path(), &pc("a")), Some(100));
}

// The answer to a retry, say, which changes nothing: it must not be given while what it tells of may be undone.
#[tokio::test]
async fn an_answer_waits_for_every_durable_change_it_rests_on() {
    let folder = temp();
    let store = open(folder.path());
    let keys = ["paid", "seen", "seen later", "apart"].map(pc);
    for key in &keys {
        put(&store, Durability::Now, key, until(0)).await;
    }
    let (go_on, held) = hold(&store);
    let [paid, seen, seen_later, apart] = &keys;
    let version = async |key| load(&store, key).await.version;
    // Polled by hand: it has taken effect, and its answer waits.
    let mut waiting = Vec::new();
    let mut must_wait = |commit: Commit, what: &'static str| {
        let store = store.clone();
        let mut committing = async move { store.commit(&cafe(), &commit).await }.boxed();
        assert!((&mut committing).now_or_never().is_none(), "{what} waits");
        waiting.push(committing);
    };
    must_wait(commit_of(Durability::Now, &[(paid, version(paid).await)], until(1).as_ref()), "a durable change");
    must_wait(commit_of(Durability::Soon, &[(paid, version(paid).await)], None), "a look at it");
    let rests = [(seen, version(seen).await), (paid, version(paid).await)];
    must_wait(commit_of(Durability::Soon, &rests, until(1).as_ref()), "a sign of life decided from it");
    let rests = [(seen_later, version(seen_later).await), (seen, version(seen).await)];
    must_wait(commit_of(Durability::Soon, &rests, until(1).as_ref()), "and one from that");
    must_wait(commit_of(Durability::Soon, &[(seen_later, version(seen_later).await)], None), "and a look");
    must_wait(commit_of(Durability::Soon, &[(paid, version(paid).await)], until(2).as_ref()), "a change over it");
    let mut unseen = commit_of(Durability::Soon, &[(paid, version(paid).await)], until(3).as_ref());
    unseen.expected.clear();
    store.commit(&cafe(), &unseen).now_or_never().expect("it was decided from nothing").expect("the store answers");
    must_wait(commit_of(Durability::Now, &[(paid, version(paid).await)], None), "a look at that");
    let look = commit_of(Durability::Now, &[(apart, version(apart).await)], None);
    store.commit(&cafe(), &look).now_or_never().expect("it rests on nothing new").expect("the store answers");
    go_on.send(()).expect("the writer waits");
    held.await;
    for committed in join_all(waiting).await {
        assert!(matches!(committed, Ok(Committed::Done(_))), "{committed:?}");
    }
    let look = commit_of(Durability::Soon, &[(paid, version(paid).await), (seen, version(seen).await)], None);
    store.commit(&cafe(), &look).now_or_never().expect("all is on disk").expect("the store answers");
}

#[tokio::test]
async fn what_a_caller_gave_up_waiting_for_reaches_the_disk() {
    let folder = temp();
    let store = open(folder.path());
    let absent = load(&store, &pc("a")).await.version;
    let (go_on, held) = hold(&store);
    // The queue is full, so the commit cannot even hand over its flush.
    let mut pings: Vec<_> = (0..4096).map(|_| store.ping().boxed()).collect();
    pings.iter_mut().for_each(|ping| assert!(ping.now_or_never().is_none()));
    let a = pc("a");
    let commit = commit_of(Durability::Now, &[(&a, absent)], until(1).as_ref());
    assert!(store.commit(&cafe(), &commit).now_or_never().is_none());
    go_on.send(()).expect("the writer waits");
    held.await;
    reaches_the_disk(folder.path(), &a, 1).await;
}

#[tokio::test]
async fn a_list_waits_for_what_is_on_its_way() {
    let folder = temp();
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("a"), until(1)).await;
    put(&store, Durability::Soon, &pc("a"), until(2)).await;
    let (cafe, a) = (cafe(), pc("a"));
    let (durable, listed) = together(&store, async {
        tokio::join!(
            biased;
            put(&store, Durability::Now, &a, until(3)),
            Sessions::list(&store, &cafe, DocumentKind::Pc, None, 9)
        )
    })
    .await;
    assert!(durable > Version::ABSENT);
    assert_eq!(listed.expect("the store answers"), [(pc("a"), until(3).expect("a document"))]);
}

#[tokio::test]
async fn a_folder_of_the_first_version_is_brought_up_to_date() {
    let folder = temp();
    let connection = Connection::open(folder.path().join("guildhall.db")).expect("a database");
    connection.execute_batch(include_str!("../schema/1.sql")).expect("its tables");
    connection.pragma_update(None, "user_version", 1).expect("it can be written");
    drop(connection);
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("a"), until(1)).await;
    drop(store);
    assert_eq!(load(&open(folder.path()), &pc("a")).await.document, until(1));
}
