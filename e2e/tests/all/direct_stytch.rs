//! The issuer of Stytch's shape in direct mode: its tokens say the project in `aud`, whatever resource was asked for.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::stytch::Issuer;
use serde_json::json;

use crate::direct::{LIFETIME_S, free_address, scene_at, whole_way};

fn stytch(client: Client) -> Result<()> {
    let issuer = Issuer::start(&json!({ "access_token_seconds": LIFETIME_S }))?;
    let scene = scene_at(free_address()?, &issuer.lines())?;
    whole_way(client, &scene, &issuer.issuer).map(|_| ())
}

#[test]
fn direct_stytch_typescript_1() -> Result<()> {
    stytch(Client::TypeScript1)
}

#[test]
fn direct_stytch_typescript_2() -> Result<()> {
    stytch(Client::TypeScript2)
}

#[test]
fn direct_stytch_python() -> Result<()> {
    stytch(Client::Python)
}

#[test]
fn direct_stytch_rmcp() -> Result<()> {
    stytch(Client::Rmcp)
}
