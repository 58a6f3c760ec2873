//! Keyward and Infisical's own SDK ask the same server the same things.
//!
//! No Infisical can be had here, so `infisical-stand-in` answers in its place: a small server that keeps state as Infisical's
//! public source describes it and records every request. Keyward, the built binary, goes first. Each request that it sent
//! is then put to `@infisical/sdk` as the call of its interface that means the same, in the same order, against a second
//! server of the same state; request by request both must have sent the same, but for the differences named in
//! [`ALLOWED`], and both must have been answered the same. That the stand-in's answers have the shape that the SDK expects is
//! thereby checked by the SDK, that they have Infisical's own by the reading of its source alone.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use infisical_stand_in::{Arrived, CLIENT_ID, CLIENT_SECRET, ENVIRONMENT, PROJECT, Server};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::infisical;
use keyward_e2e::keyward::Keyward;
use serde_json::{Value, json};

/// A difference that is no difference, and why.
struct Allowed {
    /// The method, and how the path begins.
    request: (&'static str, &'static str),
    /// The parameter or member.
    member: &'static str,
    /// Why one of the two sends it and the other does not.
    _reason: &'static str,
}

const ALLOWED: &[Allowed] = &[
    Allowed {
        request: ("POST", "/api/v3/secrets/raw/"),
        member: "secretMetadata",
        _reason: "the API takes it; the SDK takes it as an option, too, and then forgets to send it",
    },
    Allowed { request: ("PATCH", "/api/v3/secrets/raw/"), member: "secretMetadata", _reason: "as above" },
    Allowed {
        request: ("GET", "/api/v3/secrets/raw/"),
        member: "secretName",
        _reason: "the SDK repeats the name of the path in the query; the API does not look at it",
    },
    Allowed {
        request: ("GET", "/api/v3/secrets/raw/"),
        member: "includeImports",
        _reason: "the SDK always sends it to this route, which knows include_imports alone, false when absent",
    },
];

/// What is compared of a request.
#[derive(Debug, PartialEq, Eq)]
struct Compared {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    body: Value,
    authorization: Option<String>,
    content_type: Option<String>,
    status: u16,
}

fn compared(request: &Arrived) -> Compared {
    let (mut query, mut body) = (request.query.clone(), request.body.clone());
    for Allowed { request: (method, path), member, .. } in ALLOWED {
        if request.method == *method && request.path.starts_with(path) {
            query.remove(*member);
            body.as_object_mut().map(|body| body.remove(*member));
        }
    }
    Compared {
        method: request.method.clone(),
        path: request.path.clone(),
        query,
        body,
        authorization: request.headers.get("authorization").cloned(),
        content_type: request.headers.get("content-type").cloned(),
        status: request.status,
    }
}

/// `[token_store]` with the section of this server; `kind` as TOML.
pub(crate) fn section(server: &Server, seal: bool, kind: &str) -> String {
    let url = server.url();
    format!(
        "[token_store]\nkind = {kind}\n[token_store.infisical]\nurl = {url:?}\nproject_id = {PROJECT:?}\n\
         environment = {ENVIRONMENT:?}\npath = \"/keyward\"\nclient_id = {CLIENT_ID:?}\n\
         client_secret = \"env:INFISICAL_CLIENT_SECRET\"\nseal = {seal}\n"
    )
}

fn keyward(server: &Server, seal: bool) -> Result<Keyward> {
    let mut keyward = Keyward::configured(&Configuration::sqlite().section(&section(server, seal, "\"infisical\"")))?;
    keyward.set_environment("INFISICAL_CLIENT_SECRET", CLIENT_SECRET);
    Ok(keyward)
}

/// Everything that the command line does with tokens.
fn scenario(keyward: &Keyward) -> Result<()> {
    ensure!(keyward.list(&["token", "list"])? == json!([]));
    keyward.put_token("coda/api_token", "the first value")?;
    keyward.run_ok(&["token", "set", "coda/api_token", "--expires", "90d"], "the second value\n")?;
    keyward.put_token("git-hub/Key.v1", "another")?;
    let listed = keyward.list(&["token", "list"])?;
    let listed: Vec<_> = listed
        .as_array()
        .context("a list")?
        .iter()
        .map(|token| (token["name"].clone(), token["version"].clone()))
        .collect();
    ensure!(listed == [(json!("coda/api_token"), json!(2)), (json!("git-hub/Key.v1"), json!(1))], "{listed:?}");
    ensure!(keyward.run_ok(&["token", "show", "coda/api_token", "--reveal"], "")? == "the second value\n");
    keyward.run_ok(&["token", "show", "git-hub/Key.v1"], "")?;
    keyward.run_ok(&["token", "delete", "coda/api_token", "--yes"], "")?;
    ensure!(keyward.run(&["token", "show", "coda/api_token"], "")?.code() == Some(1));
    keyward.put_token("coda/api_token", "made again")
}

