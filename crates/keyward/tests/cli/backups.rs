use insta::assert_snapshot;

use crate::transcript::Desk;

/// A cabinet with one token in it.
fn desk() -> Desk {
    let desk = Desk::new();
    desk.run_with("token set coda/api_token", "a-value-worth-keeping", &[]);
    desk
}

/// What a command prints, without the counts that grow with the schema.
fn run(desk: &Desk, line: &str) -> String {
    let text = desk.run(line);
    let words: Vec<&str> = text.split(' ').collect();
    let mut shown = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let before = at.checked_sub(1).map_or("", |before| words[before]);
        let counts = matches!(next, "rows" | "tables," | "lines,") || matches!(before, "line" | "version");
        let ending = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
        shown.push(if counts && ending != *word { format!("N{ending}") } else { (*word).to_owned() });
    }
    let text = shown.join(" ");
    match text.split_once(".replaced-") {
        Some((before, after)) => format!("{before}.replaced-TIME{}", &after[16..]),
        None => text,
    }
}

#[test]
fn a_backup_is_taken_checked_and_restored() {
    let desk = desk();
    assert_snapshot!(run(&desk, "backup --to today.backup"), @r"
    today.backup: N rows in N tables, schema version N, of <-------time------->
    sha256 <----------------------------sha256---------------------------->
    (exit 0)
    ");
    assert_snapshot!(run(&desk, "backup --to today.backup"), @r"
    keyward: today.backup is there already; say --overwrite to replace it
    (exit 1)
    ");
    assert_snapshot!(run(&desk, "backup verify today.backup"), @r"
    today.backup is whole: N rows in N tables, schema version N, of <-------time------->
    sha256 <----------------------------sha256---------------------------->
    (exit 0)
    ");
    assert_snapshot!(run(&desk, "restore today.backup"), @r"
    keyward: today.backup
      because: the database is not empty: the table audit_head has rows; nothing was changed
    (exit 1)
    ");
    assert_snapshot!(run(&desk, "restore today.backup --replace"), @r"
    keyward: keyward.db is left alone; say --yes where nobody can be asked
    (exit 1)
    ");
    assert_snapshot!(desk.run("token set coda/api_token --file today.backup"), @r"
    coda/api_token is stored (version 2)
    (exit 0)
    ");
    assert_snapshot!(run(&desk, "restore today.backup --replace --yes"), @r"
    Restored: N rows in N tables, schema version N, of <-------time------->
    sha256 <----------------------------sha256---------------------------->
    The database that was there is now keyward.db.replaced-TIME
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token --reveal"), @r"
    a-value-worth-keeping
    (exit 0)
    ");
    assert_snapshot!(desk.run("audit list"), @r#"
    SEQ  TIME                  ACTION          RESULT  SERVICE  TOKEN      USER  CLIENT  DETAIL
    5    <-------time------->  token.reveal    ok      coda     api_token  -     -       {"version":1}
    4    <-------time------->  backup.restore  ok      -        -          -     -       {"of":"<----------time----------->","sha256":"<----------------------------sha256---------------------------->"}
    3    <-------time------->  backup.create   ok      -        -          -     -       -
    2    <-------time------->  token.put       ok      coda     api_token  -     -       {"version":1}
    1    <-------time------->  key.create      ok      -        -          -     -       {"key_id":"<-----key----->","wrapped_by":"<---root--->"}
    (exit 0)
    "#);
    assert_snapshot!(desk.run("audit verify"), @r"
    5 records, the chain is whole
    (exit 0)
    ");
}

#[test]
fn a_damaged_backup_changes_nothing() {
    let desk = desk();
    desk.run("backup --to good.backup");
    let good = std::fs::read_to_string(desk.path().join("good.backup")).expect("a backup");
    desk.write("cut.backup", &good[..good.len() / 2]);
    desk.write("changed.backup", &good.replace("coda", "code"));
    desk.write("other.backup", "a shopping list\n");
    let told = |command: &str| {
        let names = ["cut", "changed", "other", "missing"];
        names.map(|name| run(&desk, &format!("{command} {name}.backup"))).join("\n")
    };
    assert_snapshot!(told("backup verify"), @r"
    keyward: cut.backup
      because: the backup ends after N lines, before its end: it was cut off while it was written or copied
    (exit 1)
    keyward: changed.backup
      because: the backup is damaged at line N: its content is not what was written: the SHA-256 is another
    (exit 1)
    keyward: other.backup
      because: the backup is damaged at line N: this is not the beginning of a Keyward backup
    (exit 1)
    keyward: cannot read missing.backup
      because: No such file or directory (os error 2)
    (exit 1)
    ");
    assert_snapshot!(told("restore --replace --yes"), @r"
    keyward: cut.backup
      because: the backup ends after N lines, before its end: it was cut off while it was written or copied
    (exit 1)
    keyward: changed.backup
      because: the backup is damaged at line N: its content is not what was written: the SHA-256 is another
    (exit 1)
    keyward: other.backup
      because: the backup is damaged at line N: this is not the beginning of a Keyward backup
    (exit 1)
    keyward: cannot read missing.backup
      because: No such file or directory (os error 2)
    (exit 1)
    ");
    assert_snapshot!(desk.run("token show coda/api_token --reveal"), @r"
    a-value-worth-keeping
    (exit 0)
    ");
}

#[test]
fn without_its_root_key_a_backup_is_not_served() {
    let desk = desk();
    desk.run("backup --to good.backup");
    let elsewhere = Desk::new();
    std::fs::copy(desk.path().join("good.backup"), elsewhere.path().join("good.backup")).expect("copied");
    let told = elsewhere.run("restore good.backup");
    assert!(
        told.starts_with(
            "keyward: the backup is restored, and its keys cannot be opened
"
        ),
        "{told}"
    );
    assert!(told.contains("there is no key file keyward.key; the database expects root key "), "{told}");
    let key = std::fs::read_to_string(desk.path().join("keyward.key")).expect("a key");
    let backup = std::fs::read_to_string(desk.path().join("good.backup")).expect("a backup");
    let secret = key.trim().rsplit(':').next().expect("the key itself");
    assert!(!backup.contains(secret) && !backup.contains("a-value-worth-keeping"));
}

#[test]
fn a_frozen_database_takes_no_writes() {
    let desk = desk();
    assert_snapshot!(run(&desk, "backup --to moved.backup --freeze"), @r"
    moved.backup: N rows in N tables, schema version N, of <-------time------->
    sha256 <----------------------------sha256---------------------------->
    (exit 0)
    ");
    assert_snapshot!(desk.run_with("token set coda/api_token", "another", &[]), @r"
    <----------time-----------> ERROR audit records cannot be written error=the database is frozen, since it has moved: name the new one in storage.url, or run `keyward backup --unfreeze` to stay with this one records=1
    keyward: the database is frozen, since it has moved: name the new one in storage.url, or run `keyward backup --unfreeze` to stay with this one
    (exit 1)
    ");
    assert_snapshot!(desk.run("token list"), @r"
    NAME            OWNER  VERSION  LABELS  STORE  UPDATED               EXPIRES
    coda/api_token  -      1        -       sql    <-------time------->  -
    (exit 0)
    ");
    assert_snapshot!(run(&desk, "backup --to again.backup"), @r"
    again.backup: N rows in N tables, schema version N, of <-------time------->
    sha256 <----------------------------sha256---------------------------->
    <----------time----------->  WARN the database takes no audit record now: this backup will not be in the audit log
    (exit 0)
    ");
    assert_snapshot!(desk.run("backup --unfreeze"), @r"
    The database takes writes again.
    (exit 0)
    ");
    assert_snapshot!(desk.run_with("token set coda/api_token", "another", &[]), @r"
    coda/api_token is stored (version 2)
    (exit 0)
    ");
}

#[test]
fn what_was_meant_is_asked_for() {
    let desk = desk();
    assert_snapshot!(desk.run("backup"), @r"
    error: the following required arguments were not provided:
      <--to <FILE>|--unfreeze>

    Usage: keyward backup <--to <FILE>|--unfreeze>

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(run(&desk, "backup --to a --unfreeze"), @r"
    error: the argument '--to <FILE>' cannot be used with '--unfreeze'

    Usage: keyward backup <--to <FILE>|--unfreeze>

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(run(&desk, "backup --to no/such/folder/a"), @r"
    keyward: cannot write no/such/folder/a
      because: No such file or directory (os error 2)
    (exit 1)
    ");
}
