//! People with accounts.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::keyward::Keyward;
use crate::page::{Browser, form_with};
use crate::process::{self, Ended};
use crate::workspace;

/// Somebody with an account.
#[derive(Clone, Debug)]
pub struct Person {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
}

impl Person {
    /// As the rig's programs take a person who says yes.
    pub fn script(&self) -> Value {
        json!({ "email": self.email, "password": self.password, "decision": "allow" })
    }
}

fn somebody() -> Person {
    Person { email: "ada@example.com".into(), password: "correct horse battery staple".into() }
}

/// A one-time link to make an account.
pub fn invite(keyward: &Keyward, person: &Person) -> Result<String> {
    let output = keyward.run_ok(&["user", "invite", "--email", &person.email, "--admin"], "")?;
    link_in(&output)
}

/// The one-time link in what Keyward printed.
pub fn link_in(output: &str) -> Result<String> {
    let words = output.split_whitespace();
    let link = words.into_iter().find(|word| word.starts_with("http") && word.contains("/invite/"));
    link.map(str::to_owned).with_context(|| format!("no one-time link in: {output}"))
}

/// Makes an account in Chromium.
pub fn create_account(keyward: &Keyward) -> Result<Person> {
    let person = somebody();
    let link = invite(keyward, &person)?;
    create_account_at(&link, keyward.url(), &person)?;
    Ok(person)
}

/// Makes an account in Chromium, by this one-time link.
pub fn create_account_at(link: &str, url: &str, person: &Person) -> Result<Value> {
    let ride = json!({
        "start": link, "until": format!("{url}/account"), "email": person.email, "password": person.password,
    });
    let answer = ride_through(&ride)?.succeeded()?.json_lines()?.pop().context("no answer")?;
    let kinds: Vec<&Value> = answer["pages"].as_array().into_iter().flatten().map(|page| &page["kind"]).collect();
    ensure!(kinds == ["account", "end"], "went through {answer}");
    ensure!(answer["console"] == json!([]), "the browser's console says {}", answer["console"]);
    Ok(answer)
}

/// Sends Chromium through pages; see `browser.mjs` for what to ask.
pub fn ride_through(ride: &Value) -> Result<Ended> {
    let mut browser = std::process::Command::new(workspace::node()?);
    process::run(browser.arg(workspace::node_program("browser.mjs")).arg("-"), ride.to_string().as_bytes())
}

/// Makes an account without Chromium, for tests of other things; the browser is logged in.
pub fn sign_up(keyward: &Keyward) -> Result<(Person, Browser)> {
    let person = somebody();
    let link = invite(keyward, &person)?;
    let mut browser = Browser::new(keyward.address(), keyward.url())?;
    let page = browser.get(&link)?;
    let form = form_with(&page, "password_again")?
        .with("email", &person.email)
        .with("password", &person.password)
        .with("password_again", &person.password);
    let answer = browser.submit(&form)?;
    ensure!(answer.status == 303, "making an account: {} {}", answer.status, answer.text());
    Ok((person, browser))
}
