//! The official conformance suite against the authorization server: every check succeeds, none warns, none is skipped.

use anyhow::Result;
use keyward_e2e::configuration::Configuration;
use keyward_e2e::conformance::{self, Report};
use keyward_e2e::person::create_account;
use serde_json::{Value, json};

use crate::scene::Scene;

#[test]
fn without_a_resource() -> Result<()> {
    all_checks_succeed(|_| Value::Null)
}

#[test]
fn with_a_resource() -> Result<()> {
    all_checks_succeed(|scene| json!(scene.resource()))
}

fn all_checks_succeed(resource: fn(&Scene) -> Value) -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let person = create_account(&scene.keyward)?;
    let mut script = json!({ "url": scene.keyward.url(), "person": person.script() });
    if let Value::String(resource) = resource(&scene) {
        script["resource"] = json!(resource);
    }
    let report = conformance::authorization(&script)?;
    let statuses = report.statuses();
    let Report { answer, succeeded } = report;
    assert!(succeeded && answer["ok"] == true, "{answer:#}");
    let checks: Vec<(&str, &str)> =
        statuses.values().flatten().map(|(id, status)| (id.as_str(), status.as_str())).collect();
    assert_eq!(
        checks,
        [
            ("authorization-code-grant", "SUCCESS"),
            ("authorization-server-metadata", "SUCCESS"),
            ("authorization-server-metadata-cimd", "SUCCESS"),
        ]
    );
    Ok(())
}
