//! Providers on a bad day, one of each kind at once: what is wrong stands in the log, in words and once; the state is in
//! `/readyz` and the metrics; and every call that can be verified goes on.

mod cases;

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::jwt;
use keyward_e2e::odd_issuer::{Does, OddIssuer};
use keyward_e2e::wait;
use serde_json::{Value, json};

use self::cases::{Authorities, Case, cases};
use crate::direct::free_address;
use crate::scene::Scene;
use crate::survival_clock::{jump, with_clock};

/// Keyward with a good issuer and one for each case.
struct World {
    scene: Scene,
    metrics: SocketAddr,
    steady: OddIssuer,
    patients: Vec<(Case, OddIssuer)>,
    authorities: Authorities,
    /// By how many seconds the clock was put on.
    ahead: i64,
}

impl World {
    /// `more` are lines of other issuers.
    fn start(spoilt: bool, more: &str) -> Result<Self> {
        let (authorities, metrics) = (Authorities::new()?, free_address()?);
        let issuer = |case: &Case| if case.tls { OddIssuer::with_tls(authorities.good()?) } else { OddIssuer::start() };
        let patients: Vec<_> =
            cases(&authorities)?.into_iter().map(|case| Ok((issuer(&case)?, case))).collect::<Result<_>>()?;
        let patients: Vec<_> = patients.into_iter().map(|(issuer, case)| (case, issuer)).collect();
        let steady = OddIssuer::start()?;
        let trusted = patients.iter().map(|(_, issuer)| format!("[[trusted_issuers]]\n{}\n", issuer.lines()));
        let sections = format!("{}{more}[metrics]\nlisten = \"{metrics}\"\n", trusted.collect::<String>());
        if spoilt {
            patients.iter().for_each(|(case, issuer)| (case.spoil)(issuer));
        }
        let lines = format!("{}\nstatic_tokens = false", steady.lines());
        let scene = Scene::with(Configuration::sqlite().issuer(&lines).section(&sections), |keyward| {
            with_clock(keyward)?;
            std::fs::write(keyward.path("authorities.pem"), authorities.trusted.pem())?;
            keyward.set_environment("SSL_CERT_FILE", "authorities.pem");
            Ok(())
        })?;
        Ok(Self { scene, metrics, steady, patients, authorities, ahead: 0 })
    }

    fn pass(&mut self, seconds: i64) -> Result<()> {
        self.ahead += seconds;
        jump(&self.scene.keyward, &format!("+{}", self.ahead))
    }

    /// The status of a call with a token of this issuer's that was not seen before.
    fn call(&self, issuer: &OddIssuer) -> Result<u16> {
        self.scene.status_with(&issuer.token(&self.scene.resource(), jwt::now() + self.ahead)?)
    }

    /// The lines about this issuer that say that something is wrong, without their times.
    fn warnings(&self, issuer: &str) -> Vec<String> {
        let written = self.scene.keyward.written();
        let warnings = written.lines().filter_map(|line| line.split_once(" WARN ")).map(|(_, said)| said);
        warnings.filter(|said| said.contains(&format!("issuer=\"{issuer}\""))).map(str::to_owned).collect()
    }

    fn is_told(&self, issuer: &str, said: &str) -> bool {
        said.is_empty() || self.warnings(issuer).iter().any(|line| line.contains(said))
    }

    fn metric(&self, line: &str) -> Result<bool> {
        let metrics = Request::get("/metrics").send(self.metrics)?.text();
        Ok(metrics.lines().any(|own| own == line))
    }

    fn readyz(&self) -> Result<(u16, Value)> {
        let answer = self.scene.keyward.send(&Request::get("/readyz"))?;
        Ok((answer.status, answer.json()?))
    }

    /// By the metrics, and by `/readyz` unless it is as it should be.
    fn stands(&self, issuer: &str, state: &str) -> Result<()> {
        let line = format!("keyward_issuer_state{{issuer=\"{issuer}\",state=\"{state}\"}} 1");
        wait::until(&line, || Ok(self.metric(&line)?.then_some(())))?;
        let (status, ready) = self.readyz()?;
        let told = ready["issuers"].as_array().cloned().unwrap_or_default();
        let listed = told.iter().find(|it| it["issuer"] == issuer).map(|it| it["state"].as_str().unwrap_or_default());
        let expected = (state != "ready").then_some(state);
        ensure!((status, listed) == (200, expected), "{issuer} should be {expected:?}: {status} {ready}");
        Ok(())
    }

