//! A file that is there whole or not at all, for its owner alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How many files of processes that were killed may lie beside it.
const LEFT_OVER: u32 = 100;

/// A file under a temporary name beside its own. Dropped before it is finished, it is removed.
pub(crate) struct PrivateFile {
    out: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl PrivateFile {
    /// Begins one; what is at `path` stays until it is finished.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "this names no file"))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut number = 0;
        loop {
            let mut temporary = name.to_owned();
            temporary.push(format!(".{}-{number}.partial", std::process::id()));
            let temporary = path.with_file_name(temporary);
            match options.open(&temporary) {
                // Left by one that was killed: in a container every process may have the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < LEFT_OVER => number += 1,
                opened => return Ok(Self { out: BufWriter::new(opened?), temporary, path: path.to_owned() }),
            }
        }
    }

    /// Puts it in its place, on disk; what is there is replaced.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.settle()?;
        fs::rename(&self.temporary, &self.path)?;
        sync_folder(&self.path)
    }

    /// The same where there is nothing. What came there since the beginning stays, and is an error of the kind
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists): nobody else can come in between.
    pub(crate) fn finish_new(mut self) -> io::Result<()> {
        self.settle()?;
        match fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => fs::remove_file(&self.temporary)?,
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => return Err(taken),
            // Where files have one name only.
            Err(_) => rename_new(&self.temporary, &self.path)?,
        }
        sync_folder(&self.path)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()
    }
}

impl Write for PrivateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for PrivateFile {
    fn drop(&mut self) {
        // After it was finished there is nothing under this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn rename_new(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes what was renamed in the folder of `path` last.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup");
        let mut given_up = PrivateFile::create(&path).expect("begun");
        given_up.write_all(b"half").expect("written");
        drop(given_up);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);

        for content in ["first", "second"] {
            let mut file = PrivateFile::create(&path).expect("begun");
            file.write_all(content.as_bytes()).expect("written");
            file.finish().expect("finished");
            assert_eq!(fs::read_to_string(&path).expect("read"), content);
            assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1);
    }

    #[test]
    fn what_came_there_meanwhile_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup");
        let new = |content: &str| {
            let mut file = PrivateFile::create(&path).expect("begun");
            file.write_all(content.as_bytes()).expect("written");
            file
        };
        let (first, second) = (new("first"), new("second"));
        first.finish_new().expect("finished");
        let taken = second.finish_new().expect_err("there is one");
        assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).expect("read"), "first");
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 1, "nothing is left beside it");

        // A link that leads nowhere is something, too.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).expect("linked");
        let through = PrivateFile::create(&link).expect("begun").finish_new().expect_err("there is one");
        assert_eq!(through.kind(), io::ErrorKind::AlreadyExists);

        // Where files have one name only.
        let other = folder.path().join("other");
        fs::write(&other, "other").expect("written");
        assert_eq!(rename_new(&other, &path).expect_err("there is one").kind(), io::ErrorKind::AlreadyExists);
        rename_new(&other, &folder.path().join("new")).expect("renamed");
        assert_eq!(fs::read_to_string(folder.path().join("new")).expect("read"), "other");
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("backup");
        std::mem::forget(PrivateFile::create(&path).expect("begun"));
        let mut file = PrivateFile::create(&path).expect("begun");
        file.write_all(b"whole").expect("written");
        file.finish().expect("finished");
        assert_eq!(fs::read_to_string(&path).expect("read"), "whole");
    }
}
