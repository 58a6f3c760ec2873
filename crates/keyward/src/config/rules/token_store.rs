//! Rules of `[token_store]`: its kinds against its sections, and against `[storage]`.

use std::time::Duration;

use super::Rules;
use crate::config::text::StorageUrl;
use crate::config::token_store::TokenStoreKind;

impl Rules<'_> {
    pub(super) fn token_store(&mut self) {
        self.database_of_the_tokens();
        self.kinds_once();
        self.cache_times();
        let section = &self.config.token_store;
        if !section.env.is_empty() && !section.has(TokenStoreKind::Env) {
            self.report(&["token_store", "env"], "[token_store.env] is only read with kind = \"env\"");
        }
        if let Some(openbao) = &section.openbao {
            self.openbao_auth(&["token_store", "openbao"], &openbao.server);
        } else if section.has(TokenStoreKind::OpenBao) {
            self.report(&["token_store", "kind"], "there is no [token_store.openbao]").advice =
                Some("say there where OpenBao is and how Keyward logs in: address, auth".to_owned());
        }
        if section.infisical.is_none() && section.has(TokenStoreKind::Infisical) {
            self.report(&["token_store", "kind"], "there is no [token_store.infisical]").advice =
                Some("say there where Infisical is: project_id, environment, client_id, client_secret".to_owned());
        }
    }

    fn database_of_the_tokens(&mut self) {
        let section = &self.config.token_store;
        let told = match self.config.storage.url.0 {
            StorageUrl::Postgres(_) if section.has(TokenStoreKind::Sqlite) => Some(("PostgreSQL", "postgres")),
            StorageUrl::Sqlite(_) if section.has(TokenStoreKind::Postgres) => Some(("SQLite", "sqlite")),
            _ => None,
        };
        if let Some((database, kind)) = told {
            let message = format!("the tokens are kept in the database of [storage], which is {database}");
            self.report(&["token_store", "kind"], message).advice = Some(format!(
                "write \"{kind}\" (or leave `kind` out when it is the only one), or change [storage] url"
            ));
        }
    }

    fn kinds_once(&mut self) {
        let Some(kinds) = &self.config.token_store.kind else { return };
        if kinds.0.iter().enumerate().any(|(at, kind)| kinds.0[..at].contains(kind)) {
            self.report(&["token_store", "kind"], "`kind` has a store twice");
        }
    }

    fn cache_times(&mut self) {
        let section = &self.config.token_store;
        let (fresh, usable) = (section.fresh_for.0.0, section.usable_for.0.0);
        if fresh < Duration::from_secs(1) || fresh > Duration::from_secs(3_600) {
            self.report(&["token_store", "fresh_for"], "`fresh_for` is from 1s to 1h");
        }
        if usable < fresh || usable > Duration::from_secs(86_400) {
            self.report(&["token_store", "usable_for"], "`usable_for` is from `fresh_for` to 1d");
        }
    }
}
