//! The demo's directory: its configuration, database and key file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// A directory that is there and our user's own.
pub(crate) struct Directory {
    path: PathBuf,
    /// Whether there was a database before this run.
    pub(crate) was_used: bool,
}

const CONFIG: &str = "keyward.toml";
const DATABASE: &str = "keyward.db";

impl Directory {
    pub(crate) fn prepare(path: &Path) -> anyhow::Result<Self> {
        let was_used = path.join(DATABASE).exists();
        std::fs::create_dir_all(path).with_context(|| format!("cannot make the directory {}", path.display()))?;
        Ok(Self { path: path.to_owned(), was_used })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the configuration of this run, and gives its path.
    pub(crate) fn write_config(&self, listen: SocketAddr, upstream: SocketAddr) -> anyhow::Result<PathBuf> {
        let path = self.path.join(CONFIG);
        let text = include_str!("keyward.toml")
            .replace("127.0.0.1:8080", &listen.to_string())
            .replace("127.0.0.1:3000", &upstream.to_string());
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_is_right_with_any_addresses() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = Directory::prepare(&place.path().join("demo")).expect("a directory");
        assert!(!directory.was_used);
        let listen = "[::1]:9".parse().expect("an address");
        let path = directory.write_config(listen, ([127, 0, 0, 1], 4711).into()).expect("a file");
        let text = std::fs::read_to_string(path).expect("a file");
        let config = crate::config::parse(CONFIG, &text, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        assert_eq!(config.server.listen.0, listen);
        assert_eq!(config.servers[0].upstream.0.0.as_str(), "http://127.0.0.1:4711/mcp");
    }
}
