//! The arrows between the rooms are those of ARCHITECTURE.md, and no others.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Which room may use which.
const ARROWS: &[(&str, &[&str])] = &[
    ("keyward-core", &[]),
    ("keyward-outbound", &["keyward-core"]),
    ("keyward-discovery", &["keyward-core", "keyward-outbound"]),
    ("keyward-storage", &["keyward-core"]),
    ("keyward-resource", &["keyward-core", "keyward-discovery", "keyward-outbound"]),
    ("keyward-vault", &["keyward-core", "keyward-storage", "keyward-discovery", "keyward-outbound"]),
    ("keyward-issuer", &["keyward-core", "keyward-storage", "keyward-resource", "keyward-vault", "keyward-outbound"]),
    ("keyward-gateway", &["keyward-core", "keyward-resource", "keyward-vault", "keyward-storage", "keyward-outbound"]),
    ("keyward-console", &["keyward-core", "keyward-vault", "keyward-issuer", "keyward-storage"]),
    // No room: it measures the cabinet and verification in place, and the rest by running the binary.
    ("keyward-bench", &["keyward-core", "keyward-outbound", "keyward-resource", "keyward-storage", "keyward-vault"]),
];

/// The rooms of the workspace and which rooms each uses when it runs; what only its tests use does not count.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    let named = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let uses = |package: &Value| {
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        dependencies.filter(|d| d["kind"].is_null()).map(named).filter(|name| name.starts_with("keyward")).collect()
    };
    packages.map(|package| (named(package), uses(package))).collect()
}

#[test]
fn no_arrow_but_those_drawn() {
    let rooms = rooms();
    let drawn: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (room, used) in &rooms {
        let Some(allowed) = drawn.get(room.as_str()) else {
            // The binary uses every room; tools beside the rooms use the binary by running it.
            assert!(room == "keyward" || used.is_empty(), "{room} is no room and uses {used:?}");
            continue;
        };
        for other in used {
            assert!(allowed.contains(&other.as_str()), "{room} must not know {other}");
        }
    }
    for room in drawn.keys() {
        assert!(rooms.contains_key(*room), "{room} is drawn and not built");
    }
}

#[test]
fn no_room_knows_itself_through_another() {
    let drawn: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for room in drawn.keys() {
        let (mut open, mut seen) = (drawn[room].to_vec(), BTreeSet::new());
        while let Some(next) = open.pop() {
            assert_ne!(&next, room, "{room} comes back to itself");
            if seen.insert(next) {
                open.extend(drawn[next]);
            }
        }
    }
}
