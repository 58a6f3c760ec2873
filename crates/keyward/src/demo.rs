//! `keyward demo`: the whole of Keyward in one command, with a small MCP server behind it.

mod directory;
mod guide;
mod tools;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

use keyward_core::random::Random;
use keyward_core::secret::Secret;
use keyward_vault::{Expected, NewToken, TokenName, Vault};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::config;
use crate::serve::{self, Serving};
use crate::telemetry;

use directory::Directory;
use guide::Guide;

/// See Keyward work, with a small MCP server behind it
///
/// Starts Keyward before a server of its own, with a token for it in the cabinet, and asks nothing. Prints the URL to paste into a client and, until there is an account, a one-time link to make the first. All of its
/// state is in one directory; the next run goes on where this one ended. Ctrl-C stops it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The address and port to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The directory for its state
    #[arg(long, value_name = "PATH", default_value = "keyward-demo")]
    dir: PathBuf,
}

const TOKEN: &str = "demo/api_token";

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let directory = Directory::prepare(&args.dir)?;
    let stop = CancellationToken::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("demo-server")
        .enable_all()
        .build()?;
    let upstream = runtime.block_on(async { upstream::serve(stop.clone()) })?;
    let loaded = config::load(Some(&directory.write_config(args.listen, upstream)?))?;
    telemetry::start(&loaded.config.log)?;
    let served = serve::serve(&loaded, serve::Door::Alone, stop, async |serving| greet(serving, &directory).await);
    // The server's sessions may hold streams open; nobody waits for these.
    runtime.shutdown_background();
    served?;
    Ok(crate::output::line(&format!("Stopped. Everything is kept in {}.", args.dir.display()))?)
}

async fn greet(serving: &Serving<'_>, directory: &Directory) -> anyhow::Result<()> {
    let fingerprint = token(&serving.rooms.cabinet.vault, &serving.rooms.cabinet.random).await?;
    let issuer = &serving.rooms.issuer;
    let invite = match issuer.has_users().await? {
        true => None,
        false => Some(issuer.invite_user(None, true, None).await?.link()),
    };
    let url = serving.layout.servers.first().map_or("", |server| server.resource.as_str());
    let guide = Guide { url, invite: invite.as_deref(), fingerprint: &fingerprint, directory };
    Ok(crate::output::line(&guide.to_string())?)
}

/// The fingerprint of the demo's token in the cabinet, where it is put on the first run.
async fn token(vault: &Vault, random: &Random) -> anyhow::Result<String> {
    let name: TokenName = TOKEN.parse()?;
    if vault.get(&name).await?.is_none() {
        let bytes = Zeroizing::new(random.bytes::<24>()?);
        let mut text = Zeroizing::new(String::from("demo_"));
        for byte in bytes.iter() {
            text.push_str(&format!("{byte:02x}"));
        }
        vault.put(&name, &NewToken::new(Secret::new(text.as_bytes().to_vec()))?, Expected::Absent).await?;
    }
    let token = vault.get(&name).await?;
    Ok(token.map(|token| tools::fingerprint(token.value.expose_secret())).unwrap_or_default())
}
