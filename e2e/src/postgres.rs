//! A database on the PostgreSQL server that `cargo xtask test` started.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use tokio_postgres::NoTls;
use url::Url;

/// Names a superuser's URL of a PostgreSQL server.
const SERVER: &str = "KEYWARD_TEST_POSTGRES";

/// Makes a new, empty database and gives its URL.
pub fn new_database() -> Result<String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(SERVER)
        .with_context(|| format!("{SERVER} is not set: `cargo xtask test` starts a PostgreSQL server and sets it"))?;
    let name = format!("keyward_e2e_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(create(&server, &name)).with_context(|| format!("cannot make a database on {server}"))?;
    let mut url = Url::parse(&server)?;
    url.set_path(&name);
    Ok(url.into())
}

async fn create(server: &str, name: &str) -> Result<()> {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await?;
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).await?;
    client.batch_execute(&format!("CREATE DATABASE {name}")).await?;
    drop(client);
    connection.await??;
    Ok(())
}

/// Runs statements on a database, as its administrator.
pub fn execute(url: &str, statements: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        let connection = tokio::spawn(connection);
        client.batch_execute(statements).await.with_context(|| statements.to_owned())?;
        drop(client);
        connection.await??;
        Ok(())
    })
}
