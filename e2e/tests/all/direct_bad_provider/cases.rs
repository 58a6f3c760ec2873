//! What can be wrong with a provider.

use std::process::Command;

use anyhow::Result;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use keyward_e2e::jwt::{self, SigningKey, encode};
use keyward_e2e::odd_issuer::{Does, OddIssuer};
use keyward_e2e::process;
use keyward_e2e::tls::{Authority, Shown};
use serde_json::{Value, json};

/// One kind of a bad day.
pub(super) struct Case {
    pub(super) what: &'static str,
    /// Whether it is reached by TLS.
    pub(super) tls: bool,
    pub(super) spoil: Box<dyn Fn(&OddIssuer)>,
    /// What stands in the log; nothing when all is well.
    pub(super) said: &'static str,
    /// The state, and the status of calls, where nothing is known from before.
    pub(super) at_start: (&'static str, u16),
    /// The same where it did well before.
    pub(super) serving: (&'static str, u16),
}

/// Who signs certificates: trusted by Keyward, and not.
pub(super) struct Authorities {
    pub(super) trusted: Authority,
    unknown: Authority,
}

impl Authorities {
    pub(super) fn new() -> Result<Self> {
        Ok(Self { trusted: Authority::new("trusted")?, unknown: Authority::new("unknown")? })
    }

    /// A certificate as it should be.
    pub(super) fn good(&self) -> Result<Shown> {
        self.trusted.certificate("localhost", 3000)
    }
}

impl Case {
    /// The whole of it cannot be used: keys from before serve.
    fn failure(what: &'static str, said: &'static str, spoil: impl Fn(&OddIssuer) + 'static) -> Self {
        let (at_start, serving) = (("failing", 503), ("stale", 200));
        Self { what, tls: false, spoil: Box::new(spoil), said, at_start, serving }
    }

    fn metadata(what: &'static str, said: &'static str, does: Does) -> Self {
        Self::failure(what, said, move |issuer| issuer.metadata(does.clone()))
    }

    fn keys(what: &'static str, said: &'static str, does: Does) -> Self {
        Self::failure(what, said, move |issuer| issuer.keys(does.clone()))
    }

    fn tls(what: &'static str, said: &'static str, shown: Shown) -> Self {
        let failure = Self::failure(what, said, move |issuer| issuer.show(shown.clone()));
        Self { tls: true, ..failure }
    }

    /// A key set that is one, and odd: what was known before counts no more.
    fn odd(
        what: &'static str,
        said: &'static str,
        stands: (&'static str, u16),
        set: impl Fn(Vec<Value>) -> Vec<Value> + 'static,
    ) -> Self {
        let spoil = move |issuer: &OddIssuer| issuer.keys(Does::Gives(json!({ "keys": set(jwks(&issuer.key)) })));
        Self { at_start: stands, serving: stands, ..Self::failure(what, said, spoil) }
    }
}

fn jwks(key: &SigningKey) -> Vec<Value> {
    key.jwks()["keys"].as_array().cloned().expect("a key set")
}

/// So many keys with ids of their own.
fn many(number: usize, template: &Value) -> impl Iterator<Item = Value> {
    (0..number).map(move |number| {
        let mut key = template.clone();
        key["kid"] = json!(number.to_string());
        key
    })
}

/// As `Date` has it (RFC 9110 §5.6.7), four minutes after what a test puts the clock on to.
fn minutes_ahead() -> Result<String> {
    let at = format!("@{}", jwt::now() + 3700 + 240);
    let mut date = Command::new("date");
    date.env("LC_ALL", "C").args(["-u", "-d", &at, "+%a, %d %b %Y %H:%M:%S GMT"]);
    Ok(process::run(&mut date, b"")?.succeeded()?.stdout.trim().to_owned())
}

pub(super) fn cases(authorities: &Authorities) -> Result<Vec<Case>> {
    const PAGE: &str = "<!DOCTYPE html><title>Welcome</title>";
    let says = |status, location, body: &str| Does::Says(status, location, body.to_owned());
    let huge = json!({ "keys": [], "issuer": "x".repeat(300 * 1024) });
    let foreign = json!({ "issuer": "https://other.example", "jwks_uri": "https://other.example/jwks" });
    let another = jwks(&SigningKey::generate("known")?);
    let mut nameless = another.clone();
    nameless[0].as_object_mut().expect("a key").remove("kid");
    let template = another[0].clone();
    let ten_thousand: Vec<_> = many(10_000, &template).collect();
    let eleven_hundred: Vec<_> = many(1_099, &template).collect();
    let edwards = Ed25519KeyPair::generate()?;
    let edwards = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "new", "x": encode(edwards.public_key().as_ref()) });
    let (date, impaired) = (minutes_ahead()?, ("impaired", 200));
    let (good, trusted) = (authorities.good()?, &authorities.trusted);
    Ok(vec![
        Case::metadata("metadata: hangs up", "cannot be fetched: the answer broke off or is not HTTP", Does::HangsUp),
        Case::metadata("metadata: an error", "there is no metadata document at", says("500 Oops", "", "")),
        Case::metadata("metadata: a page", "it is a web page, no metadata document", says("200 OK", "", PAGE)),
        Case::metadata("metadata: huge", "the answer is longer than 262144 bytes", Does::Gives(huge)),
        Case::metadata("metadata: another's", "https://other.example", Does::Gives(foreign)),
        Case::metadata("metadata: elsewhere", "which is not followed: set the issuer", says("302 Found", "/else", "")),
        Case::keys("keys: hangs up", "cannot be fetched: the answer broke off or is not HTTP", Does::HangsUp),
        Case::keys("keys: an error", "answered 503 in place of its keys", says("503 Service Unavailable", "", "")),
        Case::keys("keys: a page", "answered a web page in place of its keys", says("200 OK", "", PAGE)),
        Case::keys("keys: none", "has no key that could be used", Does::Gives(json!({ "keys": [] }))),
        Case::keys("keys: ten thousand", "is longer than 262144 bytes", Does::Gives(json!({ "keys": ten_thousand }))),
        Case::keys("keys: elsewhere", "which is not followed: name that as jwks_uri", says("302 Found", "/else", "")),
        Case::odd("keys: two with one id", "several of its keys have the id", ("impaired", 401), move |mut own| {
            own.extend(another.iter().cloned());
            own
        }),
        Case::odd("keys: one without an id", "not all of its keys for ES256 have an id", impaired, move |mut own| {
            own.extend(nameless.iter().cloned());
            own
        }),
        Case::odd("keys: more than are taken", "of which only the first 1024 are taken", impaired, move |mut own| {
            own.extend(eleven_hundred.iter().cloned());
            own
        }),
        Case::odd(
            "keys: another algorithm",
            "and only ES256, RS256 is accepted from it",
            ("failing", 401),
            move |_| vec![edwards.clone()],
        ),
        Case {
            at_start: impaired,
            serving: impaired,
            ..Case::failure("a clock minutes off", "ahead of the clock here: set both by NTP", move |issuer| {
                issuer.keys(Does::GivesWith("Date", date.clone(), issuer.key.jwks()));
            })
        },
        Case {
            at_start: ("ready", 200),
            serving: ("ready", 200),
            ..Case::failure("slow", "", |issuer| issuer.keys(Does::GivesSlowly(issuer.key.jwks())))
        },
        Case::tls("TLS: expired", "the host's certificate has expired", trusted.certificate("localhost", 2020)?),
        Case::tls(
            "TLS: an unknown authority",
            "the host's certificate is from an authority that is not trusted here",
            authorities.unknown.certificate("localhost", 3000)?,
        ),
        Case::tls(
            "TLS: another's name",
            "the host's certificate is not for the name",
            trusted.certificate("other.example", 3000)?,
        ),
        Case::tls("TLS: none", "the host does not speak TLS at this port", None),
        Case { at_start: ("ready", 200), serving: ("ready", 200), ..Case::tls("TLS: as it should be", "", good) },
    ])
}
