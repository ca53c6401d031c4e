//! How much of a log is kept.

use guildhall_actors::ids::PlayerId;
use guildhall_actors::ports::Admission;

use super::*;

/// How far a log may be over its limit: trimming is done now and then.
const SLACK: u64 = 64;

fn limits() -> LogLimits {
    LogLimits { events: 10, age: Duration::from_secs(60), history_events: 100, history_age: Duration::from_secs(3600) }
}

fn open_limited(folder: &TempDir) -> Embedded {
    Embedded::open(folder.path(), limits(), Duration::from_secs(300)).expect("the folder is sound and free")
}

#[tokio::test]
async fn a_log_keeps_its_newest_events_by_count() {
    for (history, kept) in [(false, 10), (true, 100)] {
        let folder = temp();
        let store = open_limited(&folder);
        make_room(&store, history).await;
        for number in 1..=kept + 2 * SLACK {
            append(&store, "x", NOW).await;
            let (sequences, complete) = log(&store).await;
            let first = sequences[0];
            assert_eq!(sequences, (first..=number).collect::<Vec<_>>());
            assert!(first <= number.saturating_sub(kept) + 1, "{number}: it keeps {kept}, first is {first}");
            assert!(sequences.len() as u64 <= kept + SLACK, "{number}: {}", sequences.len());
            assert_eq!(complete, first == 1, "a reader from the beginning is told");
        }
    }
}

#[tokio::test]
async fn a_log_drops_events_by_age() {
    for (history, age) in [(false, limits().age), (true, limits().history_age)] {
        let folder = temp();
        let store = open_limited(&folder);
        make_room(&store, history).await;
        for _ in 0..5 {
            append(&store, "old", NOW).await;
        }
        let young = NOW + Duration::from_millis(1);
        for _ in 0..SLACK {
            append(&store, "young", young).await;
        }
        let end = NOW + age;
        let kept = log(&store).await;
        assert_eq!(*kept.0.last().expect("the newest stay"), 5 + SLACK);
        for _ in 0..SLACK {
            append(&store, "now", end + Duration::from_millis(1)).await;
        }
        let first = log(&store).await.0[0];
        assert!(first > 5, "{history}: those of {NOW:?} are gone at {end:?}, first is {first}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_older_than_the_limit_stays() {
    let folder = temp();
    let store = open_limited(&folder);
    make_room(&store, true).await;
    append(&store, "x", NOW).await;
    for _ in 1..=SLACK {
        append(&store, "x", NOW + limits().history_age).await;
    }
    assert_eq!(log(&store).await.0[0], 1);
}

// A channel that people only pass through has a log as well.
#[tokio::test]
async fn a_log_of_entries_and_exits_alone_is_trimmed() {
    let folder = temp();
    let store = open_limited(&folder);
    make_room(&store, false).await;
    for _ in 0..200 {
        store.enter(&room(), PlayerId(1), Admission::Password(None), NOW).await.expect("the room is open");
        store.exit(&room(), PlayerId(1), None, NOW).await.expect("a member");
    }
    let (sequences, _) = log(&store).await;
    assert_eq!(sequences.last(), Some(&400));
    assert!(sequences.len() as u64 <= limits().events + SLACK, "{}", sequences.len());
}

#[tokio::test]
async fn a_deleted_channel_leaves_no_rows() {
    let folder = temp();
    let store = open_limited(&folder);
    store.create(&room(), spec(true), &[PlayerId(1)], NOW).await.expect("the id is free");
    let event = NewEvent { idempotency_key: Some("key".into()), ..NewEvent::new(custom("x")) };
    store.append(&room(), event, NOW).await.expect("the room exists");
    store.delete(&room(), NOW).await.expect("the room exists");
    let connection = Connection::open(folder.path().join("guildhall.db")).expect("a database");
    for table in ["channels", "members", "events", "publications"] {
        let count = format!("SELECT count(*) FROM {table}");
        let rows: i64 = connection.query_row(&count, [], |row| row.get(0)).expect("a table");
        assert_eq!(rows, 0, "{table}");
    }
}

// The members are not the log: a long lasting membership outlives its ENTER event.
#[tokio::test]
async fn a_member_stays_when_the_enter_event_is_gone() {
    let folder = temp();
    let store = open_limited(&folder);
    make_room(&store, false).await;
    let entered = store.enter(&room(), PlayerId(1), Admission::Password(None), NOW).await.expect("the room is open");
    for _ in 0..200 {
        append(&store, "x", NOW).await;
    }
    assert!(log(&store).await.0[0] > 1);
    let member = store.member(&room(), PlayerId(1)).await.expect("the room exists").expect("a member");
    assert_eq!(member.entered, entered.position);
}
