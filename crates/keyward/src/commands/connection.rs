//! `keyward connect` and `keyward connection`: people's own accounts at other authorization servers.

use std::path::Path;

use anyhow::{Context, bail};
use clap::Subcommand;
use keyward_core::clock::Timestamp;
use keyward_core::id::ConnectionId;
use keyward_issuer::account::email::EmailAddress;
use keyward_storage::users;
use keyward_vault::upstream::ConnectedGrant;
use serde::Serialize;

use crate::config::{self, Config};
use crate::exit::Usage;
use crate::input::confirm;
use crate::output::{self, Format, Row};
use crate::wiring::layout::Layout;
use crate::wiring::rooms::{self, Rooms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what people have connected; never a token
    List {
        #[command(flatten)]
        format: Format,
    },
    /// End what a person has connected: it is given back to the provider where that takes it, and deleted here
    End {
        /// The connection, by its id in the configuration
        id: ConnectionId,
        /// Whose, by the e-mail address of their account
        #[arg(long, value_name = "EMAIL")]
        owner: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Print the address at which a person connects their own account
///
/// They log in to Keyward there, and then to the provider. Without an ID, lists the connections of the configuration and
/// the redirect URI that each provider must know.
#[derive(Debug, clap::Args)]
pub(crate) struct ConnectArgs {
    /// The connection, by its id in the configuration
    id: Option<ConnectionId>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn connect(file: Option<&Path>, args: &ConnectArgs) -> anyhow::Result<()> {
    let loaded = config::load(file)?;
    let rows = offered(&loaded.config)?;
    let Some(id) = &args.id else {
        let nothing = "The configuration has no [[connections]].";
        return Ok(args.format.list(&rows, nothing)?);
    };
    let Some(row) = rows.into_iter().find(|row| row.id == id.as_str()) else {
        return Err(Usage(format!("there is no connection {id} in the configuration")).into());
    };
    if args.format.json {
        return Ok(output::json(&row)?);
    }
    Ok(output::line(&row.url)?)
}

fn offered(config: &Config) -> anyhow::Result<Vec<Offered>> {
    let public_url = Layout::new(config, None)?.public_url;
    if public_url.ends_with(":0") {
        let needs = "this needs server.public_url: [server] listen picks its port anew at each start";
        return Err(Usage(needs.to_owned()).into());
    }
    let offered = |connection: &config::Connection| {
        let url = format!("{public_url}/connect/{}", connection.id.0);
        Offered { id: connection.id.0.to_string(), redirect_uri: format!("{url}/callback"), url }
    };
    Ok(config.connections.iter().map(offered).collect())
}

#[derive(Serialize)]
struct Offered {
    id: String,
    url: String,
    redirect_uri: String,
}

impl Row for Offered {
    const HEADS: &'static [&'static str] = &["ID", "PEOPLE CONNECT AT", "REDIRECT URI"];

    fn cells(&self) -> Vec<String> {
        vec![self.id.clone(), self.url.clone(), self.redirect_uri.clone()]
    }
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    rooms::with_rooms(file, async |rooms| match command {
        Command::List { format } => {
            let rows: Vec<Listed> = rooms.connections.list().await?.into_iter().map(Listed::from).collect();
            Ok(format.list(&rows, "Nobody has connected anything. Where people do: keyward connect")?)
        }
        Command::End { id, owner, yes } => end(rooms, &id, &owner, yes).await,
    })
}

async fn end(rooms: &Rooms, id: &ConnectionId, owner: &str, yes: bool) -> anyhow::Result<()> {
    let email = EmailAddress::parse(owner).map_err(|wrong| Usage(format!("{owner}: {wrong}")))?;
    if !yes && !confirm(&format!("End what {email} has connected at {id}?"))? {
        bail!("it is left alone; say --yes where nobody can be asked");
    }
    let user = users::by_email(&rooms.cabinet.database, email.as_str()).await?;
    let user = user.with_context(|| format!("there is no account {email}"))?;
    let Some(ended) = rooms.connections.end(id, user.id, None).await? else {
        bail!("{email} has connected nothing at {id}");
    };
    let provider = match ended.revoked {
        true => "the provider has taken it back",
        false => "the provider was not told or did not take it: it may still be listed there",
    };
    Ok(output::line(&format!("the connection of {email} to {id} has ended; {provider}"))?)
}

#[derive(Serialize)]
struct Listed {
    connection: String,
    owner: String,
    state: &'static str,
    reason: Option<&'static str>,
    scope: String,
    issuer: String,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl From<ConnectedGrant> for Listed {
    fn from(grant: ConnectedGrant) -> Self {
        let ConnectedGrant { connection, owner, scope, issuer, version, created_at, updated_at, expires_at, .. } =
            grant;
        let reason = grant.broken.map(|reason| reason.as_str());
        let state = if reason.is_some() { "broken" } else { "connected" };
        Self { connection, owner, state, reason, scope, issuer, version, created_at, updated_at, expires_at }
    }
}

impl Row for Listed {
    const HEADS: &'static [&'static str] =
        &["CONNECTION", "OWNER", "STATE", "SCOPES", "CONNECTED", "REFRESHED", "TOKEN EXPIRES"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.connection.clone(),
            self.owner.clone(),
            self.reason.map_or_else(|| self.state.to_owned(), |reason| format!("{}: {reason}", self.state)),
            self.scope.clone(),
            output::time(Some(self.created_at)),
            output::time(Some(self.updated_at)),
            output::time(self.expires_at),
        ]
    }
}
