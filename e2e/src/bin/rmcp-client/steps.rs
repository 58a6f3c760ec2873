//! The steps of a script.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rmcp::model::CallToolRequestParams;
use serde_json::{Value, json};

use crate::application::{Application, Refused};
use crate::output::emit;

/// How long `call_until_refreshed` goes on.
const REFRESH_LIMIT: Duration = Duration::from_secs(30);

/// Takes all steps; one that ends otherwise than expected is an error.
pub(crate) async fn run(script: &Value) -> Result<()> {
    let mut application = Application::new(script).await?;
    for (index, step) in script["steps"].as_array().context("no steps")?.iter().enumerate() {
        let (authorizations, requests) = (application.person.authorizations, application.record.token_requests().len());
        let told = take(&mut application, step).await.with_context(|| format!("step {index}: {step}"))?;
        let authorizations = application.person.authorizations - authorizations;
        let mut line = json!({
            "index": index,
            "do": step["do"],
            "authorized_by": (authorizations > 0).then_some("sdk"),
            "authorizations": authorizations,
            "token_requests": &application.record.token_requests()[requests..],
        });
        if let (Some(line), Some(told)) = (line.as_object_mut(), told.as_object()) {
            line.extend(told.clone());
        }
        emit("step", &line);
    }
    application.disconnect().await
}

async fn take(application: &mut Application, step: &Value) -> Result<Value> {
    match step["do"].as_str().unwrap_or_default() {
        "login" => login(application, step).await,
        "list_tools" => {
            let tools = application.running()?.list_all_tools().await?;
            Ok(json!({ "tools": tools.iter().map(|tool| tool.name.as_ref()).collect::<Vec<_>>() }))
        }
        "call" => call(application, step).await,
        "wait_expiry" => {
            let margin = Duration::from_millis(step["margin_ms"].as_u64().unwrap_or(1500));
            tokio::time::sleep_until((application.record.expires_at()? + margin).into()).await;
            Ok(json!({}))
        }
        "call_until_refreshed" => call_until_refreshed(application, step).await,
        "log_out" => Ok(json!({ "revocations": application.log_out().await? })),
        "disconnect" => application.disconnect().await.map(|()| json!({})),
        other => bail!("no step is called {other}"),
    }
}

async fn login(application: &mut Application, step: &Value) -> Result<Value> {
    match (application.login().await, step["expect"].as_str()) {
        (Ok(()), None) => {}
        (Err(error), Some("denied")) if format!("{error:#}").contains("missing code") => {
            return Ok(json!({ "ended": "denied", "message": format!("{error:#}") }));
        }
        (Ok(()), Some(expected)) => bail!("{expected:?} was expected, but the login succeeded"),
        (Err(error), _) => return Err(error),
    }
    let server = application.running()?.peer_info();
    let server = server.context("the server did not say who it is")?;
    Ok(json!({ "server": server.server_info, "protocol": server.protocol_version }))
}

async fn call(application: &mut Application, step: &Value) -> Result<Value> {
    let mut parameters = CallToolRequestParams::new(step["tool"].as_str().context("no tool")?.to_owned());
    parameters.arguments = step["arguments"].as_object().cloned();
    let expected = step["expect"].as_str();
    application.interactive = expected.is_none();
    let ended = match (application.call(parameters).await, expected) {
        (Ok(Ok(result)), None) => {
            return Ok(json!({ "result": result, "progress": application.progress() }));
        }
        (Ok(Ok(result)), Some(expected)) => bail!("{expected:?} was expected, but: {}", json!(result)),
        (Ok(Err(Refused::Unauthorized)), Some("unauthorized")) => "unauthorized",
        (Ok(Err(Refused::Forbidden)), Some("forbidden")) => "forbidden",
        (Ok(Err(_)), expected) => bail!("refused, which was not expected ({expected:?})"),
        (Err(_), Some("error")) => "error",
        (Err(error), _) => return Err(error),
    };
    Ok(json!({ "ended": ended }))
}

async fn call_until_refreshed(application: &mut Application, step: &Value) -> Result<Value> {
    let before = application.record.token_requests().len();
    let limit = Instant::now() + REFRESH_LIMIT;
    for calls in 1.. {
        let mut last = call(application, step).await?;
        let requests = application.record.token_requests();
        if requests[before..].iter().any(|one| one["grant_type"] == "refresh_token" && one["status"] == 200) {
            last["calls"] = json!(calls);
            return Ok(last);
        }
        if Instant::now() > limit {
            break;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    bail!("no refresh")
}
