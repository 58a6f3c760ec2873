//! The committed files about the configuration say what the types say.

use serde_json::Value as Json;

use super::*;

const EXAMPLE: &str = include_str!("../../../../keyward.toml");
const SCHEMA: &str = include_str!("../../../../keyward.schema.json");

/// The example with its commented keys switched on.
fn whole_example() -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[' || c == '"') => rest.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(|line| on(line) + "\n").collect()
}

/// The same with the keys of an issuer elsewhere, which stand with two signs where it is Keyward's own.
fn example_with_all_keys() -> String {
    let on = |line: &str| match line.strip_prefix("##") {
        Some(rest) => rest.to_owned(),
        None => line.to_owned(),
    };
    whole_example().lines().map(|line| on(line) + "\n").collect()
}

#[test]
fn the_schema_is_fresh() {
    let fresh = serde_json::to_string_pretty(&schema()).expect("JSON") + "\n";
    assert!(SCHEMA == fresh, "keyward.schema.json is stale: cargo run -- config schema > keyward.schema.json");
}

#[test]
fn the_example_is_right_as_it_stands() {
    let config = parse("keyward.toml", EXAMPLE, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let json = |config: &Config| serde_json::to_value(config).expect("JSON");
    assert_eq!(json(&config), json(&Config::default()), "what stands in keyward.toml is the default");
}

#[test]
fn the_example_is_right_with_everything_switched_on() {
    let config = parse("keyward.toml", &whole_example(), []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!((config.servers.len(), config.trusted_issuers.len(), config.scopes.len()), (2, 2, 1));
    assert_eq!(config.connections.len(), 4);
}

#[test]
fn the_example_is_right_for_an_issuer_elsewhere() {
    let here = example_with_all_keys();
    let (before, rest) = here.split_once("kind = \"embedded\"").expect("a kind");
    // Keys of Stytch and of the broker belong to other kinds.
    let (mine, rest) =
        rest.split_once("# For a provider at which MCP clients cannot register").expect("the broker's keys");
    let (_, after) = rest.split_once("# How long an access token is good.").expect("what follows");
    let mine: String =
        mine.lines().filter(|line| !line.starts_with("project_id")).map(|line| format!("{line}\n")).collect();
    // The example's servers name it.
    let embedded = "[[trusted_issuers]]\nkind = \"embedded\"\n";
    let config = parse("keyward.toml", &format!("{before}kind = \"oidc\"{mine}#{after}{embedded}"), []);
    let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(config.issuers().count(), 4);
}

#[test]
fn the_example_has_every_key_of_the_schema_and_a_word_on_each() {
    let tree: Json = toml::from_str(&example_with_all_keys()).expect("TOML");
    let mut missing = Vec::new();
    names(&schema(), &tree, "", &mut missing);
    assert!(missing.is_empty(), "not in keyward.toml: {missing:?}");
    let mut commented = false;
    for line in EXAMPLE.lines() {
        let prose = line.starts_with("# ");
        let key = !prose && !line.is_empty() && !line.starts_with("#:");
        assert!(!key || commented || line.starts_with("#\""), "no word on {line}");
        commented = prose || (key && line.contains('['));
    }
}

fn names(schema: &Json, value: &Json, path: &str, missing: &mut Vec<String>) {
    for (key, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        let path = format!("{path}.{key}");
        assert!(property.get("description").is_some(), "no description of {path}");
        match value.get(key) {
            // Has the form of `keys`.
            Some(_) if key == "next_keys" => {}
            // Tables of an issuer elsewhere, which stand with `trusted_issuers`.
            None if path == ".issuer.claims" || path == ".issuer.introspection" => {}
            Some(value) => names(property, value, &path, missing),
            None => missing.push(path),
        }
    }
    if let (Some(items), Some(elements)) = (schema.get("items"), value.as_array()) {
        // Keys that exclude each other stand in different elements.
        let lacked = elements.iter().map(|element| {
            let mut lacked = Vec::new();
            names(items, element, path, &mut lacked);
            lacked
        });
        let lacked: Vec<Vec<String>> = lacked.collect();
        let everywhere = |name: &&String| {
            let below = |lacked: &Vec<String>| {
                lacked.iter().any(|other| other == *name || name.starts_with(&format!("{other}.")))
            };
            lacked.iter().all(below)
        };
        missing.extend(lacked.iter().flatten().filter(everywhere).cloned().collect::<std::collections::BTreeSet<_>>());
    }
    if let (Some(others), Some(object)) = (schema.get("additionalProperties"), value.as_object()) {
        object.values().for_each(|inner| names(others, inner, path, missing));
    }
}
