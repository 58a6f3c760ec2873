//! `keyward token set` and `keyward token rotate`: a new value.

use std::time::Duration;

use anyhow::{Context, bail};
use keyward_vault::{Expected, Label, NewToken, TokenEntry};

use super::target::{Named, Target};
use crate::config::{Loaded, Period, TextValue};
use crate::exit::Usage;
use crate::input::SecretInput;
use crate::output;
use crate::wiring::cabinet::Cabinet;
use crate::wiring::upkeep;

/// How long the version before stays usable after a rotation, where nothing else is said.
const GRACE: Duration = Duration::from_secs(600);

/// What is said of a new value.
#[derive(clap::Args, Debug)]
struct Facts {
    #[command(flatten)]
    value: SecretInput,
    /// When the service ends it, counted from now: 90d, 12h
    #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
    expires: Option<Period>,
    /// A label for it, such as team=search; may be given several times. Labels that it has stay
    #[arg(long = "label", value_name = "KEY=VALUE")]
    labels: Vec<Label>,
    /// Take a label away; may be given several times
    #[arg(long = "no-label", value_name = "KEY")]
    without: Vec<String>,
    /// Ask the service first, as [tokens."SERVICE/KEY".check] says; this is what happens where there is one
    #[arg(long)]
    check: bool,
    /// Store it unasked
    #[arg(long, conflicts_with = "check")]
    no_check: bool,
}

#[derive(clap::Args, Debug)]
pub(crate) struct SetArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    facts: Facts,
    /// How long the version before stays usable: 10m, 1h. Without it, it ends at once
    #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
    grace: Option<Period>,
    /// Only if there is no such token yet
    #[arg(long)]
    if_absent: bool,
    /// Only in the place of this version
    #[arg(long, value_name = "VERSION", conflicts_with = "if_absent")]
    if_version: Option<i64>,
}

#[derive(clap::Args, Debug)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    facts: Facts,
    /// How long the version before stays usable. Without it, as the configuration says, else 10m
    #[arg(long, value_name = "DURATION", value_parser = Period::parse)]
    grace: Option<Period>,
    /// Take the new value from the hook in [tokens."SERVICE/KEY".rotation]
    #[arg(long, conflicts_with_all = ["file", "expires", "labels", "without", "check", "no_check", "grace", "owner"])]
    hook: bool,
}

pub(crate) async fn set(loaded: &Loaded, cabinet: &Cabinet, args: &SetArgs) -> anyhow::Result<()> {
    let named = args.target.find_open(cabinet).await?;
    let expected = match (args.if_absent, args.if_version) {
        (true, _) => Expected::Absent,
        (false, Some(version)) => Expected::Version(version),
        (false, None) => Expected::Anything,
    };
    let grace = args.grace.map_or(Duration::ZERO, |grace| grace.0);
    let before = cabinet.vault.entry(&named.name).await?;
    let token = args.facts.token(loaded, cabinet, &named, before.as_ref()).await?.grace(grace);
    let version = cabinet.vault.put(&named.name, &token, expected).await?;
    stored(&named, version, before.as_ref(), grace)
}

pub(crate) async fn rotate(loaded: &Loaded, cabinet: &Cabinet, args: &RotateArgs) -> anyhow::Result<()> {
    let named = args.target.find_open(cabinet).await?;
    let rule = upkeep::rule(loaded, &named.name)?;
    let Some(before) = cabinet.vault.entry(&named.name).await? else {
        bail!("there is no token {} to rotate; put one in: keyward token set", named.text)
    };
    if args.hook {
        let none = || Usage(format!("there is no [tokens.\"{}\".rotation] in the configuration", named.name));
        let rule = rule.ok_or_else(none)?;
        let version = cabinet.vault.rotate_by_hook(&upkeep::runner(), &rule).await?;
        return stored(&named, version, Some(&before), rule.grace);
    }
    let configured = rule.map_or(GRACE, |rule| rule.grace);
    let grace = args.grace.map_or(configured, |grace| grace.0);
    let token = args.facts.token(loaded, cabinet, &named, Some(&before)).await?.grace(grace);
    let version = cabinet.vault.rotate(&named.name, &token, before.version).await?;
    stored(&named, version, Some(&before), grace)
}

fn stored(named: &Named, version: i64, before: Option<&TokenEntry>, grace: Duration) -> anyhow::Result<()> {
    let mut told = format!("{} is stored (version {version})", named.text);
    if let Some(before) = before.filter(|_| !grace.is_zero()) {
        told.push_str(&format!("; version {} stays usable for {}", before.version, Period(grace).to_text()));
    }
    Ok(output::line(&told)?)
}

impl Facts {
    /// The new value with what is said of it, after the service was asked.
    async fn token(
        &self,
        loaded: &Loaded,
        cabinet: &Cabinet,
        named: &Named,
        before: Option<&TokenEntry>,
    ) -> anyhow::Result<NewToken> {
        let check = upkeep::check(loaded, &named.name)?;
        if self.check && check.is_none() {
            let missing = format!("there is no [tokens.\"{}\".check] in the configuration", named.name);
            return Err(Usage(missing).into());
        }
        let mut labels = before.map(|entry| entry.labels.clone()).unwrap_or_default();
        labels.retain(|key, _| !self.without.contains(key));
        labels.extend(self.labels.iter().map(|label| (label.key().to_owned(), label.value().to_owned())));
        let mut token = NewToken::new(self.value.read(&format!("Value of {}", named.text))?)?.labels(labels);
        if let Some(period) = self.expires {
            token = token.expires_at(cabinet.clock.now().plus(period.0));
        }
        for spec in upkeep::specs(loaded, &named.name)? {
            spec.check_form(&token).context("nothing was stored")?;
        }
        if let Some(check) = check.filter(|_| !self.no_check) {
            let done = check.run(&upkeep::runner().client, &token).await;
            done.context("nothing was stored; with --no-check it is stored unasked")?;
            output::line(&format!("{} takes the value", check.host()))?;
        }
        Ok(token)
    }
}
