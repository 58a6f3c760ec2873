//! Waiting for something to become so. Nothing in these tests sleeps and hopes.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Long enough for a loaded machine; reached only when something is broken.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The same for a whole program with several browser rides in it.
pub const PROGRAM_LIMIT: Duration = Duration::from_secs(240);

/// Asks again and again until there is an answer.
pub fn until<T>(what: &str, ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    until_limit(LIMIT, what, ask)
}

/// Asks again and again until there is an answer, at most for `limit`.
pub fn until_limit<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if Instant::now() > end {
            bail!("waited {} seconds in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
