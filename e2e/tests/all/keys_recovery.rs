//! The root key is lost, or goes elsewhere: what an operator does then, and that calls go on.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::openbao::OpenBao;
use keyward_e2e::postgres;
use serde_json::json;

use crate::scene::{SERVICE_TOKEN, Scene};

/// Makes an identity with age's own program; gives the recipient.
fn age_identity(keyward: &Keyward, name: &str) -> Result<String> {
    let made = Command::new("age-keygen").arg("-o").arg(keyward.path(name)).output();
    let made = made.context("age-keygen: `cargo xtask test` installs it")?;
    ensure!(made.status.success(), "{made:?}");
    let told = String::from_utf8(made.stderr)?;
    Ok(told.trim().strip_prefix("Public key: ").context(told.clone())?.to_owned())
}

fn shown(keyward: &Keyward) -> Result<String> {
    let value = keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    Ok(value.trim_end().to_owned())
}

#[test]
fn a_lost_root_key_on_sqlite() -> Result<()> {
    lost(Configuration::sqlite())
}

#[test]
fn a_lost_root_key_on_postgres() -> Result<()> {
    lost(Configuration::on(&postgres::new_database()?))
}

fn lost(configuration: Configuration) -> Result<()> {
    let mut scene = Scene::new(configuration)?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    scene.keyward.run_ok(&["key", "rotate"], "")?;
    let recipient = age_identity(&scene.keyward, "identity")?;
    let stranger = age_identity(&scene.keyward, "stranger")?;
    let export =
        ["key", "export-recovery", "--recipient", &recipient, "--recipient", &stranger, "--out", "recovery.age"];
    scene.keyward.run_ok(&export, "")?;
    let refused = scene.keyward.run(&export, "")?;
    ensure!(refused.output().contains("--overwrite"), "{}", refused.output());
    let content = fs::read(scene.keyward.path("recovery.age"))?;
    let key_file = fs::read_to_string(scene.keyward.path("keyward.key"))?;
    let root_key = key_file.lines().last().context("a line")?;
    let opened = opened_by_age(&scene.keyward)?;
    ensure!(opened.contains(root_key) && opened.matches("data-key:").count() == 2, "age reads something else");

    scene.keyward.stop()?.succeeded()?;
    fs::remove_file(scene.keyward.path("keyward.key"))?;
    let refused = scene.keyward.run(&["token", "show", "notes/api_token"], "")?;
    ensure!(refused.output().contains("there is no key file"), "{}", refused.output());
    let restore = ["key", "restore", "recovery.age", "--identity", "identity"];
    let refused = scene.keyward.run(&restore, "")?;
    ensure!(refused.output().contains("say --yes"), "{}", refused.output());
    ensure!(!scene.keyward.path("keyward.key").exists(), "a key file was made unasked");
    let told = scene.keyward.run_ok(&[&restore[..], &["--yes"]].concat(), "")?;
    ensure!(told.contains("2 data keys are wrapped"), "{told}");
    ensure!(fs::read_to_string(scene.keyward.path("keyward.key"))? == key_file, "another root key was put back");
    ensure!(shown(&scene.keyward)? == SERVICE_TOKEN);

    // The file is there, and holds another key: the data keys are wrapped with that.
    fs::remove_file(scene.keyward.path("keyward.key"))?;
    let other = Keyward::configured(&Configuration::sqlite())?;
    other.put_token("any/token", "value")?;
    fs::copy(other.path("keyward.key"), scene.keyward.path("keyward.key"))?;
    let identity = fs::read_to_string(scene.keyward.path("identity"))?;
    scene.keyward.run_ok(&["key", "restore", "recovery.age", "--identity", "-", "--yes"], &identity)?;
    scene.keyward.start()?;
    ensure!(scene.status_with(&bearer)? == 200, "calls go on");
    ensure!(shown(&scene.keyward)? == SERVICE_TOKEN);
    for secret in [root_key, identity.lines().last().context("a line")?, SERVICE_TOKEN] {
        ensure!(!content.windows(secret.len()).any(|part| part == secret.as_bytes()), "a secret is in the file");
        // The service token was shown where that was asked for.
        let is_written = scene.keyward.written().contains(secret);
        ensure!(secret == SERVICE_TOKEN || !is_written, "a secret is in the logs");
    }
    let actions = scene.keyward.list(&["audit", "list"])?.to_string();
    ensure!(actions.contains("key.export") && actions.contains("key.restore"), "{actions}");
    scene.keyward.run_ok(&["audit", "verify"], "").map(drop)
}

fn opened_by_age(keyward: &Keyward) -> Result<String> {
    let identity = keyward.path("identity");
    let opened = Command::new("age").arg("-d").arg("-i").arg(identity).arg(keyward.path("recovery.age")).output()?;
    ensure!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    Ok(String::from_utf8(opened.stdout)?)
}

const POLICY: &str = include_str!("../../../docs/openbao-transit-policy.hcl");

#[test]
fn the_root_key_goes_to_openbao() -> Result<()> {
    let openbao = OpenBao::start()?;
    openbao.ask("POST", "sys/mounts/transit", &json!({ "type": "transit" }))?;
    openbao.ask("POST", "transit/keys/keyward", &json!({}))?;
    let (role_id, secret_id) = openbao.app_role(POLICY)?;
    let kind = "kind = \"openbao-transit\"\n";
    let section = format!(
        "key = \"keyward\"\naddress = \"{}\"\nauth = \"approle\"\nrole_id = \"env:BAO_ROLE_ID\"\n\
         secret_id = \"file:secret-id\"\n",
        openbao.url()
    );
    let next = format!("[next_keys]\n{kind}[next_keys.openbao_transit]\n{section}");
    let mut scene = Scene::with(Configuration::sqlite().section(&next), |keyward| {
        keyward.set_environment("BAO_ROLE_ID", &role_id);
        fs::write(keyward.path("secret-id"), format!("{secret_id}\n")).map_err(Into::into)
    })?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    ensure!(scene.status_with(&bearer)? == 200);
    let told = scene.keyward.run_ok(&["key", "rotate", "--root"], "")?;
    ensure!(told.contains("is wrapped with openbao-transit:transit/keyward"), "{told}");
    ensure!(scene.status_with(&bearer)? == 200, "it goes on");

    scene.keyward.stop()?.succeeded()?;
    fs::remove_file(scene.keyward.path("keyward.key"))?;
    scene
        .configure_anew(Configuration::sqlite().section(&format!("[keys]\n{kind}[keys.openbao_transit]\n{section}")))?;
    scene.keyward.start()?;
    ensure!(scene.status_with(&bearer)? == 200, "it serves with the key of OpenBao");
    scene.keyward.run_ok(&["key", "rotate"], "")?;
    ensure!(shown(&scene.keyward)? == SERVICE_TOKEN);
    let keys = scene.keyward.list(&["key", "list"])?.to_string();
    ensure!(keys.matches("openbao-transit:transit/keyward").count() == 2, "{keys}");

    openbao.seal()?;
    ensure!(scene.status_with(&bearer)? == 200, "data keys that are open stay open");
    let refused = scene.keyward.run(&["token", "show", "notes/api_token"], "")?;
    ensure!(
        refused.output().contains("OpenBao transit key transit/keyward cannot be used now"),
        "{}",
        refused.output()
    );
    openbao.unseal()?;
    scene.keyward.restart()?;
    ensure!(scene.status_with(&bearer)? == 200);
    Ok(())
}
