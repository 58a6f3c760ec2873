use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use keyward_core::clock::Clock;
use keyward_storage::{Database, StorageConfig};
use serde_json::Value;

use crate::transcript::Desk;

/// A cabinet in which something was done, and a key and a checkpoint that are kept elsewhere.
fn signed() -> Desk {
    let desk = Desk::new();
    desk.run_with("token set coda/api_token", "value", &[]);
    assert_eq!(desk.run("audit key --out kept.pem"), "(exit 0)");
    desk.run_with("token set coda/api_token", "other", &[]);
    assert_eq!(desk.run("audit checkpoint --out kept.jsonl"), "(exit 0)");
    desk
}

const KEPT: &str = "--checkpoint kept.jsonl --public-key kept.pem";

fn change(desk: &Desk, sql: &str) {
    let database = rusqlite::Connection::open(desk.path().join("keyward.db")).expect("the database");
    database.execute_batch(sql).expect("changed by other hands");
}

fn lines(desk: &Desk, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(desk.path().join(name)).expect("a file");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_log_proves_itself_with_what_was_kept_elsewhere() {
    let desk = signed();
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.starts_with("5 records, the chain is whole\n2 checkpoint(s), signed with ak_"), "{told}");
    assert!(told.ends_with(", cover the records up to 5\n(exit 0)"), "{told}");
    let told = desk.run("audit verify");
    assert!(told.contains("only a public key shows that was kept elsewhere: --public-key\n(exit 0)"), "{told}");

    change(&desk, "UPDATE audit_log SET user_email = 'somebody@example.com' WHERE seq = 3");
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.starts_with("record 3: altered (2 records before it are good)\n"), "{told}");
    assert!(told.ends_with("(exit 1)"), "{told}");
    let told = desk.run("audit verify --json");
    assert!(told.contains("\"seq\": 3,\n    \"fault\": \"altered\"") && told.ends_with("(exit 1)"), "{told}");
}

#[test]
fn what_the_log_says_of_itself_is_not_enough_and_a_kept_checkpoint_is() {
    let desk = signed();
    change(
        &desk,
        "DELETE FROM audit_log; DELETE FROM audit_head; DELETE FROM audit_checkpoints; \
         DELETE FROM tokens WHERE service_id = 'keyward'",
    );
    desk.run_with("token set coda/api_token", "third", &[]);
    desk.run("audit key");
    for _ in 0..4 {
        desk.run("token show coda/api_token");
    }
    let told = desk.run("audit verify");
    assert!(told.contains("the chain is whole") && told.ends_with("(exit 0)"), "nothing here tells: {told}");
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.contains("record 5: is not what checkpoint 2 was signed for"), "{told}");
    assert!(told.contains("checkpoint 2: missing"), "{told}");
    assert!(told.ends_with("(exit 1)"), "{told}");
}

