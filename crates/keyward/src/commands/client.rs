//! `keyward client`: the OAuth clients that are known.

use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use keyward_core::clock::Timestamp;
use keyward_issuer::client::{AddClientError, NewClient};
use keyward_storage::clients::StoredClient;
use serde::Serialize;

use crate::exit::Usage;
use crate::input::confirm;
use crate::output::{self, Format, Row};
use crate::wiring::rooms::{self, Rooms};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the clients: registered by themselves, named by their metadata document, or added here
    List {
        #[command(flatten)]
        format: Format,
    },
    /// Add a client by hand, where registration is closed or the client cannot register
    Add {
        /// Its name, which people are shown when it asks for access
        #[arg(long)]
        name: String,
        /// Where it takes its answers; may be given several times. The port of a loopback address does not count
        #[arg(long = "redirect-uri", value_name = "URI", required = true)]
        redirect_uris: Vec<String>,
        /// Give it a secret, which is printed once; for programs on a server, not for those on people's machines
        #[arg(long)]
        confidential: bool,
        #[command(flatten)]
        format: Format,
    },
    /// Remove a client, and end every access that people have given it
    Revoke {
        /// Its client_id
        client_id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(file: Option<&Path>, command: Command) -> anyhow::Result<()> {
    rooms::with_rooms(file, async |rooms| match command {
        Command::List { format } => {
            let rows: Vec<Listed> = rooms.issuer.list_clients().await?.into_iter().map(Listed::from).collect();
            let nothing = match rooms.elsewhere() {
                Some(issuer) => format!("No client is known here: clients log in at {issuer}, which knows them."),
                None => "No client is known. Most register themselves when they first connect.".to_owned(),
            };
            Ok(format.list(&rows, &nothing)?)
        }
        Command::Add { name, redirect_uris, confidential, format } => {
            add(rooms, NewClient { name, redirect_uris, confidential }, format).await
        }
        Command::Revoke { client_id, yes } => {
            if !yes && !confirm(&format!("Remove {client_id} and end every access that it has?"))? {
                bail!("{client_id} is left alone; say --yes where nobody can be asked");
            }
            let Some(ended) = rooms.issuer.revoke_client(&client_id).await? else {
                match rooms.elsewhere() {
                    Some(issuer) => {
                        bail!("there is no client {client_id} here: clients log in at {issuer}, and are removed there")
                    }
                    None => bail!("there is no client {client_id}"),
                }
            };
            Ok(output::line(&format!("{client_id} is removed; {ended} grant(s) ended"))?)
        }
    })
}

#[derive(Serialize)]
struct Added<'a> {
    client_id: &'a str,
    client_secret: Option<&'a str>,
}

async fn add(rooms: &Rooms, client: NewClient, format: Format) -> anyhow::Result<()> {
    rooms.require_own_issuer("adds a client to Keyward's own issuer")?;
    let added = rooms.issuer.add_client(client).await.map_err(|error| match error {
        AddClientError::Random(_) | AddClientError::Storage(_) => anyhow::Error::new(error),
        wrong => Usage(wrong.to_string()).into(),
    })?;
    let secret = added.secret.as_ref().map(|secret| secret.expose_secret());
    if format.json {
        return Ok(output::json(&Added { client_id: &added.client_id, client_secret: secret })?);
    }
    output::line(&format!("client_id      {}", added.client_id))?;
    if let Some(secret) = secret {
        output::line(&format!("client_secret  {secret}"))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Listed {
    client_id: String,
    kind: &'static str,
    name: Option<String>,
    redirect_uris: Vec<String>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
}

impl From<StoredClient> for Listed {
    fn from(client: StoredClient) -> Self {
        Self {
            client_id: client.client_id,
            kind: client.kind.as_str(),
            name: client.name,
            redirect_uris: client.redirect_uris,
            created_at: client.created_at,
            last_used_at: client.last_used_at,
            revoked_at: client.revoked_at,
        }
    }
}

impl Row for Listed {
    const HEADS: &'static [&'static str] =
        &["CLIENT ID", "KIND", "NAME", "REDIRECTS", "CREATED", "LAST USED", "REVOKED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.client_id.clone(),
            self.kind.to_owned(),
            self.name.clone().unwrap_or_default(),
            self.redirect_uris.join(" "),
            output::time(Some(self.created_at)),
            output::time(self.last_used_at),
            output::time(self.revoked_at),
        ]
    }
}
