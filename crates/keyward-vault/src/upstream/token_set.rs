//! What is sealed of a grant: its access token and its refresh token.

use keyward_core::secret::Secret;
use zeroize::Zeroizing;

/// The first byte of the encoding.
const VERSION: u8 = 1;

/// The tokens of a grant.
#[derive(Debug)]
pub(crate) struct TokenSet {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Option<Secret>,
}

/// Bytes that are no token set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the tokens of a grant")]
pub(crate) struct InvalidTokenSet;

impl TokenSet {
    /// Version, length of the access token, access token, refresh token.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let access = self.access_token.expose_secret();
        let refresh = self.refresh_token.as_ref().map(Secret::expose_secret).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + 4 + access.len() + refresh.len()));
        bytes.push(VERSION);
        // Both are far shorter: they came in one bounded answer.
        bytes.extend_from_slice(&u32::try_from(access.len()).unwrap_or(u32::MAX).to_be_bytes());
        bytes.extend_from_slice(access);
        bytes.extend_from_slice(refresh);
        bytes
    }

    /// What to give back, and its `token_type_hint` (RFC 7009 §2.1): with the refresh token its access tokens should end, too.
    pub(crate) fn revocable(&self) -> (&Secret, &'static str) {
        match &self.refresh_token {
            Some(token) => (token, "refresh_token"),
            None => (&self.access_token, "access_token"),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidTokenSet> {
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(InvalidTokenSet)?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(InvalidTokenSet)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| InvalidTokenSet)?;
        let (access, refresh) = rest.split_at_checked(length).ok_or(InvalidTokenSet)?;
        if access.is_empty() {
            return Err(InvalidTokenSet);
        }
        Ok(Self {
            access_token: Secret::new(access.to_vec()),
            refresh_token: (!refresh.is_empty()).then(|| Secret::new(refresh.to_vec())),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exposed(set: &TokenSet) -> (Vec<u8>, Option<Vec<u8>>) {
        let bytes = |secret: &Secret| secret.expose_secret().to_vec();
        (bytes(&set.access_token), set.refresh_token.as_ref().map(bytes))
    }

    proptest! {
        #[test]
        fn round_trips(access in prop::collection::vec(any::<u8>(), 1..64), refresh in prop::collection::vec(any::<u8>(), 0..64)) {
            let refresh = (!refresh.is_empty()).then_some(refresh);
            let set = TokenSet {
                access_token: Secret::new(access.clone()),
                refresh_token: refresh.clone().map(Secret::new),
            };
            let again = TokenSet::from_bytes(&set.to_bytes()).expect("its own bytes");
            prop_assert_eq!(exposed(&again), (access, refresh));
        }

        #[test]
        fn whatever_is_read_is_written_alike(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(set) = TokenSet::from_bytes(&bytes) {
                prop_assert_eq!(&**set.to_bytes(), &bytes[..]);
            }
        }
    }

    #[test]
    fn junk_is_refused() {
        for junk in
            [&b""[..], b"\x01", b"\x02\0\0\0\x01a", b"\x01\0\0\0\x00", b"\x01\0\0\0\x02a", b"\x01\xff\xff\xff\xffa"]
        {
            assert_eq!(TokenSet::from_bytes(junk).err(), Some(InvalidTokenSet), "{junk:?}");
        }
    }
}
