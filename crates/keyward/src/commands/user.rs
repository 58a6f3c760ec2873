//! `keyward user`: who has an account.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use keyward_core::clock::Timestamp;
use keyward_issuer::account::email::EmailAddress;
use keyward_storage::users::User;
use serde::Serialize;

use crate::exit::Usage;
use crate::output::{self, Format, Row};
use crate::wiring::rooms::{self, Rooms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a one-time link by which a person makes an account
    ///
    /// Hand the link over by a way that you trust: whoever opens it first has the account. With the address of an
    /// account that is there already, the link sets a new password.
    Invite {
        /// For this e-mail address only
        #[arg(long, value_name = "EMAIL")]
        email: Option<String>,
        /// The account administers this Keyward; the first account always does
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        format: Format,
    },
    /// List the accounts
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Close an account: its logins, the connections of its clients and its own accounts elsewhere end at once
    Disable {
        /// Its e-mail address
        email: String,
    },
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    rooms::with_rooms(file, async |rooms| match command {
        Command::Invite { email, admin, format } => invite(rooms, email.as_deref(), admin, format).await,
        Command::List { format } => {
            let rows: Vec<Account> = rooms.issuer.list_users().await?.into_iter().map(Account::from).collect();
            Ok(format.list(&rows, "Nobody has an account. Make a link for the first: keyward user invite --admin")?)
        }
        Command::Disable { email } => {
            let email = address(&email)?;
            let Some(elsewhere) = rooms.issuer.disable_user(&email, None).await? else {
                bail!("there is no open account {email}");
            };
            output::line(&format!("{email} is closed"))?;
            if !rooms.issuers_without_accounts.is_empty() {
                tracing::warn!(
                    "calls with access tokens of {} go on, whoever makes them, since those people are no accounts here: \
                     close the person's account there, too, or see accounts = \"email\"",
                    rooms.issuers_without_accounts.join(", ")
                );
            }
            let had = elsewhere.len();
            let taken = rooms.connections.give_back_all(elsewhere).await;
            if taken < had {
                output::line(&format!(
                    "{} of its {had} connections elsewhere were not given back to their providers, which may still list \
                     them: keyward audit list --action connection.revoke",
                    had - taken
                ))?;
            }
            Ok(())
        }
    })
}

#[derive(Serialize)]
struct Link {
    link: String,
    admin: bool,
    expires_at: Timestamp,
}

async fn invite(rooms: &Rooms, email: Option<&str>, admin: bool, format: Format) -> anyhow::Result<()> {
    rooms.require_lasting_url()?;
    let email = email.map(address).transpose()?;
    if let Some(issuer) =
        rooms.elsewhere().filter(|issuer| rooms.issuers_without_accounts.iter().any(|it| it == issuer))
    {
        tracing::warn!(
            "clients log in at {issuer}, whose people need no invitation and are no accounts here: this account is good for \
             Keyward's own pages and for development tokens, and for calls with tokens of {issuer} only where accounts = \
             \"email\""
        );
    }
    let invite = rooms.issuer.invite_user(email.as_ref(), admin, None).await?;
    let link = Link { link: invite.link(), admin: invite.is_admin, expires_at: invite.expires_at };
    if format.json {
        return Ok(output::json(&link)?);
    }
    Ok(output::line(&link.link)?)
}

fn address(text: &str) -> anyhow::Result<EmailAddress> {
    EmailAddress::parse(text).map_err(|wrong| Usage(format!("{text}: {wrong}")).into())
}

#[derive(Serialize)]
struct Account {
    email: String,
    name: Option<String>,
    admin: bool,
    created_at: Timestamp,
    disabled_at: Option<Timestamp>,
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        let User { email, name, is_admin, created_at, disabled_at, .. } = user;
        Self { email, name, admin: is_admin, created_at, disabled_at }
    }
}

impl Row for Account {
    const HEADS: &'static [&'static str] = &["EMAIL", "NAME", "ADMIN", "CREATED", "CLOSED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.email.clone(),
            self.name.clone().unwrap_or_default(),
            if self.admin { "yes" } else { "-" }.to_owned(),
            output::time(Some(self.created_at)),
            output::time(self.disabled_at),
        ]
    }
}
