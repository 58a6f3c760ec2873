//! An OAuth client by hand, for what no official client does: every parameter can be left out, doubled or wrong.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};
use url::Url;

use crate::http::{Request, Response, form_urlencoded};
use crate::jwt;
use crate::keyward::Keyward;
use crate::page::{Browser, form_with};

/// Where the answers go; nothing listens there, they are read from the `Location`.
pub const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
/// A code verifier (RFC 7636 §4.1).
pub const VERIFIER: &str = "correct-horse-battery-staple-correct-horse-battery";

/// The code challenge of [`VERIFIER`] (RFC 7636 §4.2).
pub fn challenge() -> String {
    jwt::encode(digest(&SHA256, VERIFIER.as_bytes()).as_ref())
}

/// A registered public client.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    /// Its id.
    pub id: String,
}

/// What the token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
    /// The whole answer.
    pub answer: Value,
}

/// Metadata for a registration (RFC 7591 §2) of a public client.
pub fn registration() -> Value {
    json!({
        "client_name": "By hand",
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    })
}

/// A parameter's other value, or none.
pub type Change<'a> = (&'a str, Option<&'a str>);

/// Parameters with some of them changed: by another value, or by none.
pub fn changed<'a>(parameters: &[(&'a str, String)], changes: &[(&'a str, Option<&str>)]) -> Vec<(&'a str, String)> {
    let kept = parameters.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name)).cloned();
    let added = changes.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.to_string())));
    kept.chain(added).collect()
}

impl Client {
    /// Registers a client.
    pub fn register(keyward: &Keyward) -> Result<Self> {
        Self::register_as(keyward, &registration())
    }

    /// Registers a client with this metadata.
    pub fn register_as(keyward: &Keyward, metadata: &Value) -> Result<Self> {
        let answer = keyward.send(&Request::json("/register", metadata))?;
        ensure!(answer.status == 201, "registration: {} {}", answer.status, answer.text());
        let id = answer.json()?["client_id"].as_str().context("no client_id")?.to_owned();
        Ok(Self { address: keyward.address(), id })
    }

    /// The parameters of a complete authorization request.
    pub fn authorization<'a>(&self, resource: &str, scope: &str) -> Vec<(&'a str, String)> {
        [
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", scope),
            ("state", "state-1"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
            ("resource", resource),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// Goes through login (already done by `browser`) and consent; gives the parameters of the answer.
    pub fn authorize(browser: &mut Browser, parameters: &[(&str, String)]) -> Result<Vec<(String, String)>> {
        let page = browser.get(&authorization_target(parameters))?;
        let page = browser.follow(page)?;
        ensure!(page.status == 200, "no consent page: {} {}", page.status, page.text());
        let form = form_with(&page, "decision")?.with("decision", "allow");
        answer_of(&browser.submit(&form)?)
    }

    /// A code for this resource and scope.
    pub fn code(&self, browser: &mut Browser, resource: &str, scope: &str) -> Result<String> {
        let answer = Self::authorize(browser, &self.authorization(resource, scope))?;
        let code = answer.iter().find(|(name, _)| name == "code").with_context(|| format!("no code in {answer:?}"))?;
        Ok(code.1.clone())
    }

    /// The parameters that redeem a code.
    pub fn redemption<'a>(&self, code: &str, resource: &str) -> Vec<(&'a str, String)> {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("client_id", &self.id),
            ("code_verifier", VERIFIER),
            ("resource", resource),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .to_vec()
    }

    /// The parameters that redeem a refresh token.
    pub fn refreshing<'a>(&self, refresh_token: &str) -> Vec<(&'a str, String)> {
        [("grant_type", "refresh_token"), ("refresh_token", refresh_token), ("client_id", &self.id)]
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec()
    }

    /// Sends these parameters to the token endpoint.
    pub fn token(&self, parameters: &[(&str, String)]) -> Result<Response> {
        token_request(parameters).send(self.address)
    }

    /// The whole way to tokens.
    pub fn tokens(&self, browser: &mut Browser, resource: &str, scope: &str) -> Result<Tokens> {
        let code = self.code(browser, resource, scope)?;
        Tokens::of(&self.token(&self.redemption(&code, resource))?)
    }

    /// Revokes a token (RFC 7009).
    pub fn revoke(&self, token: &str) -> Result<Response> {
        Request::form("/revoke", &[("token", token), ("client_id", &self.id)]).send(self.address)
    }
}

impl Tokens {
    /// What a successful answer of the token endpoint holds.
    pub fn of(answer: &Response) -> Result<Self> {
        ensure!(answer.status == 200, "no tokens: {} {}", answer.status, answer.text());
        let answer = answer.json()?;
        let text =
            |field: &str| answer[field].as_str().map(str::to_owned).with_context(|| format!("no {field}: {answer}"));
        Ok(Self { access: text("access_token")?, refresh: text("refresh_token")?, answer })
    }
}

/// A request to the token endpoint.
pub fn token_request(parameters: &[(&str, String)]) -> Request {
    Request::form("/token", &borrowed(parameters))
}

/// The path and query of an authorization request.
pub fn authorization_target(parameters: &[(&str, String)]) -> String {
    format!("/authorize?{}", form_urlencoded(&borrowed(parameters)))
}

/// The parameters that a redirect to [`REDIRECT_URI`] carries.
pub fn answer_of(response: &Response) -> Result<Vec<(String, String)>> {
    let location = response.header("location");
    let location = location.with_context(|| format!("no redirect: {} {}", response.status, response.text()))?;
    ensure!(location.starts_with(REDIRECT_URI), "a redirect to {location}");
    Ok(Url::parse(&location)?.query_pairs().into_owned().collect())
}

/// The value of a parameter.
pub fn value<'a>(parameters: &'a [(String, String)], name: &str) -> Option<&'a str> {
    parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

fn borrowed<'a>(parameters: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    parameters.iter().map(|(name, value)| (*name, value.as_str())).collect()
}