#[test]
fn a_forged_checkpoint_and_another_key_are_refused() {
    let desk = signed();
    let kept = std::fs::read_to_string(desk.path().join("kept.jsonl")).expect("a checkpoint");
    desk.write("forged.jsonl", &kept.replace("\"seq\":5", "\"seq\":4"));
    assert_snapshot!(desk.run("audit verify --checkpoint forged.jsonl --public-key kept.pem"), @r"
    keyward: checkpoint 2 has a wrong signature: it is not what Keyward wrote
    (exit 1)
    ");
    let other = signed();
    std::fs::copy(other.path().join("kept.pem"), desk.path().join("other.pem")).expect("copied");
    let told = desk.run("audit verify --public-key other.pem");
    assert!(told.contains("is signed with a key that no checkpoint before it announces\n(exit 1)"), "{told}");
    let told = desk.run("audit verify --checkpoint kept.jsonl --public-key other.pem");
    assert!(told.contains("which is none of the public keys that were given\n(exit 1)"), "{told}");
    assert_snapshot!(desk.run("audit verify --checkpoint kept.pem"), @r"
    keyward: kept.pem
      because: not a checkpoint of an audit log: expected value at line 1 column 1
    (exit 1)
    ");
}

#[test]
fn the_key_changes_and_what_it_signed_stays_good() {
    let desk = signed();
    assert_snapshot!(desk.run("audit key --rotate"), @r"
    keyward: the key is left as it is; say --yes where nobody can be asked
    (exit 1)
    ");
    let told = desk.run("audit key --rotate --yes");
    assert!(told.contains("-----BEGIN PUBLIC KEY-----") && told.ends_with("(exit 0)"), "{told}");
    desk.run("audit checkpoint");
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.contains("4 checkpoint(s), signed with ak_") && told.ends_with("(exit 0)"), "{told}");
    desk.run("audit key --out new.pem");
    let told = desk.run("audit verify --public-key new.pem");
    assert!(told.ends_with("(exit 0)"), "{told}");
    desk.run("audit checkpoint --all --out all.jsonl");
    desk.run("audit export --out export.jsonl");
    let offline = "audit verify --file export.jsonl --checkpoint all.jsonl --public-key kept.pem";
    let told = desk.run(offline);
    assert!(told.ends_with("(exit 0)"), "the old key vouches for the new: {told}");
}

#[test]
fn an_export_proves_itself_where_there_is_no_database() {
    let desk = signed();
    assert_eq!(desk.run("audit export --out export.jsonl"), "(exit 0)");
    let elsewhere = Desk::new();
    for name in ["export.jsonl", "kept.jsonl", "kept.pem"] {
        std::fs::copy(desk.path().join(name), elsewhere.path().join(name)).expect("copied");
    }
    let told = elsewhere.run(&format!("audit verify --file export.jsonl {KEPT}"));
    assert!(told.starts_with("6 records, the chain is whole\n1 checkpoint(s), signed with ak_"), "{told}");
    assert!(told.ends_with("(exit 0)"), "{told}");
    let text = std::fs::read_to_string(elsewhere.path().join("export.jsonl")).expect("an export");
    let second = text.lines().nth(1).expect("a line");
    elsewhere.write("export.jsonl", &text.replace(&format!("{second}\n"), ""));
    assert_snapshot!(elsewhere.run("audit verify --file export.jsonl"), @r"
    record 2: missing (1 records before it are good)
    (exit 1)
    ");
    assert!(!elsewhere.path().join("keyward.db").exists());
}

#[test]
fn records_leave_as_lines_and_tables() {
    let desk = signed();
    desk.run("audit export --action token.put --out puts.jsonl");
    let puts = lines(&desk, "puts.jsonl");
    assert_eq!(
        puts.iter().map(|put| put["token_key"].as_str().expect("a key")).filter(|key| *key == "api_token").count(),
        2
    );
    assert!(puts.iter().all(|put| put["hash"].as_str().is_some_and(|hash| hash.len() == 64)));
    desk.run("audit export --format csv --out records.csv");
    let csv = std::fs::read_to_string(desk.path().join("records.csv")).expect("a table");
    assert!(csv.starts_with("seq,id,created_at,action,result,") && csv.ends_with("\r\n"));
    assert!(csv.contains("\"{\"\"version\"\":1}\""), "{csv}");
    assert_snapshot!(desk.run("audit export --until 2001-01-01"), @"(exit 0)");
    assert_snapshot!(desk.run("audit export --since yesterday"), @r"
    error: invalid value 'yesterday' for '--since <DATE>': not an RFC 3339 date and time

    For more information, try '--help'.
    (exit 2)
    ");
}

#[test]
fn old_records_go_and_the_rest_is_proven() {
    let desk = signed();
    assert_snapshot!(desk.run("audit prune --before 2001-01-01 --yes"), @r"
    No record is older, or no checkpoint covers one that is.
    (exit 0)
    ");
    assert_snapshot!(desk.run("audit prune --before 2100-01-01"), @r"
    keyward: the audit log is left alone; say --yes where nobody can be asked (5 records, 1 to 5)
    (exit 1)
    ");
    assert_snapshot!(desk.run("audit prune --before 2100-01-01 --export removed.jsonl --yes"), @r"
    5 records are removed, 1 to 5; checkpoint 3 says so
    (exit 0)
    ");
    assert_eq!(lines(&desk, "removed.jsonl").len(), 5);
    desk.run("audit checkpoint");
    assert_snapshot!(desk.run("audit prune --before 2100-01-01 --export removed.jsonl --yes"), @r"
    keyward: removed.jsonl is there already: what is removed goes into a new file
    (exit 1)
    ");
    assert_eq!(lines(&desk, "removed.jsonl").len(), 5, "the only copy stays");
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.contains("the chain is whole\nrecords up to 5 were removed, as a signed checkpoint says\n"), "{told}");
    assert!(told.ends_with("(exit 0)"), "{told}");
    let told = desk.run(&format!("audit verify --file removed.jsonl {KEPT}"));
    assert!(told.starts_with("5 records, the chain is whole\n"), "{told}");
    assert!(desk.run("audit list").contains("audit.prune"));

    let damaged = signed();
    change(&damaged, "UPDATE audit_log SET result = 'denied' WHERE seq = 2");
    assert_snapshot!(damaged.run("audit prune --before 2100-01-01 --yes"), @r"
    keyward: record 2 altered: nothing is removed, see `keyward audit verify`
    (exit 1)
    ");
}

#[test]
fn nothing_is_held_while_a_person_is_asked() {
    let desk = signed();
    let url = format!("sqlite:{}", desk.path().join("keyward.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let _held = runtime.block_on(async {
        let config = StorageConfig { url, max_connections: 1 };
        let database = Database::open(&config, Clock::System).await.expect("the database");
        let held = database.try_lock(keyward_storage::audit::KEEPER).await.expect("asked");
        (held.expect("nobody holds it"), database)
    });
    // It is asked about, and left alone, without waiting for whoever makes checkpoints.
    assert_snapshot!(desk.run("audit prune --before 2100-01-01"), @r"
    keyward: the audit log is left alone; say --yes where nobody can be asked (5 records, 1 to 5)
    (exit 1)
    ");
}

/// At a terminal: while somebody thinks about it, more becomes old enough to go, and then some of it is gone already.
#[test]
fn what_goes_is_what_was_asked_about() {
    let desk = signed();
    let mut asked = Asked::prune(&desk);
    assert_eq!(desk.run("audit checkpoint --out later.jsonl"), "(exit 0)");
    let told = asked.answer("y\n");
    assert!(told.contains("5 records are removed, 1 to 5; checkpoint 4 says so"), "{told}");
    let told = desk.run(&format!("audit verify {KEPT}"));
    assert!(told.contains("records up to 5 were removed") && told.ends_with("(exit 0)"), "{told}");

    desk.run("audit checkpoint");
    let mut asked = Asked::prune(&desk);
    assert!(desk.run("audit prune --before 2100-01-01 --yes").ends_with("(exit 0)"));
    let told = asked.answer("y\n");
    assert!(told.contains("another process has removed records meanwhile: nothing more is removed"), "{told}");
    assert!(desk.run("audit verify").ends_with("(exit 0)"));
    let mut asked = Asked::prune(&desk);
    assert!(asked.answer("\n").contains("the audit log is left alone"));
}

/// `keyward audit prune` at a terminal of its own, where it has asked.
struct Asked {
    process: std::process::Child,
    told: String,
}

impl Asked {
    fn prune(desk: &Desk) -> Self {
        let line = format!("{} audit prune --before 2100-01-01", env!("CARGO_BIN_EXE_keyward"));
        let mut process = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .current_dir(desk.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script, which util-linux brings");
        let (mut told, mut byte) = (String::new(), [0]);
        let output = process.stdout.as_mut().expect("its output");
        while !told.ends_with("[y/N] ") {
            output.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error}: {told}"));
            told.push(char::from(byte[0]));
        }
        Self { process, told }
    }

    fn answer(&mut self, answer: &str) -> String {
        let mut input = self.process.stdin.take().expect("its input");
        input.write_all(answer.as_bytes()).expect("answered");
        let output = self.process.stdout.as_mut().expect("its output");
        output.read_to_string(&mut self.told).expect("text");
        drop(input);
        self.process.wait().expect("it ends");
        std::mem::take(&mut self.told)
    }
}

#[test]
fn what_operators_do_is_recorded() {
    let desk = signed();
    desk.write(
        "keyward.toml",
        "[server]\npublic_url = \"https://mcp.example.com\"\n[issuer]\nstatic_tokens = true\n[[servers]]\nid = \"coda\"\npath = \"/coda/mcp\"\n\
         upstream = \"http://127.0.0.1:1/mcp\"\nscopes = [\"coda:read\"]\n",
    );
    for line in [
        "token show coda/api_token",
        "token show coda/api_token --reveal",
        "token delete coda/api_token --yes",
        "user invite --email ada@example.com",
        "client add --name Added --redirect-uri https://client.example/cb",
        "bearer issue --name ci --server coda",
        "audit key --rotate --yes",
        "backup --to file.backup",
    ] {
        let told = desk.run(line);
        assert!(told.ends_with("(exit 0)"), "{line}: {told}");
    }
    desk.run("bearer revoke 00000000-0000-0000-0000-000000000001");
    desk.run("user disable nobody@example.com --yes");
    desk.run("audit export --out export.jsonl");
    let records = lines(&desk, "export.jsonl");
    let acts: BTreeSet<&str> = records.iter().filter_map(|record| record["action"].as_str()).collect();
    let expected = [
        "audit.export",
        "audit.key",
        "backup.create",
        "bearer.issue",
        "bearer.revoke",
        "client.register",
        "key.create",
        "signing_key.create",
        "token.delete",
        "token.open",
        "token.put",
        "token.reveal",
        "user.invite",
    ];
    for action in expected {
        assert!(acts.contains(action), "{action} is not among {acts:?}");
    }
    let client = records.iter().find(|record| record["action"] == "client.register").expect("the client");
    let revoked = desk.run(&format!("client revoke {} --yes", client["client_id"].as_str().expect("an id")));
    assert!(revoked.ends_with("(exit 0)"), "{revoked}");
    assert!(desk.run("audit list --action client.revoke").contains("client.revoke"));
    desk.run("audit checkpoint");
    desk.run("audit prune --before 2100-01-01 --yes");
    assert!(desk.run("audit list").contains("audit.prune"));
}

#[test]
fn no_act_of_an_operator_stands_without_its_record() {
    let desk = signed();
    desk.write("keyward.toml", "[audit]\nmode = \"fail_closed\"\n");
    change(&desk, "CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'no room'); END");
    let state = |desk: &Desk| {
        let database = rusqlite::Connection::open(desk.path().join("keyward.db")).expect("the database");
        ["tokens", "invites", "clients", "users", "bearer_tokens", "data_keys", "signing_keys", "audit_checkpoints"]
            .map(|table| {
                let rows = database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0));
                rows.expect("counted")
            })
    };
    let before = state(&desk);
    for line in [
        "user invite --email ada@example.com",
        "client add --name Added --redirect-uri https://client.example/cb",
        "token show coda/api_token --reveal",
        "audit key --rotate --yes",
        "audit prune --before 2100-01-01 --yes",
        "audit export",
    ] {
        let told = desk.run(line);
        assert!(told.ends_with("(exit 1)") && !told.contains("value"), "{line}: {told}");
    }
    change(&desk, "DROP TRIGGER full");
    assert!(desk.run("user invite --email ada@example.com").ends_with("(exit 0)"));
    let after = state(&desk);
    assert_eq!(
        (before[1] + 1, before[2], before[7]),
        (after[1], after[2], after[7]),
        "refused, and nothing has changed"
    );
    assert!(desk.run("audit verify").ends_with("(exit 0)"));
}
