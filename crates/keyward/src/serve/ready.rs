//! Telling that calls are served: a line in the log, and a file for whoever started us.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;

use super::Serving;

#[derive(Serialize)]
struct Ready<'a> {
    listen: SocketAddr,
    public_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
}

/// Logs the line; writes the file whole or not at all, so that whoever waits for it never reads half of it.
pub(crate) fn announce(serving: &Serving<'_>, file: Option<&Path>) -> anyhow::Result<()> {
    let (listen, public_url) = (serving.listen, serving.layout.public_url.as_str());
    if let Some(path) = file {
        let ready = serde_json::to_vec(&Ready { listen, public_url, metrics: serving.metrics })?;
        let unfinished = path.with_added_extension("new");
        let written = std::fs::File::create(&unfinished)
            .and_then(|mut file| file.write_all(&ready))
            .and_then(|()| std::fs::rename(&unfinished, path));
        written.with_context(|| format!("cannot write the ready file {}", path.display()))?;
    }
    tracing::info!(%listen, public_url, "ready");
    Ok(())
}
