//! Upkeep with real programs as hooks.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use keyward_outbound::{Client, ClientConfig, Guard, TlsConnector};
use keyward_storage::token_upkeep::{Failures, failures};

use super::*;
use crate::hook::{Hook, HookKind};
use crate::testing::{Ground, grounds, name, token};
use crate::{Environment, Expected};

const DAY: Duration = Duration::from_secs(86_400);
const LONG: Duration = Duration::from_secs(20);

/// A folder with a program in it.
struct Program(tempfile::TempDir);

impl Program {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("hook");
        std::fs::write(&path, format!("#!/bin/sh\ncd '{}'\n{script}\n", folder.path().display())).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("executable");
        Self(folder)
    }

    fn hook(&self) -> Hook {
        let kind = HookKind::Command {
            // By the shell: a file that was just written may still be open in a sibling that a test forks.
            argv: ["/bin/sh", &self.0.path().join("hook").display().to_string(), "an argument"]
                .map(str::to_owned)
                .into(),
            environment: vec!["PASSED".to_owned()],
        };
        Hook { kind, timeout: LONG }
    }

    fn wrote(&self, file: &str) -> String {
        std::fs::read_to_string(self.0.path().join(file)).unwrap_or_default()
    }

    fn calls(&self) -> usize {
        self.wrote("calls").lines().count()
    }

    fn rule(&self) -> RotationRule {
        RotationRule {
            token: name("coda/key"),
            every: Some(DAY),
            before_expiry: None,
            grace: Duration::from_secs(600),
            hook: self.hook(),
            gives_current: false,
            check: None,
        }
    }
}

fn runner() -> HookRunner {
    let config = ClientConfig { guard: Guard::Any, ..ClientConfig::default() };
    let environment = Environment::of([("PASSED", "passed on"), ("SECRET", "kept back")]);
    HookRunner { environment, client: Client::new(config, TlsConnector::system()) }
}

async fn upkeep(ground: &Ground, rules: Vec<RotationRule>, reminders: Reminders) -> Upkeep {
    Upkeep { vault: ground.vault().await, runner: runner(), rules, reminders }
}

async fn current(vault: &Vault) -> (String, i64) {
    let opened = vault.get(&name("coda/key")).await.expect("get").expect("a token");
    (opened.value.expose_text().expect("text").to_owned(), opened.version)
}

async fn put(vault: &Vault, value: &str) {
    vault.put(&name("coda/key"), &token(value), Expected::Absent).await.expect("put");
}

async fn told(ground: &Ground, action: &str) -> Vec<String> {
    let records = ground.audited().await.into_iter().filter(|record| record.action == action);
    records.map(|record| format!("{} {}", record.result, record.detail.unwrap_or_default())).collect()
}

