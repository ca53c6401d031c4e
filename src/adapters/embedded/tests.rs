//! The contract on a data folder, and what the embedded adapter adds to it: what was acknowledged is found again, a
//! damaged folder is refused, and concurrent steps share a commit without disturbing one another.

mod checkpoints;
mod commits;
mod folders;
mod sessions;
mod trimming;

use std::path::Path;
use std::time::Duration;

use guildhall_actors::clock::Timestamp;
use guildhall_actors::event::{Epoch, EventBody, Position};
use guildhall_actors::ids::{ChannelId, ChannelKey, GameId};
use guildhall_actors::limits::{ChatLimits, LogLimits};
use guildhall_actors::ports::{ChannelKind, ChannelSpec, Channels, NewEvent, Owner, StoreError};
use guildhall_actors::testing::contract;
use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use super::checkpoints::BOUND;
use super::error::Failure;
use super::{Embedded, OpenError};

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn temp() -> TempDir {
    TempDir::new().expect("a folder for temporary files")
}

fn try_open(path: &Path) -> Result<Embedded, OpenError> {
    Embedded::open(path, LogLimits::default(), ChatLimits::default().idempotency)
}

fn open(path: &Path) -> Embedded {
    try_open(path).expect("the folder is sound and free")
}

fn room() -> ChannelKey {
    GameId::new("game").channel(ChannelId::parse("room").expect("a channel id"))
}

fn spec(history: bool) -> ChannelSpec {
    ChannelSpec {
        kind: ChannelKind::Group,
        name: "room".into(),
        max_members: 10,
        password: None,
        password_revision: 0,
        history,
        owner: Owner::System,
    }
}

fn custom(payload: &str) -> EventBody {
    EventBody::Custom { payload: payload.into() }
}

/// Makes the room; says in which epoch.
async fn make_room(store: &Embedded, history: bool) -> Epoch {
    store.create(&room(), spec(history), &[], NOW).await.expect("the id is free").head.epoch
}

async fn append(store: &Embedded, payload: &str, now: Timestamp) -> Position {
    store.append(&room(), NewEvent::new(custom(payload)), now).await.expect("the room exists")
}

/// The sequences in the room's log, and whether the log is whole.
async fn log(store: &Embedded) -> (Vec<u64>, bool) {
    let head = store.get(&room()).await.expect("the room exists").head;
    let slice = store.read(&room(), Position { sequence: 0, ..head }, 10_000).await.expect("the room exists");
    (slice.events.iter().map(|event| event.position.sequence).collect(), slice.complete)
}

#[tokio::test]
async fn the_contract_of_channels_holds() {
    let folder = temp();
    contract::check(&contract::channels(), &open(folder.path()).ports(), "").await;
}

#[tokio::test]
async fn the_contract_of_players_holds() {
    let folder = temp();
    contract::check(&contract::players(), &open(folder.path()).ports(), "").await;
}

#[tokio::test]
async fn the_contract_of_sessions_holds() {
    let folder = temp();
    contract::check(&contract::sessions(), &open(folder.path()).ports(), "").await;
}

#[tokio::test]
async fn the_contract_of_nodes_holds() {
    let folder = temp();
    contract::check(&contract::nodes(), &open(folder.path()).ports(), "").await;
}

#[tokio::test]
async fn the_contract_of_inbox_holds() {
    let folder = temp();
    contract::check(&contract::inbox(), &open(folder.path()).ports(), "").await;
}

#[tokio::test]
async fn an_open_store_takes_writes() {
    let folder = temp();
    open(folder.path()).ping().await.expect("it is open");
}

/// How often a cached statement is prepared anew when it is given other values.
fn prepared_anew(sql: &Connection) -> Result<i32, Failure<StoreError>> {
    let mut anew = 0;
    for limit in 1..=10 {
        let mut query = sql.prepare_cached("SELECT sequence FROM events LIMIT ?")?;
        query.query([limit])?.next()?;
        assert_eq!(query.get_status(StatementStatus::Run), limit, "it was cached");
        anew = query.get_status(StatementStatus::RePrepare);
    }
    Ok(anew)
}

#[tokio::test]
async fn a_cached_statement_is_prepared_once_whatever_it_is_given() {
    let folder = temp();
    let store = open(folder.path());
    let writer = store.0.writer.write(|step| prepared_anew(step.sql)).await;
    let reader = store.0.readers.read(prepared_anew).await;
    assert_eq!((writer.expect("it is open"), reader.expect("it is open")), (0, 0));
}
