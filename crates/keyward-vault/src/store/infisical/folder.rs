//! Where in Infisical a token is: a folder for each service, and the tokens of each person in folders of their own.

use keyward_core::id::UserId;

use crate::name::TokenName;

/// Above the folders of people. No service has a name that begins with `_`.
const OWNERS: &str = "_owners";

/// The folder of a token below `base`, in two parts: the folders above it, and its own name.
pub(super) fn of(base: &str, name: &TokenName) -> (String, String) {
    let base = base.trim_end_matches('/');
    let above = match name.owner() {
        None if base.is_empty() => "/".to_owned(),
        None => base.to_owned(),
        Some(owner) => format!("{base}/{OWNERS}/{owner}"),
    };
    (above, name.service().to_owned())
}

/// The whole path of a token's folder.
pub(super) fn path_of(base: &str, name: &TokenName) -> String {
    let (above, service) = of(base, name);
    format!("{}/{service}", above.trim_end_matches('/'))
}

/// The name of the token that a secret is; `None` for a secret that Keyward would never have put there.
pub(super) fn name_of(base: &str, folder: &str, key: &str) -> Option<TokenName> {
    let below = folder.strip_prefix(base.trim_end_matches('/'))?.strip_prefix('/')?;
    let (owner, service) = match below.strip_prefix(OWNERS) {
        None => (None, below),
        Some(owned) => {
            let (owner, service) = owned.strip_prefix('/')?.split_once('/')?;
            (Some(owner.parse::<UserId>().ok()?), service)
        }
    };
    let name = TokenName::from_parts(service, key, owner).ok()?;
    (!name.is_own()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_a_place_that_leads_back_to_it() {
        let shared: TokenName = "my-svc/Key.v1".parse().expect("name");
        let owned = shared.clone().owned_by(UserId(uuid::Uuid::from_u128(7)));
        for (base, of_shared, of_owned) in [
            ("/", "/my-svc", "/_owners/00000000-0000-0000-0000-000000000007/my-svc"),
            ("/a/b", "/a/b/my-svc", "/a/b/_owners/00000000-0000-0000-0000-000000000007/my-svc"),
        ] {
            for (name, path) in [(&shared, of_shared), (&owned, of_owned)] {
                assert_eq!(path_of(base, name), path);
                assert_eq!(name_of(base, path, name.key()).as_ref(), Some(name));
            }
        }
        assert_eq!(of("/", &shared), ("/".to_owned(), "my-svc".to_owned()));
    }

    #[test]
    fn what_is_no_token_has_no_name() {
        for (base, folder, key) in [
            ("/", "/", "KEY"),
            ("/a", "/b/svc", "key"),
            ("/a", "/ab", "key"),
            ("/", "/svc/deeper", "key"),
            ("/", "/svc", "no spaces"),
            ("/", "/Svc", "key"),
            ("/", "/keyward", "signing"),
            ("/", "/_owners/svc", "key"),
            ("/", "/_owners/not-an-id/svc", "key"),
            ("/", "/_ownersx/svc", "key"),
        ] {
            assert_eq!(name_of(base, folder, key), None, "{base} {folder} {key}");
        }
    }
}
