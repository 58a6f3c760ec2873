use std::net::TcpListener;

use crate::process::Place;

#[test]
fn a_port_that_is_taken_is_named_and_nothing_is_touched() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let place = Place::new("");
    place.configure(&address, "");
    let ended = place.run("serve");
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains(&address) && ended.stderr.contains("another program has that port"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("keyward.db").exists() && !place.path("keyward.key").exists());
}

#[test]
fn another_root_key_is_refused_with_both_ids_and_nothing_is_lost() {
    let place = Place::new("");
    assert_eq!(place.run_with_input("token set a/key", "value").code, Some(0));
    let keys: Vec<serde_json::Value> = serde_json::from_str(&place.run("key list --json").stdout).expect("JSON");
    let expected = keys[0]["root_key"].as_str().expect("an id").to_owned();
    let other = Place::new("");
    assert_eq!(other.run_with_input("token set a/key", "value").code, Some(0));
    let right = std::fs::read(place.path("keyward.key")).expect("a key");
    std::fs::copy(other.path("keyward.key"), place.path("keyward.key")).expect("a key");
    for line in ["serve", "token list"] {
        let ended = place.run(line);
        assert_eq!(ended.code, Some(1));
        assert!(ended.stderr.contains(&format!("expected root key {expected}")), "{}", ended.stderr);
    }
    std::fs::remove_file(place.path("keyward.key")).expect("a file");
    let gone = place.run("serve");
    assert!(gone.stderr.contains(&expected) && !place.path("keyward.key").exists(), "{}", gone.stderr);
    std::fs::write(place.path("keyward.key"), right).expect("a key");
    set_mode(&place.path("keyward.key"), 0o600);
    assert_eq!(place.run("token show a/key --reveal").stdout, "value\n");
}

#[test]
fn a_key_file_that_others_may_read_is_refused() {
    let place = Place::new("");
    assert_eq!(place.run_with_input("token set a/key", "value").code, Some(0));
    set_mode(&place.path("keyward.key"), 0o644);
    let ended = place.run("serve");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("0644") && ended.stderr.contains("chmod 600"), "{}", ended.stderr);
}

#[test]
fn a_database_that_is_no_database_is_refused_as_it_is() {
    let place = Place::new("");
    let junk = "this is no database, and was never one; it only has the name of one".repeat(40);
    std::fs::write(place.path("keyward.db"), &junk).expect("a file");
    let ended = place.run("serve");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("database"), "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(place.path("keyward.db")).expect("a file"), junk);
    assert!(!place.path("keyward.key").exists());
}

#[test]
fn a_database_of_a_newer_keyward_is_refused() {
    let place = Place::new("");
    assert_eq!(place.run("migrate up").code, Some(0));
    let database = rusqlite::Connection::open(place.path("keyward.db")).expect("a database");
    database
        .execute("INSERT INTO schema_migrations (version, name, applied_at) VALUES (9999, 'later', '2030-01-01T00:00:00.000000Z')", [])
        .expect("a row");
    drop(database);
    for line in ["serve", "migrate up", "token list", "audit list"] {
        let ended = place.run(line);
        assert_eq!(ended.code, Some(1), "{line}");
        assert!(ended.stderr.contains("9999") && ended.stderr.contains("newer"), "{line}: {}", ended.stderr);
    }
    let status = place.run("migrate status");
    assert!(status.code == Some(1) && status.stdout.contains("newer Keyward"), "{}", status.stdout);
}

#[test]
fn a_database_that_takes_no_writes_is_refused() {
    let place = Place::new("");
    assert_eq!(place.run("migrate up").code, Some(0));
    set_mode(&place.path("keyward.db"), 0o444);
    set_mode(&place.path(""), 0o555);
    let ended = place.run_without_privilege("serve");
    set_mode(&place.path(""), 0o755);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("read-only"), "{}", ended.stderr);
}

#[test]
fn a_database_that_cannot_be_made_is_named() {
    let place = Place::new("[storage]\nurl = \"sqlite:nowhere/keyward.db\"\n");
    let ended = place.run("serve");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("nowhere/keyward.db"), "{}", ended.stderr);
}

#[test]
fn mistakes_of_the_configuration_come_before_everything() {
    let place = Place::new("[lgo]\n");
    let ended = place.run("serve");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("keyward.toml:5:2: unknown key `lgo`"), "{}", ended.stderr);
    assert!(!place.path("keyward.db").exists());
}

fn set_mode(path: &std::path::Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a file of ours");
}
