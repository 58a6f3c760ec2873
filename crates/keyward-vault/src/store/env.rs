//! Tokens in environment variables: read-only, shared by all.

use std::collections::BTreeMap;

use super::{Expected, NewToken, OpenedToken, StoreFuture, TokenEntry, TokenStore, VersionEntry};
use crate::environment::Environment;
use crate::error::VaultError;
use crate::name::TokenName;

const PREFIX: &str = "KEYWARD_TOKEN__";
const NAME: &str = "env";
/// A variable has one version.
const VERSION: i64 = 1;

/// The variables `KEYWARD_TOKEN__SERVICE__KEY`, and those that the configuration maps to names.
#[derive(Debug)]
pub struct EnvStore {
    environment: Environment,
    mapped: BTreeMap<TokenName, String>,
}

impl EnvStore {
    /// A store of the variables of `environment`; `mapped` says which names are in variables of other names.
    pub fn new(environment: Environment, mapped: BTreeMap<TokenName, String>) -> Self {
        Self { environment, mapped }
    }

    fn read(&self, name: &TokenName) -> Option<OpenedToken> {
        if name.owner().is_some() {
            return None;
        }
        let value = match self.mapped.get(name) {
            Some(variable) => self.environment.get(variable)?,
            None => self.environment.get(&variable_for(name)?)?,
        };
        Some(OpenedToken { value, version: VERSION, expires_at: None })
    }

    fn refuse<T>(&self, name: &TokenName) -> Result<T, VaultError> {
        let variable = self.mapped.get(name).cloned().or_else(|| variable_for(name));
        let how = variable.map_or_else(
            || "map the name to a variable under [token_store.env]".to_owned(),
            |variable| format!("set or unset the environment variable {variable} where Keyward is started"),
        );
        Err(VaultError::ReadOnly { store: NAME, how })
    }
}

/// The variable of a name: upper case, with `_` for `-` and `.`. A service with a double `_`, or with one at its end, has
/// none, since the first `__` of the variable ends the service.
fn variable_for(name: &TokenName) -> Option<String> {
    let fold = |text: &str| text.to_ascii_uppercase().replace(['-', '.'], "_");
    let service = fold(name.service());
    let ambiguous = service.contains("__") || service.ends_with('_');
    (!ambiguous).then(|| format!("{PREFIX}{service}__{}", fold(name.key())))
}

/// The name that a variable stands for, in lower case; `None` when it stands for none.
fn name_for(variable: &str) -> Option<TokenName> {
    let (service, key) = variable.strip_prefix(PREFIX)?.split_once("__")?;
    TokenName::new(&service.to_ascii_lowercase(), &key.to_ascii_lowercase()).ok()
}

impl TokenStore for EnvStore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn get<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Option<OpenedToken>> {
        Box::pin(async { Ok(self.read(name)) })
    }

    /// It changes nothing.
    fn keeps_records(&self) -> bool {
        true
    }

    fn put<'a>(&'a self, name: &'a TokenName, _: &'a NewToken, _: Expected) -> StoreFuture<'a, i64> {
        Box::pin(async { self.refuse(name) })
    }

    fn list(&self) -> StoreFuture<'_, Vec<TokenEntry>> {
        Box::pin(async {
            let mut names: Vec<TokenName> =
                self.environment.names_with_prefix(PREFIX).iter().filter_map(|variable| name_for(variable)).collect();
            names.extend(self.mapped.keys().filter(|name| self.read(name).is_some()).cloned());
            names.sort();
            names.dedup();
            Ok(names.into_iter().map(entry).collect())
        })
    }

    fn delete<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, bool> {
        Box::pin(async { if self.read(name).is_some() { self.refuse(name) } else { Ok(false) } })
    }

    fn versions<'a>(&'a self, name: &'a TokenName) -> StoreFuture<'a, Vec<VersionEntry>> {
        let version = VersionEntry { version: VERSION, current: true, created_at: None, usable_until: None };
        Box::pin(async { Ok(self.read(name).map(|_| version).into_iter().collect()) })
    }
}

fn entry(name: TokenName) -> TokenEntry {
    TokenEntry {
        name,
        version: VERSION,
        store: NAME,
        key_id: None,
        labels: std::collections::BTreeMap::new(),
        created_at: None,
        updated_at: None,
        expires_at: None,
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::id::UserId;
    use keyward_core::secret::Secret;
    use uuid::Uuid;

    use super::*;

    fn name(text: &str) -> TokenName {
        text.parse().expect("name")
    }

    fn store() -> EnvStore {
        let environment = Environment::of([
            ("KEYWARD_TOKEN__CODA__API_TOKEN", "one"),
            ("KEYWARD_TOKEN__MY_SVC__KEY_V1", "two"),
            ("KEYWARD_TOKEN__EMPTY__KEY", ""),
            ("KEYWARD_TOKEN__", "junk"),
            ("KEYWARD_TOKEN__KEYWARD__SIGNING", "junk"),
            ("CODA_API_TOKEN", "three"),
        ]);
        EnvStore::new(environment, [(name("phase1/token"), "CODA_API_TOKEN".to_owned())].into())
    }

    fn text(token: Option<OpenedToken>) -> Option<String> {
        token.and_then(|token| token.value.expose_text().map(str::to_owned))
    }

    #[tokio::test]
    async fn finds_variables_by_prefix_and_by_map() {
        for (wanted, value) in [
            ("coda/api_token", Some("one")),
            ("coda/API_TOKEN", Some("one")),
            ("my-svc/key.v1", Some("two")),
            ("phase1/token", Some("three")),
            ("empty/key", None),
            ("coda/other", None),
            ("a__b/c", None),
        ] {
            assert_eq!(text(store().get(&name(wanted)).await.expect("get")).as_deref(), value, "{wanted}");
        }
        let owned = name("coda/api_token").owned_by(UserId(Uuid::nil()));
        assert!(store().get(&owned).await.expect("get").is_none(), "a variable belongs to nobody");
    }

    #[tokio::test]
    async fn lists_what_it_has() {
        let names: Vec<_> = store().list().await.expect("list").iter().map(|entry| entry.name.to_string()).collect();
        assert_eq!(names, ["coda/api_token", "my_svc/key_v1", "phase1/token"]);
        assert_eq!(store().versions(&name("coda/api_token")).await.expect("versions").len(), 1);
    }

    #[tokio::test]
    async fn says_that_it_is_read_only() {
        let token = NewToken::new(Secret::from_text("x".into())).expect("value");
        let told = |error: VaultError| error.to_string();
        assert_eq!(
            told(store().put(&name("coda/x"), &token, Expected::Anything).await.expect_err("read-only")),
            "the env store is read-only: set or unset the environment variable KEYWARD_TOKEN__CODA__X where Keyward is started"
        );
        assert!(told(store().delete(&name("phase1/token")).await.expect_err("read-only")).contains(" CODA_API_TOKEN "));
        assert!(!store().delete(&name("coda/x")).await.expect("nothing to delete"));
    }
}
