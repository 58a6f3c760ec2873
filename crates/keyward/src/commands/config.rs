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
            output::line(&format!("{name}: no mistakes, {} server(s)", loaded.config.servers.len()))?;
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
