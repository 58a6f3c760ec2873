//! Development bearer tokens on both databases.

use keyward_core::clock::{Clock, Timestamp};
use keyward_core::secret::TokenHash;
use keyward_storage::bearer_tokens::{self, BearerToken};
use keyward_storage::testing;
use uuid::Uuid;

fn token(number: u128, expires_at: Option<Timestamp>) -> BearerToken {
    BearerToken {
        id: Uuid::from_u128(number),
        hash: TokenHash::of(&number.to_be_bytes()),
        name: format!("number {number}"),
        user_email: None,
        scope: "coda:read coda:write".parse().expect("scopes"),
        resources: vec!["https://mcp.example.com/coda/mcp".to_owned()],
        created_at: Timestamp::from_seconds(100),
        expires_at,
        revoked_at: None,
        last_used_at: None,
    }
}

#[tokio::test]
async fn live_tokens_are_neither_revoked_nor_expired() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let mut tx = db.begin("test").await.expect("begun");
        for (number, end) in [(1, None), (2, Some(200)), (3, None)] {
            let stored = bearer_tokens::insert(&mut tx, &token(number, end.map(Timestamp::from_seconds))).await;
            stored.expect("stored");
        }
        let now = Timestamp::from_seconds(150);
        assert!(bearer_tokens::revoke(&mut tx, Uuid::from_u128(3), now).await.expect("revoked"));
        assert!(!bearer_tokens::revoke(&mut tx, Uuid::from_u128(3), now).await.expect("revoked before"));
        bearer_tokens::touch(&mut tx, Uuid::from_u128(1), now).await.expect("touched");
        bearer_tokens::touch(&mut tx, Uuid::from_u128(1), Timestamp::from_seconds(1)).await.expect("not set back");
        tx.commit().await.expect("committed");

        let names = async |at| -> Vec<String> {
            let live = bearer_tokens::list_live(db, Timestamp::from_seconds(at)).await.expect("listed");
            live.into_iter().map(|token| token.name).collect()
        };
        assert_eq!(names(150).await, ["number 1", "number 2"]);
        assert_eq!(names(200).await, ["number 1"]);
        let all = bearer_tokens::list(db).await.expect("listed");
        assert_eq!(all.len(), 3);
        assert_eq!(all[0].last_used_at, Some(now));
        assert_eq!(all[0].scope.to_string(), "coda:read coda:write");
        assert_eq!(all[0].resources, ["https://mcp.example.com/coda/mcp"]);
        assert_eq!(all[2].revoked_at, Some(now));
    }
}
