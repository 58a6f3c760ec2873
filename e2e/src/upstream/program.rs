//! Servers that are programs of their own.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::Running;
use crate::workspace;

/// A server in the background; stopped when dropped.
pub struct Program {
    _process: Running,
    /// Its endpoint.
    pub url: String,
}

/// `@modelcontextprotocol/server-everything`.
pub fn everything() -> Result<Program> {
    // It can only be told a port, so another program may take that port first.
    for _ in 0..5 {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut command = Command::new(workspace::node()?);
        command.arg(workspace::node_tool("mcp-server-everything")?).arg("streamableHttp").env("PORT", port.to_string());
        let mut process = Running::start(&mut command, b"")?;
        let listens = |process: &Running| {
            let said = process.stderr().contains(&format!("listening on port {port}"));
            (said && TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).then_some(())
        };
        match process.wait_for("server-everything to listen", listens) {
            Ok(()) => return Ok(Program { _process: process, url: format!("http://127.0.0.1:{port}/mcp") }),
            Err(error) if format!("{error:#}").contains("in use") => {}
            Err(error) => return Err(error),
        }
    }
    anyhow::bail!("no port stayed free for server-everything")
}

/// The rig's server that passes the conformance suite.
pub fn conforming() -> Result<Program> {
    let mut command = Command::new(workspace::node()?);
    let mut process = Running::start(command.arg(workspace::node_program("conforming-server.mjs")).arg("-"), b"{}")?;
    let url = process.wait_for_event("listening")?["url"].as_str().context("no url")?.to_owned();
    Ok(Program { _process: process, url })
}
