//! `keyward-bench cabinet OUT.json KEYWARD BAO POSTGRES_URL`: the key cabinet beside the bare primitive, the bare database and
//! OpenBao, in one run.

mod get;
mod memory;
mod openbao;
mod place;
mod reseal;
mod seal;

use std::path::Path;

use crate::comparison::Comparison;
use anyhow::Result;
use serde_json::{Value, json};

pub(crate) use memory::process;
use place::Cabinet;

/// What is measured and where.
pub(crate) struct Ground<'a> {
    pub(crate) keyward: &'a Path,
    pub(crate) bao: &'a Path,
    pub(crate) postgres: &'a str,
    pub(crate) directory: &'a Path,
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
pub(crate) fn measure(ground: &Ground<'_>) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    // What is polled outside of `block_on` finds its runtime too.
    let _inside = runtime.enter();
    let home = ground.directory.join("cabinet");
    std::fs::create_dir_all(&home)?;
    let file = home.join("keyward.db");
    let on_postgres = home.join("on-postgres");
    std::fs::create_dir_all(&on_postgres)?;
    let (sqlite, postgres) = runtime.block_on(async {
        let sqlite = Cabinet::open(&format!("sqlite:{}", file.display()), &home).await?;
        anyhow::Ok((sqlite, Cabinet::open(ground.postgres, &on_postgres).await?))
    })?;

    let mut all = Vec::new();
    let mut add = |comparisons: Vec<Comparison>| {
        comparisons.iter().for_each(|comparison| println!("{}", comparison.line()));
        all.extend(comparisons);
    };
    add(seal::compare(&runtime, &sqlite, ground.rounds)?);
    let (rates, lookups) = get::compare(&runtime, (&sqlite, &file), (&postgres, ground.postgres), ground.rounds)?;
    add(lookups);
    add(get::beside_openbao(&rates, &openbao::measure(ground.bao, &home, ground.seconds)?));
    add(runtime.block_on(reseal::compare(ground.keyward, &home))?);
    add(vec![memory::compare(&home)?]);
    Ok(json!(all.iter().map(Comparison::json).collect::<Vec<_>>()))
}