#[test]
fn keyward_asks_as_infisicals_own_sdk_does() -> Result<()> {
    for (seal, varied) in [(true, false), (false, false), (true, true)] {
        let (of_keyward, of_sdk) = (Server::start()?, Server::start()?);
        if varied {
            of_keyward.vary();
            of_sdk.vary();
        }
        scenario(&keyward(&of_keyward, seal)?)?;
        let sent = of_keyward.arrived();
        let steps = sent.iter().map(infisical::step_of).collect::<Result<Vec<_>>>()?;
        let answers = infisical::run(&of_sdk.url(), &steps)?;
        let sent_by_sdk = of_sdk.arrived();
        ensure!(sent.len() == sent_by_sdk.len(), "{} and {} requests", sent.len(), sent_by_sdk.len());
        for (at, (ours, theirs)) in sent.iter().zip(&sent_by_sdk).enumerate() {
            assert_eq!(compared(ours), compared(theirs), "request {at}, {} {}", ours.method, ours.path);
            // The SDK takes an answer that is no error for what it was told it is.
            let taken = answers[at].get("error").is_none();
            assert_eq!(taken, ours.status == 200, "request {at}: {}", answers[at]);
        }
        let methods: std::collections::BTreeSet<_> = steps.iter().map(|step| step["step"].to_string()).collect();
        assert_eq!(methods.len(), 8, "all that there is was asked: {methods:?}");
        // Both servers have come to hold the same.
        for (folder, key) in [("/keyward/coda", "api_token"), ("/keyward/git-hub", "Key.v1")] {
            let value = of_keyward.secrets(|secrets| secrets.value(folder, key)).context("a value")?;
            assert_eq!(of_sdk.secrets(|secrets| secrets.value(folder, key)), Some(value));
        }
    }
    Ok(())
}

#[test]
fn each_reads_what_the_other_wrote() -> Result<()> {
    let server = Server::start()?;
    let login = json!({ "step": "login", "options": { "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET } });
    let place = |more: Value| {
        let mut options = json!({ "projectId": PROJECT, "environment": ENVIRONMENT, "secretPath": "/keyward/coda" });
        let all = options.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        options
    };
    let folder = json!({ "projectId": PROJECT, "environment": ENVIRONMENT, "path": "/keyward", "name": "coda" });
    let written = place(json!({ "secretName": "by_sdk", "secretValue": "of the SDK ${not.a.reference}" }));
    let steps = [
        login.clone(),
        json!({ "step": "createFolder", "options": folder }),
        json!({ "step": "createSecret", "options": written }),
        json!({ "step": "updateSecret", "options": place(json!({ "secretName": "by_sdk", "secretValue": "of the SDK, later" })) }),
    ];
    for line in infisical::run(&server.url(), &steps)? {
        ensure!(line.get("error").is_none(), "{line}");
    }
    let keyward = keyward(&server, false)?;
    let shown = keyward.run_ok(&["token", "show", "coda/by_sdk", "--reveal"], "")?;
    assert_eq!(shown, "of the SDK, later\n");
    keyward.put_token("coda/by_keyward", "of Keyward")?;
    let get = |name: &str| {
        let options = place(json!({ "secretName": name, "expandSecretReferences": false }));
        json!({ "step": "getSecret", "options": options })
    };
    let earlier = place(json!({ "secretName": "by_sdk", "version": 1, "expandSecretReferences": false }));
    let steps = [login, get("by_keyward"), get("by_sdk"), json!({ "step": "getSecret", "options": earlier })];
    let lines = infisical::run(&server.url(), &steps)?;
    let read: Vec<_> =
        lines[1..].iter().map(|line| (&line["answer"]["secretValue"], &line["answer"]["version"])).collect();
    assert_eq!(
        read,
        [
            (&json!("of Keyward"), &json!(1)),
            (&json!("of the SDK, later"), &json!(2)),
            (&json!("of the SDK ${not.a.reference}"), &json!(1)),
        ]
    );
    let listed = keyward.list(&["token", "list"])?;
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed}");
    Ok(())
}

#[test]
fn nothing_of_infisical_is_written_in_the_open() -> Result<()> {
    let server = Server::start()?;
    let mut keyward = keyward(&server, true)?;
    keyward.set_environment("KEYWARD__LOG__LEVEL", "trace");
    scenario(&keyward)?;
    keyward.set_environment("INFISICAL_CLIENT_SECRET", "a-wrong-secret-that-was-planted");
    let refused = keyward.run(&["token", "list"], "")?;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("Infisical does not let this client in"), "{}", refused.stderr);
    let written = keyward.written();
    for secret in [CLIENT_SECRET, "a-wrong-secret-that-was-planted", "stand-in-access-token", "the first value"] {
        assert!(!written.contains(secret), "{secret} was printed");
    }
    assert!(server.arrived().iter().all(|request| !request.body.to_string().contains("the first value")), "sealed");
    Ok(())
}
