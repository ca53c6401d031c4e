//! A write that fails takes with it everything in memory that was ahead of the disk, and nothing else.

use super::*;
use crate::adapters::embedded::writer::Transaction;

/// Makes every write of the PC `bad` fail in one way.
type Fault = &'static str;

/// The statement fails, and its step is undone alone.
const STATEMENT: Fault = "SELECT RAISE(ABORT, 'broken');";
/// The database gives up the whole transaction, as it does when the disk is full.
const TRANSACTION: Fault = "SELECT RAISE(ROLLBACK, 'broken');";
/// Every statement succeeds, the commit does not: it leaves a debt to nobody.
const COMMIT: Fault = "INSERT INTO debts VALUES (1);";

fn break_writes(folder: &Path, fault: Fault) {
    let connection = Connection::open(folder.join("guildhall.db")).expect("a database");
    let sql = format!(
        "CREATE TABLE IF NOT EXISTS nobody (id INTEGER PRIMARY KEY);
         CREATE TABLE IF NOT EXISTS debts (to_whom INTEGER REFERENCES nobody DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER broken BEFORE INSERT ON documents WHEN new.key = 'pc:bad' BEGIN {fault} END"
    );
    connection.execute_batch(&sql).expect("it can be written");
}

fn mend_writes(folder: &Path) {
    let connection = Connection::open(folder.join("guildhall.db")).expect("a database");
    connection.execute_batch("DROP TRIGGER broken").expect("it can be written");
}

#[tokio::test]
async fn a_failed_write_takes_back_what_was_ahead_of_the_disk() {
    for fault in [STATEMENT, TRANSACTION, COMMIT] {
        let folder = temp();
        let store = open(folder.path());
        put(&store, Durability::Now, &pc("good"), until(1)).await;
        let before = load(&store, &pc("good")).await;
        break_writes(folder.path(), fault);
        let ahead = put(&store, Durability::Soon, &pc("good"), until(2)).await;
        put(&store, Durability::Soon, &token_key(), token()).await;
        try_put(&store, Durability::Now, &pc("bad"), until(1)).await.expect_err(fault);

        assert_eq!(load(&store, &pc("good")).await, before, "{fault}");
        assert_eq!(load(&store, &pc("bad")).await, Stored::default(), "{fault}");
        assert_eq!(store.find(&token_key()).await.expect("the store answers"), None, "{fault}");
        let good = pc("good");
        let stale = commit_of(Durability::Now, &[(&good, ahead)], until(3).as_ref());
        assert_eq!(store.commit(&cafe(), &stale).await.expect("the store answers"), Committed::Conflict, "{fault}");

        put(&store, Durability::Now, &good, until(4)).await;
        mend_writes(folder.path());
        let version = put(&store, Durability::Now, &pc("bad"), until(5)).await;
        assert!(version > ahead, "no version is used again");
        drop(store);
        let found = open(folder.path()).load(&cafe(), &["good", "bad"].map(pc)).await.expect("the store answers");
        assert_eq!(found.into_iter().map(|stored| stored.document).collect::<Vec<_>>(), [until(4), until(5)]);
    }
}

#[tokio::test]
async fn what_was_built_on_a_failed_write_fails_with_it() {
    for fault in [STATEMENT, TRANSACTION, COMMIT] {
        let folder = temp();
        let store = open(folder.path());
        put(&store, Durability::Now, &pc("good"), until(1)).await;
        load(&store, &pc("bad")).await;
        break_writes(folder.path(), fault);
        let (bad, good) = (pc("bad"), pc("good"));
        let cafe = cafe();
        let look = async {
            let version = load(&store, &bad).await.version;
            store.commit(&cafe, &commit_of(Durability::Soon, &[(&bad, version)], None)).await
        };
        let commits = async {
            tokio::join!(
                biased;
                try_put(&store, Durability::Now, &bad, until(1)),
                try_put(&store, Durability::Now, &good, until(2)),
                look,
                Sessions::list(&store, &cafe, DocumentKind::Pc, None, 9),
            )
        };
        let (first, second, look, list) = together(&store, commits).await;
        first.expect_err(fault);
        second.expect_err(fault);
        look.expect_err(fault);
        list.expect_err(fault);
        assert_eq!(load(&store, &good).await.document, until(1), "{fault}");
        put(&store, Durability::Now, &good, until(3)).await;
    }
}

// The flusher has nobody to tell: what was ahead is gone all the same, and it goes on.
#[tokio::test]
async fn a_failed_flush_in_the_background_is_forgotten_too() {
    let folder = temp();
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("good"), until(1)).await;
    break_writes(folder.path(), STATEMENT);
    put(&store, Durability::Soon, &pc("good"), until(2)).await;
    put(&store, Durability::Soon, &pc("bad"), until(1)).await;
    let end = tokio::time::Instant::now() + PATIENCE;
    while load(&store, &pc("bad")).await.document.is_some() {
        assert!(tokio::time::Instant::now() < end, "it is never forgotten");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(load(&store, &pc("good")).await.document, until(1));
    put(&store, Durability::Soon, &pc("good"), until(3)).await;
    reaches_the_disk(folder.path(), &pc("good"), 3).await;
}

// An earlier flush of the same transaction succeeds although a later one fails. Between the two nothing is on disk yet,
// and whoever loads then must not bring the old state back into memory.
#[tokio::test]
async fn a_flush_that_succeeds_beside_one_that_fails_is_not_undone_in_memory() {
    let folder = temp();
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("good"), until(1)).await;
    load(&store, &pc("bad")).await;
    break_writes(folder.path(), STATEMENT);
    let changing = store.clone();
    let change_bad = store.0.writer.write(move |_: &Transaction<'_>| {
        let bad = pc("bad");
        put(&changing, Durability::Soon, &bad, until(1)).now_or_never().expect("a Soon commit waits for nothing");
        Ok::<_, Failure<StoreError>>(())
    });
    let loading = store.clone();
    let load_in_between = store.0.writer.write(move |_: &Transaction<'_>| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let load = std::thread::spawn(move || runtime.block_on(load(&loading, &pc("good"))));
        Ok::<_, Failure<StoreError>>(load.join().expect("it loads"))
    });
    let good = pc("good");
    let steps = async {
        tokio::join!(
            biased;
            try_put(&store, Durability::Now, &good, until(2)),
            change_bad,
            store.flush(None),
            load_in_between,
        )
    };
    let (changed_good, changed, failed, _) = together(&store, steps).await;
    changed.expect("it waits for nothing");
    failed.expect_err("the statement fails");
    let version = changed_good.expect("its flush came before");
    assert_eq!(on_disk(folder.path(), &pc("good")), Some(2));
    assert_eq!(load(&store, &pc("good")).await, Stored { version, document: until(2) });
}

#[tokio::test]
async fn a_failed_transaction_without_documents_takes_none_with_it() {
    let folder = temp();
    let store = open(folder.path());
    put(&store, Durability::Now, &pc("good"), until(1)).await;
    let rolled_back = store.0.writer.write(|transaction: &Transaction<'_>| {
        transaction.sql.execute_batch("ROLLBACK")?;
        Ok::<_, Failure<StoreError>>(())
    });
    let good = pc("good");
    let change = put(&store, Durability::Soon, &good, until(2));
    let (failed, ahead) = together(&store, async { tokio::join!(biased; rolled_back, change) }).await;
    failed.expect_err("the transaction is gone");
    assert_eq!(load(&store, &pc("good")).await, Stored { version: ahead, document: until(2) });
    reaches_the_disk(folder.path(), &pc("good"), 2).await;
}
