//! Secrets that are read once, at the start.

use anyhow::Context;
use keyward_core::secret::Secret;
use zeroize::Zeroizing;

use crate::config::{Loaded, SecretPlace};

/// What `place` holds; `named` says in errors whose it is.
pub(crate) fn read(loaded: &Loaded, place: &SecretPlace, named: &str) -> anyhow::Result<Secret> {
    let text = match place {
        SecretPlace::Environment(name) => {
            std::env::var(name).with_context(|| format!("{named} names the variable {name}, which is not set"))?
        }
        SecretPlace::File(path) => {
            let path = loaded.resolve(path);
            std::fs::read_to_string(&path).with_context(|| format!("{named} names the file {}", path.display()))?
        }
    };
    let text = Zeroizing::new(text);
    anyhow::ensure!(!text.trim().is_empty(), "{named} is empty");
    Ok(Secret::from_text(text.trim().to_owned()))
}
