//! The stores that need no server elsewhere.

use std::sync::Arc;

use keyward_core::clock::{ManualClock, Timestamp};

use super::{Subject, is_read, passes};
use crate::environment::Environment;
use crate::error::VaultError;
use crate::store::env::EnvStore;
use crate::store::{Expected, TokenStore};
use crate::testing::{grounds, name, token};

#[tokio::test]
async fn the_databases_pass() {
    for ground in grounds().await {
        let mut handles: Vec<Arc<dyn TokenStore>> = vec![Arc::new(ground.sql().await)];
        handles.push(Arc::new(ground.vault_of_another_process().await.sql_store()));
        passes(&Subject { handles, destroys: true, clock: ground.clock.clone() }).await;
    }
}

#[tokio::test]
async fn the_environment_is_read_and_never_written() {
    let environment = Environment::of([("KEYWARD_TOKEN__SUITE__TEXT", "a value"), ("OTHER", "x")]);
    let store = Arc::new(EnvStore::new(environment, Default::default()));
    let clock = ManualClock::new(Timestamp::from_seconds(1_700_000_000));
    is_read(&Subject { handles: vec![store.clone()], destroys: false, clock }).await;
    for expected in [Expected::Anything, Expected::Absent, Expected::Version(1)] {
        for of in ["suite/text", "suite/absent"] {
            let error = store.put(&name(of), &token("x"), expected).await.expect_err("read-only");
            assert!(matches!(error, VaultError::ReadOnly { store: "env", .. }), "{error}");
        }
    }
    let error = store.delete(&name("suite/text")).await.expect_err("read-only");
    assert!(matches!(error, VaultError::ReadOnly { .. }), "{error}");
    assert_eq!(store.sweep().await.expect("sweep"), 0);
}
