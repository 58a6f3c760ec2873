//! A disk without room: what cannot be written says so, and works again once there is room.

use std::process::Command;

use keyward_core::clock::Clock;
use keyward_storage::{Database, StorageConfig, StorageError};

/// A small file system; gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where nothing can be mounted, which is said.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("SKIPPED: nothing can be mounted here");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn locks_and_writes_wait_for_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let url = format!("sqlite:{}", disk.0.path().join("keyward.db").display());
    let db = Database::open(&StorageConfig { url, max_connections: 2 }, Clock::System).await.expect("a fresh file");
    db.migrate().await.expect("migrated");
    let filler = disk.0.path().join("filler");
    let all: Vec<u8> = vec![0; 4 * 1024 * 1024];
    std::fs::write(&filler, all).expect_err("it does not fit");

    // An empty file has room on some file systems.
    let lock = db.try_lock("a lock that nobody took yet").await;
    assert!(matches!(lock, Ok(Some(_)) | Err(StorageError::Full)), "{lock:?}");
    drop(lock);
    let error = fill(&db).await.expect_err("no room for rows");
    assert!(matches!(error, StorageError::Full), "{error:?}");
    assert!(error.to_string().contains("full"));

    std::fs::remove_file(filler).expect("removed");
    assert!(db.try_lock("a lock that nobody took yet").await.expect("there is room").is_some());
    db.execute("INSERT INTO changes (topic, counter) VALUES ('room', 1)", &[]).await.expect("there is room");
}

/// Writes until something refuses.
async fn fill(db: &Database) -> Result<(), StorageError> {
    for number in 0..1_000_i64 {
        let sql = "INSERT INTO changes (topic, counter) VALUES ($1, $2)";
        db.execute(sql, &[format!("{number} {}", "x".repeat(8_192)).into(), number.into()]).await?;
    }
    Ok(())
}
