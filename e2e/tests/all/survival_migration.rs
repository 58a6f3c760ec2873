//! Schemas on their way up: several processes at once, and databases that earlier versions of Keyward filled.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;
use keyward_e2e::process::Running;
use keyward_e2e::workspace;
use serde_json::{Value, json};

use crate::connections::{Provider, connect, free_address};
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
    let address = free_address()?;
    let provider = Provider::start(&json!({ "redirect_uris": [format!("http://{address}/connect/idp/callback")] }))?;
    let public_url = format!("public_url = \"http://{address}\"");
    let configuration = Configuration::sqlite().server(&public_url).section(&provider.section());
    let mut scene = Scene::with(configuration, |keyward| {
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        keyward.set_environment("IDP_SECRET", "s3cret");
        Ok(())
    })?;
    let (person, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    scene.keyward.issue_bearer("notes", &["notes:read"])?;
    scene.keyward.run_ok(&["token", "set", "notes/own_token", "--owner", &person.email], "the value of one person")?;
    connect(&scene.keyward, &person, "ada")?;
    scene.keyward.run_ok(&["key", "rotate"], "")?;
    scene.keyward.put_token("notes/api_token", "the second value of an earlier version")?;
    scene.keyward.stop()?.succeeded()?;
    scene.keyward.run_ok(&["backup", "--to", "golden.backup"], "")?;
    let name = format!("golden/schema_{}", schema_of(&scene.keyward.path("golden.backup"))?);
    fs::copy(scene.keyward.path("golden.backup"), workspace::e2e().join(format!("{name}.backup")))?;
    fs::copy(scene.keyward.path("keyward.key"), workspace::e2e().join(format!("{name}.key")))?;
    Ok(())
}

/// Each file in `golden/` was made by the Keyward of one schema: a token set twice, a person, a client, a grant with a
/// rotated refresh token, a signing key, an audit log; from schema 6 on, a token of one person, their grant at a provider,
/// and a second data key.
#[test]
fn what_earlier_versions_sealed_opens() -> Result<()> {
    let mut tried = Vec::new();
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
            let schema = schema_of(&path)?;
            if schema >= 6 {
                let of_ada = ["token", "show", "notes/own_token", "--owner", "ada@example.com", "--reveal"];
                assert_eq!(keyward.run_ok(&of_ada, "")?, "the value of one person\n");
                let connections = keyward.list(&["connection", "list"])?;
                assert_eq!(connections.as_array().context("a list")?.len(), 1, "{connections}");
            }
            let migrations = keyward.list(&["audit", "list", "--action", "migrate"])?;
            let newest = keyward.list(&["migrate", "status"])?["keyward"].as_i64().context("no version")?;
            let last = migrations.as_array().context("a list")?.last().cloned().unwrap_or_default();
            let detail = json!({ "from": schema, "to": newest });
            let told = last["detail"].as_str().map(serde_json::from_str::<Value>).transpose()?.unwrap_or_default();
            assert_eq!(told == detail, schema < newest, "{migrations}");
            // Opens every row that is sealed, or says which it cannot and fails.
            keyward.run_ok(&["key", "rotate"], "")?;
            keyward.run_ok(&["audit", "verify"], "")?;
            // The signing key opens, or it does not start.
            keyward.start()?;
            keyward.stop()?.succeeded()?;
            tried.push(schema);
        }
    }
    tried.sort_unstable();
    // Keyward made no backups yet at 1, and never ran at 4.
    assert_eq!(tried, [2, 2, 3, 3, 5, 5, 6, 6]);
    Ok(())
}

fn schema_of(backup: &Path) -> Result<i64> {
    let first: Value = serde_json::from_str(fs::read_to_string(backup)?.lines().next().context("a line")?)?;
    first["schema"].as_i64().context("no schema")
}
