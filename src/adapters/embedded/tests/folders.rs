//! Data folders: reopened, shared by mistake, damaged, or of a newer version.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use guildhall_actors::ids::{GameId, LoginId, NodeId, PlayerId};
use guildhall_actors::ports::{Inbox, InboxKey, Login, Nodes, Players};
use rusqlite::Connection;

use super::*;

/// SQLite's default.
const PAGE: u64 = 4096;

#[tokio::test]
async fn a_reopened_folder_has_everything_that_was_acknowledged() {
    let folder = temp();
    let (player, node) = (GameId::new("game").player(PlayerId(1)), NodeId::new("node"));
    let login = Login { id: LoginId::new("a"), node: node.clone(), at: NOW };
    let key = InboxKey { game: GameId::new("game"), source: "publish", key: "a".into() };

    let store = open(folder.path());
    make_room(&store, true).await;
    let last = append(&store, "x", NOW).await;
    Players::claim(&store, &player, &login).await.expect("no suspension");
    store.record(&key, b"body", Duration::from_secs(1), NOW).await.expect("the store answers");
    Nodes::register(&store, &node, NOW).await.expect("the store answers");
    let (channel, state) = (store.get(&room()).await.expect("just made"), store.look_up(&player).await);
    drop(store);

    let store = open(folder.path());
    assert_eq!(store.get(&room()).await.expect("made before"), channel);
    assert_eq!(log(&store).await, (vec![1], true));
    assert_eq!(append(&store, "y", NOW).await, Position { sequence: 2, ..last });
    assert_eq!(store.look_up(&player).await.expect("the store answers"), state.expect("the store answers"));
    assert_eq!(Inbox::read(&store, &key.game, &["publish"], 0, 9).await.expect("the store answers").entries.len(), 1);
    assert_eq!(store.expired(Timestamp(i64::MAX)).await.expect("the store answers"), [node]);
}

/// Copies what `kill -9` would leave now: the log is not folded into the database.
pub(super) fn copy_as_killed(folder: &TempDir, copy: &TempDir) {
    for file in ["guildhall.db", "guildhall.db-wal", "lock"] {
        fs::copy(folder.path().join(file), copy.path().join(file)).expect("the file exists");
    }
}

#[tokio::test]
async fn a_folder_as_a_killed_process_leaves_it_has_everything_that_was_acknowledged() {
    let (folder, copy) = (temp(), temp());
    let store = open(folder.path());
    make_room(&store, true).await;
    append(&store, "x", NOW).await;
    copy_as_killed(&folder, &copy);
    assert_eq!(log(&open(copy.path())).await, (vec![1], true));
}

#[test]
fn a_folder_in_use_is_refused_and_the_message_names_it() {
    let folder = temp();
    let store = open(folder.path());
    let refused = try_open(folder.path()).err().expect("it is in use");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert_eq!(refused.to_string(), format!("data folder {} is in use by another process", folder.path().display()));
    drop(store);
    open(folder.path());
}

