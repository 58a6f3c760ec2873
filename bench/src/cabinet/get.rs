//! Looking a token up: in the cache, in SQLite, in PostgreSQL, each beside the barest way to the same row, and beside a read
//! of OpenBao's KV version 2 on the same machine.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use futures_util::FutureExt;
use futures_util::future::try_join_all;
use http::header::AUTHORIZATION;
use keyward_vault::CredentialSpec;
use rusqlite::OptionalExtension;
use tokio::runtime::Runtime;

use super::openbao;
use super::place::{Cabinet, VALUE_LEN, name};
use crate::comparison::Comparison;
use crate::report::median;
use crate::timing::{BUDGET, Way, by_turns};

const ROWS: u32 = 1_000;
/// Reads that are under way at once where a server answers them.
const AT_ONCE: usize = 8;
const SELECT: &str = "SELECT encrypted_value, iv, auth_tag, key_id, version FROM tokens \
                      WHERE service_id = $1 AND token_key = $2 AND owner = $3";

/// What each of the three ways does in a second.
pub(crate) struct Rates {
    pub(crate) cached: f64,
    pub(crate) sqlite: f64,
    pub(crate) postgres: f64,
}

pub(crate) fn compare(
    runtime: &Runtime,
    sqlite: (&Cabinet, &Path),
    postgres: (&Cabinet, &str),
    rounds: u32,
) -> Result<(Rates, Vec<Comparison>)> {
    runtime.block_on(async { tokio::try_join!(sqlite.0.fill(ROWS), postgres.0.fill(ROWS)) })?;
    let (cached, in_sqlite, bare_sqlite) = in_process(runtime, sqlite, rounds)?;
    let (in_postgres, bare_postgres) = runtime.block_on(over_the_network(postgres.0, postgres.1, rounds))?;
    let rates = Rates { cached: 1e9 / cached, sqlite: 1e9 / in_sqlite, postgres: in_postgres };
    let comparisons = vec![
        Comparison::of_times("get from SQLite / bare prepared SELECT", in_sqlite, bare_sqlite, 0.7),
        Comparison::of_rates("get from PostgreSQL / bare prepared SELECT", in_postgres, bare_postgres, 0.7),
    ];
    Ok((rates, comparisons))
}

/// Nanoseconds of a cached credential, of a token from SQLite, and of the bare row.
fn in_process(runtime: &Runtime, (cabinet, file): (&Cabinet, &Path), rounds: u32) -> Result<(f64, f64, f64)> {
    let spec = CredentialSpec::new(name(0)?, AUTHORIZATION, "Bearer {token}")?;
    runtime.block_on(cabinet.vault.credential(&spec))?;
    let names = (0..ROWS).map(name).collect::<Result<Vec<_>>>()?;
    let bare = rusqlite::Connection::open(file)?;
    let mut statement = bare.prepare(SELECT)?;
    let (mut here, mut there) = (names.iter().cycle(), names.iter().cycle());
    let figures = by_turns(
        &mut [
            Way::new(|| {
                // Fresh for a minute; what waits then is one in millions.
                black_box(match cabinet.vault.try_credential(&spec) {
                    Some(credential) => credential,
                    None => runtime.block_on(cabinet.vault.credential(&spec))?,
                });
                Ok(())
            }),
            Way::new(|| {
                let name = here.next().context("no name")?;
                let token = cabinet.vault.store().get(name).now_or_never().context("SQLite does not wait")??;
                anyhow::ensure!(token.is_some_and(|token| token.value.len() == VALUE_LEN), "not the token");
                Ok(())
            }),
            Way::new(|| {
                let name = there.next().context("no name")?;
                let read = |row: &rusqlite::Row<'_>| {
                    let columns: (Vec<u8>, Vec<u8>, Vec<u8>, String, i64) =
                        (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
                    Ok(columns)
                };
                let row = statement.query_row([name.service(), name.key(), ""], read).optional()?;
                black_box(row.context("no row")?);
                Ok(())
            }),
        ],
        rounds,
    )?;
    Ok((figures[0], figures[1], figures[2]))
}

/// Tokens and bare rows in a second from PostgreSQL, both over as many connections.
async fn over_the_network(cabinet: &Cabinet, url: &str, rounds: u32) -> Result<(f64, f64)> {
    let names = (0..ROWS).map(name).collect::<Result<Vec<_>>>()?;
    let mut clients = Vec::new();
    for _ in 0..AT_ONCE {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        let statement = client.prepare(SELECT).await?;
        clients.push((client, statement));
    }
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let store = cabinet.vault.store();
        let reading = |from: usize| {
            let mut names = names.iter().cycle().skip(from * 100);
            async move {
                let (began, mut times) = (Instant::now(), 0_u32);
                while began.elapsed() < BUDGET {
                    let token = store.get(names.next().context("no name")?).await?.context("no token")?;
                    anyhow::ensure!(token.value.len() == VALUE_LEN, "not the token");
                    times += 1;
                }
                anyhow::Ok(f64::from(times) / began.elapsed().as_secs_f64())
            }
        };
        ours.push(try_join_all((0..AT_ONCE).map(reading)).await?.iter().sum());
        let of_one = async |(client, statement): &(tokio_postgres::Client, tokio_postgres::Statement)| {
            let (began, mut times, mut names) = (Instant::now(), 0_u32, names.iter().cycle());
            while began.elapsed() < BUDGET {
                let name = names.next().context("no name")?;
                let row = client.query_one(statement, &[&name.service(), &name.key(), &""]).await?;
                let value: Vec<u8> = row.try_get(0)?;
                let _: (Vec<u8>, Vec<u8>, String, i64) =
                    (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
                anyhow::ensure!(value.len() == VALUE_LEN, "not the row");
                times += 1;
            }
            anyhow::Ok(f64::from(times) / began.elapsed().as_secs_f64())
        };
        bare.push(try_join_all(clients.iter().map(of_one)).await?.iter().sum());
    }
    Ok((median(ours.into_iter()), median(bare.into_iter())))
}

/// Beside OpenBao's reads in a second.
pub(crate) fn beside_openbao(rates: &Rates, openbao: &openbao::Measured) -> Vec<Comparison> {
    vec![
        Comparison::of_rates("get from SQLite / OpenBao KV v2 read", rates.sqlite, openbao.reads, 10.0),
        Comparison::of_rates("get from PostgreSQL / OpenBao KV v2 read", rates.postgres, openbao.reads, 2.0),
        Comparison::of_rates("cached credential / OpenBao KV v2 read", rates.cached, openbao.reads, 100.0),
        Comparison::alone("OpenBao, resident memory after the load", "MB", openbao.resident_mb),
    ]
}
