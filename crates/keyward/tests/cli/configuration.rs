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
fn check_says_what_is_to_be_set_at_a_resource_elsewhere() {
    let desk = Desk::new();
    desk.write(
        "resources.toml",
        "[server]\npublic_url = 'https://login.example.com'\n[[resources]]\nid = 'notes'\nresource = 'https://notes.example.com/mcp'\n",
    );
    assert_snapshot!(desk.run("config check --config resources.toml"), @r#"
    resources.toml: no mistakes, 0 server(s), 1 resource(s) elsewhere
    To be set at https://notes.example.com/mcp:
      - take access tokens with iss https://login.example.com, aud https://notes.example.com/mcp, typ at+jwt, signed with ES256
      - have the keys from https://login.example.com/jwks, and https://login.example.com as the authorization server in its metadata (RFC 9728)
      - if it is a Keyward: kind = "oidc" and issuer = "https://login.example.com" in its [issuer]
    (exit 0)
    "#);
    let server = "[[servers]]\nid = 'coda'\npath = '/coda/mcp'\nupstream = 'http://127.0.0.1:1/mcp'\n";
    let resource = "[[resources]]\nid = 'notes'\nresource = 'https://notes.example.com/mcp'\n";
    let told = |default: &str| {
        desk.write("both.toml", &format!("[server]\n{default}\n{resource}{server}"));
        desk.run("config check --config both.toml")
    };
    let refused = "Clients that name no resource get no token";
    assert!(told("").contains(refused), "{}", told(""));
    let default = told("default_server = 'coda'");
    assert!(default.ends_with("(exit 0)") && !default.contains(refused), "{default}");
}

#[test]
fn check_says_what_is_to_be_set_at_a_provider() {
    let desk = Desk::new();
    desk.write(
        "okta.toml",
        "[issuer]\nkind = \"oidc\"\npreset = \"okta\"\nissuer = \"https://example.okta.com/oauth2/default\"\n",
    );
    assert_snapshot!(desk.run("config check --config okta.toml"), @r#"
    okta.toml: warning: issuer https://example.okta.com/oauth2/default: MCP clients cannot log in there unless each was set up by hand, since its custom authorization servers register no client that comes without an API token; for others write broker = true in [issuer]
    okta.toml: no mistakes, 0 server(s)
    To be set at Okta, https://example.okta.com/oauth2/default:
      - Security, API, Authorization Servers: a custom one for each server (the organization's own signs tokens that nobody else can verify), with the server's URL as audience
      - its Scopes: those of the server; its Access Policies: who may get them
      - Applications: a public client with PKCE for each MCP client
      - groups count as scopes `group:NAME` where a claim `groups` is set up
    (exit 0)
    "#);
    desk.write("google.toml", "[issuer]\nkind = \"oidc\"\npreset = \"google\"\n");
    assert_snapshot!(desk.run("config check --config google.toml"), @r#"
    google.toml:3:10: Google cannot issue tokens for MCP servers: its access tokens are for Google's own APIs, and nobody else can verify them
      3 | preset = "google"
        |          ^^^^^^^^
        write broker = true in [issuer]: people log in there, and Keyward issues the tokens
    1 mistake in the configuration
    (exit 1)
    "#);
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
