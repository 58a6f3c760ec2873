//! Statements and values mean the same on both databases.

use keyward_core::clock::{Clock, Timestamp};
use keyward_storage::{Database, StorageError, params, testing};
use uuid::Uuid;

async fn add_user(db: &Database, number: u128, email: &str) -> Result<u64, StorageError> {
    let sql = "INSERT INTO users (id, email, is_admin, created_at) VALUES ($1, $2, $3, $4)";
    db.execute(sql, params![Uuid::from_u128(number), email, false, Timestamp::from_seconds(0)]).await
}

#[tokio::test]
async fn values_come_back_as_they_went() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_user(db, 7, "a@example.com").await.expect("a user");
        // The last whole microseconds of a second, times before 1970, and the ends of what can be stored.
        let times =
            [1_700_000_000_000_001, 1_700_000_000_999_999, -1, -62_167_219_200_000_000, 253_402_207_200_000_000];
        for (number, micros) in (1_u128..).zip(times) {
            let (id, time) = (Uuid::from_u128(number), Timestamp::from_micros(micros));
            let sql = "INSERT INTO user_sessions (id, token_hash, user_id, user_email, created_at, last_activity, \
                       expires_at, auth_methods) VALUES ($1, $2, $3, $4, $5, $5, $5, $6)";
            let hash = vec![0, 255, u8::try_from(number).expect("few")];
            let values = params![id, hash.clone(), Uuid::from_u128(7), "é a@example.com", time, ""];
            assert_eq!(db.execute(sql, values).await.expect("inserted"), 1);
            let sql = "SELECT id, token_hash, user_email, created_at, ended_at, auth_methods FROM user_sessions \
                       WHERE created_at = $2 AND id = $1";
            let row = db.query_opt(sql, params![id, time]).await.expect("asked").expect("found");
            assert_eq!(row.get::<Uuid>(0).expect("id"), id);
            assert_eq!(row.get::<Vec<u8>>(1).expect("bytes"), hash);
            assert_eq!(row.get::<String>(2).expect("text"), "é a@example.com");
            assert_eq!(row.get::<Timestamp>(3).expect("time"), time);
            assert_eq!(row.get::<Option<Timestamp>>(4).expect("null"), None);
            assert_eq!(row.get::<String>(5).expect("empty text"), "");
            assert!(matches!(row.get::<i64>(5), Err(StorageError::Column { index: 5 })));
            assert!(matches!(row.get::<i64>(6), Err(StorageError::Column { index: 6 })));
        }
        let ordered =
            db.query("SELECT created_at FROM user_sessions ORDER BY created_at", params![]).await.expect("rows");
        let ordered: Vec<i64> = ordered.iter().map(|row| row.get::<Timestamp>(0).expect("time").as_micros()).collect();
        let mut expected = times;
        expected.sort_unstable();
        assert_eq!(ordered, expected);
    }
}

#[tokio::test]
async fn what_one_of_the_databases_could_not_hold_neither_takes() {
    for fresh in testing::databases(&Clock::System).await {
        let refused = add_user(&fresh.database, 1, "a\0b").await.expect_err("a NUL");
        assert!(matches!(refused, StorageError::Value { .. }), "{refused:?}");
        assert!(refused.to_string().contains("NUL"));
        let sql = "INSERT INTO users (id, email, is_admin, created_at) VALUES ($1, 'a', FALSE, $2)";
        let far = Timestamp::from_micros(i64::MAX);
        let refused = fresh.database.execute(sql, params![Uuid::nil(), far]).await.expect_err("a time out of range");
        assert!(matches!(refused, StorageError::Value { .. }), "{refused:?}");
        // It comes back from a search as well, with the connection none the worse.
        let found = fresh.database.query("SELECT id FROM users WHERE email = $1", params!["\0"]).await;
        assert!(matches!(found, Err(StorageError::Value { .. })));
        assert_eq!(add_user(&fresh.database, 1, "a@example.com").await.expect("still works"), 1);
    }
}

#[tokio::test]
async fn a_writing_statement_is_done_once_however_it_is_asked() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let sql = "INSERT INTO changes (topic, counter) VALUES ($1, 1) \
                   ON CONFLICT (topic) DO UPDATE SET counter = changes.counter + 1 RETURNING counter";
        assert_eq!(db.execute(sql, params!["x"]).await.expect("executed"), 1);
        let row = db.query_opt(sql, params!["x"]).await.expect("queried").expect("a row");
        assert_eq!(row.get::<i64>(0).expect("counter"), 2);
        let mut tx = db.begin("test").await.expect("begun");
        assert_eq!(tx.execute(sql, params!["x"]).await.expect("executed"), 1);
        let row = tx.query_opt(sql, params!["x"]).await.expect("queried").expect("a row");
        assert_eq!(row.get::<i64>(0).expect("counter"), 4);
        tx.commit().await.expect("committed");
        let nothing = "INSERT INTO changes (topic, counter) VALUES ($1, 1) ON CONFLICT DO NOTHING";
        assert_eq!(db.execute(nothing, params!["x"]).await.expect("executed"), 0);
    }
}

#[tokio::test]
async fn parameters_are_bound_by_their_number() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        let sql = "SELECT topic FROM changes WHERE counter = $3 AND topic = $1 AND topic <> $2";
        db.execute("INSERT INTO changes (counter, topic) VALUES ($2, $1)", params!["x", 5_i64])
            .await
            .expect("inserted");
        assert_eq!(db.query(sql, params!["x", "y", 5_i64]).await.expect("rows").len(), 1);
        for wrong in [params!["x", "y"].as_slice(), params!["x", "y", 5_i64, 6_i64], params!["x", "y", "z"]] {
            let answer = db.query(sql, wrong).await;
            // A text where a number belongs finds nothing on SQLite, whose comparisons take any type.
            assert!(matches!(&answer, Err(StorageError::Statement(_))) || answer.is_ok_and(|rows| rows.is_empty()));
        }
    }
}

#[tokio::test]
async fn constraints_are_told_apart() {
    for fresh in testing::databases(&Clock::System).await {
        let db = &fresh.database;
        add_user(db, 1, "a@example.com").await.expect("a user");
        assert!(matches!(add_user(db, 1, "b@example.com").await, Err(StorageError::Conflict)));
        assert!(matches!(add_user(db, 2, "a@example.com").await, Err(StorageError::Conflict)));
        let sql = "INSERT INTO passwords (user_id, phc, updated_at) VALUES ($1, $2, $3)";
        let nobody = db.execute(sql, params![Uuid::from_u128(9), "phc", Timestamp::from_seconds(0)]).await;
        assert!(matches!(nobody, Err(StorageError::Orphan)), "{nobody:?}");
        let sql = "INSERT INTO data_keys (key_id, state, wrapped_key, wrapped_by, sealed_count, created_at) \
                   VALUES ('k', 'lost', $1, 'r', 0, $2)";
        let unknown = db.execute(sql, params![vec![1_u8], Timestamp::from_seconds(0)]).await;
        assert!(matches!(unknown, Err(StorageError::Statement(_))), "{unknown:?}");
    }
}

#[tokio::test]
async fn a_database_without_tables_says_so() {
    for fresh in [testing::sqlite(Clock::System).await, testing::postgres(Clock::System).await] {
        let error = fresh.database.query("SELECT id FROM users", params![]).await.expect_err("no tables");
        assert!(matches!(error, StorageError::NotMigrated(_)), "{error:?}");
    }
}
