//! All that the command line and the server share: the cabinet, and the authorization server over it.

use std::path::Path;

use anyhow::Context;
use keyward_issuer::Issuer;
use keyward_resource::Provider;
use keyward_vault::upstream::Connections;

use super::cabinet::Cabinet;
use super::layout::Layout;
use super::{broker, connections, issuer};
use crate::config::{self, Loaded};
use crate::exit::Usage;
use crate::telemetry;

/// The cabinet and the authorization server, open.
pub(crate) struct Rooms {
    pub(crate) cabinet: Cabinet,
    pub(crate) issuer: Issuer,
    pub(crate) connections: Connections,
    /// Where people log in, if not by password and not at GitHub, which has no metadata and no keys.
    pub(crate) login_provider: Option<Provider>,
    /// Whether development tokens are taken.
    pub(crate) static_tokens: bool,
    /// The issuers elsewhere of whose people nobody is an account here.
    pub(crate) issuers_without_accounts: Vec<String>,
}

impl Rooms {
    /// Opens the cabinet and the authorization server.
    pub(crate) async fn open(loaded: &Loaded, layout: &Layout) -> anyhow::Result<Self> {
        let cabinet = Cabinet::open(loaded).await?;
        let config = issuer::config(&loaded.config, layout)?;
        let Cabinet { clock, random, database, audit, vault } = &cabinet;
        let connections = connections::open(loaded, layout, &cabinet)?;
        let login_provider = broker::provider(loaded, clock)?;
        let login = broker::login(loaded, &connections, login_provider.as_ref())?;
        let (database, vault, audit) = (database.clone(), vault.clone(), audit.clone());
        let issuer = Issuer::start_with(config, database, vault, audit, clock.clone(), random.clone(), login);
        let issuer = issuer.await.context("the authorization server cannot start")?;
        let static_tokens = loaded.config.static_tokens_are_on();
        let issuers_without_accounts = loaded.config.issuers_without_accounts();
        Ok(Self { cabinet, issuer, connections, login_provider, static_tokens, issuers_without_accounts })
    }
}

impl Rooms {
    /// Refuses what is of no use where tokens are issued elsewhere; `this` says what it does.
    pub(crate) fn require_own_issuer(&self, this: &str) -> Result<(), Usage> {
        match self.elsewhere() {
            Some(issuer) => Err(Usage(format!(
                "this {this}, which [issuer] has switched off: clients log in at {issuer}. Add [[trusted_issuers]] with \
                 kind = \"embedded\" to have both"
            ))),
            None => Ok(()),
        }
    }

    /// Where clients log in, if not at Keyward's own issuer.
    pub(crate) fn elsewhere(&self) -> Option<&str> {
        self.issuer.config.elsewhere.first().map(String::as_str)
    }

    /// Refuses what would be bound to a URL that nobody will ever serve.
    pub(crate) fn require_lasting_url(&self) -> Result<(), Usage> {
        match self.issuer.config.public_url.ends_with(":0") {
            true => {
                Err(Usage("this needs server.public_url: [server] listen picks its port anew at each start".to_owned()))
            }
            false => Ok(()),
        }
    }
}

/// Runs a command that needs the authorization server; what it did is in the audit log when it ends.
pub(crate) fn with_rooms(
    file: Option<&Path>,
    work: impl AsyncFnOnce(&Rooms) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    telemetry::start_quiet()?;
    let layout = Layout::new(&loaded.config, None)?;
    super::runtime()?.block_on(async {
        let rooms = Rooms::open(&loaded, &layout).await?;
        let done = work(&rooms).await;
        rooms.cabinet.audit.close().await;
        done
    })
}
