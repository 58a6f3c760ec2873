//! Which token is meant: a name, and whose it is.

use std::collections::BTreeMap;

use keyward_core::id::UserId;
use keyward_issuer::account::email::EmailAddress;
use keyward_storage::users::{self, User};
use keyward_vault::TokenName;

use crate::exit::Usage;
use crate::wiring::cabinet::Cabinet;

/// Which token is meant.
#[derive(clap::Args, Debug)]
pub(super) struct Target {
    /// Its name, such as coda/api_token
    #[arg(value_name = "SERVICE/KEY")]
    name: TokenName,
    /// The account whose token it is; without it, it is the shared one
    #[arg(long, value_name = "EMAIL")]
    owner: Option<String>,
}

/// A token, and what to call it.
pub(super) struct Named {
    pub(super) name: TokenName,
    /// `coda/api_token`, or `coda/api_token of ann@example.com`.
    pub(super) text: String,
}

impl Target {
    /// Finds the account.
    pub(super) async fn find(&self, cabinet: &Cabinet) -> anyhow::Result<Named> {
        Ok(self.look(cabinet).await?.0)
    }

    /// The same, for a token that is to serve: the account must be open.
    pub(super) async fn find_open(&self, cabinet: &Cabinet) -> anyhow::Result<Named> {
        match self.look(cabinet).await? {
            (_, Some(User { email, disabled_at: Some(_), .. })) => {
                Err(Usage(format!("the account {email} is closed: no token of theirs would serve")).into())
            }
            (named, _) => Ok(named),
        }
    }

    async fn look(&self, cabinet: &Cabinet) -> anyhow::Result<(Named, Option<User>)> {
        let Some(owner) = &self.owner else {
            return Ok((Named { name: self.name.clone(), text: self.name.to_string() }, None));
        };
        let email = EmailAddress::parse(owner).map_err(|wrong| Usage(format!("--owner: {wrong}")))?;
        let account = users::by_email(&cabinet.database, email.as_str()).await?;
        let none = || Usage(format!("there is no account {}; see: keyward user list", email.as_str()));
        let account = account.ok_or_else(none)?;
        let text = format!("{} of {}", self.name, account.email);
        Ok((Named { name: self.name.clone().owned_by(account.id), text }, Some(account)))
    }
}

/// What accounts are called, of those that own something.
pub(super) struct Owners(BTreeMap<UserId, String>);

impl Owners {
    pub(super) async fn of<'a>(cabinet: &Cabinet, names: impl Iterator<Item = &'a TokenName>) -> anyhow::Result<Self> {
        let mut owners = BTreeMap::new();
        for owner in names.filter_map(TokenName::owner) {
            if let std::collections::btree_map::Entry::Vacant(vacant) = owners.entry(owner) {
                let text = match users::by_id(&cabinet.database, owner).await? {
                    Some(User { email, disabled_at: Some(_), .. }) => format!("{email} (closed)"),
                    Some(account) => account.email,
                    None => format!("{owner} (no account)"),
                };
                vacant.insert(text);
            }
        }
        Ok(Self(owners))
    }

    pub(super) fn text(&self, name: &TokenName) -> Option<String> {
        name.owner().and_then(|owner| self.0.get(&owner).cloned())
    }
}
