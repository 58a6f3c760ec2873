//! Whether logins last: a provider that gives no refresh token with them can never be asked whether they still stand.

use std::sync::atomic::{AtomicBool, Ordering};

use super::Connection;
use super::config::ProviderConfig;
use super::provider::OFFLINE_ACCESS;

/// What the last login of this process was like. Told when it changes, for there may be many.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    lapses: AtomicBool,
}

impl Lasting {
    /// Notes whether there is a refresh token for a login that was asked for with `scope`.
    pub(super) fn note(&self, connection: &Connection, scope: &str, has_refresh_token: bool) {
        if !self.changes(has_refresh_token) {
            return;
        }
        let provider = connection.config.name.as_str();
        match has_refresh_token {
            true => tracing::info!(provider, "the provider gives refresh tokens with logins again"),
            false => tracing::warn!(
                provider,
                scope,
                "the provider gave no refresh token with a login, so it cannot be asked whether accounts are closed there, \
                 and people have to log in again each day: {}",
                advice(&connection.config.provider, scope)
            ),
        }
    }

    fn changes(&self, has_refresh_token: bool) -> bool {
        self.lapses.swap(!has_refresh_token, Ordering::Relaxed) == has_refresh_token
    }
}

fn advice(provider: &ProviderConfig, scope: &str) -> &'static str {
    match provider {
        ProviderConfig::Endpoints { .. } => "it may have a setting for tokens that expire",
        _ if scope.split(' ').any(|scope| scope == OFFLINE_ACCESS) => {
            "let the client have refresh tokens there (grant type refresh_token)"
        }
        _ => {
            "let the client have refresh tokens there, and if that needs a scope such as offline_access, name it in \
             issuer.scopes"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_when_it_changes() {
        let lasting = Lasting::default();
        let told: Vec<bool> = [true, false, false, true, true, false].map(|has| lasting.changes(has)).into();
        assert_eq!(told, [false, true, false, true, false, true]);
    }
}
