//! Keyward with everything on that a call meets: verification, tool scopes, credential of the cabinet, audit.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::process::{SERVER_CORE, Server};
use crate::tokens::ISSUER;

/// The path of the measured server.
pub(crate) const PATH: &str = "/bench/mcp";

/// The resource of the measured server.
pub(crate) fn resource(port: u16) -> String {
    format!("http://127.0.0.1:{port}{PATH}")
}

/// Starts `program` on `port` before `upstream`, with a database, key and service token of its own.
pub(crate) fn start(program: &Path, directory: &Path, port: u16, upstream: u16) -> Result<Server> {
    let home = directory.join("keyward");
    if home.exists() {
        std::fs::remove_dir_all(&home)?;
    }
    std::fs::create_dir_all(&home)?;
    let file = home.join("keyward.toml");
    std::fs::write(&file, configuration(port, upstream))?;

    let mut set = Command::new(program)
        .args(["token", "set", "bench/api_token", "--config"])
        .arg(&file)
        .current_dir(&home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    set.stdin.take().context("no standard input")?.write_all(b"service-0123456789abcdef0123456789\n")?;
    ensure!(set.wait()?.success(), "keyward token set failed");

    let command = [program.display().to_string(), "serve".into(), "--config".into(), file.display().to_string()];
    Server::start(SERVER_CORE, &command, &home, port)
}

fn configuration(port: u16, upstream: u16) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
worker_threads = 1

[storage]
url = "sqlite:keyward.db"

[keys]
kind = "file"
path = "keyward.key"

[[trusted_issuers]]
issuer = "{ISSUER}"
jwks_uri = "http://127.0.0.1:{upstream}/jwks.json"
algorithms = ["ES256", "RS256"]

[[servers]]
id = "bench"
path = "{PATH}"
upstream = "http://127.0.0.1:{upstream}/mcp"
scopes = ["bench:call"]
[servers.tool_scopes]
"delete_*" = ["bench:write"]
[servers.credential]
token = "bench/api_token"
header = "Authorization"
format = "Bearer {{token}}"
"#
    )
}
