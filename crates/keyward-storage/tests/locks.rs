//! Locks between processes.

use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_storage::testing;

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_holds_a_lock_at_a_time() {
    for fresh in testing::databases(&Clock::System).await {
        let (here, there) = (fresh.database.clone(), fresh.open_again(Clock::System).await);
        let held = here.try_lock("a").await.expect("asked").expect("free");
        assert!(held.is_held());
        assert!(here.try_lock("a").await.expect("asked").is_none(), "the same process");
        assert!(there.try_lock("a").await.expect("asked").is_none(), "another process");
        assert!(there.lock("a", Duration::from_millis(120)).await.expect("asked").is_none());
        let waits = tokio::spawn({
            let there = there.clone();
            async move { there.lock("a", PATIENCE).await }
        });
        drop(held);
        let passed_on = waits.await.expect("ran").expect("asked").expect("free at last");
        assert!(here.try_lock("a").await.expect("asked").is_none());
        drop(passed_on);
        assert!(here.lock("a", PATIENCE).await.expect("asked").is_some());
    }
}

/// A rotation holds a lock of its own while the store that it writes to takes another.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn locks_of_two_kinds_never_stand_in_each_others_way() {
    for fresh in testing::databases(&Clock::System).await {
        let _held = fresh.database.try_lock("rotate token a/b").await.expect("asked").expect("free");
        for name in 0..600 {
            let other = fresh.database.try_lock(&format!("infisical a/{name}")).await.expect("asked");
            assert!(other.is_some(), "{name}");
            // Where the server lets go of it, that takes a moment; the names differ, so nobody waits for it.
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_stops_asking_leaves_the_lock_free() {
    for fresh in testing::databases(&Clock::System).await {
        let there = fresh.open_again(Clock::System).await;
        for wait in 0..50_u64 {
            let asking = fresh.database.try_lock("a");
            let _ = tokio::time::timeout(Duration::from_micros(wait * 20), asking).await;
        }
        assert!(there.lock("a", PATIENCE).await.expect("asked").is_some());
    }
}

#[tokio::test]
async fn a_lock_goes_with_its_process() {
    for fresh in testing::databases(&Clock::System).await {
        let elsewhere = fresh.url.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let held = runtime.block_on(async {
                let config = keyward_storage::StorageConfig { url: elsewhere, max_connections: 2 };
                let database = keyward_storage::Database::open(&config, Clock::System).await.expect("open");
                database.try_lock("a").await.expect("asked").expect("free")
            });
            // As in a process that dies, the connections end before anybody lets go of the lock.
            drop(runtime);
            drop(held);
        })
        .join()
        .expect("ran");
        assert!(fresh.database.lock("a", PATIENCE).await.expect("asked").is_some());
    }
}