    /// Log, state and calls are as they should be for all of them.
    fn all_stand(&self, how: impl Fn(&Case) -> (&'static str, u16)) -> Result<()> {
        for (case, issuer) in &self.patients {
            let (state, status) = how(case);
            let checked = || -> Result<()> {
                wait::until(case.said, || {
                    self.call(issuer)?;
                    Ok(self.is_told(&issuer.issuer, case.said).then_some(()))
                })
                .with_context(|| format!("the log has {:#?}", self.warnings(&issuer.issuer)))?;
                self.stands(&issuer.issuer, state)?;
                ensure!(self.call(issuer)? == status, "the call is to be answered with {status}");
                Ok(())
            };
            checked().with_context(|| case.what)?;
            ensure!(self.call(&self.steady)? == 200, "{}: another issuer's calls go on", case.what);
        }
        self.stands(&self.steady.issuer, "ready")
    }

    /// All is well again, and nothing was said twice meanwhile.
    fn heal(&self) -> Result<()> {
        for (case, issuer) in &self.patients {
            let said = self.warnings(&issuer.issuer);
            let twice = said.iter().enumerate().find(|(index, line)| said[..*index].contains(line));
            ensure!(twice.is_none(), "{}: said again: {said:#?}", case.what);
            issuer.behave();
            if case.tls {
                issuer.show(self.authorities.good()?);
            }
        }
        Ok(())
    }

    fn all_are_well(&self) -> Result<()> {
        for (case, issuer) in &self.patients {
            wait::until("it to be well", || Ok((self.call(issuer)? == 200).then_some(())))?;
            self.stands(&issuer.issuer, "ready").context(case.what)?;
        }
        Ok(())
    }
}

#[test]
fn direct_provider_is_bad_from_the_start() -> Result<()> {
    let (away, silent) = (format!("http://{}", free_address()?), OddIssuer::start()?);
    silent.metadata(Does::Nothing);
    let lines = [format!("kind = \"oidc\"\nissuer = {away:?}"), silent.lines()];
    let mut world = World::start(true, &lines.map(|lines| format!("[[trusted_issuers]]\n{lines}\n")).concat())?;
    world.stands(&world.steady.issuer, "ready")?;
    world.stands(&away, "failing")?;
    ensure!(world.is_told(&away, "no connection to the host: Connection refused"), "{:?}", world.warnings(&away));
    world.all_stand(|case| case.at_start)?;
    assert_eq!(world.call(&silent)?, 503, "nobody waits for it for ever");
    wait::until("the silent one to be given up", || {
        Ok(world.is_told(&silent.issuer, "no complete answer in time").then_some(()))
    })?;
    world.stands(&silent.issuer, "failing")?;
    world.heal()?;
    // Odd keys come to their end, too.
    world.pass(3700)?;
    world.all_are_well()
}

#[test]
fn direct_provider_goes_bad_while_serving() -> Result<()> {
    let mut world = World::start(false, "")?;
    world.all_are_well()?;
    world.patients.iter().for_each(|(case, issuer)| (case.spoil)(issuer));
    // Metadata and keys come to their end.
    world.pass(3700)?;
    world.all_stand(|case| case.serving)?;
    let (_, other_clock) =
        world.patients.iter().find(|(case, _)| case.what == "a clock minutes off").context("none")?;
    let line = format!("keyward_issuer_clock_ahead_seconds{{issuer=\"{}\"}} ", other_clock.issuer);
    let metrics = Request::get("/metrics").send(world.metrics)?.text();
    let ahead = metrics.lines().find_map(|own| own.strip_prefix(&line)).context(line)?;
    ensure!((200..=250).contains(&ahead.parse::<i64>()?), "{ahead}");
    world.heal()?;
    world.pass(3700)?;
    world.all_are_well()
}

#[test]
fn direct_nobody_can_be_verified() -> Result<()> {
    let issuer = OddIssuer::start()?;
    issuer.metadata(Does::Says("500 Internal Server Error", "", String::new()));
    let lines = format!("{}\nstatic_tokens = false", issuer.lines());
    let scene = Scene::new(Configuration::sqlite().issuer(&lines))?;
    let ready = || scene.keyward.send(&Request::get("/readyz"));
    let failing = json!([{ "issuer": issuer.issuer, "state": "failing" }]);
    let told = wait::until("the failure", || {
        let answer = ready()?;
        assert_eq!(answer.status, 503, "{}", answer.text());
        let told = answer.json()?;
        Ok((told["issuers"] == failing).then_some(told))
    })?;
    assert_eq!(told, json!({ "status": "unavailable", "part": "issuers", "issuers": failing }));
    issuer.behave();
    wait::until("it to be ready", || Ok((ready()?.status == 200).then_some(())))?;
    assert_eq!(ready()?.json()?, json!({ "status": "ok" }));
    assert_eq!(scene.status_with(&issuer.token(&scene.resource(), jwt::now())?)?, 200);
    Ok(())
}
