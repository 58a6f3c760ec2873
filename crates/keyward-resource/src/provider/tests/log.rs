//! What is logged: changes, not calls.

use std::fmt::Debug;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;

/// Keeps the events of this crate that people see, of all tests: one subscriber of a thread would not see events whose
/// place another thread came by first.
struct Lines;

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// Those of this issuer since the last time.
fn lines(issuer: &str) -> Vec<String> {
    let mut all = LINES.lock().expect("the lines");
    all.extract_if(.., |line| line.issuer == issuer).map(|line| line.text).collect()
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO && metadata.target().starts_with("keyward_resource")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { issuer: String::new(), text: event.metadata().level().to_string() };
        event.record(&mut line);
        LINES.lock().expect("the lines").push(line);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line {
    issuer: String,
    text: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "issuer" {
            self.issuer = format!("{value:?}").trim_matches('"').to_owned();
        }
        if matches!(field.name(), "message" | "what" | "reason" | "note") {
            self.text.push_str(&format!(" {value:?}"));
        }
    }
}

#[tokio::test]
async fn a_change_is_logged_and_nothing_else() {
    tracing::subscriber::set_global_default(Lines).expect("the only subscriber");
    let (host, key) = (Host::start().await, signer("twice"));
    host.issuer(&[key.jwk(), signer("twice").jwk()]);
    let world = World::with(ProviderConfig { jwks_uri: Some(host.url("/jwks")), ..config(&host.origin) }, client());
    for _ in 0..3 {
        assert_eq!(world.call(&key).await, Err(TokenError::Key));
        world.seconds_pass(10);
    }
    let note = "\"several of its keys have the id \\\"twice\\\": tokens that name it are refused\"";
    assert_eq!(
        lines(&host.origin),
        ["INFO the issuer answers \"keys\"".to_owned(), format!("WARN the issuer's keys are odd {note}"),]
    );
    host.answer("/jwks", "500 Oops", "");
    for _ in 0..3 {
        assert_eq!(world.call(&key).await, Err(TokenError::KeysUnavailable));
        world.seconds_pass(10);
    }
    let reason = format!("\"{}/jwks answered 500 in place of its keys\"", host.origin);
    assert_eq!(lines(&host.origin), [format!("WARN nothing usable from the issuer \"keys\" {reason}")]);
    host.json("/jwks", &json!({ "keys": [key.jwk()] }));
    assert_eq!(
        (world.call(&key).await, lines(&host.origin)),
        (Ok(()), vec!["INFO the issuer answers again \"keys\"".to_owned()])
    );
}
