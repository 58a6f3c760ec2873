//! Tokens in a real OpenBao that is sealed, stopped, killed and started again under calls.

use std::fs;

use anyhow::{Context, Result};
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::openbao::OpenBao;
use keyward_e2e::upstream::scripted::Scripted;
use keyward_e2e::wait;
use serde_json::{Value, json};

use crate::scene::call;

pub(crate) const POLICY: &str = include_str!("../../../docs/openbao-policy.hcl");
const FIRST: &str = "first-value-2c8e41";
const SECOND: &str = "second-value-77aa03";

struct Scene {
    openbao: OpenBao,
    upstream: Scripted,
    keyward: Keyward,
    bearer: String,
}

impl Scene {
    fn new() -> Result<Self> {
        let openbao = OpenBao::start()?;
        let (role_id, secret_id) = openbao.app_role(POLICY)?;
        let upstream = Scripted::start(|request, connection| connection.result(request, &json!({ "content": [] })))?;
        let section = format!(
            "[token_store]\nkind = [\"openbao\", \"env\"]\nfresh_for = \"1s\"\nusable_for = \"15s\"\n\n\
             [token_store.openbao]\naddress = \"{}\"\nauth = \"approle\"\nrole_id = \"env:BAO_ROLE_ID\"\n\
             secret_id = \"file:secret-id\"\n",
            openbao.url()
        );
        let server = Server::new("coda", &upstream.url()).credential("coda/api_token");
        let mut keyward = Keyward::configured(&Configuration::sqlite().section(&section).behind(&server))?;
        keyward.set_environment("BAO_ROLE_ID", &role_id);
        fs::write(keyward.path("secret-id"), format!("{secret_id}\n"))?;
        keyward.put_token("coda/api_token", FIRST)?;
        keyward.start()?;
        let bearer = keyward.issue_bearer("coda", &["coda:read"])?;
        Ok(Self { openbao, upstream, keyward, bearer })
    }

    fn status(&self) -> Result<u16> {
        let answer = self.keyward.send(&call("/coda/mcp", "tool").bearer(&self.bearer))?;
        let text = answer.text();
        assert!(!text.contains(FIRST) && !text.contains("bao"), "{text}");
        Ok(answer.status)
    }

    /// Calls until one ends like this; until then each ends in one of the two ways that there are.
    fn until(&self, what: &str, status: u16) -> Result<()> {
        wait::until(what, || {
            let found = self.status()?;
            assert!([200, 503].contains(&found), "{found}");
            Ok((found == status).then_some(()))
        })
    }

    fn last_token(&self) -> Result<String> {
        let arrived = self.upstream.arrived().pop().context("a call arrived")?;
        Ok(arrived.header("authorization").context("it carries a token")?.to_owned())
    }

    fn until_sent(&self, value: &str) -> Result<()> {
        let expected = format!("Bearer {value}");
        wait::until("the new value to be sent", || {
            assert_eq!(self.status()?, 200);
            Ok((self.last_token()? == expected).then_some(()))
        })
    }
}

#[test]
fn a_token_in_openbao_serves_through_its_outages() -> Result<()> {
    let mut scene = Scene::new()?;
    assert_eq!(scene.status()?, 200);
    assert_eq!(scene.last_token()?, format!("Bearer {FIRST}"));
    let stored = scene.openbao.ask("GET", "secret/data/keyward/coda/api_token", &Value::Null)?;
    assert_eq!(stored["data"]["data"], json!({ "value": FIRST }), "operators read it with their own tools");

    scene.openbao.seal()?;
    assert_eq!(scene.status()?, 200, "the cached token serves");
    scene.until("the cached token to be too old", 503)?;
    let refused = scene.keyward.run(&["token", "show", "coda/api_token"], "")?;
    assert!(refused.output().contains("OpenBao is not available (HTTP 503): Vault is sealed"), "{}", refused.output());
    scene.openbao.unseal()?;
    scene.until("calls to go on by themselves", 200)?;

    scene.openbao.signal("STOP")?;
    assert_eq!(scene.status()?, 200, "no call waits for a server that does not answer");
    scene.until("the cached token to be too old", 503)?;
    scene.openbao.signal("CONT")?;
    scene.until("calls to go on by themselves", 200)?;

    scene.openbao.kill()?;
    assert_eq!(scene.status()?, 200);
    scene.openbao.run()?;
    scene.openbao.unseal()?;
    scene.until("calls to go on by themselves", 200)?;

    scene.keyward.put_token("coda/api_token", SECOND)?;
    scene.until_sent(SECOND)?;
    let by_hand = json!({ "data": { "value": FIRST } });
    scene.openbao.ask("POST", "secret/data/keyward/coda/api_token", &by_hand)?;
    scene.until_sent(FIRST)?;
    for secret in [FIRST, SECOND] {
        assert!(!scene.keyward.written().contains(secret), "a value is in the logs");
    }
    Ok(())
}
