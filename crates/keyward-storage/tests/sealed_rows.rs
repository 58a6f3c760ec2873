//! The list of sealed tables against the catalogs of both databases.

use std::collections::BTreeSet;

use keyward_core::clock::Clock;
use keyward_storage::{Kind, params, sealed_rows, testing};

#[tokio::test]
async fn every_table_with_a_data_key_is_listed() {
    for fresh in testing::databases(&Clock::System).await {
        let sql = match fresh.database.kind() {
            Kind::Sqlite => {
                "SELECT m.name, p.name FROM sqlite_schema m, pragma_table_info(m.name) p
                 WHERE m.type = 'table' AND p.name LIKE '%key_id' AND m.name <> 'data_keys'"
            }
            Kind::Postgres => {
                "SELECT table_name::text, column_name::text FROM information_schema.columns
                 WHERE table_schema = 'public' AND column_name LIKE '%key_id' AND table_name <> 'data_keys'"
            }
        };
        let rows = fresh.database.query(sql, params![]).await.expect("the catalog");
        let found: BTreeSet<(String, String)> =
            rows.iter().map(|row| (row.get(0).expect("a table"), row.get(1).expect("a column"))).collect();
        let listed: BTreeSet<(String, String)> =
            sealed_rows::TABLES.iter().map(|table| (table.name.to_owned(), table.key_column.to_owned())).collect();
        assert_eq!(found, listed, "a table that `key rotate` would forget, or one that is gone");
    }
}

#[tokio::test]
async fn an_empty_database_has_nothing_to_walk_over() {
    for fresh in testing::databases(&Clock::System).await {
        for table in sealed_rows::TABLES {
            let rows = sealed_rows::walk(&fresh.database, table, "dk_000000000000", None, 10).await.expect(table.name);
            assert!(rows.is_empty());
        }
        assert!(sealed_rows::counts(&fresh.database).await.expect("counts").is_empty());
    }
}
