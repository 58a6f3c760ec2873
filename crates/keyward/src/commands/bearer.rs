//! `keyward bearer`: development bearer tokens, for clients without a browser.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use keyward_core::clock::Timestamp;
use keyward_core::id::ServerId;
use keyward_core::scope::Scope;
use keyward_issuer::account::email::EmailAddress;
use keyward_issuer::bearer::issue::{BearerError, BearerRequest};
use keyward_storage::bearer_tokens::BearerToken;
use serde::Serialize;
use uuid::Uuid;

use crate::config::{Period, TextValue};
use crate::exit::Usage;
use crate::output::{self, Format, Row};
use crate::wiring::rooms::{self, Rooms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a token that is good for some servers, and print it once
    ///
    /// Only its hash is kept. Give it to a client as the header `Authorization: Bearer …`, for example:
    /// claude mcp add --transport http coda URL --header "Authorization: Bearer kwd_…"
    Issue {
        /// What to call it, such as the machine it is for
        #[arg(long)]
        name: String,
        /// A server that it is for, by its id; may be given several times
        #[arg(long = "server", value_name = "ID", required = true)]
        servers: Vec<ServerId>,
        /// A scope that it has; may be given several times. Without any it has the servers' default scopes
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// How long it is good: 30d, 12h. Without it, until it is revoked
        #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
        expires: Option<Period>,
        /// Whose it is
        #[arg(long, value_name = "EMAIL")]
        email: Option<String>,
        #[command(flatten)]
        format: Format,
    },
    /// List the tokens; never their values
    List {
        #[command(flatten)]
        format: Format,
    },
    /// End a token at once
    Revoke {
        /// Its id, from `keyward bearer list`
        id: Uuid,
    },
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    rooms::with_rooms(file, async |rooms| match command {
        Command::Issue { name, servers, scopes, expires, email, format } => {
            let email = email.map(|email| EmailAddress::parse(&email)).transpose();
            let email = email.map_err(|wrong| Usage(wrong.to_string()))?;
            let (scopes, lifetime) = (scopes.into_iter().collect(), expires.map(|period| period.0));
            issue(rooms, BearerRequest { name, servers, scopes, email, lifetime }, format).await
        }
        Command::List { format } => {
            let rows: Vec<Listed> = rooms.issuer.list_bearers().await?.into_iter().map(Listed::from).collect();
            Ok(format.list(&rows, "There are no development tokens.")?)
        }
        Command::Revoke { id } => {
            if !rooms.issuer.revoke_bearer(id).await? {
                bail!("there is no token {id} that is not revoked");
            }
            Ok(output::line(&format!("{id} is revoked"))?)
        }
    })
}

#[derive(Serialize)]
struct Issued<'a> {
    id: Uuid,
    token: &'a str,
    scope: String,
    expires_at: Option<Timestamp>,
}

async fn issue(rooms: &Rooms, request: BearerRequest, format: Format) -> anyhow::Result<()> {
    rooms.require_lasting_url()?;
    if !rooms.static_tokens {
        let wrong = "development tokens are not taken at a public URL unless [issuer] says static_tokens = true";
        return Err(Usage(wrong.to_owned()).into());
    }
    let issued = rooms.issuer.issue_bearer(request).await.map_err(|error| match error {
        BearerError::Storage(_) | BearerError::Random(_) => anyhow::Error::new(error),
        wrong => Usage(wrong.to_string()).into(),
    })?;
    let token = issued.token.expose_secret();
    if format.json {
        let scope = issued.scopes.to_string();
        return Ok(output::json(&Issued { id: issued.id, token, scope, expires_at: issued.expires_at })?);
    }
    Ok(output::line(token)?)
}

#[derive(Serialize)]
struct Listed {
    id: Uuid,
    name: String,
    user_email: Option<String>,
    scope: String,
    resources: Vec<String>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<BearerToken> for Listed {
    fn from(token: BearerToken) -> Self {
        Self {
            id: token.id,
            name: token.name,
            user_email: token.user_email,
            scope: token.scope.to_string(),
            resources: token.resources,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

impl Row for Listed {
    const HEADS: &'static [&'static str] = &["ID", "NAME", "SCOPES", "FOR", "CREATED", "EXPIRES", "REVOKED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.name.clone(),
            self.scope.clone(),
            self.resources.join(" "),
            output::time(Some(self.created_at)),
            output::time(self.expires_at),
            output::time(self.revoked_at),
        ]
    }
}
