//! A token's value as Infisical keeps it: sealed text, or the value itself.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_core::secret::Secret;

use crate::error::VaultError;
use crate::infisical::InfisicalError;
use crate::key::ring::KeyRing;
use crate::name::TokenName;
use crate::seal::{Place, Sealed};

/// Begins a sealed value; the number is the version of the form.
const SEALED: &str = "keyward-sealed:1:";

/// A value to be stored, and the data key it is sealed with.
pub(super) async fn to_text(
    ring: &KeyRing,
    name: &TokenName,
    value: &Secret,
    seal: bool,
) -> Result<(Secret, Option<String>), VaultError> {
    if seal {
        let sealed = ring.seal(&place(name), value.expose_secret()).await?;
        let mut text = SEALED.to_owned();
        URL_SAFE_NO_PAD.encode_string(sealed.to_bytes(), &mut text);
        return Ok((Secret::from_text(text), Some(sealed.key_id.as_str().to_owned())));
    }
    let text = value.expose_text().ok_or(InfisicalError::NotKept)?;
    // Infisical trims values; a sealed one is never taken for a plain one when it is read.
    if text.trim() != text || text.starts_with(SEALED) {
        return Err(InfisicalError::NotKept.into());
    }
    Ok((Secret::from_text(text.to_owned()), None))
}

/// A stored value, opened. With `seal` only sealed values are taken: who can write to Infisical could else put a token of
/// their own in the place of another, and with it see what Keyward's users do.
pub(super) async fn open(ring: &KeyRing, name: &TokenName, stored: Secret, seal: bool) -> Result<Secret, VaultError> {
    let text = stored.expose_text().unwrap_or_default();
    match text.strip_prefix(SEALED) {
        Some(encoded) => {
            let sealed = URL_SAFE_NO_PAD.decode(encoded).ok().and_then(|bytes| Sealed::from_bytes(&bytes).ok());
            let sealed = sealed.ok_or_else(|| VaultError::cannot_open(&place(name), "that is not named"))?;
            ring.open_sealed(&place(name), &sealed).await
        }
        None if text.is_empty() => Err(InfisicalError::Empty(name.clone()).into()),
        None if seal => Err(InfisicalError::NotSealed(name.clone()).into()),
        None => Ok(stored),
    }
}

fn place(name: &TokenName) -> Place {
    Place::token_elsewhere("infisical", name)
}
