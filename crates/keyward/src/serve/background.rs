//! What goes on beside the calls: what other processes and the command line change becomes what the gateway goes by.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyward_core::clock::Clock;
use keyward_issuer::Issuer;
use keyward_resource::{Account, KeySet, Revoked, StaticToken, Verifier};
use keyward_storage::{Database, Topic, bearer_tokens, users};

use crate::wiring::verifier::Live;

/// How long to wait before trying again what the database refused.
const RETRY: Duration = Duration::from_secs(1);
/// How often all is read anew even if nothing is said to have changed: what ends by time leaves then.
const REFRESH: Duration = Duration::from_secs(60);

/// Keeps what the verifier goes by as it is in the database.
pub(crate) struct Keeper {
    pub(crate) database: Database,
    pub(crate) issuer: Issuer,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) live: Live,
    pub(crate) clock: Clock,
    /// Whether development tokens are taken.
    pub(crate) static_tokens: bool,
}

impl Keeper {
    /// Reads everything once; calls can be served after that.
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        let revocations = self.live.revocations.clone();
        self.issuer.when_grants_end(move |ended| {
            revocations.replace(Revoked { grants: ended.into_iter().collect(), ..Revoked::default() });
        });
        if !self.static_tokens {
            let lying = bearer_tokens::list_live(&self.database, self.clock.now()).await?.len();
            if lying > 0 {
                tracing::warn!(
                    tokens = lying,
                    "development tokens are not taken: write static_tokens = true into [issuer]"
                );
            }
        }
        self.load().await
    }

    async fn load(&self) -> anyhow::Result<()> {
        self.keys()?;
        self.accounts().await?;
        self.bearers().await?;
        self.revocations().await
    }

    /// Follows the changes for as long as it is polled.
    pub(crate) async fn follow(self) {
        let watch = self.database.changes().watch();
        let mut changes = self.database.changes();
        let follow = async {
            loop {
                let topic = tokio::select! {
                    topic = changes.next() => Some(topic),
                    () = tokio::time::sleep(REFRESH) => None,
                };
                while let Err(error) = self.reload(topic).await {
                    tracing::warn!(%error, "a change could not be read; trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        };
        tokio::join!(watch, follow);
    }

    async fn reload(&self, topic: Option<Topic>) -> anyhow::Result<()> {
        match topic {
            Some(Topic::Revocations) => self.revocations().await,
            Some(Topic::Bearers) => self.bearers().await,
            // Tokens act for an account while that is open.
            Some(Topic::Users) => {
                self.accounts().await?;
                self.bearers().await
            }
            Some(Topic::SigningKeys) => self.keys(),
            // Each of the others is followed by the room that it concerns.
            Some(Topic::Clients | Topic::Tokens | Topic::DataKeys | Topic::UpstreamGrants) => Ok(()),
            None => self.load().await,
        }
    }

    fn keys(&self) -> anyhow::Result<()> {
        let keys = KeySet::from_jwks(&self.issuer.jwks().load())?;
        self.live.own_keys.store(Arc::new(keys));
        self.verifier.invalidate();
        Ok(())
    }

    async fn revocations(&self) -> anyhow::Result<()> {
        Ok(self.issuer.tell_ended_grants().await?)
    }

    async fn accounts(&self) -> anyhow::Result<()> {
        if self.verifier.finds_accounts() {
            let account = |user: users::User| {
                let account = if user.disabled_at.is_none() { Account::Open(user.id) } else { Account::Closed };
                (user.email, account)
            };
            self.live.accounts.replace(users::list(&self.database).await?.into_iter().map(account));
        }
        Ok(())
    }

    async fn bearers(&self) -> anyhow::Result<()> {
        if !self.static_tokens {
            return Ok(());
        }
        let tokens = bearer_tokens::list_live(&self.database, self.clock.now()).await?;
        let mut accounts = BTreeMap::new();
        for email in tokens.iter().filter_map(|token| token.user_email.as_ref()) {
            if !accounts.contains_key(email) {
                let account = users::by_email(&self.database, email).await?;
                let open = account.filter(|account| account.disabled_at.is_none());
                accounts.insert(email.clone(), open.map(|account| account.id));
            }
        }
        self.live.static_tokens.replace(tokens.into_iter().map(|token| StaticToken {
            id: token.id.to_string(),
            hash: token.hash,
            name: token.name,
            user_id: token.user_email.as_ref().and_then(|email| accounts.get(email).copied().flatten()),
            email: token.user_email,
            scopes: token.scope,
            resources: token.resources,
            expires_at: token.expires_at,
        }));
        Ok(())
    }
}
