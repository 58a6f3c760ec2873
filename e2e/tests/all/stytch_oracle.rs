//! Stytch's own SDKs as oracles: what they say to tokens of many kinds by themselves, Keyward must say, too.
//!
//! Stytch's cloud cannot be reached from here, so the tokens come from an issuer of the shape that it documents
//! (`node/stytch-issuer.mjs`, and `stytch/variants.json` for what is special about each). Both SDKs run in the test; none of
//! their verdicts is written down. Where the two part from each other, or Keyward from both, the table names the case and
//! the reason; a name without such a case is an error like a case without a name.

use anyhow::{Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::stytch::{Issuer, Sdk, Variant, Verdict, variants};
use serde_json::json;

use crate::scene::{Scene, initialize};

#[test]
fn stytch_sdks_part_only_where_the_table_says_so() -> Result<()> {
    let issuer = Issuer::start(&json!({}))?;
    let tokens = issuer.mint_all()?;
    let (node, python) = (issuer.judge(Sdk::Node, &tokens)?, issuer.judge(Sdk::Python, &tokens)?);
    let variants = variants()?;
    ensure!(variants.len() >= 60 && variants.len() == tokens.len(), "{} kinds", variants.len());
    let mut wrong = Vec::new();
    for ((variant, node), python) in variants.iter().zip(&node).zip(&python) {
        let (node, python) = (&node.access, &python.access);
        let fits = match (node.taken, python.taken, &variant.between, &variant.stricter) {
            (true, true, None, _) => node.sub == python.sub && node.scope == python.scope,
            (false, false, None, None) => true,
            (node, python, Some(_), None) => node != python,
            _ => false,
        };
        if !fits {
            wrong.push(format!("{}\n  Node    {node:?}\n  Python  {python:?}", variant.name));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[test]
fn stytch_sdks_take_what_is_documented() -> Result<()> {
    let issuer = Issuer::start(&json!({ "project_id": "project-live-22222222-2222-4222-8222-222222222222" }))?;
    let tokens = issuer.mint_all()?;
    for sdk in [Sdk::Node, Sdk::Python] {
        for (token, judged) in tokens.iter().zip(issuer.judge(sdk, &tokens)?) {
            let access = token.name == "as documented";
            let session = token.name == "session JWT";
            ensure!(!access || (judged.access.taken && !judged.session.taken), "{sdk:?}: {judged:?}");
            ensure!(!session || judged.session.taken, "{sdk:?}: {judged:?}");
            if access || session {
                let taken = if access { judged.access } else { judged.session };
                ensure!(taken.sub.as_deref().is_some_and(|sub| sub.starts_with("user-test-")), "{sdk:?}: {taken:?}");
            }
        }
    }
    Ok(())
}

/// What Keyward says to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Taken,
    /// It is good, and does not reach as far as this call.
    TooNarrow,
    Refused,
}

fn say(scene: &Scene, token: &str) -> Result<Said> {
    let answer = scene.keyward.send(&initialize("/notes/mcp").bearer(token))?;
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    match answer.status {
        200 => Ok(Said::Taken),
        403 if challenge.contains("insufficient_scope") => Ok(Said::TooNarrow),
        401 if challenge.contains("invalid_token") => Ok(Said::Refused),
        // What is no token at all by its letters (RFC 6750 §2.1) is a malformed request.
        400 if challenge.contains("invalid_request") => Ok(Said::Refused),
        other => anyhow::bail!("{other}: {challenge}: {}", answer.text()),
    }
}

#[test]
fn stytch_keyward_says_what_the_sdks_say() -> Result<()> {
    let issuer = Issuer::start(&json!({}))?;
    let scene = Scene::new(Configuration::sqlite().issuer(&issuer.lines()))?;
    let tokens = issuer.mint_all()?;
    let (node, python) = (issuer.judge(Sdk::Node, &tokens)?, issuer.judge(Sdk::Python, &tokens)?);
    let (mut wrong, mut agreed) = (Vec::new(), 0);
    for (index, variant) in variants()?.iter().enumerate() {
        let said = say(&scene, &tokens[index].token)?;
        let (node, python) = (&node[index].access, &python[index].access);
        if !fits(variant, said, node, python) {
            wrong.push(format!("{}: {said:?}\n  Node    {node:?}\n  Python  {python:?}", variant.name));
        }
        agreed += usize::from((said != Said::Refused) == node.taken && node.taken == python.taken);
    }
    eprintln!("{agreed} of {} kinds of tokens are judged alike by all three", tokens.len());
    ensure!(agreed >= 60, "only {agreed}");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Both SDKs' verdict is Keyward's, but where the table names another and why.
fn fits(variant: &Variant, said: Said, node: &Verdict, python: &Verdict) -> bool {
    let keyward = said != Said::Refused;
    match (&variant.stricter, &variant.between) {
        (None, None) => node.taken == python.taken && keyward == node.taken,
        (Some(_), None) => node.taken && python.taken && !keyward,
        (None, Some(between)) => {
            let expected = match between.keyward.as_str() {
                "takes" => true,
                "refuses" => false,
                _ => return false,
            };
            node.taken != python.taken && keyward == expected && !between.because.is_empty()
        }
        (Some(_), Some(_)) => false,
    }
}

#[test]
fn stytch_session_jwts_are_taken_once_they_are_switched_on() -> Result<()> {
    let issuer = Issuer::start(&json!({}))?;
    let lines = format!("{}\nsession_tokens = true", issuer.lines());
    let scene = Scene::new(Configuration::sqlite().issuer(&lines))?;
    let tokens = issuer.mint_all()?;
    let (node, python) = (issuer.judge(Sdk::Node, &tokens)?, issuer.judge(Sdk::Python, &tokens)?);
    let (mut wrong, mut sessions) = (Vec::new(), 0);
    for (index, variant) in variants()?.iter().enumerate() {
        let said = say(&scene, &tokens[index].token)?;
        let (node, python) = (&node[index], &python[index]);
        let fits = if node.session.taken || python.session.taken {
            sessions += 1;
            node.session.taken && python.session.taken && said != Said::Refused
        } else {
            fits(variant, said, &node.access, &python.access)
        };
        if !fits {
            wrong.push(format!("{}: {said:?}\n  Node    {node:?}\n  Python  {python:?}", variant.name));
        }
    }
    ensure!(sessions >= 3, "only {sessions} session JWTs");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
