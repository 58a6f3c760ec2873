use insta::assert_snapshot;

use crate::transcript::Desk;

const CONFIG: &str = "
[server]
public_url = \"https://mcp.example.com\"
[issuer]
static_tokens = true
[[servers]]
id = \"coda\"
path = \"/coda/mcp\"
upstream = \"http://127.0.0.1:3000/mcp\"
scopes = [\"coda:read\"]
[servers.tool_scopes]
\"delete_*\" = [\"coda:write\"]
";

#[test]
fn people_are_invited_by_a_link() {
    let desk = Desk::new();
    desk.write("keyward.toml", CONFIG);
    assert_snapshot!(desk.run("user list"), @r"
    Nobody has an account. Make a link for the first: keyward user invite --admin
    (exit 0)
    ");
    assert_snapshot!(desk.run("user invite --email ada@example.com --admin"), @r"
    https://mcp.example.com/invite/<-------------------secret-------------------->
    (exit 0)
    ");
    assert_snapshot!(desk.run("user invite --email ada"), @r"
    keyward: ada: this is not an e-mail address
    (exit 2)
    ");
    assert_snapshot!(desk.run("user disable ada@example.com"), @r"
    keyward: there is no open account ada@example.com
    (exit 1)
    ");
}

#[test]
fn development_tokens_are_shown_once() {
    let desk = Desk::new();
    desk.write("keyward.toml", CONFIG);
    assert_snapshot!(desk.run("bearer list"), @r"
    There are no development tokens.
    (exit 0)
    ");
    assert_snapshot!(desk.run("bearer issue --name laptop --server coda --expires 30d"), @r"
    <-------------------secret-------------------->
    (exit 0)
    ");
    assert_snapshot!(desk.run("bearer issue --name ci --server coda --scope coda:write --json"), @r#"
    {
      "id": "<----------------id---------------->",
      "token": "<-------------------secret-------------------->",
      "scope": "coda:write",
      "expires_at": null
    }
    (exit 0)
    "#);
    assert_snapshot!(desk.run("bearer list"), @r"
    ID                                    NAME    SCOPES      FOR                               CREATED               EXPIRES               REVOKED
    <----------------id---------------->  ci      coda:write  https://mcp.example.com/coda/mcp  <-------time------->  -                     -
    <----------------id---------------->  laptop  coda:read   https://mcp.example.com/coda/mcp  <-------time------->  <-------time------->  -
    (exit 0)
    ");
    assert_snapshot!(desk.run("bearer issue --name x --server cod"), @r"
    keyward: there is no server cod; there is: coda
    (exit 2)
    ");
    assert_snapshot!(desk.run("bearer issue --name x --server coda --scope coda:all"), @r"
    keyward: no server of these has the scopes coda:all; there is: coda:read coda:write
    (exit 2)
    ");
    assert_snapshot!(desk.run("bearer issue --name x"), @r"
    error: the following required arguments were not provided:
      --server <ID>

    Usage: keyward bearer issue --name <NAME> --server <ID>

    For more information, try '--help'.
    (exit 2)
    ");
}

#[test]
fn clients_are_added_listed_and_removed() {
    let desk = Desk::new();
    desk.write("keyward.toml", CONFIG);
    assert_snapshot!(desk.run("client list"), @r"
    No client is known. Most register themselves when they first connect.
    (exit 0)
    ");
    assert_snapshot!(desk.run("client add --name Robot --redirect-uri https://robot.example.com/cb --confidential"), @r"
    client_id      <----------------id---------------->
    client_secret  <-------------------secret-------------------->
    (exit 0)
    ");
    assert_snapshot!(desk.run("client list"), @r"
    CLIENT ID                             KIND    NAME   REDIRECTS                     CREATED               LAST USED  REVOKED
    <----------------id---------------->  static  Robot  https://robot.example.com/cb  <-------time------->  -          -
    (exit 0)
    ");
    assert_snapshot!(desk.run("client add --name Robot --redirect-uri javascript:alert(1)"), @r#"
    keyward: javascript:alert(1): no code is sent to a URI of the scheme "javascript"
    (exit 2)
    "#);
    assert_snapshot!(desk.run("client revoke unknown"), @r"
    keyward: unknown is left alone; say --yes where nobody can be asked
    (exit 1)
    ");
    assert_snapshot!(desk.run("client revoke unknown --yes"), @r"
    keyward: there is no client unknown
    (exit 1)
    ");
}

#[test]
fn a_link_needs_a_port_that_stays() {
    let desk = Desk::new();
    desk.write("keyward.toml", "[server]\nlisten = \"127.0.0.1:0\"\n");
    assert_snapshot!(desk.run("user invite"), @r"
    keyward: this needs server.public_url: [server] listen picks its port anew at each start
    (exit 2)
    ");
}
