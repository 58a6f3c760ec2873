//! The API: which request means what, and how it is answered.

use serde_json::{Map, Value, json};

use crate::http::Answer;
use crate::secrets::Kept;
use crate::{Arrived, CLIENT_ID, CLIENT_SECRET, ENVIRONMENT, PROJECT, State, Tokens};

const SECRETS: &str = "/api/v3/secrets/raw";

pub(crate) fn answer(state: &mut State, request: &Arrived) -> Answer {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/api/v1/auth/universal-auth/login") => log_in(&mut state.tokens, &request.body),
        ("POST", "/api/v1/auth/token/renew") => renew(&mut state.tokens, &request.body),
        _ => match authenticated(&state.tokens, request) {
            Ok(()) => resource(state, request).unwrap_or_else(|refusal| refusal),
            Err(refusal) => refusal,
        },
    }
}

fn log_in(tokens: &mut Tokens, body: &Value) -> Answer {
    if body["clientId"] != CLIENT_ID || body["clientSecret"] != CLIENT_SECRET {
        return Answer::error(401, "UnauthorizedError", "Invalid credentials");
    }
    given(tokens)
}

fn renew(tokens: &mut Tokens, body: &Value) -> Answer {
    match body["accessToken"].as_str().and_then(number).filter(|number| *number > tokens.ended) {
        Some(_) => given(tokens),
        None => Answer::error(401, "UnauthorizedError", "No identity access token found"),
    }
}

fn given(tokens: &mut Tokens) -> Answer {
    tokens.given += 1;
    Answer::ok(&json!({
        "accessToken": format!("stand-in-access-token.{}", tokens.given),
        "expiresIn": tokens.life,
        "accessTokenMaxTTL": 2_592_000,
        "tokenType": "Bearer",
    }))
}

fn number(token: &str) -> Option<u64> {
    token.strip_prefix("stand-in-access-token.")?.parse().ok()
}

fn authenticated(tokens: &Tokens, request: &Arrived) -> Result<(), Answer> {
    let token = request.headers.get("authorization").and_then(|header| header.strip_prefix("Bearer "));
    match token.and_then(number) {
        Some(number) if (tokens.ended + 1..=tokens.given).contains(&number) => Ok(()),
        Some(_) => Err(Answer::error(403, "TokenError", "Your token has expired. Please re-authenticate.")),
        None => Err(Answer::error(401, "UnauthorizedError", "Token missing")),
    }
}

fn resource(state: &mut State, request: &Arrived) -> Result<Answer, Answer> {
    let varied = state.tokens.varied;
    let say = |body: Value| Answer::ok(&if varied { more(body) } else { body });
    let secrets = &mut state.secrets;
    let name = request.path.strip_prefix(SECRETS).map(|rest| decoded(rest.trim_start_matches('/')));
    if request.method == "GET" {
        let text = |key: &str| request.query.get(key).map(String::as_str);
        let folder = without_slash(text("secretPath").or(text("path")).unwrap_or("/"));
        known(text("workspaceId"), text("environment"))?;
        let with_value = flag(text("viewSecretValue"), true)?;
        flag(text("expandSecretReferences"), false)?;
        flag(text("include_imports"), false)?;
        return match name.as_deref() {
            Some("") => {
                let recursive = flag(text("recursive"), false)?;
                folder_exists(secrets.has_folder(folder), folder)?;
                let all = secrets.at(folder, recursive);
                let all: Vec<_> = all.iter().map(|(path, key, kept)| shown(path, key, kept, with_value)).collect();
                Ok(say(json!({ "secrets": all, "imports": [] })))
            }
            Some(key) => {
                folder_exists(secrets.has_folder(folder), folder)?;
                let version = text("version").map(str::parse::<i64>).transpose().map_err(|_| invalid())?;
                let kept = match version {
                    None => secrets.get(folder, key),
                    Some(version) => secrets.version(folder, key, version),
                };
                let kept = kept.ok_or_else(|| not_found(&format!("Secret with name '{key}' not found")))?;
                Ok(say(json!({ "secret": shown(folder, key, &kept, with_value) })))
            }
            None if request.path == "/api/v1/folders" => {
                folder_exists(secrets.has_folder(folder), folder)?;
                let below = format!("{}/", folder.trim_end_matches('/'));
                let folders = secrets.folders();
                let names = folders.iter().filter_map(|path| path.strip_prefix(&below));
                let names = names.filter(|name| !name.is_empty() && !name.contains('/'));
                Ok(say(json!({ "folders": names.map(folder_shown).collect::<Vec<_>>() })))
            }
            None => Err(Answer::error(404, "NotFound", "Not Found")),
        };
    }
    let body = &request.body;
    let text = |key: &str| body[key].as_str();
    known(text("workspaceId"), text("environment"))?;
    if !matches!(body.get("type").map(Value::as_str), None | Some(Some("shared"))) {
        return Err(invalid());
    }
    let folder = without_slash(text("secretPath").unwrap_or("/"));
    let metadata = metadata(body)?;
    match (request.method.as_str(), name.as_deref()) {
        ("POST", Some(key)) if !key.is_empty() && !key.contains([':', '/']) => {
            let value = text("secretValue").ok_or_else(invalid)?;
            folder_exists(secrets.has_folder(folder), folder)?;
            if secrets.get(folder, key).is_some() {
                return Err(Answer::error(400, "BadRequest", "Secret already exists"));
            }
            let kept = secrets.create(folder, key, value, metadata.unwrap_or_else(|| json!([])));
            Ok(say(json!({ "secret": written(key, &kept) })))
        }
        ("PATCH", Some(key)) if !key.is_empty() => {
            folder_exists(secrets.has_folder(folder), folder)?;
            let kept = secrets.update(folder, key, text("secretValue"), metadata);
            let kept = kept.ok_or_else(|| not_found(&format!("Secret with name {key} not found")))?;
            Ok(say(json!({ "secret": written(key, &kept) })))
        }
        ("DELETE", Some(key)) if !key.is_empty() => {
            folder_exists(secrets.has_folder(folder), folder)?;
            let kept = secrets.get(folder, key).ok_or_else(|| not_found("Secret not found"))?;
            secrets.delete(folder, key);
            Ok(say(json!({ "secret": written(key, &kept) })))
        }
        ("POST", None) if request.path == "/api/v1/folders" => {
            let name = text("name").filter(|name| !name.is_empty()).ok_or_else(invalid)?;
            if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
                return Err(invalid());
            }
            let above = without_slash(text("path").unwrap_or("/"));
            let path = format!("{}/{name}", above.trim_end_matches('/'));
            if secrets.has_folder(&path) {
                let message = format!("Folder with name '{name}' already exists in path '{above}'");
                return Err(Answer::error(400, "BadRequest", &message));
            }
            secrets.make_folder(&path);
            Ok(say(json!({ "folder": folder_shown(name) })))
        }
        _ => Err(Answer::error(404, "NotFound", "Not Found")),
    }
}

