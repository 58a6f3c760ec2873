//! Checks and rotation hooks that are HTTP endpoints: what these are sent, what is kept of their answers, and what is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::upstream::scripted::Scripted;
use serde_json::{Value, json};

const TOKEN: &str = "coda/api_token";
const GOOD: &str = "good-value-61d2c9";
const BAD: &str = "bad-value-08ef37";
const AUTHORIZATION: &str = "Bearer rotators-own-5a1f";

/// Takes `GOOD` and what the rotator gives. Its other answers repeat what it was sent, as no service should.
fn service() -> Result<Scripted> {
    Scripted::start(|request, connection| {
        let carried = request.header("Authorization").unwrap_or_default();
        match carried.strip_prefix("Bearer ") {
            Some(value) if value == GOOD || value.starts_with("issued-") => {
                connection.answer("204 No Content", &[], "")
            }
            Some("moved") => connection.answer("302 Found", &[("Location", "/elsewhere")], ""),
            _ => connection.answer("200 OK", &[], carried),
        }
    })
}

fn checked(service: &str) -> String {
    format!("[tokens.\"{TOKEN}\".check]\nurl = \"{service}/whoami?v=2\"\nexpect_status = 204\n")
}

fn configured(sections: &str) -> Result<Keyward> {
    let server = Server::new("coda", "http://127.0.0.1:9/mcp").credential(TOKEN);
    Keyward::configured(&Configuration::sqlite().behind(&server).section(sections))
}

/// The current version and value.
fn current(keyward: &Keyward) -> Result<(i64, String)> {
    let version = keyward.list(&["token", "show", TOKEN])?["version"].as_i64().context("a version")?;
    Ok((version, keyward.run_ok(&["token", "show", TOKEN, "--reveal"], "")?.trim().to_owned()))
}

/// Runs a command that must fail; gives what it says, in which none of the values may be.
fn refused(keyward: &Keyward, arguments: &[&str], input: &str) -> Result<String> {
    let ended = keyward.run(arguments, input)?;
    let said = ended.output();
    assert_ne!(ended.code(), Some(0), "{said}");
    for value in [GOOD, BAD, "issued-", AUTHORIZATION] {
        assert!(!said.contains(value), "a value was printed: {said}");
    }
    Ok(said)
}

#[test]
fn a_value_is_stored_only_when_the_service_takes_it() -> Result<()> {
    let service = service()?;
    let keyward = configured(&checked(&service.url()))?;
    let set = &["token", "set", TOKEN];

    let said = refused(&keyward, set, BAD)?;
    assert!(said.contains("127.0.0.1 answered 200 OK, and 204 No Content was expected"), "{said}");
    assert_eq!(keyward.list(&["token", "list"])?, json!([]), "nothing is stored");

    let said = keyward.run_ok(set, GOOD)?;
    assert!(said.contains("127.0.0.1 takes the value") && !said.contains(GOOD), "{said}");
    assert_eq!(current(&keyward)?, (1, GOOD.to_owned()));

    refused(&keyward, set, BAD)?;
    refused(&keyward, set, "moved")?;
    let asked: Vec<_> =
        service.arrived().iter().map(|request| (request.method.clone(), request.target.clone())).collect();
    assert_eq!(asked, vec![("GET".to_owned(), "/mcp/whoami?v=2".to_owned()); 4], "and a value follows no redirect");
    let carried: Vec<_> =
        service.arrived().iter().filter_map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(carried, [BAD, GOOD, BAD, "moved"].map(|value| format!("Bearer {value}")));

    // A service that is not there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let server = Server::new("coda", "http://127.0.0.1:9/mcp").credential(TOKEN);
    keyward
        .configure(&Configuration::sqlite().behind(&server).section(&checked(&format!("http://{closed}"))).text())?;
    let said = refused(&keyward, set, BAD)?;
    assert!(said.contains("could not be asked whether it takes this value"), "{said}");
    assert_eq!(current(&keyward)?, (1, GOOD.to_owned()));

    keyward.run_ok(&["token", "set", TOKEN, "--no-check"], BAD)?;
    assert_eq!(current(&keyward)?, (2, BAD.to_owned()), "stored unasked");
    Ok(())
}

/// Gives another value each time; the second answer is an error, the third a value that the service refuses, the fourth none.
fn rotator() -> Result<Scripted> {
    let asked = Arc::new(AtomicUsize::new(0));
    Scripted::start(move |_, connection| {
        let (status, body) = match asked.fetch_add(1, Ordering::SeqCst) + 1 {
            2 => ("500 Internal Server Error", "issued-2".to_owned()),
            3 => ("200 OK", BAD.to_owned()),
            4 => ("200 OK", "{\"vlaue\": \"issued-4\"}".to_owned()),
            n => {
                ("200 OK", json!({ "value": format!("issued-{n}"), "expires_at": "2099-01-31T00:00:00Z" }).to_string())
            }
        };
        connection.answer(status, &[], &body)
    })
}

#[test]
fn an_endpoint_gives_new_values() -> Result<()> {
    let (service, rotator) = (service()?, rotator()?);
    let rotation = format!(
        "[tokens.\"{TOKEN}\".rotation]\nevery = \"30d\"\ngive_current = true\nhook.url = \"{}/coda\"\n\
         hook.authorization = \"env:ROTATOR_AUTHORIZATION\"\n",
        rotator.url()
    );
    let mut keyward = configured(&format!("{}{rotation}", checked(&service.url())))?;
    keyward.set_environment("ROTATOR_AUTHORIZATION", AUTHORIZATION);
    keyward.put_token(TOKEN, GOOD)?;
    let rotate = &["token", "rotate", TOKEN, "--hook"];

    keyward.run_ok(rotate, "")?;
    assert_eq!(current(&keyward)?, (2, "issued-1".to_owned()));
    let shown = keyward.list(&["token", "show", TOKEN])?;
    assert!(shown["expires_at"].as_str().is_some_and(|at| at.starts_with("2099-01-31T00:00:00")), "{shown}");

    let said = refused(&keyward, rotate, "")?;
    assert!(said.contains("it answered with status 500"), "{said}");
    let said = refused(&keyward, rotate, "")?;
    assert!(said.contains("the service does not take this value"), "{said}");
    let said = refused(&keyward, rotate, "")?;
    assert!(said.contains("is no JSON object with \"value\""), "{said}");
    assert_eq!(current(&keyward)?, (2, "issued-1".to_owned()), "a hook that fails changes nothing");

    keyward.run_ok(rotate, "")?;
    assert_eq!(current(&keyward)?, (3, "issued-5".to_owned()));

    let asked = rotator.arrived();
    let bodies: Vec<Value> =
        asked.iter().map(|request| serde_json::from_slice(&request.body)).collect::<Result<_, _>>()?;
    let facts = |version: u32, current: &str| json!({ "event": "rotate", "token": TOKEN, "version": version, "current": current });
    let second = facts(2, "issued-1");
    assert_eq!(bodies, [facts(1, GOOD), second.clone(), second.clone(), second.clone(), second]);
    for request in &asked {
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/mcp/coda"));
        assert_eq!(request.header("authorization"), Some(AUTHORIZATION));
    }
    keyward.run_ok(&["audit", "verify"], "")?;
    let records = keyward.run_ok(&["audit", "list", "--json", "--limit", "100"], "")?;
    for value in [GOOD, BAD, "issued-", AUTHORIZATION] {
        assert!(!records.contains(value), "a value is in the audit log");
    }
    Ok(())
}
