//! Databases that cannot be used: each has its own error, which says what to do.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;

use keyward_core::clock::Clock;
use keyward_storage::{Database, StorageConfig, StorageError, params, testing};

async fn open(url: &str) -> Result<Database, StorageError> {
    Database::open(&StorageConfig { url: url.to_owned(), max_connections: 2 }, Clock::System).await
}

async fn open_file(path: &Path) -> Result<Database, StorageError> {
    open(&format!("sqlite:{}", path.display())).await
}

async fn prepare(path: &Path) {
    let db = open_file(path).await.expect("a fresh file");
    db.migrate().await.expect("migrated");
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
}

/// The administrator may write to everything, so for them this runs once more as nobody.
#[tokio::test]
async fn a_read_only_file_or_folder_says_so() {
    let directory = tempfile::tempdir().expect("a folder");
    if directory.path().metadata().expect("there").uid() == 0 {
        let program = directory.path().join("tests");
        std::fs::copy(std::env::current_exe().expect("this program"), &program).expect("copied");
        set_mode(directory.path(), 0o755);
        set_mode(&program, 0o755);
        let mut command = std::process::Command::new(program);
        command.args(["--exact", "a_read_only_file_or_folder_says_so"]).current_dir("/").uid(65_534).gid(65_534);
        let output = command.output().expect("run as nobody");
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && told.contains("1 passed"), "{told}");
        return;
    }
    let file = directory.path().join("keyward.db");
    prepare(&file).await;
    set_mode(&file, 0o400);
    let error = open_file(&file).await.map(drop).expect_err("a file that cannot be written");
    assert!(matches!(error, StorageError::ReadOnly), "{error:?}");
    assert!(error.to_string().contains("read-only"));

    set_mode(&file, 0o600);
    set_mode(directory.path(), 0o500);
    let error = match open_file(&file).await {
        Ok(db) => db.execute("DELETE FROM changes", params![]).await.expect_err("a folder that cannot be written"),
        Err(error) => error,
    };
    assert!(matches!(error, StorageError::ReadOnly | StorageError::CannotOpen(_)), "{error:?}");
    let error = open_file(&directory.path().join("new.db")).await.map(drop).expect_err("nothing can be made there");
    assert!(matches!(error, StorageError::CannotOpen(_)), "{error:?}");
    set_mode(directory.path(), 0o700);
    open_file(&file)
        .await
        .expect("nothing was lost")
        .query("SELECT topic FROM changes", params![])
        .await
        .expect("rows");
}

#[tokio::test]
async fn a_damaged_file_says_so_and_stays_as_it_is() {
    let directory = tempfile::tempdir().expect("a folder");
    let text = directory.path().join("text.db");
    let content = "This is a shopping list and no database. ".repeat(200);
    std::fs::write(&text, &content).expect("written");
    let error = open_file(&text).await.map(drop).expect_err("no database");
    assert!(matches!(error, StorageError::Corrupt), "{error:?}");
    assert!(error.to_string().contains("backup"));
    assert_eq!(std::fs::read_to_string(&text).expect("read"), content);

    let damaged = directory.path().join("damaged.db");
    prepare(&damaged).await;
    let mut bytes = std::fs::read(&damaged).expect("read");
    bytes[100..8_192].fill(0xA5);
    std::fs::write(&damaged, bytes).expect("written");
    let error = match open_file(&damaged).await {
        Ok(db) => db.schema_version().await.expect_err("damaged tables"),
        Err(error) => error,
    };
    assert!(matches!(error, StorageError::Corrupt), "{error:?}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_says_so() {
    let directory = tempfile::tempdir().expect("a folder");
    for path in [directory.path().join("no/such/folder/keyward.db"), directory.path().to_owned()] {
        let error = open_file(&path).await.map(drop).expect_err("no such file");
        assert!(matches!(error, StorageError::CannotOpen(_)), "{error:?}");
        assert!(error.to_string().contains("folder"));
    }
}

#[tokio::test]
async fn a_fresh_file_is_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("keyward.db");
    let db = open_file(&path).await.expect("a fresh file");
    db.migrate().await.expect("migrated");
    for entry in std::fs::read_dir(directory.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        assert_eq!(entry.metadata().expect("there").mode() & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_told_from_one_that_is_not_there() {
    let fresh = testing::postgres(Clock::System).await;
    let (server, _) = fresh.url.rsplit_once('/').expect("a database in the URL");
    let error = open(&format!("{server}/no_such_database")).await.map(drop).expect_err("no such database");
    assert!(matches!(error, StorageError::Refused(_)), "{error:?}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = nobody.local_addr().expect("its address").port();
    drop(nobody);
    let error = open(&format!("postgres://u:hunter2@127.0.0.1:{port}/db")).await.map(drop).expect_err("nobody there");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));

    for url in ["mysql://h/db", "sqlite:", "postgres://h/db?sslmode=verify-ca", "postgres://h:port/db"] {
        let error = open(url).await.map(drop).expect_err(url);
        assert!(matches!(error, StorageError::Url { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn a_read_only_server_says_so() {
    let fresh = testing::postgres(Clock::System).await;
    fresh.database.migrate().await.expect("migrated");
    let url = format!("{}?options=-c%20default_transaction_read_only=on", fresh.url);
    let replica = open(&url).await.expect("a server that can be read");
    replica.query("SELECT topic FROM changes", params![]).await.expect("read");
    let error = replica.execute("DELETE FROM changes", params![]).await.expect_err("a server that cannot be written");
    assert!(matches!(error, StorageError::ReadOnly), "{error:?}");
}

#[tokio::test]
async fn a_server_that_went_away_is_found_again() {
    let fresh = testing::postgres(Clock::System).await;
    let db = &fresh.database;
    let other = fresh.open_again(Clock::System).await;
    db.query("SELECT 1", params![]).await.expect("a connection");
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    other.query(sql, params![]).await.expect("connections ended");
    // A connection that breaks while it is used is an error that may pass; the next is a new one.
    for _ in 0..50 {
        match db.query("SELECT 1", params![]).await {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}"),
        }
    }
    panic!("the database was not found again");
}
