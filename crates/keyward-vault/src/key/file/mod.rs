//! The root key in a file that its owner alone may read.

mod provision;

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use keyward_core::random::Random;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

pub use provision::load_or_create;

use super::{InvalidRootKey, RootKey};
use crate::seal::SealFailed;

/// Far more than the one line and its comment need.
const MAX_LEN: u64 = 4096;
const MODE: u32 = 0o600;

const COMMENT: &str = "\
# The root key of Keyward. What is sealed in the database opens with this key and with nothing else:
# keep a copy of this file apart from the database, and show it to nobody.
";

/// Why a key file gave no root key, or was not made.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error("there is no key file {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// There is one already, and it is never overwritten.
    #[error("there is a key file {} already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner may read or change it.
    #[error("the key file {} has mode {mode:04o}: others may use it; run: chmod 600 {}", path.display(), path.display())]
    WideMode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It, or a symbolic link to it, belongs to somebody else.
    #[error("the key file {} belongs to user {owner}, and Keyward runs as user {running_as}", path.display())]
    WrongOwner {
        /// The file or link.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        running_as: u32,
    },
    /// It is a directory, a pipe, a device.
    #[error("the key file {} is no regular file", path.display())]
    NotAFile {
        /// The file.
        path: PathBuf,
    },
    /// It holds no root key.
    #[error("the key file {} is not usable: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: InvalidRootKey,
    },
    /// It cannot be read or written.
    #[error("the key file {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No key could be made.
    #[error(transparent)]
    Generate(#[from] SealFailed),
}

/// Reads the root key from `path`. The file must be a regular one with no permission for group and others, and belong,
/// with every link to it, to the user that Keyward runs as, or to root.
pub fn load(path: &Path) -> Result<RootKey, KeyFileError> {
    let error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
        _ => KeyFileError::Io { path: path.to_owned(), source },
    };
    let link = fs::symlink_metadata(path).map_err(error)?;
    check_owner(path, &link)?;
    // Looked at before it is opened, since opening a pipe would wait; and after, since only that is the file we read.
    check_target(path, &fs::metadata(path).map_err(error)?)?;
    let file = File::open(path).map_err(error)?;
    check_target(path, &file.metadata().map_err(error)?)?;
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LEN as usize + 1));
    file.take(MAX_LEN + 1).read_to_end(&mut text).map_err(error)?;
    let invalid = |reason| KeyFileError::Invalid { path: path.to_owned(), reason };
    if text.len() as u64 > MAX_LEN {
        return Err(invalid(InvalidRootKey::NotARootKey));
    }
    RootKey::parse(&Secret::new(std::mem::take(&mut *text)), origin(path)).map_err(invalid)
}

/// Makes a key and a file of mode 0600 that holds it. The file appears whole or not at all, and one that is there already is
/// never touched.
pub fn create(path: &Path, random: &Random) -> Result<RootKey, KeyFileError> {
    let key = RootKey::generate(random, origin(path))?;
    put_back(path, &key, random)?;
    Ok(key)
}

/// Makes the file of a key that there is already, in the same way.
pub fn put_back(path: &Path, key: &RootKey, random: &Random) -> Result<(), KeyFileError> {
    let suffix = u64::from_be_bytes(random.bytes().map_err(SealFailed::from)?);
    let temporary = path.with_added_extension(format!("{suffix:016x}.new"));
    let written = write_new(&temporary, key).and_then(|()| {
        // Unlike a rename, a link does not replace what is there.
        fs::hard_link(&temporary, path)
    });
    let removed = fs::remove_file(&temporary);
    match written.and(removed).and_then(|()| sync_directory(path)) {
        Ok(()) => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyFileError::Exists { path: path.to_owned() })
        }
        Err(source) => Err(KeyFileError::Io { path: path.to_owned(), source }),
    }
}

fn write_new(path: &Path, key: &RootKey) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    // The umask may have taken more away than we asked.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(COMMENT.as_bytes())?;
    file.write_all(key.to_text().expose_secret())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn check_target(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    if !metadata.is_file() {
        return Err(KeyFileError::NotAFile { path: path.to_owned() });
    }
    check_owner(path, metadata)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::WideMode { path: path.to_owned(), mode });
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    let (owner, running_as) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner == running_as || owner == 0 {
        return Ok(());
    }
    Err(KeyFileError::WrongOwner { path: path.to_owned(), owner, running_as })
}

fn origin(path: &Path) -> String {
    format!("the file {}", path.display())
}

#[cfg(test)]
mod tests;
