use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use keyward_core::random::Random;
use tempfile::TempDir;

use super::*;

fn directory() -> TempDir {
    tempfile::tempdir().expect("directory")
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("mode");
}

#[test]
fn makes_a_file_for_its_owner_alone_and_reads_it_again() {
    let directory = directory();
    let path = directory.path().join("keyward.key");
    let made = create(&path, &Random::system()).expect("made");
    assert_eq!(mode_of(&path), 0o600);
    let read = load(&path).expect("read");
    assert_eq!(read.id(), made.id());
    assert_eq!(read.origin(), format!("the file {}", path.display()));
    assert_eq!(fs::read_dir(directory.path()).expect("listing").count(), 1, "no temporary file is left");
}

#[test]
fn never_overwrites() {
    let directory = directory();
    let path = directory.path().join("keyward.key");
    let made = create(&path, &Random::system()).expect("made");
    assert!(matches!(create(&path, &Random::system()), Err(KeyFileError::Exists { .. })));
    assert_eq!(load(&path).expect("read").id(), made.id());
    assert_eq!(fs::read_dir(directory.path()).expect("listing").count(), 1);
}

#[test]
fn of_many_that_make_it_at_once_one_wins() {
    let directory = directory();
    let path = directory.path().join("keyward.key");
    let made = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| create(&path, &Random::system()))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("thread").ok()).collect::<Vec<_>>()
    });
    assert_eq!(made.len(), 1);
    assert_eq!(load(&path).expect("read").id(), made[0].id());
}

#[test]
fn a_missing_file_and_directory_are_named() {
    let directory = directory();
    let path = directory.path().join("keyward.key");
    assert_eq!(load(&path).expect_err("missing").to_string(), format!("there is no key file {}", path.display()));
    let nowhere = directory.path().join("no/keyward.key");
    assert!(matches!(create(&nowhere, &Random::system()), Err(KeyFileError::Io { .. })));
}

#[test]
fn refuses_wider_modes() {
    let directory = directory();
    let path = directory.path().join("keyward.key");
    create(&path, &Random::system()).expect("made");
    for mode in [0o640, 0o604, 0o620, 0o610, 0o644, 0o666, 0o777, 0o601] {
        set_mode(&path, mode);
        let error = load(&path).expect_err("refused");
        assert!(matches!(error, KeyFileError::WideMode { mode: found, .. } if found == mode), "{error}");
    }
    assert!(load(&path).expect_err("refused").to_string().contains("chmod 600"));
    set_mode(&path, 0o400);
    assert!(load(&path).is_ok());
}

#[test]
fn follows_links_of_its_own_and_refuses_those_of_others() {
    let directory = directory();
    let (path, link) = (directory.path().join("real.key"), directory.path().join("keyward.key"));
    create(&path, &Random::system()).expect("made");
    symlink(&path, &link).expect("link");
    assert!(load(&link).is_ok());
    set_mode(&path, 0o644);
    assert!(matches!(load(&link), Err(KeyFileError::WideMode { .. })), "the mode of the target counts");
    set_mode(&path, 0o600);
    // Only root may give files away; elsewhere the other user's file cannot be made.
    if chown(&path, Some(12_345), None).is_ok() {
        assert!(matches!(load(&link), Err(KeyFileError::WrongOwner { owner: 12_345, .. })));
        chown(&path, Some(0), None).expect("back");
        std::os::unix::fs::lchown(&link, Some(12_345), None).expect("give the link away");
        assert!(matches!(load(&link), Err(KeyFileError::WrongOwner { owner: 12_345, .. })));
    }
}

#[test]
fn refuses_what_is_no_file() {
    let directory = directory();
    assert!(matches!(load(directory.path()), Err(KeyFileError::NotAFile { .. })));
    let dangling = directory.path().join("dangling");
    symlink(directory.path().join("nothing"), &dangling).expect("link");
    assert!(matches!(load(&dangling), Err(KeyFileError::Missing { .. })));
    assert!(matches!(create(&dangling, &Random::system()), Err(KeyFileError::Exists { .. })));
}

/// Files whose names say what is wrong with them, and what is told.
#[test]
fn malformed_files_are_told_apart() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/root_key");
    let directory = directory();
    let mut told = Vec::new();
    for entry in fs::read_dir(vectors).expect("vectors") {
        let entry = entry.expect("entry");
        let path = directory.path().join(entry.file_name());
        fs::copy(entry.path(), &path).expect("copied");
        set_mode(&path, 0o600);
        let name = entry.file_name().into_string().expect("name");
        let result = match load(&path) {
            Ok(key) => format!("root key {}", key.id()),
            Err(KeyFileError::Invalid { reason, .. }) => format!("{reason:?}"),
            Err(other) => panic!("{name}: {other}"),
        };
        told.push(format!("{name}: {result}"));
    }
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r#"
    byte_order_mark: NotARootKey
    cut_in_the_id: Id
    cut_in_the_key: Key
    empty: Empty
    good: root key e42a1dc3ec3a
    good_crlf_and_comments: root key e42a1dc3ec3a
    good_no_final_newline: root key e42a1dc3ec3a
    id_in_upper_case: Id
    id_not_hex: Id
    id_of_another_key: Mismatch { said: RootKeyId("e42a1dc3ec3b"), is: RootKeyId("e42a1dc3ec3a") }
    key_changed: Mismatch { said: RootKeyId("e42a1dc3ec3a"), is: RootKeyId("78bc5ae35611") }
    key_on_two_lines: ManyLines
    leading_space: NotARootKey
    newer_version: UnknownVersion
    no_key: Key
    no_version: UnknownVersion
    not_utf8: NotARootKey
    nul_in_the_key: Key
    one_more_character: Key
    only_comments: Empty
    only_prefix: Id
    padded_key: Key
    pem: NotARootKey
    raw_32_bytes: NotARootKey
    something_after_the_key: Key
    standard_base64: Key
    too_long: NotARootKey
    trailing_bits_in_the_key: Key
    two_keys: ManyLines
    "#);
}
