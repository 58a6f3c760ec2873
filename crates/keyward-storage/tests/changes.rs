//! News travels within a process at once, and to other processes.

use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_storage::{ChangeFeed, Database, Topic, testing};

async fn change(db: &Database, topics: &[Topic]) {
    let mut tx = db.begin("change").await.expect("begun");
    for &topic in topics {
        tx.notify(topic).await.expect("noted");
    }
    tx.commit().await.expect("committed");
}

/// Long enough for a slow machine; what is expected comes much sooner.
async fn next(feed: &mut ChangeFeed) -> Topic {
    tokio::time::timeout(Duration::from_secs(30), feed.next()).await.expect("a change")
}

async fn is_silent(feed: &mut ChangeFeed) -> bool {
    tokio::time::timeout(Duration::from_millis(700), feed.next()).await.is_err()
}

#[tokio::test]
async fn a_process_hears_itself() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let mut feed = db.changes();
        change(db, &[Topic::Users, Topic::Tokens, Topic::Users]).await;
        change(db, &[Topic::Tokens]).await;
        let mut heard = [next(&mut feed).await, next(&mut feed).await];
        heard.sort_unstable();
        assert_eq!(heard, [Topic::Tokens, Topic::Users], "several of one topic are one");
        drop(db.begin("given up").await.expect("begun"));
        let mut tx = db.begin("given up").await.expect("begun");
        tx.notify(Topic::Clients).await.expect("noted");
        drop(tx);
        assert!(is_silent(&mut feed).await, "what is not committed is not told");
    }
}

#[tokio::test]
async fn another_process_hears_it_once() {
    for fresh in testing::databases(&Clock::System).await {
        let other = fresh.open_again(Clock::System).await;
        let mut feed = other.changes();
        let watching = tokio::spawn(other.changes().watch());
        for topic in Topic::ALL {
            change(&fresh.database, &[topic]).await;
            assert_eq!(next(&mut feed).await, topic);
        }
        assert!(is_silent(&mut feed).await, "each is told once");
        watching.abort();
    }
}

#[tokio::test]
async fn a_feed_that_watches_a_database_without_tables_waits_for_them() {
    for fresh in [testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await] {
        let mut feed = fresh.database.changes();
        let watching = tokio::spawn(fresh.database.changes().watch());
        tokio::task::yield_now().await;
        let other = fresh.open_again(Clock::System).await;
        other.migrate().await.expect("migrated");
        change(&other, &[Topic::Bearers]).await;
        assert_eq!(next(&mut feed).await, Topic::Bearers);
        watching.abort();
    }
}

#[tokio::test]
async fn the_poll_finds_what_a_broken_connection_missed() {
    let fresh = testing::postgres(Clock::System).await;
    fresh.database.migrate().await.expect("migrated");
    let other = fresh.open_again(Clock::System).await;
    let mut feed = other.changes();
    let watching = tokio::spawn(other.changes().watch());
    change(&fresh.database, &[Topic::Users]).await;
    assert_eq!(next(&mut feed).await, Topic::Users);
    // The first change may have been found before the listening began.
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    let ended = async || -> i64 {
        let row = fresh.database.query_opt(sql, &[]).await.expect("asked").expect("a row");
        row.get(0).expect("a number")
    };
    while ended().await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    change(&fresh.database, &[Topic::Clients]).await;
    assert_eq!(next(&mut feed).await, Topic::Clients);
    watching.abort();
}
