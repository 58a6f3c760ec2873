//! An issuer of the shape that Stytch documents, tokens of many kinds from it, and Stytch's own SDKs to judge them.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::provider::Provider;
use crate::{http, process, workspace};

/// The issuer; stopped when dropped.
pub struct Issuer {
    provider: Provider,
    /// Its identifier.
    pub issuer: String,
    /// The project whose tokens it issues.
    pub project_id: String,
}

/// A kind of token, and where Keyward and the SDKs part over it.
#[derive(Debug, Deserialize)]
pub struct Variant {
    /// What is special about it.
    pub name: String,
    /// Why Keyward refuses what both SDKs take.
    pub stricter: Option<String>,
    /// What Keyward does where one SDK takes it and the other does not.
    pub between: Option<Between>,
}

/// Where the SDKs part.
#[derive(Debug, Deserialize)]
pub struct Between {
    /// `takes` or `refuses`.
    pub keyward: String,
    /// Why.
    pub because: String,
}

/// All kinds of tokens.
pub fn variants() -> Result<Vec<Variant>> {
    let path = workspace::e2e().join("stytch/variants.json");
    Ok(serde_json::from_slice(&fs::read(&path).with_context(|| path.display().to_string())?)?)
}

/// A token as the issuer minted it.
#[derive(Debug, Deserialize, serde::Serialize)]
pub struct Minted {
    /// The kind's name.
    pub name: String,
    /// The token.
    pub token: String,
}

/// What an SDK says to a token.
#[derive(Clone, Debug, Deserialize)]
pub struct Verdict {
    /// Whether it takes it.
    pub taken: bool,
    /// Whose it is, if taken.
    #[serde(default)]
    pub sub: Option<String>,
    /// The scope, if taken; text, unless the SDK lets other values through.
    #[serde(default)]
    pub scope: Value,
    /// Why not, if refused.
    #[serde(default)]
    pub error: String,
}

/// What an SDK says to a token, taken for an access token and for a session JWT.
#[derive(Debug, Deserialize)]
pub struct Judged {
    name: String,
    /// By the method for access tokens of Connected Apps.
    pub access: Verdict,
    /// By the method for session JWTs.
    pub session: Verdict,
}

/// Stytch's SDKs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// `stytch` of npm.
    Node,
    /// `stytch` of PyPI.
    Python,
}

impl Issuer {
    /// Starts it with these options of `stytch-issuer.mjs`.
    pub fn start(options: &Value) -> Result<Self> {
        let mut command = Command::new(workspace::node()?);
        command.arg(workspace::node_program("stytch-issuer.mjs"));
        let (provider, listening) = Provider::start(command, options)?;
        let project_id = listening["project_id"].as_str().context("no project")?.to_owned();
        Ok(Self { issuer: provider.issuer.clone(), project_id, provider })
    }

    /// Ends it as a crash does.
    pub fn kill(self) -> Result<()> {
        self.provider.kill()
    }

    /// The lines of a configuration that trust it.
    pub fn lines(&self) -> String {
        format!(
            "kind = \"stytch\"\nissuer = {:?}\nproject_id = {:?}\nallow_private_addresses = true",
            self.issuer, self.project_id
        )
    }

    /// One token of each kind, minted now.
    pub fn mint_all(&self) -> Result<Vec<Minted>> {
        self.mint("/variants")
    }

    /// A token of this kind, minted now.
    pub fn mint_one(&self, name: &str) -> Result<String> {
        let query = http::form_urlencoded(&[("name", name)]);
        let minted = self.mint(&format!("/variants?{query}"))?.pop();
        Ok(minted.with_context(|| format!("no kind is called {name:?}"))?.token)
    }

    fn mint(&self, target: &str) -> Result<Vec<Minted>> {
        let answer = http::Request::get(target).send(self.provider.address()?)?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        Ok(serde_json::from_value(answer.json()?)?)
    }

    /// What an SDK says to each of these tokens, in their order.
    pub fn judge(&self, sdk: Sdk, tokens: &[Minted]) -> Result<Vec<Judged>> {
        let mut command = match sdk {
            Sdk::Node => Command::new(workspace::node()?),
            Sdk::Python => Command::new(workspace::python()?),
        };
        match sdk {
            Sdk::Node => command.arg(workspace::node_program("stytch-sdk.mjs")).arg("-"),
            Sdk::Python => command.arg(workspace::e2e().join("python/stytch_sdk.py")),
        };
        let task = json!({ "issuer": self.issuer, "project_id": self.project_id, "tokens": tokens });
        let lines = process::run(&mut command, task.to_string().as_bytes())?.succeeded()?.json_lines()?;
        let judged: Vec<Judged> = serde_json::from_value(Value::Array(lines))?;
        let same = judged.len() == tokens.len() && judged.iter().zip(tokens).all(|(it, token)| it.name == token.name);
        ensure!(same, "{sdk:?} did not judge each token");
        Ok(judged)
    }
}
