//! `rmcp`, the official Rust SDK.

use anyhow::Result;
use keyward_e2e::client::Client;
use keyward_e2e::configuration::Configuration;
use keyward_e2e::postgres;

use crate::official_clients::{denied, whole_way};

#[test]
fn whole_way_on_sqlite() -> Result<()> {
    whole_way(Client::Rmcp, Configuration::sqlite())
}

#[test]
fn whole_way_on_postgres() -> Result<()> {
    whole_way(Client::Rmcp, Configuration::on(&postgres::new_database()?))
}

#[test]
fn denied_at_the_consent_page() -> Result<()> {
    denied(Client::Rmcp)
}
