use insta::assert_snapshot;

use crate::transcript::Desk;

#[test]
fn init_writes_a_file_that_is_right_and_leaves_another_alone() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("init"), @r"
    Wrote keyward.toml. Change the server in it to yours, then:
      keyward config check               find mistakes
      keyward token set notes/api_token  put its token into the cabinet
      keyward user invite --admin        make a link for the first account
      keyward serve                      open the door
    (exit 0)
    ");
    assert_snapshot!(desk.run("config check"), @r"
    keyward.toml: no mistakes, 1 server(s)
    (exit 0)
    ");
    assert_snapshot!(desk.run("init"), @r"
    keyward: keyward.toml is there already; it is left alone
    (exit 1)
    ");
}

#[test]
fn check_tells_every_mistake_with_its_place() {
    let desk = Desk::new();
    desk.write("other.toml", "[server]\nlisten = 8080\n[logs]\n");
    assert_snapshot!(desk.run("config check --config other.toml"), @r#"
    other.toml:2:10: `listen` is an address and port such as "127.0.0.1:8080", not an integer
      2 | listen = 8080
        |          ^^^^
    other.toml:3:2: unknown key `logs`
      3 | [logs]
        |  ^^^^
        did you mean `log`?
    2 mistakes in the configuration
    (exit 1)
    "#);
    assert_snapshot!(desk.run("config check"), @r"
    the defaults (no file): no mistakes, 0 server(s)
    (exit 0)
    ");
    assert_snapshot!(desk.run_with("config check", "", &[("KEYWARD__SERVER__LISTEN", "here")]), @r"
    KEYWARD__SERVER__LISTEN: `listen`: an address and port is an IP address, a colon and a port; port 0 picks a free one
    1 mistake in the configuration
    (exit 1)
    ");
    assert_snapshot!(desk.run("config check --config none.toml"), @r"
    keyward: cannot read the configuration none.toml: No such file or directory (os error 2)
    (exit 1)
    ");
}

#[test]
fn the_schema_is_json() {
    let schema = Desk::new().run("config schema");
    let json = schema.strip_suffix("(exit 0)").expect("done");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    assert_eq!(json["title"], "keyward.toml");
}

#[test]
fn wrong_use_is_told_apart_from_failure() {
    let desk = Desk::new();
    assert_snapshot!(desk.run("config chek"), @r"
    error: unrecognized subcommand 'chek'

      tip: some similar subcommands exist: 'schema', 'check'

    Usage: keyward config [OPTIONS] <COMMAND>

    For more information, try '--help'.
    (exit 2)
    ");
    assert_snapshot!(desk.run("--version"), @r"
    keyward 0.1.0
    (exit 0)
    ");
}
