//! A small disk that a test can fill up.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

/// A file system in memory, of a fixed size; gone when dropped.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one. `None` where that is not allowed, which is said.
    pub fn mount(size: &str) -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("keyward-e2e-disk-").tempdir()?;
        let options = format!("size={size},mode=0700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Some(Self { folder })),
            Ok(output) => {
                eprintln!("SKIPPED: nothing can be mounted here: {}", String::from_utf8_lossy(&output.stderr).trim());
                Ok(None)
            }
            Err(error) => {
                eprintln!("SKIPPED: there is no `mount` here: {error}");
                Ok(None)
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Uses up all that is free.
    pub fn fill(&self) -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.filler())?;
        for size in [65_536, 4_096, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
        Ok(())
    }

    /// Gives it back.
    pub fn empty(&self) -> Result<()> {
        fs::remove_file(self.filler()).context("it was not full")
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, so that a process which is still about to end does not keep it.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}
