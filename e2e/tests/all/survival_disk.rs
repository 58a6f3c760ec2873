//! The disk is full, and has room again.

use std::fs;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::small_disk::SmallDisk;
use keyward_e2e::wait;

use crate::scene::{SERVICE_TOKEN, Scene, initialize};

#[test]
fn a_full_disk_refuses_and_loses_nothing() -> Result<()> {
    let Some(disk) = SmallDisk::mount("16m")? else { return Ok(()) };
    let url = format!("sqlite:{}", disk.path().join("keyward.db").display());
    let mut scene = Scene::new(Configuration::on(&url).section("[audit]\nmode = \"fail_closed\"\n"))?;
    let process = scene.keyward.process()?.id();
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let mut served = 0;
    let mut call = || -> Result<u16> {
        let answer = initialize("/notes/mcp").bearer(&bearer).send(scene.keyward.address())?;
        ensure!(matches!(answer.status, 200 | 503), "{}: {}", answer.status, answer.text());
        served += u64::from(answer.status == 200);
        Ok(answer.status)
    };
    assert_eq!(call()?, 200);
    disk.fill()?;
    wait::until("calls to be refused", || Ok((call()? == 503).then_some(())))?;
    let told = scene.keyward.run(&["token", "set", "notes/other"], &format!("{}\n", "x".repeat(60_000)))?;
    assert_eq!(told.code(), Some(1));
    assert!(told.stderr.contains("the disk of the database is full"), "{}", told.stderr);
    assert!(!told.stderr.contains("panicked"), "{}", told.stderr);

    disk.empty()?;
    wait::until("calls to be served again", || Ok((call()? == 200).then_some(())))?;
    assert_eq!(scene.keyward.process()?.id(), process);
    scene.keyward.run_ok(&["audit", "verify"], "")?;
    let records = scene.keyward.list(&["audit", "list", "--action", "call", "--limit", "1000000"])?;
    let records = records.as_array().context("a list")?.len() as u64;
    assert!(records >= served, "{served} calls were served, and {records} are recorded");
    scene.keyward.put_token("notes/other", "there is room")?;
    let shown = scene.keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert!(shown.contains(SERVICE_TOKEN));
    scene.keyward.restart()
}

#[test]
fn a_backup_that_does_not_fit_is_not_there() -> Result<()> {
    let Some(disk) = SmallDisk::mount("64k")? else { return Ok(()) };
    let scene = Scene::new(Configuration::sqlite())?;
    let to = disk.path().join("today.backup").display().to_string();
    disk.fill()?;
    for _ in 0..2 {
        let told = scene.keyward.run(&["backup", "--to", &to], "")?;
        assert_eq!(told.code(), Some(1));
        assert!(told.stderr.contains("No space left on device") && told.stderr.contains(&to), "{}", told.stderr);
        let left: Vec<_> = fs::read_dir(disk.path())?.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["filler"]);
    }
    let frozen = scene.keyward.run(&["backup", "--freeze", "--to", &to], "")?;
    assert_eq!(frozen.code(), Some(1));
    scene.keyward.put_token("notes/other", "no backup, and so not frozen")?;
    disk.empty()?;
    scene.keyward.run_ok(&["backup", "--to", &to], "")?;
    scene.keyward.run_ok(&["backup", "verify", &to], "")?;
    Ok(())
}

#[test]
fn no_half_key_file_is_made() -> Result<()> {
    let Some(disk) = SmallDisk::mount("64k")? else { return Ok(()) };
    let path = disk.path().join("keyward.key");
    let keys = format!("[keys]\npath = {:?}\n", path.display().to_string());
    let keyward = Keyward::configured(&Configuration::sqlite().section(&keys))?;
    disk.fill()?;
    let told = keyward.run(&["token", "set", "notes/api_token"], "value\n")?;
    assert_eq!(told.code(), Some(1));
    assert!(told.stderr.contains("keyward.key") && told.stderr.contains("No space left"), "{}", told.stderr);
    assert!(!path.exists(), "a key file that was not written whole");
    disk.empty()?;
    keyward.put_token("notes/api_token", "value")?;
    let shown = keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert_eq!(shown, "value\n");
    Ok(())
}
