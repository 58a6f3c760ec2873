//! Schemas on their way up: several processes at once, and databases that earlier versions of Keyward filled.

use std::fs;

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;
use keyward_e2e::process::Running;
use keyward_e2e::workspace;
use serde_json::Value;

use crate::scene::Scene;

#[test]
fn processes_that_start_at_once_migrate_sqlite_once() -> Result<()> {
    processes_that_start_at_once_migrate_once(&Configuration::sqlite())
}

#[test]
fn processes_that_start_at_once_migrate_postgres_once() -> Result<()> {
    processes_that_start_at_once_migrate_once(&Configuration::on(&postgres::new_database()?))
}

fn processes_that_start_at_once_migrate_once(configuration: &Configuration) -> Result<()> {
    let keyward = Keyward::configured(configuration)?;
    let start = |arguments: &[&str], input: &[u8]| Running::start(&mut keyward.command(arguments)?, input);
    let migrating = (0..4).map(|_| start(&["migrate", "up"], b"")).collect::<Result<Vec<_>>>()?;
    // These make the key file and the first data key, too.
    let names: Vec<String> = (0..4).map(|number| format!("notes/token_{number}")).collect();
    let setting =
        names.iter().map(|name| start(&["token", "set", name], name.as_bytes())).collect::<Result<Vec<_>>>()?;
    for process in migrating.into_iter().chain(setting) {
        process.finish()?.succeeded()?;
    }
    for name in &names {
        assert_eq!(keyward.run_ok(&["token", "show", name, "--reveal"], "")?.trim_end(), name);
    }
    let keys = keyward.list(&["key", "list"])?;
    assert_eq!(keys.as_array().context("a list")?.len(), 1, "one data key: {keys}");
    keyward.run_ok(&["audit", "verify"], "")?;
    Ok(())
}

/// Makes the golden file of the schema as it is now; to be kept once a release has that schema.
#[test]
#[ignore = "writes into golden/"]
fn make_the_golden_file_of_this_schema() -> Result<()> {
    let mut scene = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    scene.keyward.issue_bearer("notes", &["notes:read"])?;
    scene.keyward.put_token("notes/api_token", "the second value of an earlier version")?;
    scene.keyward.stop()?.succeeded()?;
    scene.keyward.run_ok(&["backup", "--to", "golden.backup"], "")?;
    let first: Value = serde_json::from_str(
        fs::read_to_string(scene.keyward.path("golden.backup"))?.lines().next().context("a line")?,
    )?;
    let name = format!("golden/schema_{}", first["schema"]);
    fs::copy(scene.keyward.path("golden.backup"), workspace::e2e().join(format!("{name}.backup")))?;
    fs::copy(scene.keyward.path("keyward.key"), workspace::e2e().join(format!("{name}.key")))?;
    Ok(())
}

/// Each file in `golden/` was made by the Keyward of one schema: a token set twice, a person, a client, a grant with a
/// rotated refresh token, a signing key, an audit log.
#[test]
fn what_earlier_versions_sealed_opens() -> Result<()> {
    let mut tried = 0;
    for entry in fs::read_dir(workspace::e2e().join("golden"))? {
        let path = entry?.path();
        if path.extension().is_none_or(|end| end != "backup") {
            continue;
        }
        for configuration in [Configuration::sqlite(), Configuration::on(&postgres::new_database()?)] {
            let mut keyward = Keyward::configured(&configuration)?;
            let key = fs::read(path.with_extension("key"))?;
            fs::write(keyward.path("keyward.key"), key)?;
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(keyward.path("keyward.key"), mode)?;
            keyward.run_ok(&["restore", &path.display().to_string()], "")?;
            let shown = keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
            assert_eq!(shown, "the second value of an earlier version\n", "{}", path.display());
            assert!(keyward.run_ok(&["user", "list"], "")?.contains("ada@example.com"));
            keyward.run_ok(&["audit", "verify"], "")?;
            // The signing key opens, or it does not start.
            keyward.start()?;
            keyward.stop()?.succeeded()?;
            tried += 1;
        }
    }
    assert!(tried >= 2);
    Ok(())
}
