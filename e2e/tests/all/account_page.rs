//! The page on which people see what they have connected, in Chromium.

use anyhow::{Context, Result};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::oauth::Client;
use keyward_e2e::person::{ride_through, sign_up};
use serde_json::{Value, json};

use crate::scene::Scene;

#[test]
fn a_connection_can_be_ended_and_the_session_too() -> Result<()> {
    let scene = Scene::new(Configuration::sqlite())?;
    let (person, mut browser) = sign_up(&scene.keyward)?;
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &scene.resource(), "notes:read")?;
    assert_eq!(scene.status_with(&tokens.access)?, 200);

    let account = format!("{}/account", scene.keyward.url());
    let ride = json!({
        "start": account, "email": person.email, "password": person.password,
        "click": ["form[data-grant] button", "form[action=\"/logout\"] button"],
    });
    let answer = ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")?;
    let pages = answer["pages"].as_array().context("pages")?;
    let kinds: Vec<&Value> = pages.iter().map(|page| &page["kind"]).collect();
    assert_eq!(kinds, ["login", "end", "end", "login", "end"], "logged out, one has to log in again: {answer:#}");
    assert_eq!(answer["console"], json!([]), "a policy of a page was violated, or something was not found");

    assert_eq!(scene.status_with(&tokens.access)?, 401, "at once");
    let refreshed = client.token(&client.refreshing(&tokens.refresh))?;
    assert_eq!(refreshed.json()?["error"], "invalid_grant");
    assert_eq!(browser.get("/account")?.status, 200, "the session of the other browser goes on");
    Ok(())
}