fn known(project: Option<&str>, environment: Option<&str>) -> Result<(), Answer> {
    match (project, environment) {
        (Some(PROJECT), Some(ENVIRONMENT)) => Ok(()),
        (Some(PROJECT), Some(other)) => Err(not_found(&format!("Environment with slug '{other}' not found"))),
        (Some(other), Some(_)) => Err(not_found(&format!("Project with ID '{other}' not found"))),
        _ => Err(Answer::error(400, "BadRequest", "Missing project id or environment")),
    }
}

fn folder_exists(exists: bool, folder: &str) -> Result<(), Answer> {
    exists.then_some(()).ok_or_else(|| {
        not_found(&format!("Folder with path '{folder}' in environment with slug '{ENVIRONMENT}' not found"))
    })
}

fn not_found(message: &str) -> Answer {
    Answer::error(404, "NotFound", message)
}

fn invalid() -> Answer {
    let body = json!({ "reqId": "req-stand-in", "statusCode": 422, "error": "ValidationFailure", "message": [{ "code": "x" }] });
    Answer { status: 422, ..Answer::ok(&body) }
}

fn flag(text: Option<&str>, default: bool) -> Result<bool, Answer> {
    match text {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(_) => Err(invalid()),
    }
}

/// `secretMetadata`, with the defaults of its schema; `None` when it is not said.
fn metadata(body: &Value) -> Result<Option<Value>, Answer> {
    let Some(entries) = body.get("secretMetadata") else { return Ok(None) };
    let whole = entries.as_array().ok_or_else(invalid)?.iter().map(|entry| {
        let key = entry["key"].as_str().map(str::trim).filter(|key| !key.is_empty()).ok_or_else(invalid)?;
        let value = entry["value"].as_str().unwrap_or("").trim();
        Ok(json!({ "key": key, "value": value, "isEncrypted": entry["isEncrypted"].as_bool().unwrap_or(false) }))
    });
    whole.collect::<Result<Vec<_>, Answer>>().map(|entries| Some(Value::Array(entries)))
}

fn shown(folder: &str, key: &str, kept: &Kept, with_value: bool) -> Value {
    let mut secret = written(key, kept);
    secret["secretPath"] = json!(folder);
    secret["tags"] = json!([]);
    secret["secretValueHidden"] = json!(!with_value);
    if !with_value {
        secret["secretValue"] = json!("<hidden-by-infisical>");
    }
    if !kept.metadata.is_null() {
        secret["secretMetadata"] = kept.metadata.clone();
    }
    secret
}

fn written(key: &str, kept: &Kept) -> Value {
    json!({
        "id": kept.id, "_id": kept.id, "workspace": PROJECT, "environment": ENVIRONMENT, "version": kept.version,
        "type": "shared", "secretKey": key, "secretValue": kept.value, "secretComment": "",
        "secretReminderNote": null, "secretReminderRepeatDays": null, "skipMultilineEncoding": false,
        "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-02-03T04:05:06.789Z",
        "isRotatedSecret": false, "rotationId": null, "secretValueHidden": false,
    })
}

fn folder_shown(name: &str) -> Value {
    json!({
        "id": format!("folder-{name}"), "name": name, "envId": "environment-1", "version": 1, "parentId": null,
        "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z", "isReserved": false,
    })
}

/// The same answer as another version of the server might give it.
fn more(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut other = Map::new();
            other.insert("aNewMember".to_owned(), json!({ "deep": [1, null, "x"] }));
            for (key, value) in members.into_iter().rev() {
                let value = match key.as_str() {
                    "secretMetadata" if value == json!([]) => Value::Null,
                    "tags" | "skipMultilineEncoding" | "isRotatedSecret" => Value::Null,
                    _ => more(value),
                };
                other.insert(key, value);
            }
            Value::Object(other)
        }
        Value::Array(items) => items.into_iter().map(more).collect(),
        other => other,
    }
}

fn without_slash(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

fn decoded(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
