//! Development tokens, Stytch, Keyward's own issuer and the broker: from each to each other by configuration alone and under
//! traffic. Tokens of both sides are good during a move, the old are refused after it, and no call fails.

use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use keyward_e2e::client::{self, script};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Request;
use keyward_e2e::jwt;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::Client;
use keyward_e2e::page::Browser;
use keyward_e2e::person::{Person, sign_up};
use keyward_e2e::stytch::Issuer;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::connections::Provider;
use crate::direct::free_address;
use crate::scene::{SERVICE_TOKEN, initialize};
use crate::traffic::Traffic;

/// Callers with one token, from when it is good until before it is no longer.
struct Callers<'scope, 'a> {
    traffic: &'a Traffic<'a>,
    threads: Vec<ScopedJoinHandle<'scope, Result<()>>>,
}

impl<'scope, 'a: 'scope> Callers<'scope, 'a> {
    fn start<'env>(scope: &'scope Scope<'scope, 'env>, traffic: &'a Traffic<'a>) -> Self {
        let threads = vec![
            scope.spawn(|| traffic.on_new_connections()),
            scope.spawn(|| traffic.on_a_kept_connection(Duration::ZERO)),
            scope.spawn(|| traffic.on_a_kept_connection(Duration::from_millis(600))),
        ];
        Self { traffic, threads }
    }

    /// Each call of theirs was answered as it should be, and some were since this number.
    fn went_on(&self, since: u64) -> Result<()> {
        wait::until("calls after the step", || {
            for thread in &self.threads {
                ensure!(!thread.is_finished(), "a call failed");
            }
            Ok((self.made() > since + 20).then_some(()))
        })
    }

    fn made(&self) -> u64 {
        self.traffic.made.load(Ordering::Relaxed)
    }

    fn stop(mut self) -> Result<()> {
        self.traffic.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).try_for_each(|thread| thread.join().expect("a caller does not panic"))
    }
}

impl Drop for Callers<'_, '_> {
    /// A test that fails would wait for them for ever.
    fn drop(&mut self) {
        self.traffic.stop.store(true, Ordering::Relaxed);
    }
}

/// Who the callers' tokens are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Nobody: development tokens.
    Static,
    Stytch,
    Embedded,
    /// Keyward, after a login at a provider.
    Broker,
}
use Kind::{Broker, Embedded, Static, Stytch};

/// Each of the first three to each other; and from passwords to a provider and back, where both issue the same tokens.
const WAY: [Kind; 9] = [Static, Stytch, Embedded, Broker, Embedded, Static, Embedded, Stytch, Static];

struct World {
    keyward: Keyward,
    around: Around,
    browser: Browser,
    person: Person,
    tokens: Vec<(Kind, String)>,
}

/// What is not Keyward.
struct Around {
    upstream: Scripted,
    stytch: Issuer,
    provider: Provider,
}

impl Around {
    /// Clients are sent to the first; tokens of both are taken.
    fn configuration(&self, first: Kind, second: Option<Kind>) -> String {
        let lines = match first {
            Static | Embedded => String::new(),
            Stytch => self.stytch.lines(),
            Broker => format!(
                "kind = \"oidc\"\nissuer = {:?}\nbroker = true\nclient_id = \"keyward\"\nlink_by_email = true\n\
                 client_secret = \"env:IDP_SECRET\"\nscopes = [\"openid\", \"email\"]\nallow_private_addresses = true",
                self.provider.issuer
            ),
        };
        let with_static = first == Static || second == Some(Static);
        let mut configuration =
            Configuration::sqlite().issuer(&lines).issuer(&format!("static_tokens = {with_static}"));
        let trusted = match (first, second) {
            (_, Some(Stytch)) => self.stytch.lines(),
            (Stytch, Some(Embedded)) => "kind = \"embedded\"".to_owned(),
            _ => String::new(),
        };
        if !trusted.is_empty() {
            configuration = configuration.section(&format!("[[trusted_issuers]]\n{trusted}"));
        }
        let server = Server::new("notes", &self.upstream.url()).credential("notes/api_token");
        configuration.behind(&server).text()
    }
}

impl World {
    fn new() -> Result<Self> {
        let upstream = Scripted::start(|request, connection| {
            let carried = request.header("Authorization").unwrap_or("nothing").to_owned();
            if request.message()["id"].is_null() {
                return connection.answer("202 Accepted", &[], "");
            }
            let server = json!({ "name": "scripted", "version": "1.0.0" });
            let result = json!({
                "protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": server, "carried": carried,
            });
            connection.result(request, &result)
        })?;
        let (stytch, address) = (Issuer::start(&json!({}))?, free_address()?);
        let provider = Provider::start(&json!({ "redirect_uris": [format!("http://{address}/login/callback")] }))?;
        let mut keyward = Keyward::in_empty_folder()?;
        keyward.set_environment("KEYWARD__SERVER__LISTEN", &address.to_string());
        keyward.set_environment("IDP_SECRET", "s3cret");
        let around = Around { upstream, stytch, provider };
        keyward.configure(&around.configuration(Embedded, Some(Static)))?;
        keyward.put_token("notes/api_token", SERVICE_TOKEN)?;
        keyward.start()?;
        let (person, browser) = sign_up(&keyward)?;
        Ok(Self { keyward, around, browser, person, tokens: Vec::new() })
    }

