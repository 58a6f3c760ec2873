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

    /// Puts it in its place, on disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        sync_folder(&self.path)
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
