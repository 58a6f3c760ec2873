//! Chance as an argument: code draws from a [`Random`], so that nothing falls back to a weak generator unseen.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// The source of keys, nonces, tokens and ids: the system's generator.
#[derive(Clone)]
pub struct Random(Arc<SystemRandom>);

/// The system's generator gave nothing. Nothing that needs a secret may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct RandomFailed;

impl Random {
    /// The system's generator.
    pub fn system() -> Self {
        Self(Arc::new(SystemRandom::new()))
    }

    /// Fills `buffer`.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomFailed> {
        self.0.fill(buffer).map_err(|_| RandomFailed)
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], RandomFailed> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
