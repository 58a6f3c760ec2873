//! `keyward config`: is the configuration right, and what may stand in it.

use std::path::Path;

use clap::Subcommand;

use crate::{config, output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find every mistake of the configuration, with line and column
    ///
    /// Reads the file and the KEYWARD__… variables as `keyward serve` would, and changes nothing.
    Check,
    /// Print the JSON Schema of the configuration, for editors
    Schema,
}

pub(crate) fn run(file: Option<&Path>, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Check => {
            let loaded = config::load(file)?;
            let name =
                loaded.file.map_or_else(|| "the defaults (no file)".to_owned(), |file| file.display().to_string());
            for warning in loaded.config.warnings() {
                output::line(&format!("{name}: warning: {warning}"))?;
            }
            let elsewhere = match loaded.config.resources.len() {
                0 => String::new(),
                count => format!(", {count} resource(s) elsewhere"),
            };
            output::line(&format!("{name}: no mistakes, {} server(s){elsewhere}", loaded.config.servers.len()))?;
            for resource in &loaded.config.resources {
                told_to(resource, &loaded.config.server.url(None))?;
            }
            let config = &loaded.config;
            if !config.resources.is_empty() && !config.servers.is_empty() && config.server.default_server.is_none() {
                output::line(
                    "Clients that name no resource get no token, since they may have come for one elsewhere, unless \
                     server.default_server says which server they mean",
                )?;
            }
            for issuer in loaded.config.issuers() {
                let config::NamedIssuer::Elsewhere(elsewhere) = issuer else { continue };
                let Some(preset) = elsewhere.preset() else { continue };
                output::line(&format!("To be set at {}, {}:", preset.title, elsewhere.issuer()))?;
                preset.steps.iter().try_for_each(|step| output::line(&format!("  - {step}")))?;
            }
        }
        Command::Schema => output::json(&config::schema())?,
    }
    Ok(())
}

/// What whoever runs a resource elsewhere has to know.
fn told_to(resource: &config::ResourceElsewhere, issuer: &str) -> anyhow::Result<()> {
    let resource = resource.resource.0.as_str();
    output::line(&format!("To be set at {resource}:"))?;
    for step in [
        format!("take access tokens with iss {issuer}, aud {resource}, typ at+jwt, signed with ES256"),
        format!(
            "have the keys from {issuer}/jwks, and {issuer} as the authorization server in its metadata (RFC 9728)"
        ),
        format!("if it is a Keyward: kind = \"oidc\" and issuer = \"{issuer}\" in its [issuer]"),
    ] {
        output::line(&format!("  - {step}"))?;
    }
    Ok(())
}
