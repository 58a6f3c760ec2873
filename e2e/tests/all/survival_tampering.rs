//! Somebody edits the database under a running Keyward: what was sealed is refused, in clear words, and audited.

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;
use keyward_e2e::wait;
use tokio_postgres::NoTls;

use crate::scene::Scene;

/// A database that is edited behind Keyward's back.
enum Edited {
    Sqlite(std::path::PathBuf),
    Postgres(String),
}

impl Edited {
    fn new(kind: &str) -> Result<(Self, Configuration)> {
        match kind {
            "sqlite" => Ok((Self::Sqlite("keyward.db".into()), Configuration::sqlite())),
            _ => {
                let url = postgres::new_database()?;
                Ok((Self::Postgres(url.clone()), Configuration::on(&url)))
            }
        }
    }

    fn edit(&self, scene: &Scene, sql: &str) -> Result<()> {
        let changed = match self {
            Self::Sqlite(name) => {
                let database = rusqlite::Connection::open(scene.keyward.home().join(name))?;
                database.busy_timeout(wait::LIMIT)?;
                database.execute(sql, [])? as u64
            }
            Self::Postgres(url) => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
                    tokio::spawn(connection);
                    client.execute(sql, &[]).await
                })?
            }
        };
        ensure!(changed > 0, "nothing was changed by: {sql}");
        Ok(())
    }

    /// An expression that gives other bytes of the same length.
    fn flipped(&self, column: &str) -> String {
        match self {
            Self::Sqlite(_) => {
                format!("CASE hex(substr({column}, 1, 1)) WHEN '00' THEN x'01' ELSE x'00' END || substr({column}, 2)")
            }
            Self::Postgres(_) => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        }
    }

    /// SQLite's `||` gives text; this makes it bytes again.
    fn flip(&self, table: &str, column: &str) -> String {
        let flipped = self.flipped(column);
        match self {
            Self::Sqlite(_) => format!("UPDATE {table} SET {column} = CAST({flipped} AS BLOB)"),
            Self::Postgres(_) => format!("UPDATE {table} SET {column} = {flipped}"),
        }
    }
}

#[test]
fn a_token_that_was_edited_is_refused_on_sqlite() -> Result<()> {
    a_token_that_was_edited_is_refused("sqlite")
}

#[test]
fn a_token_that_was_edited_is_refused_on_postgres() -> Result<()> {
    a_token_that_was_edited_is_refused("postgres")
}

fn a_token_that_was_edited_is_refused(kind: &str) -> Result<()> {
    let (database, configuration) = Edited::new(kind)?;
    let mut scene = Scene::new(configuration)?;
    scene.keyward.put_token("other/api_token", "a value of the very same length as the service token")?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let mine = "service_id = 'notes' AND token_key = 'api_token'";
    let edits = [
        format!("{} WHERE {mine}", database.flip("tokens", "encrypted_value")),
        format!("{} WHERE {mine}", database.flip("tokens", "iv")),
        format!("{} WHERE {mine}", database.flip("tokens", "auth_tag")),
        format!("UPDATE tokens SET key_id = 'dk_000000000000' WHERE {mine}"),
        format!("UPDATE tokens SET version = version + 1 WHERE {mine}"),
        // Another service's row, in its place.
        format!("DELETE FROM tokens WHERE {mine}"),
    ];
    for edit in &edits {
        // A value that is good, and no value in the cache.
        scene.keyward.stop()?.succeeded()?;
        scene.keyward.put_token("notes/api_token", "the good value")?;
        scene.keyward.start()?;
        assert_eq!(scene.status_with(&bearer)?, 200);
        scene.keyward.stop()?.succeeded()?;
        database.edit(&scene, edit)?;
        if edit.starts_with("DELETE") {
            database.edit(&scene, "UPDATE tokens SET service_id = 'notes' WHERE service_id = 'other'")?;
        }
        let process_of = |scene: &mut Scene| scene.keyward.process().map(|process| process.id());
        scene.keyward.start()?;
        let process = process_of(&mut scene)?;
        for _ in 0..2 {
            let answer = crate::scene::initialize("/notes/mcp").bearer(&bearer).send(scene.keyward.address())?;
            assert_eq!(answer.status, 503, "{edit}: {}", answer.text());
            assert!(!answer.text().contains("value"), "{}", answer.text());
        }
        assert_eq!(process_of(&mut scene)?, process);
        let told = scene.keyward.run(&["token", "show", "notes/api_token", "--reveal"], "")?;
        assert_eq!(told.code(), Some(1), "{edit}");
        assert!(told.stderr.contains("cannot open token notes/api_token: sealed with key "), "{}", told.stderr);
        assert_eq!(told.stdout, "", "{edit}");
        let shown = ["audit", "list", "--action", "token.open", "--limit", "1"];
        let denied = wait::until("the record", || {
            let newest = scene.keyward.list(&shown)?;
            Ok((newest[0]["result"] != "ok").then_some(newest))
        })?;
        assert_eq!(denied[0]["service_id"], "notes", "{denied}");
    }
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn an_edited_successor_of_a_refresh_token_is_refused_on_sqlite() -> Result<()> {
    an_edited_successor_is_refused("sqlite")
}

#[test]
fn an_edited_successor_of_a_refresh_token_is_refused_on_postgres() -> Result<()> {
    an_edited_successor_is_refused("postgres")
}

fn an_edited_successor_is_refused(kind: &str) -> Result<()> {
    let (database, configuration) = Edited::new(kind)?;
    let scene = Scene::new(configuration)?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    for column in ["successor_sealed", "successor_iv", "successor_tag", "successor_key_id"] {
        let tokens = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
        let refreshed = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
        Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?).context("the answer once more")?;
        let edit = match column {
            "successor_key_id" => "UPDATE refresh_tokens SET successor_key_id = 'dk_000000000000'".to_owned(),
            column => database.flip("refresh_tokens", column),
        };
        database.edit(&scene, &format!("{edit} WHERE {column} IS NOT NULL"))?;
        let answer = client.token(&client.refreshing(&tokens.refresh))?;
        assert!((500..=503).contains(&answer.status), "{column}: {} {}", answer.status, answer.text());
        assert!(!answer.text().contains("kwr_"), "{}", answer.text());
        Tokens::of(&client.token(&client.refreshing(&refreshed.refresh))?).context("the newest one is as it was")?;
    }
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

#[test]
fn an_edited_signing_key_signs_nothing_on_sqlite() -> Result<()> {
    an_edited_signing_key_signs_nothing("sqlite")
}

#[test]
fn an_edited_signing_key_signs_nothing_on_postgres() -> Result<()> {
    an_edited_signing_key_signs_nothing("postgres")
}

fn an_edited_signing_key_signs_nothing(kind: &str) -> Result<()> {
    let (database, configuration) = Edited::new(kind)?;
    let mut scene = Scene::new(configuration)?;
    scene.keyward.stop()?.succeeded()?;
    for column in ["sealed", "iv", "auth_tag"] {
        database.edit(&scene, &database.flip("signing_keys", column))?;
        let ended = scene.keyward.start_in_vain()?;
        assert_eq!(ended.code(), Some(1), "{}", ended.output());
        assert!(ended.stderr.contains("cannot open signing_keys"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        match kind {
            // The first byte of what is random is hardly ever 0 or 1, so flipping twice would not lead back.
            "sqlite" => break,
            _ => database.edit(&scene, &database.flip("signing_keys", column))?,
        }
    }
    Ok(())
}
