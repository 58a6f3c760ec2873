//! What keeps Keyward from starting, and what it says then.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;

use crate::scene::SERVICE_TOKEN;

fn with_a_token() -> Result<Keyward> {
    let server = Server::new("notes", "http://127.0.0.1:9/mcp").credential("notes/api_token");
    let keyward = Keyward::configured(&Configuration::sqlite().behind(&server))?;
    keyward.put_token("notes/api_token", SERVICE_TOKEN)?;
    Ok(keyward)
}

/// It fails as a command should: code 1, a reason in words and no backtrace.
fn says(keyward: &Keyward, words: &[&str]) -> Result<String> {
    let ended = keyward.start_in_vain()?;
    let said = ended.output();
    assert_eq!(ended.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains(SERVICE_TOKEN), "{said}");
    Ok(said)
}

#[test]
fn the_port_is_taken() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let mut keyward = Keyward::configured(&Configuration::sqlite())?;
    let address = taken.local_addr()?.to_string();
    keyward.set_environment("KEYWARD__SERVER__LISTEN", &address);
    says(&keyward, &[&address])?;
    Ok(())
}

#[test]
fn mistakes_in_the_configuration_are_told_all_at_once() -> Result<()> {
    let keyward = Keyward::in_empty_folder()?;
    keyward.configure(
        "[server]\n\
         listen = \"nowhere\"\n\
         max_body_bytes = \"much\"\n\
         \n\
         [issuer]\n\
         access_token_lifetime = \"10 parsecs\"\n\
         colour = \"red\"\n\
         \n\
         [[servers]]\n\
         id = \"One\"\n\
         path = \"one\"\n\
         upstream = \"ftp://one.example\"\n",
    )?;
    for command in [&["config", "check"][..], &["serve"]] {
        let ended = keyward.run(command, "")?;
        let said = ended.output();
        assert_eq!(ended.code(), Some(1), "{said}");
        for place in ["2:10", "3:18", "6:25", "7:1", "10:6", "11:8", "12:12"] {
            assert!(said.contains(place), "{command:?} does not name {place}: {said}");
        }
    }
    keyward.configure("[server\nlisten = ")?;
    let said = keyward.run(&["config", "check"], "")?.output();
    assert!(said.contains("1:"), "not even TOML: {said}");
    Ok(())
}

#[test]
fn a_configuration_that_was_named_must_be_there() -> Result<()> {
    let keyward = Keyward::in_empty_folder()?;
    let ended = keyward.run(&["serve", "--config", "elsewhere.toml"], "")?;
    assert_eq!(ended.code(), Some(1));
    assert!(ended.output().contains("elsewhere.toml"), "{}", ended.output());
    Ok(())
}