    /// Whom clients are sent to with this configuration.
    fn named(&self, first: Kind, second: Option<Kind>) -> Vec<String> {
        let name = |kind| match kind {
            Static if first == Static => Some(self.keyward.url().to_owned()),
            Static => None,
            Stytch => Some(self.around.stytch.issuer.clone()),
            Embedded | Broker => Some(self.keyward.url().to_owned()),
        };
        let mut named: Vec<String> = [Some(first), second].into_iter().flatten().filter_map(name).collect();
        named.dedup();
        named
    }

    /// Puts a configuration in the place of that before, and sees that the callers go on.
    fn step(&mut self, first: Kind, second: Option<Kind>, callers: &Callers<'_, '_>) -> Result<()> {
        self.keyward.configure(&self.around.configuration(first, second))?;
        let made = callers.made();
        self.keyward.take_over()?.succeeded()?;
        let document = self.keyward.send(&Request::get("/.well-known/oauth-protected-resource/notes/mcp"))?.json()?;
        let named = document["authorization_servers"].as_array().cloned().unwrap_or_default();
        ensure!(json!(named) == json!(self.named(first, second)), "{first:?}, {second:?}: {document}");
        callers.went_on(made)
    }

    /// A token, the same each time, got as its users get it where this configuration is in force.
    fn token(&mut self, kind: Kind) -> Result<String> {
        if let Some((_, token)) = self.tokens.iter().find(|(own, _)| *own == kind) {
            return Ok(token.clone());
        }
        let resource = self.keyward.resource("notes");
        let token = match kind {
            Static => self.keyward.issue_bearer("notes", &["notes:read"])?,
            Stytch => self.around.stytch.mint_one("as documented")?,
            Embedded => {
                let client = Client::register(&self.keyward)?;
                client.tokens(&mut self.browser, &resource, "notes:read")?.access
            }
            Broker => {
                let store = self.keyward.path("client.json");
                let mut login = script(&resource, &self.person, &[json!({ "do": "login" })]);
                login["store"] = json!(store);
                client::Client::TypeScript2.run(&login)?;
                let stored: Value = serde_json::from_str(&std::fs::read_to_string(&store)?)?;
                stored["tokens"]["access_token"].as_str().context("no access token")?.to_owned()
            }
        };
        self.tokens.push((kind, token.clone()));
        Ok(token)
    }

    /// As its client does (RFC 7009); the next is another.
    fn revoke(&mut self, token: &str) -> Result<()> {
        let claims = jwt::claims(token)?;
        let client = claims["client_id"].as_str().context("no client_id")?;
        let answer = self.keyward.send(&Request::form("/revoke", &[("token", token), ("client_id", client)]))?;
        ensure!(answer.status == 200, "{}: {}", answer.status, answer.text());
        self.tokens.retain(|(_, own)| own != token);
        Ok(())
    }

    fn is_taken(&self, token: &str, taken: bool) -> Result<()> {
        let status = self.keyward.send(&initialize("/notes/mcp").bearer(token))?.status;
        ensure!(status == if taken { 200 } else { 401 }, "{status}, taken should be {taken}");
        Ok(())
    }

    fn go(&mut self, from: Kind, to: Kind) -> Result<()> {
        let (address, old) = (self.keyward.address(), self.token(from)?);
        let before = Traffic::new(address, &old);
        std::thread::scope(|scope| {
            let with_old = Callers::start(scope, &before);
            let (first, second) = match (from, to) {
                (Broker, _) | (_, Broker) => (to, None),
                (_, Static) => (from, Some(to)),
                _ => (to, Some(from)),
            };
            self.step(first, second, &with_old)?;
            let new = self.token(to)?;
            wait::until("the new tokens", || Ok(self.is_taken(&new, true).ok()))?;
            self.is_taken(&old, true)?;
            let after = Traffic::new(address, &new);
            std::thread::scope(|scope| {
                let with_new = Callers::start(scope, &after);
                with_new.went_on(0)?;
                with_old.stop()?;
                match (from, to) {
                    // It is Keyward all along whose tokens these are.
                    (Broker, _) | (_, Broker) => self.is_taken(&old, true)?,
                    // Development tokens are beside an issuer, never in its place: its tokens end when they are taken back.
                    (Embedded, Static) => self.revoke(&old)?,
                    _ => self.step(to, None, &with_new)?,
                }
                if from != Broker && to != Broker {
                    wait::until("the old tokens to be refused", || Ok(self.is_taken(&old, false).ok()))?;
                }
                with_new.stop()
            })
        })
    }
}

#[test]
fn direct_moving_from_one_issuer_to_another_fails_no_call() -> Result<()> {
    let mut world = World::new()?;
    world.token(Static)?;
    for way in WAY.windows(2) {
        world.go(way[0], way[1]).with_context(|| format!("from {:?} to {:?}", way[0], way[1]))?;
    }
    world.keyward.run_ok(&["audit", "verify"], "").context("the audit log")?;
    Ok(())
}
