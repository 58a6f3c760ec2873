//! From development tokens to Stytch, from Stytch to Keyward's own issuer and back, by configuration alone and under
//! traffic: tokens of both sides are good during each move, and no call fails.

use std::sync::atomic::Ordering;
use std::thread::{Scope, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::http::Request;
use keyward_e2e::keyward::Keyward;
use keyward_e2e::oauth::Client;
use keyward_e2e::person::sign_up;
use keyward_e2e::stytch::Issuer;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::json;

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

    fn stop(self) -> Result<()> {
        self.traffic.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().try_for_each(|thread| thread.join().expect("a caller does not panic"))
    }
}

#[test]
fn direct_moving_from_one_issuer_to_another_fails_no_call() -> Result<()> {
    let upstream = Scripted::start(|request, connection| {
        let carried = request.header("Authorization").unwrap_or("nothing").to_owned();
        connection.result(request, &json!({ "carried": carried }))
    })?;
    let stytch = Issuer::start(&json!({}))?;
    let server = Server::new("notes", &upstream.url()).credential("notes/api_token");
    let with =
        |issuer: &str, section: &str| Configuration::sqlite().issuer(issuer).section(section).behind(&server).text();
    let trusted = |lines: &str| format!("[[trusted_issuers]]\n{lines}\n");
    let no_static = "static_tokens = false";
    let of_stytch = format!("{}\n{no_static}", stytch.lines());

    // Development tokens, and an account for later.
    let mut keyward = Keyward::in_empty_folder()?;
    keyward.configure(&with("", ""))?;
    keyward.put_token("notes/api_token", SERVICE_TOKEN)?;
    keyward.start()?;
    let address = keyward.address();
    let (_, mut browser) = sign_up(&keyward)?;
    let development = keyward.issue_bearer("notes", &["notes:read"])?;
    let away = stytch.mint_one("as documented")?;
    let own_url = keyward.url().to_owned();
    let stytch_url = stytch.issuer.clone();

    let step = |keyward: &mut Keyward, text: &str, named: &[&str], callers: &[&Callers<'_, '_>]| -> Result<()> {
        keyward.configure(text)?;
        let made: Vec<u64> = callers.iter().map(|callers| callers.made()).collect();
        keyward.take_over()?.succeeded()?;
        let document = keyward.send(&Request::get("/.well-known/oauth-protected-resource/notes/mcp"))?.json()?;
        ensure!(document["authorization_servers"] == json!(named), "{document}");
        callers.iter().zip(made).try_for_each(|(callers, made)| callers.went_on(made))
    };
    let is_taken = |keyward: &Keyward, token: &str, taken: bool| -> Result<()> {
        let status = keyward.send(&initialize("/notes/mcp").bearer(token))?.status;
        ensure!(status == if taken { 200 } else { 401 }, "{status}, taken should be {taken}");
        Ok(())
    };
    let [first, second, third, fourth] =
        [&development, &away, &away, &development].map(|token| Traffic::new(address, token));
    std::thread::scope(|scope| -> Result<()> {
        // From development tokens to Stytch: both are good until the former are switched off.
        let with_development = Callers::start(scope, &first);
        is_taken(&keyward, &away, false)?;
        step(&mut keyward, &with(&stytch.lines(), ""), &[&stytch_url], &[&with_development])?;
        wait::until("Stytch's tokens", || Ok(is_taken(&keyward, &away, true).ok()))?;
        let with_stytch = Callers::start(scope, &second);
        with_stytch.went_on(0)?;
        with_development.stop()?;
        step(&mut keyward, &with(&of_stytch, ""), &[&stytch_url], &[&with_stytch])?;
        is_taken(&keyward, &development, false)?;
        with_stytch.stop()
    })?;
    std::thread::scope(|scope| -> Result<()> {
        // From Stytch to Keyward's own issuer: new clients go there, tokens of Stytch's last while they last.
        let with_stytch = Callers::start(scope, &third);
        let both = with(no_static, &trusted(&stytch.lines()));
        step(&mut keyward, &both, &[&own_url, &stytch_url], &[&with_stytch])?;
        with_stytch.stop()
    })?;
    let client = Client::register(&keyward)?;
    let embedded = client.tokens(&mut browser, &keyward.resource("notes"), "notes:read")?.access;
    is_taken(&keyward, &embedded, true)?;
    let [fifth, sixth] = [&embedded, &embedded].map(|token| Traffic::new(address, token));
    std::thread::scope(|scope| -> Result<()> {
        let with_own = Callers::start(scope, &fifth);
        step(&mut keyward, &with(no_static, ""), &[&own_url], &[&with_own])?;
        is_taken(&keyward, &away, false)?;
        // And back to Stytch.
        let both = with(&of_stytch, &trusted("kind = \"embedded\""));
        step(&mut keyward, &both, &[&stytch_url, &own_url], &[&with_own])?;
        wait::until("Stytch's tokens", || Ok(is_taken(&keyward, &away, true).ok()))?;
        with_own.stop()
    })?;
    std::thread::scope(|scope| -> Result<()> {
        // From Keyward's own issuer to development tokens.
        let with_own = Callers::start(scope, &sixth);
        step(&mut keyward, &with("static_tokens = true", ""), &[&own_url], &[&with_own])?;
        let with_development = Callers::start(scope, &fourth);
        with_development.went_on(0)?;
        with_own.stop()?;
        with_development.stop()
    })?;
    keyward.run_ok(&["audit", "verify"], "").context("the audit log")?;
    Ok(())
}
