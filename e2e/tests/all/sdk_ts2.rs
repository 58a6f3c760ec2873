//! `@modelcontextprotocol/client` 2.x.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::configuration::Configuration;
use keyward_e2e::postgres;

use crate::official_clients::{denied, whole_way, whole_way_stateless};

#[test]
fn whole_way_on_sqlite() -> Result<()> {
    whole_way(Client::TypeScript2, Configuration::sqlite())
}

#[test]
fn whole_way_on_postgres() -> Result<()> {
    whole_way(Client::TypeScript2, Configuration::on(&postgres::new_database()?))
}

#[test]
fn denied_at_the_consent_page() -> Result<()> {
    denied(Client::TypeScript2)
}

#[test]
fn whole_way_without_sessions() -> Result<()> {
    whole_way_stateless(Client::TypeScript2)
}
