//! Where in OpenBao a token is: `PREFIX/SERVICE/KEY`, and the tokens of each person below `PREFIX/_owners/ID`.

use keyward_core::id::UserId;

use crate::name::TokenName;

/// Above the folders of people. No service has a name that begins with `_`.
pub(super) const OWNERS: &str = "_owners";

/// A mount of KV v2 and a folder in it.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    mount: String,
    prefix: String,
}

impl Folder {
    /// `prefix` may have several parts, or none.
    pub(super) fn new(mount: &str, prefix: &str) -> Self {
        Self { mount: mount.trim_matches('/').to_owned(), prefix: prefix.trim_matches('/').to_owned() }
    }

    /// The API's path for a token: `kind` is `data`, `metadata` or `destroy`.
    pub(super) fn of(&self, kind: &str, name: &TokenName) -> String {
        let parts = match name.owner() {
            None => vec![name.service().to_owned(), name.key().to_owned()],
            Some(owner) => {
                vec![OWNERS.to_owned(), owner.to_string(), name.service().to_owned(), name.key().to_owned()]
            }
        };
        self.path(kind, &parts)
    }

    /// The API's path for listing a folder.
    pub(super) fn listing(&self, parts: &[String]) -> String {
        self.path("metadata", parts)
    }

    fn path(&self, kind: &str, parts: &[String]) -> String {
        let above = [self.mount.as_str(), kind, self.prefix.as_str()];
        let all = above.into_iter().filter(|part| !part.is_empty()).chain(parts.iter().map(String::as_str));
        all.collect::<Vec<_>>().join("/")
    }
}

/// The name of the token in a folder; `None` for what Keyward would never have put there.
pub(super) fn name_of(owner: Option<UserId>, service: &str, key: &str) -> Option<TokenName> {
    TokenName::from_parts(service, key, owner).ok().filter(|name| !name.is_own())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn every_name_has_a_path_of_its_own() {
        let shared: TokenName = "my-svc/Key.v1".parse().expect("name");
        let owned = shared.clone().owned_by(UserId(Uuid::from_u128(7)));
        let folder = Folder::new("secret", "/team/keyward/");
        assert_eq!(folder.of("data", &shared), "secret/data/team/keyward/my-svc/Key.v1");
        assert_eq!(
            folder.of("metadata", &owned),
            "secret/metadata/team/keyward/_owners/00000000-0000-0000-0000-000000000007/my-svc/Key.v1"
        );
        assert_eq!(Folder::new("kv", "").of("destroy", &shared), "kv/destroy/my-svc/Key.v1");
        assert_eq!(Folder::new("kv", "").listing(&[]), "kv/metadata");
    }

    #[test]
    fn what_is_no_token_has_no_name() {
        assert!(name_of(None, "svc", "key").is_some());
        for (service, key) in [("_owners", "key"), ("Svc", "key"), ("keyward", "signing"), ("svc", "no space")] {
            assert!(name_of(None, service, key).is_none(), "{service}/{key}");
        }
    }
}