#[test]
fn wrong_words_are_a_usage_error() -> Result<()> {
    let keyward = Keyward::in_empty_folder()?;
    for arguments in [&["fly"][..], &["serve", "--fast"], &["token", "set"], &[]] {
        assert_eq!(keyward.run(arguments, "")?.code(), Some(2), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn the_database_is_corrupt() -> Result<()> {
    let keyward = with_a_token()?;
    let garbage: Vec<u8> = (0..64 * 1024_u32).map(|at| (at * 7 % 251) as u8).collect();
    for name in ["keyward.db-wal", "keyward.db-shm"] {
        let _ = fs::remove_file(keyward.path(name));
    }
    fs::write(keyward.path("keyward.db"), &garbage)?;
    says(&keyward, &["keyward.db", "damaged"])?;
    assert_eq!(fs::read(keyward.path("keyward.db"))?, garbage, "it is left as it is, for whoever can mend it");
    Ok(())
}

#[test]
fn the_database_is_of_a_newer_version() -> Result<()> {
    let keyward = with_a_token()?;
    let database = rusqlite::Connection::open(keyward.path("keyward.db"))?;
    database.execute(
        "INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'of the future', '2999-01-01T00:00:00.000000Z')",
        [],
    )?;
    drop(database);
    says(&keyward, &["newer", "9999"])?;
    Ok(())
}

#[test]
fn the_database_cannot_be_written() -> Result<()> {
    let keyward = with_a_token()?;
    // Root may write whatever the mode says, so the folder that is to hold the database is no folder.
    fs::write(keyward.path("no-folder"), "")?;
    keyward.configure("[server]\nlisten = \"127.0.0.1:0\"\n[storage]\nurl = \"sqlite:no-folder/keyward.db\"\n")?;
    says(&keyward, &["no-folder"])?;
    Ok(())
}

#[test]
fn the_database_is_read_only() -> Result<()> {
    let keyward = with_a_token()?;
    let database = keyward.path("keyward.db");
    let mut permissions = fs::metadata(&database)?.permissions();
    permissions.set_mode(0o400);
    fs::set_permissions(&database, permissions)?;
    let unprivileged = unprivileged(&keyward)?;
    let Some(mut command) = unprivileged else {
        return says(&keyward, &["read-only"]).map(|_| ());
    };
    let ended = keyward_e2e::process::run(&mut command, b"")?;
    assert_eq!(ended.code(), Some(1), "{}", ended.output());
    assert!(ended.output().contains("read-only"), "{}", ended.output());
    Ok(())
}

/// Root is not kept from writing by a file's mode, so root's tests start Keyward as somebody else.
fn unprivileged(keyward: &Keyward) -> Result<Option<std::process::Command>> {
    use std::os::unix::fs::{MetadataExt, chown};
    const NOBODY: u32 = 65534;
    if fs::metadata(keyward.home())?.uid() != 0 {
        return Ok(None);
    }
    // The build's folder may not be open to others; a copy in Keyward's own folder is.
    let program = keyward.path("keyward");
    fs::copy(keyward_e2e::workspace::built("keyward")?, &program)?;
    for entry in fs::read_dir(keyward.home())? {
        chown(entry?.path(), Some(NOBODY), Some(NOBODY))?;
    }
    chown(keyward.home(), Some(NOBODY), Some(NOBODY))?;
    let mut command = std::process::Command::new("setpriv");
    let user = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
    command.args(user).arg("--").arg(program).arg("serve").current_dir(keyward.home());
    Ok(Some(command))
}

#[test]
fn a_wrong_root_key_opens_nothing_and_loses_nothing() -> Result<()> {
    let mut keyward = with_a_token()?;
    let key = keyward.path("keyward.key");
    assert_eq!(fs::metadata(&key)?.permissions().mode() & 0o777, 0o600, "the key is its owner's alone");
    let right = fs::read(&key)?;
    let listed = keyward.list(&["key", "list"])?;
    let expected = find_text(&listed, "root").with_context(|| format!("no root key in {listed}"))?;

    let other = with_a_token()?;
    let wrong = fs::read(other.path("keyward.key"))?;
    write_key(&key, &wrong)?;
    says(&keyward, &[&expected])?;
    fs::remove_file(&key)?;
    says(&keyward, &["keyward.key"])?;
    assert!(!key.exists(), "no new key is made where tokens are sealed under another");
    write_key(&key, b"not a key")?;
    says(&keyward, &["keyward.key"])?;
    write_key(&key, &right)?;
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644))?;
    says(&keyward, &["keyward.key", "chmod 600"])?;

    write_key(&key, &right)?;
    let revealed = keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert!(revealed.contains(SERVICE_TOKEN), "{revealed}");
    keyward.start()
}

fn write_key(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o600))?)
}

/// The first text in a field whose name contains `word`.
fn find_text(value: &serde_json::Value, word: &str) -> Option<String> {
    match value {
        serde_json::Value::Object(fields) => fields.iter().find_map(|(name, value)| match value.as_str() {
            Some(text) if name.contains(word) => Some(text.to_owned()),
            _ => find_text(value, word),
        }),
        serde_json::Value::Array(values) => values.iter().find_map(|value| find_text(value, word)),
        _ => None,
    }
}

#[test]
fn a_postgres_that_is_not_there_is_named_without_its_password() -> Result<()> {
    let mut keyward = Keyward::configured(&Configuration::on("env:DATABASE_URL"))?;
    keyward.set_environment("DATABASE_URL", "postgres://keyward:hidden-password@127.0.0.1:9/keyward");
    let said = says(&keyward, &["database", "Connection refused"])?;
    assert!(!said.contains("hidden-password"), "{said}");
    Ok(())
}
