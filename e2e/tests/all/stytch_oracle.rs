//! Stytch's own SDKs as oracles: what they say to tokens of many kinds by themselves, Keyward must say, too.
//!
//! Stytch's cloud cannot be reached from here, so the tokens come from an issuer of the shape that it documents
//! (`node/stytch-issuer.mjs`, and `stytch/variants.json` for what is special about each). Both SDKs run in the test; none of
//! their verdicts is written down. Where the two part from each other, or Keyward from both, the table names the case and
//! the reason; a name without such a case is an error like a case without a name.

use anyhow::{Result, ensure};
use keyward_e2e::stytch::{Issuer, Sdk, variants};
use serde_json::json;

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
