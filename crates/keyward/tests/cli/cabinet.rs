use insta::assert_snapshot;

use crate::transcript::Desk;

#[test]
fn tokens_come_in_by_input_or_file_and_are_printed_only_when_revealed() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("token list"), @r"
    The cabinet is empty. Put a token in: keyward token set SERVICE/KEY
    (exit 0)
    ");
    assert_snapshot!(desk.run_with("token set coda/api_token", "first-value\n", &[]), @r"
    coda/api_token is stored (version 1)
    (exit 0)
    ");
    desk.write("value", "second-value");
    assert_snapshot!(desk.run("token set coda/api_token --file value --expires 90d"), @r"
    coda/api_token is stored (version 2)
    (exit 0)
    ");
    assert_snapshot!(desk.run("token list"), @r"
    NAME            OWNER  VERSION  LABELS  STORE  UPDATED               EXPIRES
    coda/api_token  -      2        -       sql    <-------time------->  in 89 d
    (exit 0)
    ");
    assert_snapshot!(desk.run("token list --json"), @r#"
    [
      {
        "name": "coda/api_token",
        "owner": null,
        "version": 2,
        "kind": null,
        "labels": {},
        "store": "sql",
        "key_id": "<-----key----->",
        "created_at": "<----------time----------->",
        "updated_at": "<----------time----------->",
        "expires_at": "<----------time----------->"
      }
    ]
    (exit 0)
    "#);
    assert_snapshot!(desk.run("token show coda/api_token"), @r"
    name         coda/api_token
    owner        shared
    fingerprint  <----print---->
    version      2
    labels       -
    store        sql
    key          <-----key----->
    created      <-------time------->
    updated      <-------time------->
    expires      <-------time-------> (in 89 d)
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token --reveal"), @r"
    second-value
    (exit 0)
    ");
    assert_snapshot!(desk.run("key list"), @r"
    ID               STATE   ROOT KEY      CREATED               SEALED  ROWS
    <-----key----->  active  <---root--->  <-------time------->  768     2
    (exit 0)
    ");
    assert_snapshot!(desk.run("token delete coda/api_token"), @r"
    keyward: coda/api_token is left alone; say --yes where nobody can be asked
    (exit 1)
    ");
    assert_snapshot!(desk.run("token delete coda/api_token --yes"), @r"
    coda/api_token is deleted
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token"), @r"
    keyward: there is no token coda/api_token
    (exit 1)
    ");
    assert_snapshot!(desk.run("audit list"), @r#"
    SEQ  TIME                  ACTION        RESULT  SERVICE  TOKEN      USER  CLIENT  DETAIL
    6    <-------time------->  token.delete  ok      coda     api_token  -     -       -
    5    <-------time------->  token.reveal  ok      coda     api_token  -     -       {"version":2}
    4    <-------time------->  token.open    ok      coda     api_token  -     -       {"version":2}
    3    <-------time------->  token.put     ok      coda     api_token  -     -       {"version":2}
    2    <-------time------->  token.put     ok      coda     api_token  -     -       {"version":1}
    1    <-------time------->  key.create    ok      -        -          -     -       {"key_id":"<-----key----->","wrapped_by":"<---root--->"}
    (exit 0)
    "#);
    assert_snapshot!(desk.run("audit verify"), @r"
    6 records, the chain is whole
    (exit 0)
    ");
}

#[test]
fn values_and_names_that_cannot_be_are_wrong_use() {
    let desk = Desk::new();
    assert_snapshot!(desk.run_with("token set coda/api_token", "\n", &[]), @r"
    keyward: on standard input
      because: the value is empty
    (exit 2)
    ");
    assert_snapshot!(desk.run_with("token set coda", "value", &[]), @r"
    error: invalid value 'coda' for '<SERVICE/KEY>': a token is named SERVICE/KEY, for example coda/api_token; there is no '/' in this name

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(desk.run_with("token set coda/api_token value", "", &[]), @r"
    error: unexpected argument 'value' found

    Usage: keyward token set [OPTIONS] <SERVICE/KEY>

    For more information, try '--help'.
    (exit 2)
    ");
}

#[test]
fn tokens_of_the_environment_are_listed_and_cannot_be_written() {
    let desk = Desk::new();
    desk.write(
        "keyward.toml",
        "[token_store]\nkind = \"env\"\n[token_store.env]\n\"coda/api_token\" = \"CODA_API_TOKEN\"\n",
    );
    let environment = [("CODA_API_TOKEN", "from-the-environment"), ("KEYWARD_TOKEN__GITHUB__PAT", "another")];
    assert_snapshot!(desk.run_with("token list", "", &environment), @r"
    NAME            OWNER  VERSION  LABELS  STORE  UPDATED  EXPIRES
    coda/api_token  -      1        -       env    -        -
    github/pat      -      1        -       env    -        -
    (exit 0)
    ");
    assert_snapshot!(desk.run_with("token set coda/api_token", "value", &environment), @r"
    keyward: the env store is read-only: set or unset the environment variable CODA_API_TOKEN where Keyward is started
    (exit 1)
    ");
}

#[test]
fn tokens_move_from_the_environment_into_the_database() {
    let desk = Desk::new();
    let environment = [("KEYWARD_TOKEN__CODA__KEY", "one"), ("KEYWARD_TOKEN__GITHUB__PAT", "another")];
    let run = |line: &str| desk.run_with(line, "", &environment);
    assert_snapshot!(run("token move --from env --to sqlite --dry-run"), @r"
    NAME        OWNER  OUTCOME     VERSION  SOURCE  REASON
    coda/key    -      would copy  -        kept
    github/pat  -      would copy  -        kept
    (exit 0)
    ");
    assert_snapshot!(run("token move --from env --to sqlite coda/key other/key"), @r"
    NAME       OWNER  OUTCOME  VERSION  SOURCE  REASON
    coda/key   -      copied   1        kept
    other/key  -      missing  -        kept    there is no such token at the source
    (exit 1)
    ");
    assert_snapshot!(run("token move --from env --to sqlite --json coda/key"), @r#"
    [
      {
        "name": "coda/key",
        "owner": null,
        "outcome": "already there",
        "version": 1,
        "source_deleted": false,
        "reason": null
      }
    ]
    (exit 0)
    "#);
    desk.run_with("token set github/pat", "changed", &[]);
    assert_snapshot!(run("token move --from env --to sqlite"), @r"
    NAME        OWNER  OUTCOME        VERSION  SOURCE  REASON
    coda/key    -      already there  1        kept
    github/pat  -      conflict       1        kept    the destination has another value; --overwrite puts a new version over it
    (exit 1)
    ");
    assert_snapshot!(run("token move --from env --to sqlite --overwrite --delete-source"), @r"
    keyward: the env store is read-only: move without deleting, and unset the variables yourself
    (exit 1)
    ");
    assert_snapshot!(run("token move --from sqlite --to env"), @r"
    keyward: environment variables are set where Keyward is started; nothing can be moved there
    (exit 2)
    ");
    assert_snapshot!(run("token move --from sqlite --to postgres"), @r"
    keyward: both are the database of [storage]: use `keyward backup` and `keyward restore`
    (exit 2)
    ");
    assert_snapshot!(run("token move --from sqlite --to infisical"), @r"
    keyward: there is no [token_store.infisical]
    (exit 1)
    ");
}

#[test]
fn labels_owners_and_expectations() {
    let desk = Desk::new();
    let set = |line: &str| desk.run_with(&format!("token set coda/api_token {line}"), "a-value", &[]);
    assert_snapshot!(set("--if-absent --label team=search --label env=prod --expires 72h"), @r"
    coda/api_token is stored (version 1)
    (exit 0)
    ");
    assert_snapshot!(set("--if-absent"), @r"
    keyward: token coda/api_token was changed by somebody else: expected none, found version 1
    (exit 1)
    ");
    assert_snapshot!(set("--if-version 7"), @r"
    keyward: token coda/api_token was changed by somebody else: expected version 7, found version 1
    (exit 1)
    ");
    assert_snapshot!(set("--if-version 1 --label team=docs --no-label env --grace 30h"), @r"
    coda/api_token is stored (version 2); version 1 stays usable for 1d6h
    (exit 0)
    ");
    assert_snapshot!(set("--label Team=x"), @r"
    error: invalid value 'Team=x' for '--label <KEY=VALUE>': the key of a label has 1 to 63 characters a-z, 0-9, '.', '-' and '_', the first a letter or digit

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(set("--owner ann@example.com"), @r"
    keyward: there is no account ann@example.com; see: keyward user list
    (exit 2)
    ");
    assert_snapshot!(set("--owner nonsense"), @r"
    keyward: --owner: this is not an e-mail address
    (exit 2)
    ");
    assert_snapshot!(desk.run_with("token set notes/key", "another", &[]), @r"
    notes/key is stored (version 1)
    (exit 0)
    ");
    assert_snapshot!(desk.run("token list --label team=docs"), @r"
    NAME            OWNER  VERSION  LABELS     STORE  UPDATED               EXPIRES
    coda/api_token  -      2        team=docs  sql    <-------time------->  -
    (exit 0)
    ");
    assert_snapshot!(desk.run("token list --label team=none"), @r"
    No token is like that.
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token"), @r"
    name         coda/api_token
    owner        shared
    fingerprint  <----print---->
    version      2
    earlier      version 1, ends in 29 h
    labels       team=docs
    store        sql
    key          <-----key----->
    created      <-------time------->
    updated      <-------time------->
    expires      -
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token --json"), @r#"
    {
      "name": "coda/api_token",
      "owner": null,
      "version": 2,
      "kind": null,
      "labels": {
        "team": "docs"
      },
      "store": "sql",
      "key_id": "<-----key----->",
      "created_at": "<----------time----------->",
      "updated_at": "<----------time----------->",
      "expires_at": null,
      "fingerprint": "<----print---->",
      "earlier_versions": [
        {
          "version": 1,
          "created_at": "<----------time----------->",
          "usable_until": "<----------time----------->"
        }
      ]
    }
    (exit 0)
    "#);
}

#[test]
fn rotation_needs_something_to_rotate_and_keeps_the_version_before() {
    let desk = Desk::new();
    assert_snapshot!(desk.run_with("token rotate coda/api_token", "value", &[]), @r"
    keyward: there is no token coda/api_token to rotate; put one in: keyward token set
    (exit 1)
    ");
    desk.run_with("token set coda/api_token --label team=search", "first", &[]);
    assert_snapshot!(desk.run_with("token rotate coda/api_token --grace 2h", "second", &[]), @r"
    coda/api_token is stored (version 2); version 1 stays usable for 2h
    (exit 0)
    ");
    assert_snapshot!(desk.run("token rotate coda/api_token --hook"), @r#"
    keyward: there is no [tokens."coda/api_token".rotation] in the configuration
    (exit 2)
    "#);
    desk.write("hook", "echo third; echo hidden >&2");
    desk.write(
        "keyward.toml",
        "[tokens.\"coda/api_token\".rotation]\ngrace = \"5m\"\nhook.command = [\"/bin/sh\", \"hook\"]\n",
    );
    assert_snapshot!(desk.run("token rotate coda/api_token --hook"), @r"
    coda/api_token is stored (version 3); version 2 stays usable for 5m
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/api_token --reveal"), @r"
    third
    (exit 0)
    ");
    assert_snapshot!(desk.run("token rotate coda/api_token --hook"), @r"
    keyward: the rotation hook of token coda/api_token gave the value that is there already
    (exit 1)
    ");
    desk.write("hook", "echo hidden; echo hidden >&2; exit 4");
    assert_snapshot!(desk.run("token rotate coda/api_token --hook"), @r"
    keyward: the rotation hook of token coda/api_token failed: the program ended with exit status: 4; what it wrote to standard error is not kept
    (exit 1)
    ");
    assert_snapshot!(desk.run("token rotate coda/api_token --hook --file hook"), @r"
    error: the argument '--hook' cannot be used with '--file <PATH>'

    Usage: keyward token rotate --hook <SERVICE/KEY>

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(unnumbered(&desk.run("audit list --action token.rotate")), @r#"
    SEQ  TIME                  ACTION        RESULT  SERVICE  TOKEN      USER  CLIENT  DETAIL
    #    <-------time------->  token.rotate  failed  coda     api_token  -     -       {"reason":"the rotation hook of token coda/api_token failed: the program ended with exit status: 4; what it wrote to standard error is not kept"}
    #    <-------time------->  token.rotate  failed  coda     api_token  -     -       {"reason":"the rotation hook of token coda/api_token gave the value that is there already"}
    #    <-------time------->  token.rotate  ok      coda     api_token  -     -       {"version":3}
    #    <-------time------->  token.rotate  ok      coda     api_token  -     -       {"version":2}
    (exit 0)
    "#);
}

#[test]
fn names_and_values_that_nobody_would_think_of() {
    let desk = Desk::new();
    let long = "a".repeat(10_000);
    let name = |name: &str| {
        desk.run_with(&format!("token set {name}"), "value", &[]).lines().next().unwrap_or_default().to_owned()
    };
    assert_snapshot!(name("a/b/c"), @"error: invalid value 'a/b/c' for '<SERVICE/KEY>': a token is named SERVICE/KEY, for example coda/api_token; there is more than one '/' in this name");
    assert_snapshot!(name("coda/k\u{7}y"), @"error: invalid value 'coda/ky' for '<SERVICE/KEY>': the key of a token name has 1 to 128 characters A-Z, a-z, 0-9, '.', '-' and '_', the first a letter or digit");
    assert_snapshot!(name("codä/key"), @"error: invalid value 'codä/key' for '<SERVICE/KEY>': the service of a token name has 1 to 63 characters a-z, 0-9, '-' and '_', the first a letter or digit");
    assert_snapshot!(name("keyward/signing"), @r#"error: invalid value 'keyward/signing' for '<SERVICE/KEY>': the service name "keyward" is kept for Keyward itself"#);
    assert!(name(&format!("{long}/k")).ends_with("the first a letter or digit"));
    assert!(name(&format!("k/{long}")).ends_with("the first a letter or digit"));
    let value = |value: &str| desk.run_with("token set coda/key", value, &[]);
    assert_snapshot!(value("\n"), @r"
    keyward: on standard input
      because: the value is empty
    (exit 2)
    ");
    assert_snapshot!(value(&"x".repeat(1 << 20)), @r"
    coda/key is stored (version 1)
    (exit 0)
    ");
    assert_snapshot!(value(&format!("{}\n", "x".repeat((1 << 20) - 1))), @r"
    coda/key is stored (version 2)
    (exit 0)
    ");
    assert_snapshot!(value(&"x".repeat((1 << 20) + 1)), @r"
    keyward: on standard input
      because: the value is longer than 1 MiB
    (exit 2)
    ");
    assert_snapshot!(value("a\0b\n"), @r"
    coda/key is stored (version 3)
    (exit 0)
    ");
    assert_snapshot!(desk.run("token show coda/key --reveal").replace('\0', "NUL"), @r"
    aNULb
    (exit 0)
    ");
    // What a server could not be sent is not stored for it.
    desk.write(
        "keyward.toml",
        "[[servers]]\nid = \"coda\"\npath = \"/coda/mcp\"\nupstream = \"http://127.0.0.1:9/mcp\"\n\
         credential.token = \"coda/key\"\n",
    );
    assert_snapshot!(value("a\0b\n"), @r"
    keyward: nothing was stored
      because: token coda/key cannot be sent in a header: it has characters other than printable ASCII, or a space at an end
    (exit 1)
    ");
    assert_snapshot!(value("two\nlines\n"), @r"
    keyward: nothing was stored
      because: token coda/key cannot be sent in a header: it has characters other than printable ASCII, or a space at an end
    (exit 1)
    ");
}

/// Without the numbers of audit records: what opening tokens leaves in the log is written beside, at any moment.
fn unnumbered(text: &str) -> String {
    let line = |line: &str| match line.split_at_checked(5) {
        Some((number, rest)) if number.trim_end().parse::<u32>().is_ok() => format!("#    {rest}"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