#[tokio::test]
async fn the_folder_and_its_files_are_private() {
    let parent = temp();
    let folder = parent.path().join("deep/data");
    let store = open(&folder);
    make_room(&store, true).await;
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files: Vec<PathBuf> =
        fs::read_dir(&folder).expect("it exists").map(|entry| entry.expect("it can be listed").path()).collect();
    assert!(files.len() >= 3, "lock, database and log: {files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

/// A folder that was closed, with everything in the database file.
async fn closed_folder() -> (TempDir, PathBuf) {
    let folder = temp();
    let store = open(folder.path());
    make_room(&store, true).await;
    for number in 0..300 {
        append(&store, &format!("{number} {}", "x".repeat(100)), NOW).await;
    }
    drop(store);
    let database = folder.path().join("guildhall.db");
    // The last connection to close folds the log in.
    let connection = Connection::open(&database).expect("a database");
    connection.query_row("SELECT count(*) FROM events", [], |row| row.get::<_, i64>(0)).expect("its tables");
    drop(connection);
    assert!(!folder.path().join("guildhall.db-wal").exists());
    (folder, database)
}

fn assert_damaged(folder: &TempDir, what: &str) {
    match try_open(folder.path()) {
        Err(error @ OpenError::Damaged { .. }) => {
            let text = error.to_string();
            assert!(text.contains(&folder.path().display().to_string()) && text.contains("backup"), "{what}: {text}");
        }
        Err(other) => panic!("{what}: {other:?}"),
        Ok(_) => panic!("{what}: opened"),
    }
}

#[tokio::test]
async fn a_page_of_garbage_anywhere_is_damage() {
    let (folder, database) = closed_folder().await;
    let sound = fs::read(&database).expect("it exists");
    let pages = sound.len() as u64 / PAGE;
    assert!(pages > 10, "{pages}");
    for page in 0..pages {
        let mut file = OpenOptions::new().write(true).open(&database).expect("it exists");
        file.seek(SeekFrom::Start(page * PAGE)).expect("within the file");
        file.write_all(&[0xa5; PAGE as usize]).expect("there is room");
        assert_damaged(&folder, &format!("page {page} of {pages}"));
        fs::write(&database, &sound).expect("there is room");
    }
    assert_eq!(log(&open(folder.path())).await.0.len(), 300, "sound again");
}

#[tokio::test]
async fn a_truncated_database_is_damage() {
    let (folder, database) = closed_folder().await;
    let sound = fs::read(&database).expect("it exists");
    for length in [0, 1, 100, PAGE, PAGE * 2, sound.len() as u64 / 2, sound.len() as u64 - PAGE] {
        let kept = usize::try_from(length).expect("a small file");
        fs::write(&database, &sound[..kept]).expect("there is room");
        assert_damaged(&folder, &format!("{length} bytes of {}", sound.len()));
    }
}

#[test]
fn a_file_that_is_no_database_is_damage() {
    let folder = temp();
    let text = "just a text\n".repeat(1000);
    fs::write(folder.path().join("guildhall.db"), &text).expect("there is room");
    assert_damaged(&folder, "a text file");
    let after = fs::read_to_string(folder.path().join("guildhall.db")).expect("it exists");
    assert_eq!(after, text, "nothing is changed");
}

#[tokio::test]
async fn a_missing_database_beside_its_log_is_damage() {
    let folder = temp();
    fs::write(folder.path().join("guildhall.db-wal"), [0; 100]).expect("there is room");
    assert_damaged(&folder, "a log alone");
    assert!(folder.path().join("guildhall.db-wal").exists(), "nothing is changed");
}

#[tokio::test]
async fn a_missing_database_in_a_folder_that_had_one_is_damage() {
    let (folder, database) = closed_folder().await;
    fs::remove_file(&database).expect("it exists");
    assert_damaged(&folder, "removed");
    assert_damaged(&folder, "removed, second try");
}

// All that was written so far may be in the log: without it the database is as good as empty.
#[tokio::test]
async fn a_damaged_log_that_held_everything_is_damage() {
    let (folder, copy) = (temp(), temp());
    let store = open(folder.path());
    make_room(&store, true).await;
    copy_as_killed(&folder, &copy);
    let log = copy.path().join("guildhall.db-wal");
    let length = fs::read(&log).expect("it exists").len();
    fs::write(&log, vec![0xa5; length]).expect("there is room");
    assert_damaged(&copy, "a log of garbage");
}

#[tokio::test]
async fn a_newer_version_is_refused_and_left_alone() {
    let (folder, database) = closed_folder().await;
    let connection = Connection::open(&database).expect("a database");
    connection.pragma_update(None, "user_version", 1000).expect("it can be written");
    drop(connection);
    let refused = try_open(folder.path()).err().expect("it is newer");
    assert!(matches!(refused, OpenError::Newer { found: 1000, .. }), "{refused:?}");
    assert!(refused.to_string().contains("newer version (schema 1000, this one knows 4)"), "{refused}");
    let connection = Connection::open(&database).expect("a database");
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).expect("a number");
    assert_eq!(version, 1000);
}
