//! Infisical's own SDK, told what to do.

use std::process::Command;

use anyhow::{Context, Result, bail};
use infisical_stand_in::Arrived;
use serde_json::{Map, Value, json};

use crate::process;
use crate::workspace;

/// Runs these steps with `@infisical/sdk` on the site; gives a line for each.
pub fn run(site: &str, steps: &[Value]) -> Result<Vec<Value>> {
    let script = json!({ "site": site, "steps": steps });
    let mut command = Command::new(workspace::node()?);
    command.arg(workspace::node_program("infisical-sdk.mjs")).arg("-");
    process::run(&mut command, script.to_string().as_bytes())?.succeeded()?.json_lines()
}

/// The step of the SDK that means what this request does, with all that the request says.
pub fn step_of(request: &Arrived) -> Result<Value> {
    let body = request.body.as_object().cloned().unwrap_or_default();
    let query: Map<String, Value> = request.query.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let said = if request.method == "GET" { query } else { body };
    let name = request.path.strip_prefix("/api/v3/secrets/raw").map(|rest| rest.trim_start_matches('/'));
    let step = match (request.method.as_str(), request.path.as_str(), name) {
        ("POST", "/api/v1/auth/universal-auth/login", _) => "login",
        ("POST", "/api/v1/auth/token/renew", _) => "renew",
        ("GET", "/api/v1/folders", _) => "listFolders",
        ("POST", "/api/v1/folders", _) => "createFolder",
        ("GET", _, Some("")) => "listSecrets",
        ("GET", _, Some(_)) => "getSecret",
        ("POST", _, Some(_)) => "createSecret",
        ("PATCH", _, Some(_)) => "updateSecret",
        ("DELETE", _, Some(_)) => "deleteSecret",
        _ => bail!("the SDK has no step for {} {}", request.method, request.path),
    };
    let mut options = Map::new();
    for (key, value) in said {
        // The SDK's own words for the same, where they differ; truth values are such there.
        let key = match key.as_str() {
            "workspaceId" => "projectId".to_owned(),
            "include_imports" => "includeImports".to_owned(),
            _ => key,
        };
        let value = match value.as_str() {
            Some("true") => json!(true),
            Some("false") => json!(false),
            Some(text) if key == "version" => json!(text.parse::<i64>().context("a version is a number")?),
            _ => value,
        };
        options.insert(key, value);
    }
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        options.insert("secretName".to_owned(), json!(name));
    }
    Ok(json!({ "step": step, "options": options }))
}
