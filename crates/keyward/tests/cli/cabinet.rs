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
    NAME            VERSION  STORE  KEY              UPDATED               EXPIRES
    coda/api_token  2        sql    <-----key----->  <-------time------->  <-------time------->
    (exit 0)
    ");
    assert_snapshot!(desk.run("token list --json"), @r#"
    [
      {
        "name": "coda/api_token",
        "version": 2,
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
    fingerprint  <----print---->
    version      2
    store        sql
    key          <-----key----->
    updated      <-------time------->
    expires      <-------time------->
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
    NAME            VERSION  STORE  KEY  UPDATED  EXPIRES
    coda/api_token  1        env         -        -
    github/pat      1        env         -        -
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
