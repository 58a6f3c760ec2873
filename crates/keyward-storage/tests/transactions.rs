//! All of it, or nothing, also when a future is dropped half-way.

use std::future::Future;
use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_storage::{Database, StorageError, Transaction, params, testing};

const ADD: &str = "INSERT INTO changes (topic, counter) VALUES ($1, 1) \
                   ON CONFLICT (topic) DO UPDATE SET counter = changes.counter + 1";

async fn counter(db: &Database, topic: &str) -> i64 {
    let sql = "SELECT counter FROM changes WHERE topic = $1";
    let row = db.query_opt(sql, params![topic]).await.expect("asked");
    row.map_or(0, |row| row.get(0).expect("a number"))
}

#[tokio::test]
async fn what_is_not_committed_is_rolled_back() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let mut tx = db.begin("dropped").await.expect("begun");
        tx.execute(ADD, params!["x"]).await.expect("added");
        assert_eq!(counter(db, "x").await, 0, "nobody else sees it");
        drop(tx);
        let mut tx = db.begin("committed").await.expect("begun");
        tx.execute(ADD, params!["x"]).await.expect("added");
        tx.commit().await.expect("committed");
        assert_eq!(counter(db, "x").await, 1);
    }
}

#[tokio::test]
async fn after_a_failed_statement_nothing_is_committed() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        db.execute("INSERT INTO changes (topic, counter) VALUES ('x', 7)", params![]).await.expect("added");
        let mut tx = db.begin("clumsy").await.expect("begun");
        tx.execute(ADD, params!["y"]).await.expect("added");
        let again = tx.execute("INSERT INTO changes (topic, counter) VALUES ('x', 1)", params![]).await;
        assert!(matches!(again, Err(StorageError::Conflict)));
        assert!(matches!(tx.execute(ADD, params!["z"]).await, Err(StorageError::Aborted { name: "clumsy" })));
        assert!(matches!(tx.commit().await, Err(StorageError::Aborted { name: "clumsy" })));
        assert_eq!((counter(db, "x").await, counter(db, "y").await), (7, 0));
        db.execute(ADD, params!["x"]).await.expect("the writer is free again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_wait_for_each_other_and_lose_nothing() {
    for fresh in testing::databases(&Clock::System).await {
        let handles = [fresh.database.clone(), fresh.open_again(Clock::System).await];
        let writers = (0..16).map(|number| {
            let db = handles[number % 2].clone();
            tokio::spawn(async move {
                for _ in 0..10 {
                    let mut tx = db.begin("count").await.expect("begun");
                    let row = tx.query_opt("SELECT counter FROM changes WHERE topic = 'x'", params![]).await;
                    row.expect("read");
                    tx.execute(ADD, params!["x"]).await.expect("added");
                    tx.commit().await.expect("committed");
                }
                db.execute(ADD, params!["x"]).await.expect("added");
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("a writer");
        }
        assert_eq!(counter(&fresh.database, "x").await, 16 * 11);
    }
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    for fresh in testing::databases(&Clock::System).await {
        let mut tx = fresh.database.begin("open").await.expect("begun");
        tx.execute(ADD, params!["x"]).await.expect("added");
        for _ in 0..20 {
            assert_eq!(counter(&fresh.database, "x").await, 0);
        }
        tx.commit().await.expect("committed");
    }
}

#[tokio::test]
async fn a_lock_is_held_until_the_end() {
    let db = testing::postgres(Clock::System).await.database;
    let mut first = db.begin("first").await.expect("begun");
    first.lock("a key").await.expect("locked");
    let mut other = db.begin("other").await.expect("begun");
    other.lock("another key").await.expect("locked");
    assert!(within(Duration::from_millis(200), other.lock("a key")).await.is_none(), "the first holds it");
    drop(first);
    // The wait was given up, so the second transaction is broken; a third gets the lock.
    assert!(matches!(other.commit().await, Err(StorageError::Aborted { name: "other" })));
    let mut third = db.begin("third").await.expect("begun");
    third.lock("a key").await.expect("locked");
}

/// Polls the future `steps` times and drops it, unless it has ended by then.
async fn dropped_after<F: Future>(steps: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = steps;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

async fn within<F: Future>(time: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(time, future).await.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_future_dropped_anywhere_leaves_all_or_nothing() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let work = async |topic: &str| -> Result<(), StorageError> {
            let mut tx: Transaction = db.begin("interrupted").await?;
            tx.execute(ADD, params![topic]).await?;
            tx.query("SELECT counter FROM changes", params![]).await?;
            tx.execute(ADD, params![topic]).await?;
            tx.commit().await
        };
        for steps in 0..24 {
            let topic = format!("t{steps}");
            let done = dropped_after(steps, work(&topic)).await;
            // Waits its turn behind whatever was left: the writer is neither stuck nor inside a transaction.
            db.execute(ADD, params!["free"]).await.expect("the database takes the next write");
            let seen = counter(db, &topic).await;
            assert!(seen == 0 || seen == 2, "{seen} after {steps} steps");
            assert!(!matches!(done, Some(Ok(()))) || seen == 2);
            db.execute(ADD, params![topic.as_str()]).await.expect("no row of it is locked");
        }
        assert_eq!(counter(db, "free").await, 24);
    }
}

#[tokio::test]
async fn a_statement_dropped_on_its_way_does_not_confuse_the_next() {
    let fresh = testing::postgres(Clock::System).await;
    let db = &fresh.database;
    for number in 0..12_i64 {
        let slow = db.query("SELECT 1::bigint FROM pg_sleep(0.05)", params![]);
        drop(within(Duration::from_millis(5), slow).await);
        let row = db.query_opt("SELECT $1::bigint", params![number]).await.expect("asked").expect("a row");
        assert_eq!(row.get::<i64>(0).expect("a number"), number);
    }
}

#[test]
fn connections_outlive_the_runtime_that_asked_for_them() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let home = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    for fresh in home.block_on(testing::databases(&Clock::System)) {
        for _ in 0..3 {
            let worker = runtime();
            let read = async { tokio::join!(counter(&fresh.database, "x"), counter(&fresh.database, "y")) };
            assert_eq!(worker.block_on(read), (0, 0));
        }
    }
}

#[test]
fn futures_can_be_sent() {
    fn sendable<T: Send>(_: &T) {}
    fn check(db: &Database, tx: &'static mut Transaction) {
        sendable(&db.begin("x"));
        sendable(&db.execute("x", params![]));
        sendable(&tx.query("x", params![]));
    }
    let _ = check;
}
