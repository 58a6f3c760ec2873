//! A real OpenBao server with storage of its own, so that it can be stopped and started again.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Request;
use crate::process::Running;
use crate::wait;
use crate::workspace;

/// The server; killed when dropped.
pub struct OpenBao {
    home: TempDir,
    address: SocketAddr,
    process: Option<Running>,
    unseal_key: String,
    root: String,
}

impl OpenBao {
    /// A new server, unsealed, with KV version 2 at `secret/`.
    pub fn start() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("keyward-openbao-").tempdir()?;
        let [address, cluster] = [free_address()?, free_address()?];
        let storage = home.path().join("storage");
        fs::create_dir(&storage)?;
        let config = format!(
            "storage \"raft\" {{\n  path = {storage:?}\n  node_id = \"one\"\n}}\n\
             listener \"tcp\" {{\n  address = \"{address}\"\n  tls_disable = true\n}}\n\
             api_addr = \"http://{address}\"\ncluster_addr = \"http://{cluster}\"\n"
        );
        fs::write(home.path().join("openbao.hcl"), config)?;
        let mut openbao = Self { home, address, process: None, unseal_key: String::new(), root: String::new() };
        openbao.run()?;
        let made = openbao.ask("PUT", "sys/init", &json!({ "secret_shares": 1, "secret_threshold": 1 }))?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context(made.to_string());
        openbao.unseal_key = text(&made["keys_base64"][0])?;
        openbao.root = text(&made["root_token"])?;
        openbao.unseal()?;
        openbao.ask("POST", "sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }))?;
        Ok(openbao)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts it with the storage it had; it is sealed then.
    pub fn run(&mut self) -> Result<()> {
        let config = self.home.path().join("openbao.hcl");
        let mut command = Command::new(workspace::bao()?);
        command.arg("server").arg("-config").arg(config).env("HOME", self.home.path());
        self.process = Some(Running::start(&mut command, b"")?);
        wait::until("OpenBao to listen", || Ok(Request::get("/v1/sys/health").send(self.address).ok()))?;
        Ok(())
    }

    /// Kills it.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("it runs")?.stop("KILL").map(drop)
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.process.as_ref().context("it runs")?.signal(name)
    }

    /// Seals it.
    pub fn seal(&self) -> Result<()> {
        self.ask("PUT", "sys/seal", &Value::Null).map(drop)
    }

    /// Unseals it and waits until it does its work.
    pub fn unseal(&self) -> Result<()> {
        self.ask("PUT", "sys/unseal", &json!({ "key": self.unseal_key }))?;
        wait::until("OpenBao to be active", || {
            let health = Request::get("/v1/sys/health").send(self.address)?;
            Ok((health.status == 200).then_some(()))
        })
    }

    /// What an administrator asks of it; it must succeed.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut request = Request::new(method, &format!("/v1/{path}")).header("X-Vault-Token", &self.root);
        if !body.is_null() {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let answer = request.send(self.address)?;
        ensure!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.text());
        Ok(serde_json::from_str(&answer.text()).unwrap_or_default())
    }

    /// Makes an AppRole with this policy; gives its role id and a secret id.
    pub fn app_role(&self, policy: &str) -> Result<(String, String)> {
        self.ask("POST", "sys/policies/acl/keyward", &json!({ "policy": policy }))?;
        self.ask("POST", "sys/auth/approle", &json!({ "type": "approle" }))?;
        self.ask("POST", "auth/approle/role/keyward", &json!({ "token_policies": "keyward", "token_ttl": "1h" }))?;
        let role = self.ask("GET", "auth/approle/role/keyward/role-id", &Value::Null)?;
        let secret = self.ask("POST", "auth/approle/role/keyward/secret-id", &json!({}))?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        Ok((text(&role["data"]["role_id"])?, text(&secret["data"]["secret_id"])?))
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
