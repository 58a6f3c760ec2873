//! The official conformance suite against a conforming server, straight and through Keyward: the same checks end the same.

use anyhow::Result;
use keyward_e2e::configuration::{Configuration, Server};
use keyward_e2e::conformance::{self, Relay};
use keyward_e2e::keyward::Keyward;
use keyward_e2e::upstream::program;

#[test]
fn revision_2025_11_25_is_the_same_through_keyward() -> Result<()> {
    same_through_keyward("2025-11-25", 30)
}

#[test]
fn revision_2026_07_28_is_the_same_through_keyward() -> Result<()> {
    same_through_keyward("2026-07-28", 37)
}

fn same_through_keyward(revision: &str, scored: usize) -> Result<()> {
    let direct = program::conforming()?;
    let straight = conformance::server(&direct.url, revision)?;
    assert_eq!(straight.exit_code(), Some(0), "{:#}", straight.answer);
    assert!(straight.statuses().len() >= scored, "{} scenarios ran", straight.statuses().len());

    // A server of its own: the suite leaves sessions and state behind.
    let behind = program::conforming()?;
    let keyward = Keyward::started(&Configuration::sqlite().behind(&Server::new("conforming", &behind.url)))?;
    let bearer = keyward.issue_bearer("conforming", &["conforming:read"])?;
    let relay = Relay::start(&keyward.resource("conforming"), &bearer)?;
    let through = conformance::server(&relay.url, revision)?;

    for (scenario, checks) in straight.statuses() {
        let relayed = through.statuses().get(&scenario).cloned().unwrap_or_default();
        assert_eq!(relayed, checks, "{scenario}: {:#}", through.answer["scenarios"][&scenario]);
    }
    assert_eq!(through.statuses().len(), straight.statuses().len());
    assert_eq!(through.exit_code(), Some(0), "{:#}", through.answer);
    Ok(())
}
