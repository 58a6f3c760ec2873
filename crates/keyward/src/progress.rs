//! How far long work is, for a person who watches. Where nobody does, nothing is written.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

/// How often the line is written anew.
const PAUSE: Duration = Duration::from_millis(100);

/// A line on standard error that counts, and goes away when this is dropped.
pub(crate) struct Progress {
    what: &'static str,
    written: Option<Instant>,
    shown: bool,
}

impl Progress {
    /// Counts `what`.
    pub(crate) fn of(what: &'static str) -> Self {
        Self { what, written: None, shown: io::stderr().is_terminal() }
    }

    /// So many are done.
    pub(crate) fn set(&mut self, done: u64) {
        if self.shown && self.written.is_none_or(|last| last.elapsed() >= PAUSE) {
            self.written = Some(Instant::now());
            // A terminal that takes nothing any more is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{done} {}", self.what);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