#[tokio::test]
async fn a_due_token_is_rotated_and_no_other() {
    for ground in grounds().await {
        let program = Program::new("env > env; echo \"$@\" > args; cat > stdin; echo new-value; echo secret >&2");
        let upkeep = upkeep(&ground, vec![program.rule()], Reminders::default()).await;
        upkeep.look(false).await;
        let labels = [("team".to_owned(), "search".to_owned())].into();
        upkeep.vault.put(&name("coda/key"), &token("old").labels(labels), Expected::Absent).await.expect("put");
        upkeep.look(false).await;
        assert_eq!(current(&upkeep.vault).await, ("old".to_owned(), 1), "it is not time");
        ground.clock.advance(DAY);
        upkeep.look(false).await;
        upkeep.look(false).await;
        assert_eq!(current(&upkeep.vault).await, ("new-value".to_owned(), 2), "once");
        assert_eq!(upkeep.vault.earlier(&name("coda/key")).await.expect("earlier").expect("kept").version, 1);
        let entry = upkeep.vault.entry(&name("coda/key")).await.expect("entry").expect("there");
        assert_eq!(entry.labels["team"], "search");
        assert_eq!((program.wrote("args").trim(), &*program.wrote("stdin")), ("an argument", ""));
        let env = program.wrote("env");
        assert!(env.contains("PASSED=passed on") && !env.contains("kept back"), "{env}");
        assert!(env.contains(r#"KEYWARD_HOOK={"event":"rotate","token":"coda/key","version":1}"#), "{env}");
        assert_eq!(told(&ground, "token.rotate").await, [r#"ok {"version":2}"#]);
    }
}

#[tokio::test]
async fn what_ends_soon_is_due_too() {
    for ground in grounds().await {
        let program = Program::new("echo new");
        let rule = RotationRule { every: None, before_expiry: Some(DAY), ..program.rule() };
        let upkeep = upkeep(&ground, vec![rule], Reminders::default()).await;
        let ends = token("old").expires_at(ground.clock.now().plus(3 * DAY));
        upkeep.vault.put(&name("coda/key"), &ends, Expected::Absent).await.expect("put");
        for (days, version) in [(1, 1), (1, 2), (10, 2)] {
            ground.clock.advance(days * DAY);
            upkeep.look(false).await;
            assert_eq!(current(&upkeep.vault).await.1, version);
        }
    }
}

#[tokio::test]
async fn the_current_value_is_given_on_request_and_never_as_an_argument() {
    for ground in grounds().await {
        let json = r#"printf '{"value": "%s+", "expires_at": "2030-01-01T00:00:00Z"}' "$(cat)""#;
        let program = Program::new(&format!("echo \"$@\" > args; env > env; {json}"));
        let rule = RotationRule { gives_current: true, ..program.rule() };
        let vault = ground.vault().await;
        put(&vault, "old-value").await;
        assert_eq!(vault.rotate_by_hook(&runner(), &rule).await.expect("rotated"), 2);
        let opened = vault.get(&name("coda/key")).await.expect("get").expect("a token");
        assert_eq!(opened.value.expose_text(), Some("old-value+"));
        assert_eq!(opened.expires_at, "2030-01-01T00:00:00Z".parse().ok());
        assert!(!program.wrote("args").contains("old-value") && !program.wrote("env").contains("old-value"));
    }
}

#[tokio::test]
async fn a_hook_that_fails_leaves_the_old_version_and_is_tried_later() {
    for ground in grounds().await {
        let program = Program::new("echo x >> calls; echo a-secret; echo a-secret >&2; test -e works || exit 3");
        let upkeep = upkeep(&ground, vec![program.rule()], Reminders::default()).await;
        put(&upkeep.vault, "old").await;
        ground.clock.advance(DAY);
        for (seconds, calls) in [(0, 1), (0, 1), (29, 1), (1, 2), (59, 2), (1, 3)] {
            ground.clock.advance(Duration::from_secs(seconds));
            upkeep.look(false).await;
            assert_eq!(program.calls(), calls, "each pause is twice as long");
        }
        assert_eq!(current(&upkeep.vault).await, ("old".to_owned(), 1));
        let records = told(&ground, "token.rotate").await;
        assert_eq!(records.len(), 3);
        assert!(records[0].starts_with("failed") && records[0].contains("exit status: 3"), "{records:?}");
        assert!(!format!("{records:?}").contains("a-secret"));
        std::fs::write(program.0.path().join("works"), "").expect("written");
        ground.clock.advance(Duration::from_secs(120));
        upkeep.look(false).await;
        assert_eq!(current(&upkeep.vault).await, ("a-secret".to_owned(), 2));
        assert_eq!(failures(&ground.db, "coda", "key").await.expect("read"), Failures::default());
    }
}

#[tokio::test]
async fn what_a_hook_may_not_give_is_told_and_not_stored() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        put(&vault, "old").await;
        for (script, timeout, why) in [
            ("true", LONG, "gave no new value: the answer has no value"),
            ("echo '{\"valu\": \"x\"}'", LONG, "the answer begins with {"),
            ("echo old", LONG, "gave the value that is there already"),
            ("head -c 2000000 /dev/zero | tr '\\0' x", LONG, "can have 1048576 bytes at most"),
            ("exec cat /dev/zero", LONG, "it wrote more than any token has"),
            ("sleep 600 & sleep 600", Duration::from_millis(300), "it took longer than"),
        ] {
            let program = Program::new(script);
            let mut rule = program.rule();
            rule.hook.timeout = timeout;
            let told = vault.rotate_by_hook(&runner(), &rule).await.expect_err(script).to_string();
            assert!(told.contains(why), "{script}: {told}");
        }
        let program = Program::new("true");
        let mut rule = program.rule();
        rule.hook.kind = HookKind::Command { argv: vec!["/nowhere/hook".to_owned()], environment: Vec::new() };
        let told = vault.rotate_by_hook(&runner(), &rule).await.expect_err("no program").to_string();
        assert!(told.contains("the program /nowhere/hook cannot be started"), "{told}");
        assert_eq!(current(&vault).await, ("old".to_owned(), 1));
    }
}

/// A hook that says that it was asked, and gives its value when it may.
const HELD: &str = "echo x >> calls; while ! test -e go; do sleep 0.01; done; echo a-secret";

impl Program {
    fn go(&self) {
        std::fs::write(self.0.path().join("go"), "").expect("written");
    }

    async fn asked(&self) {
        while self.calls() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Rotates by this hook; the store goes away while that works.
async fn rotated_without_a_store(
    ground: &Ground,
    program: &Program,
) -> tokio::task::JoinHandle<Result<i64, RotationError>> {
    let (vault, rule) = (ground.vault().await, program.rule());
    let rotation = tokio::spawn(async move { vault.rotate_by_hook(&runner(), &rule).await });
    program.asked().await;
    ground.db.execute("ALTER TABLE tokens RENAME TO tokens_gone", &[]).await.expect("taken away");
    program.go();
    while told(ground, "token.rotate").await.is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rotation
}

#[tokio::test]
async fn what_a_hook_gave_is_held_on_to_while_the_store_is_away() {
    for ground in grounds().await {
        let program = Program::new(HELD);
        put(&ground.vault().await, "old").await;
        let rotation = rotated_without_a_store(&ground, &program).await;
        ground.db.execute("ALTER TABLE tokens_gone RENAME TO tokens", &[]).await.expect("brought back");
        assert_eq!(rotation.await.expect("joined").expect("rotated"), 2);
        assert_eq!(current(&ground.vault().await).await, ("a-secret".to_owned(), 2));
        assert_eq!(program.calls(), 1, "nobody was asked for another");
        let records = told(&ground, "token.rotate").await;
        assert_eq!(records.last().map(String::as_str), Some(r#"ok {"version":2}"#), "{records:?}");
    }
}

#[tokio::test]
async fn a_value_that_is_lost_is_told_of_and_not_told() {
    for ground in grounds().await {
        // Keyward stops while it waits for the store.
        let program = Program::new(HELD);
        put(&ground.vault().await, "old").await;
        let rotation = rotated_without_a_store(&ground, &program).await;
        rotation.abort();
        assert!(rotation.await.expect_err("stopped").is_cancelled());
        ground.db.execute("ALTER TABLE tokens_gone RENAME TO tokens", &[]).await.expect("brought back");
        let lost = "failed {\"reason\":\"the hook gave a new value, which is not stored; the service may take nothing else by \
                    now: Keyward was stopped";
        let records = told(&ground, "token.rotate").await;
        assert!(records.last().is_some_and(|record| record.starts_with(lost)), "{records:?}");
        // Somebody puts in another meanwhile: that one stays.
        let program = Program::new(HELD);
        let (vault, rule) = (ground.vault().await, program.rule());
        let rotation = tokio::spawn(async move { vault.rotate_by_hook(&runner(), &rule).await });
        program.asked().await;
        ground.vault().await.put(&name("coda/key"), &token("by hand"), Expected::Anything).await.expect("put");
        program.go();
        let refused = rotation.await.expect("joined").expect_err("another is there");
        assert!(matches!(&refused, RotationError::NotStored { .. }), "{refused}");
        assert_eq!(current(&ground.vault().await).await, ("by hand".to_owned(), 2));
        let records = told(&ground, "token.rotate").await;
        assert!(
            records.last().is_some_and(|record| record.contains("the service may take nothing else")),
            "{records:?}"
        );
        assert!(!format!("{records:?} {refused}").contains("a-secret"));
    }
}

#[tokio::test]
async fn a_value_that_json_cannot_carry_is_not_left_out() {
    for ground in grounds().await {
        let vault = ground.vault().await;
        let bytes = crate::NewToken::new(keyward_core::secret::Secret::new(b"\xff\0".to_vec())).expect("a value");
        vault.put(&name("coda/key"), &bytes, Expected::Absent).await.expect("put");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/", listener.local_addr().expect("an address")).parse().expect("a URL");
        let hook = Hook { kind: HookKind::Http { url, authorization: None }, timeout: LONG };
        let rule = RotationRule { hook, gives_current: true, ..Program::new("").rule() };
        let refused = vault.rotate_by_hook(&runner(), &rule).await.expect_err("no text").to_string();
        assert!(refused.contains("is not UTF-8 text"), "{refused}");
        let called = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(called.is_err(), "nothing was sent");
    }
}

#[tokio::test]
async fn several_processes_rotate_once() {
    for ground in grounds().await {
        let program = Program::new("echo x >> calls; sleep 0.3; echo new");
        put(&ground.vault().await, "old").await;
        ground.clock.advance(DAY);
        let mut processes = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let (vault, rules, runner) = (ground.vault_of_another_process().await, vec![program.rule()], runner());
            processes.spawn(async move {
                Upkeep { vault, runner, rules, reminders: Reminders::default() }.look(false).await;
            });
        }
        processes.join_all().await;
        assert_eq!(program.calls(), 1);
        assert_eq!(current(&ground.vault().await).await, ("new".to_owned(), 2));
    }
}

#[tokio::test]
async fn people_are_reminded_once_at_each_time() {
    for ground in grounds().await {
        let program = Program::new("printf '%s\\n' \"$KEYWARD_HOOK\" >> calls");
        let reminders = Reminders { before: vec![14 * DAY, 3 * DAY, DAY], hook: Some(program.hook()) };
        let upkeep = upkeep(&ground, Vec::new(), reminders).await;
        let end = ground.clock.now().plus(20 * DAY);
        upkeep.vault.put(&name("coda/key"), &token("x").expires_at(end), Expected::Absent).await.expect("put");
        upkeep.vault.put(&name("coda/lasting"), &token("x"), Expected::Absent).await.expect("put");
        let mut counts = Vec::new();
        for days in [0, 6, 1, 10, 0, 2, 1, 5] {
            ground.clock.advance(days * DAY);
            upkeep.look(true).await;
            counts.push(program.calls());
        }
        assert_eq!(counts, [0, 1, 1, 2, 2, 3, 4, 4], "at 14, 3 and 1 days, and at the end");
        assert!(program.wrote("calls").starts_with(r#"{"event":"expiry","expires_at":"#));
        assert_eq!(told(&ground, "token.remind").await.len(), 4);
        // A new end is reminded of anew.
        let end = ground.clock.now().plus(DAY);
        upkeep.vault.put(&name("coda/key"), &token("y").expires_at(end), Expected::Anything).await.expect("put");
        upkeep.look(true).await;
        assert_eq!(program.calls(), 5);
    }
}

#[tokio::test]
async fn versions_whose_grace_ended_are_swept() {
    for ground in grounds().await {
        let upkeep = upkeep(&ground, Vec::new(), Reminders::default()).await;
        for value in ["a", "b"] {
            let new = token(value).grace(Duration::from_secs(60));
            upkeep.vault.put(&name("coda/key"), &new, Expected::Anything).await.expect("put");
        }
        upkeep.look(false).await;
        ground.clock.advance(Duration::from_secs(60));
        upkeep.look(false).await;
        upkeep.look(false).await;
        assert_eq!(told(&ground, "token.sweep").await, [r#"ok {"versions":1}"#]);
    }
}
