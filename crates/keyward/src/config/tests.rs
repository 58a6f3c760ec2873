use super::*;

pub(super) fn mistakes(text: &str, environment: &[(&str, &str)]) -> String {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    match parse("keyward.toml", text, environment) {
        Ok(_) => "no mistakes".to_owned(),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[test]
fn nothing_is_a_configuration() {
    let config = parse("keyward.toml", "", []).expect("defaults");
    assert_eq!(config.server.listen.0.to_string(), "127.0.0.1:8080");
    assert_eq!(config.storage.max_connections, 8);
}

#[test]
fn every_mistake_at_once() {
    insta::assert_snapshot!(mistakes(
        r#"
[server]
lisen = "127.0.0.1:8080"
public_url = "http://mcp.example.com"
max_body_bytes = 4
worker_threads = 0

[issuer]
registration = "opened"
code_lifetime = "1d"

[[servers]]
id = "Coda"
path = "/coda/mcp"
upstream = "http://127.0.0.1:3000/mcp"
[servers.credential]
token = "coda/api_token"
format = "Bearer"

[[servers]]
id = "notes"
path = "/token/mcp"

[colour]
"#,
        &[("KEYWARD__LOG__LEVL", "info"), ("KEYWARD__STORAGE__MAX_CONNECTIONS", "many")],
    ), @r#"
    keyward.toml:3:1: unknown key `lisen` in `server`
      3 | lisen = "127.0.0.1:8080"
        | ^^^^^
        did you mean `listen`?
    keyward.toml:4:14: `public_url`: a public URL is https, except on this machine (127.0.0.1, [::1], localhost): tokens would travel in the clear
      4 | public_url = "http://mcp.example.com"
        |              ^^^^^^^^^^^^^^^^^^^^^^^^
    keyward.toml:5:18: `max_body_bytes` is a size such as "4MiB", not an integer
      5 | max_body_bytes = 4
        |                  ^
    keyward.toml:6:18: `worker_threads` is a number from 1 to 1024, not 0
      6 | worker_threads = 0
        |                  ^
    keyward.toml:9:16: `registration` cannot be "opened"
      9 | registration = "opened"
        |                ^^^^^^^^
        did you mean `open`?
    keyward.toml:10:17: `code_lifetime` is from 1s to 10m
      10 | code_lifetime = "1d"
         |                 ^^^^
    keyward.toml:13:6: `id`: a server's id has 1 to 63 characters a-z, 0-9, '-' and '_', the first a letter or digit
      13 | id = "Coda"
         |      ^^^^^^
    keyward.toml:18:10: `format`: a credential format has {token} where the token goes
      18 | format = "Bearer"
         |          ^^^^^^^^
    keyward.toml:20:1: `servers` has no `upstream`
      20 | [[servers]]
         | ^^^^^^^^^^^
        for example upstream = "http://127.0.0.1:3000/mcp"
    keyward.toml:22:8: `path`: a server's path is not below /token, which Keyward answers itself
      22 | path = "/token/mcp"
         |        ^^^^^^^^^^^^
    keyward.toml:24:2: unknown key `colour`
      24 | [colour]
         |  ^^^^^^
        known here: audit, connections, issuer, keys, log, metrics, next_keys, reminders, resources, scopes, server, servers, storage, token_store, tokens, trusted_issuers
    KEYWARD__LOG__LEVL: unknown key `levl` in `log`
        did you mean `level`?
    KEYWARD__STORAGE__MAX_CONNECTIONS: `max_connections` is a whole number, not a string
    13 mistakes in the configuration
    "#);
}

#[test]
fn rules_between_sections() {
    insta::assert_snapshot!(mistakes(
        r#"
[server]
listen = "0.0.0.0:8080"
default_server = "cod"
[storage]
url = "postgres://app:secret@db/keyward"
[token_store]
kind = "sqlite"
[token_store.env]
"coda/api_token" = "CODA_API_TOKEN"
[scopes."coda:write"]
includes = ["coda:raed"]
[[servers]]
id = "coda"
path = "/coda/mcp"
upstream = "http://127.0.0.1:3000/mcp"
scopes = ["coda:read"]
default_scopes = ["coda:all"]
[[servers]]
id = "coda"
path = "/coda/mcp"
upstream = "http://127.0.0.1:3001/mcp"
[[trusted_issuers]]
issuer = "https://login.example.com"
jwks_uri = "https://login.example.com/jwks"
[[trusted_issuers]]
issuer = "https://login.example.com"
jwks_uri = "https://login.example.com/jwks"
"#,
        &[],
    ), @r#"
    keyward.toml:3:10: `listen` is open to the network, and there is no `public_url`
      3 | listen = "0.0.0.0:8080"
        |          ^^^^^^^^^^^^^^
        add public_url = "https://…", the URL under which clients reach Keyward
    keyward.toml:4:18: there is no server `cod`
      4 | default_server = "cod"
        |                  ^^^^^
        did you mean `coda`?
    keyward.toml:6:7: a password does not belong into this file
        put the URL into a variable or a file and write url = "env:NAME" or "file:PATH"
    keyward.toml:8:8: the tokens are kept in the database of [storage], which is PostgreSQL
      8 | kind = "sqlite"
        |        ^^^^^^^^
        write "postgres" (or leave `kind` out when it is the only one), or change [storage] url
    keyward.toml:9:1: [token_store.env] is only read with kind = "env"
      9 | [token_store.env]
        | ^^^^^^^^^^^^^^^^^
    keyward.toml:11:1: no server uses the scope `coda:write`
      11 | [scopes."coda:write"]
         | ^^^^^^^^^^^^^^^^^^^^^
        known here: coda:all, coda:read
    keyward.toml:12:13: no server uses the scope `coda:raed`
      12 | includes = ["coda:raed"]
         |             ^^^^^^^^^^^
        did you mean `coda:read`?
    keyward.toml:18:19: `coda:all` is no scope of this server
      18 | default_scopes = ["coda:all"]
         |                   ^^^^^^^^^^
        known here: coda:read
    keyward.toml:20:6: there are two servers `coda`
      20 | id = "coda"
         |      ^^^^^^
    keyward.toml:21:8: two servers have the path /coda/mcp
      21 | path = "/coda/mcp"
         |        ^^^^^^^^^^^
    keyward.toml:27:10: the issuer https://login.example.com is here twice
      27 | issuer = "https://login.example.com"
         |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
    11 mistakes in the configuration
    "#);
}

#[test]
fn mistakes_of_grammar_are_all_found_too() {
    insta::assert_snapshot!(mistakes("[server\nlisten = \n[log]\nlevel = 'loud'\nlevel = 'info'\n", &[]), @r"
    keyward.toml:1:8: unclosed table, expected `]`
      1 | [server
        |        ^
    keyward.toml:4:9: `level`: a log level is off, error, warn, info, debug or trace, also by module: info,keyward_gateway=debug
      4 | level = 'loud'
        |         ^^^^^^
    keyward.toml:5:1: duplicate key
      5 | level = 'info'
        | ^^^^^
    3 mistakes in the configuration
    ");
}

#[test]
fn the_environment_wins() {
    let environment = [
        ("KEYWARD__SERVER__LISTEN", "127.0.0.1:0"),
        ("KEYWARD__SERVER__ALLOWED_ORIGINS", "http://localhost:6274, https://app.example.com"),
        ("KEYWARD__SERVERS__0__UPSTREAM", "http://127.0.0.1:9/mcp"),
        ("KEYWARD__SERVERS__1", r#"{"id":"b","path":"/b","upstream":"http://127.0.0.1:8/b"}"#),
        ("KEYWARD__SERVERS__2__ID", "c"),
        ("KEYWARD__SERVERS__2__PATH", "/c"),
        ("KEYWARD__SERVERS__2__UPSTREAM", "http://127.0.0.1:7/c"),
        ("KEYWARD__SERVERS__2__SCOPES", "c:read,c:write"),
        ("KEYWARD__ISSUER__CLIENT_METADATA_DOCUMENTS", "false"),
        ("KEYWARD_TOKEN__CODA__API_TOKEN", "no configuration"),
        ("HOME", "/"),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text =
        "[server]\nlisten = '127.0.0.1:1'\n[[servers]]\nid = 'a'\npath = '/a'\nupstream = 'http://127.0.0.1:1/a'\n";
    let config = parse("keyward.toml", text, environment).expect("a configuration");
    assert_eq!(config.server.listen.0.port(), 0);
    assert_eq!(config.server.allowed_origins.len(), 2);
    assert_eq!(config.servers.len(), 3);
    assert_eq!(config.servers[0].upstream.0.0.as_str(), "http://127.0.0.1:9/mcp");
    assert_eq!(config.servers[2].scopes.len(), 2);
    assert!(!config.issuer.client_metadata_documents);
}

#[test]
fn an_element_cannot_be_skipped() {
    insta::assert_snapshot!(mistakes("", &[("KEYWARD__SERVERS__1__ID", "a"), ("KEYWARD__SCOPES", "{")]), @r"
    KEYWARD__SCOPES: no JSON: EOF while parsing an object at line 1 column 1
    KEYWARD__SERVERS__1__ID: `1` is no number of an element: the next one is 0
    2 mistakes in the configuration
    ");
}

#[test]
fn stores_are_one_or_a_list() {
    use TokenStoreKind::{Env, Sqlite};
    let kinds = |text: &str, environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = parse("keyward.toml", text, environment).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.token_store.kind.map(|kinds| kinds.0)
    };
    assert_eq!(kinds("", &[]), None);
    assert_eq!(kinds("token_store.kind = 'env'", &[]), Some(vec![Env]));
    assert_eq!(kinds("token_store.kind = ['sqlite', 'env']", &[]), Some(vec![Sqlite, Env]));
    assert_eq!(kinds("", &[("KEYWARD__TOKEN_STORE__KIND", "env")]), Some(vec![Env]));
    assert_eq!(kinds("", &[("KEYWARD__TOKEN_STORE__KIND", "sqlite, env")]), Some(vec![Sqlite, Env]));
    let text = "[token_store]\nkind = ['sqlite', 'enw']\nfresh_for = '0s'\nusable_for = '2d'\n[token_store.env]\n'a/b' = 'A'\n";
    insta::assert_snapshot!(mistakes(text, &[]), @r#"
    keyward.toml:2:19: `kind` cannot be "enw"
      2 | kind = ['sqlite', 'enw']
        |                   ^^^^^
        did you mean `env`?
    keyward.toml:3:13: `fresh_for` is from 1s to 1h
      3 | fresh_for = '0s'
        |             ^^^^
    keyward.toml:4:14: `usable_for` is from `fresh_for` to 1d
      4 | usable_for = '2d'
        |              ^^^^
    keyward.toml:5:1: [token_store.env] is only read with kind = "env"
      5 | [token_store.env]
        | ^^^^^^^^^^^^^^^^^
    4 mistakes in the configuration
    "#);
    let first = |text: &str| mistakes(text, &[]).lines().next().map(str::to_owned).unwrap_or_default();
    assert_eq!(first("token_store.kind = []"), "keyward.toml:1:20: `kind` is empty");
    assert_eq!(first("token_store.kind = ['env', 'env']"), "keyward.toml:1:20: `kind` has a store twice");
    let told = first("token_store.kind = 3");
    assert!(told.starts_with("keyward.toml:1:20: `kind` is one of env, sqlite, postgres, "), "{told}");
    assert!(told.ends_with(", not an integer"), "{told}");
}

#[test]
fn infisical_needs_its_section() {
    insta::assert_snapshot!(mistakes("token_store.kind = 'infisical'\n", &[]), @r"
    keyward.toml:1:20: there is no [token_store.infisical]
      1 | token_store.kind = 'infisical'
        |                    ^^^^^^^^^^^
        say there where Infisical is: project_id, environment, client_id, client_secret
    1 mistake in the configuration
    ");
    let text = "[token_store.infisical]\nurl = 'http://infisical.example'\nproject_id = 'p'\npath = 'keyward/'\nclient_secret = 's'\n";
    let told = mistakes(text, &[]);
    let told: Vec<&str> = told.lines().filter(|line| line.starts_with("keyward.toml")).collect();
    assert_eq!(
        told,
        [
            "keyward.toml:1:1: `infisical` has no `environment`",
            "keyward.toml:1:1: `infisical` has no `client_id`",
            "keyward.toml:2:7: `url`: a site's URL is https, except on this machine (127.0.0.1, [::1], localhost): tokens would travel in the clear",
            "keyward.toml:4:8: `path`: a folder is / or /NAME/NAME, names of letters, digits, '-' and '_', no slash at the end",
            "keyward.toml:5:17: `client_secret`: a secret does not stand in this file: write env:NAME or file:PATH of what holds it",
        ]
    );
}

fn connection_with(lines: &str) -> String {
    mistakes(&format!("[[connections]]\nid = \"notes\"\n{lines}"), &[])
}

#[test]
fn a_secret_is_not_left_to_the_metadata_of_a_resource() {
    let resource = "resource = \"https://mcp.example.com/mcp\"\nclient_id = \"keyward\"\n";
    let secret = "client_secret = \"env:SECRET\"\n";
    let issuer = "issuer = \"https://login.example.com\"\n";
    for good in [resource.to_owned(), format!("{resource}{issuer}"), format!("{resource}{issuer}{secret}")] {
        assert_eq!(connection_with(&good), "no mistakes");
    }
    insta::assert_snapshot!(connection_with(&format!("{resource}{secret}")), @r#"
    keyward.toml:5:17: the metadata of `resource` would decide who gets this secret: add `issuer`, the provider that has given it
      5 | client_secret = "env:SECRET"
        |                 ^^^^^^^^^^^^
    1 mistake in the configuration
    "#);
    let both = connection_with(&format!("{resource}{issuer}preset = \"google\"\n"));
    assert!(both.contains("different ways to say one thing"), "{both}");
}

fn server_with(credential: &str) -> String {
    format!(
        "[[servers]]\nid = \"coda\"\npath = \"/coda/mcp\"\nupstream = \"http://127.0.0.1:3000/mcp\"\n\
         [servers.credential]\ntoken = \"coda/api_token\"\n{credential}"
    )
}

#[test]
fn credentials_say_their_kind_or_show_it() {
    use super::credential::CredentialKind::{self, Basic, Bearer, Header, Query};
    let kind = |text: &str| -> CredentialKind {
        let config = parse("keyward.toml", &server_with(text), []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        config.servers[0].credential.as_ref().expect("a credential").kind().expect("a kind")
    };
    for (text, expected) in [
        ("", Bearer),
        ("header = \"X-Key\"", Header),
        ("header = \"Authorization\"\nformat = \"Token {token}\"", Header),
        ("username = \"ann\"", Basic),
        ("kind = \"basic\"", Basic),
        ("parameter = \"key\"", Query),
        ("kind = \"header\"\nparameter = \"key\"", Header),
    ] {
        assert_eq!(kind(text), expected, "{text}");
    }
    insta::assert_snapshot!(
        ["kind = \"query\"", "username = \"ann\"\nparameter = \"key\"", "username = \"a:b\"", "parameter = \"a b\"", "owner = \"me\""]
            .map(|text| mistakes(&server_with(text), &[]))
            .join("\n"),
        @r#"
        keyward.toml:5:1: a credential of kind "query" needs `parameter`, its name there
          5 | [servers.credential]
            | ^^^^^^^^^^^^^^^^^^^^
        1 mistake in the configuration
        keyward.toml:5:1: `header` and `format`, `username`, and `parameter` belong to different kinds: say which by `kind`
          5 | [servers.credential]
            | ^^^^^^^^^^^^^^^^^^^^
        1 mistake in the configuration
        keyward.toml:5:1: the user name of a credential has 1 to 128 characters, none of them a colon or a control character
          5 | [servers.credential]
            | ^^^^^^^^^^^^^^^^^^^^
        1 mistake in the configuration
        keyward.toml:5:1: the query parameter of a credential has 1 to 128 letters, digits, '-', '.', '_' and '~'
          5 | [servers.credential]
            | ^^^^^^^^^^^^^^^^^^^^
        1 mistake in the configuration
        keyward.toml:7:9: `owner` cannot be "me"
          7 | owner = "me"
            |         ^^^^
            known here: shared, user, user_or_shared
        1 mistake in the configuration
        "#
    );
}

#[test]
fn a_token_in_the_query_is_warned_of() {
    let config = parse("keyward.toml", &server_with("parameter = \"key\""), []).expect("right");
    insta::assert_snapshot!(config.warnings().join("\n"), @"server coda: its token goes into the query of the URL, which upstream and proxies before it may log; use another kind of credential if upstream takes one");
}

/// The mistakes alone, without advice.
fn told(text: &str) -> Vec<String> {
    let told = mistakes(text, &[]);
    told.lines().filter(|line| line.starts_with("keyward.toml")).map(str::to_owned).collect()
}

#[test]
fn a_root_key_elsewhere_needs_its_section() {
    for (kind, section) in [("aws-kms", "aws_kms"), ("pkcs11", "pkcs11"), ("openbao-transit", "openbao_transit")] {
        assert_eq!(
            told(&format!("keys.kind = '{kind}'")),
            [format!("keyward.toml:1:13: there is no [keys.{section}]")]
        );
    }
    let section = "[next_keys]\nkind = 'openbao-transit'\n[next_keys.openbao_transit]\nkey = 'keyward'\n\
        address = 'https://bao.example'\nauth = 'token'\n";
    assert_eq!(told(section), ["keyward.toml:6:8: auth = \"token\" needs `token`"]);
    let config = parse("keyward.toml", &format!("{section}token = 'env:BAO_TOKEN'\n"), []).expect("right");
    let section = config.next_keys.and_then(|keys| keys.openbao_transit).expect("a section");
    assert_eq!(section.mount.0.0, "transit");
}

#[test]
fn openbao_needs_its_section_and_what_its_login_needs() {
    assert_eq!(told("token_store.kind = 'openbao'"), ["keyward.toml:1:20: there is no [token_store.openbao]"]);
    assert_eq!(
        told(
            "[token_store.openbao]\naddress = 'http://bao.example'\nmount = '/secret'\ntoken = 's.1234'\nadress = 'x'\n"
        ),
        [
            "keyward.toml:1:1: `openbao` has no `auth`",
            "keyward.toml:2:11: `address`: a site's URL is https, except on this machine (127.0.0.1, [::1], localhost): tokens would travel in the clear",
            "keyward.toml:3:9: `mount`: a path in OpenBao is NAME or NAME/NAME, names of letters, digits, '-', '_' and '.', no slash at either end",
            "keyward.toml:4:9: `token`: a secret does not stand in this file: write env:NAME or file:PATH of what holds it",
            "keyward.toml:5:1: unknown key `adress` in `openbao`",
        ]
    );
    let section = "[token_store.openbao]\naddress = 'https://bao.example'\n";
    for (auth, needs) in
        [("token", vec!["token"]), ("approle", vec!["role_id", "secret_id"]), ("kubernetes", vec!["role"])]
    {
        let expected: Vec<_> =
            needs.iter().map(|key| format!("keyward.toml:3:8: auth = \"{auth}\" needs `{key}`")).collect();
        assert_eq!(told(&format!("{section}auth = '{auth}'\n")), expected);
    }
    let text = format!("token_store.kind = 'openbao'\n{section}auth = 'token'\ntoken = 'env:BAO_TOKEN'\n");
    let config = parse("keyward.toml", &text, []).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let openbao = config.token_store.openbao.expect("a section");
    assert_eq!((openbao.mount.0.0.as_str(), openbao.prefix.0.0.as_str(), openbao.seal), ("secret", "keyward", false));
}
