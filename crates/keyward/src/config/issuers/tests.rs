use crate::config::{Config, parse};

const SERVERS: &str = "
[[servers]]
id = 'a'
path = '/a/mcp'
upstream = 'http://127.0.0.1:1/mcp'
scopes = ['a:read', 'shared']
[[servers]]
id = 'b'
path = '/b/mcp'
upstream = 'http://127.0.0.1:1/mcp'
scopes = ['b:read', 'shared']
";

const STYTCH: &str =
    "[issuer]\nkind = 'stytch'\nproject_id = 'project-test-1'\nissuer = 'https://a-b-1.customers.stytch.dev'\n";
const ELSEWHERE: &str =
    "[issuer]\nkind = 'oidc'\nissuer = 'https://login.example'\njwks_uri = 'https://login.example/jwks'\n";

fn right(text: &str) -> Config {
    parse("keyward.toml", text, []).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// The mistakes, each in its line without the place.
fn wrong(text: &str) -> Vec<String> {
    let told = parse("keyward.toml", text, []).expect_err("a mistake").to_string();
    let told = told.lines().filter_map(|line| line.strip_prefix("keyward.toml:")?.split_once(": "));
    told.map(|(_, message)| message.to_owned()).collect()
}

fn names(config: &Config) -> Vec<String> {
    config.issuers().map(|issuer| issuer.name()).collect()
}

#[test]
fn one_line_for_each_preset_and_its_issuer() {
    for (preset, issuer) in [
        ("keycloak", "https://login.example/realms/main"),
        ("auth0", "https://x.eu.auth0.com/"),
        ("better-auth", "https://app.example/api/auth"),
        ("workos", "https://x.authkit.app"),
        ("okta", "https://x.okta.com/oauth2/default"),
        ("logto", "https://x.logto.app/oidc"),
        ("ory", "https://x.projects.oryapis.com"),
    ] {
        let config = right(&format!("[issuer]\nkind = 'oidc'\npreset = '{preset}'\nissuer = '{issuer}'\n{SERVERS}"));
        assert_eq!(names(&config), [issuer]);
        assert!(!config.serves_authorization_server());
    }
    let config = right(&format!("{STYTCH}{SERVERS}"));
    assert_eq!(names(&config), ["https://a-b-1.customers.stytch.dev"]);
}

#[test]
fn providers_that_name_themselves_in_aud_need_to_be_told_what() {
    for (preset, what) in [("entra", "the application (client) id"), ("zitadel", "the id of the project")] {
        let issuer = format!("[issuer]\nkind = 'oidc'\npreset = '{preset}'\nissuer = 'https://x.example/v2.0'\n");
        let told = wrong(&format!("{issuer}{SERVERS}"));
        assert!(told.len() == 1 && told[0].contains(what), "{told:?}");
        right(&format!("{issuer}audience = ['1']\n{SERVERS}"));
    }
    let issuer = "[issuer]\nkind = 'oidc'\npreset = 'entra'\naudience = ['1']\n";
    assert_eq!(
        wrong(&format!("{issuer}issuer = 'https://login.microsoftonline.com/common/v2.0'\n{SERVERS}")),
        ["this is no issuer: every tenant's tokens name the tenant"]
    );
}

#[test]
fn providers_whose_tokens_are_for_themselves_are_refused() {
    for (preset, told) in [("google", "Google cannot issue tokens"), ("github", "GitHub's tokens are for GitHub's own")]
    {
        let text = format!("[issuer]\nkind = 'oidc'\npreset = '{preset}'\n");
        let wrong = wrong(&text);
        assert!(wrong.len() == 1 && wrong[0].starts_with(told), "{wrong:?}");
    }
}

#[test]
fn each_kind_has_its_keys() {
    for (text, expected) in [
        ("[issuer]\nissuer = 'https://x.example'\n", vec!["`issuer` is nothing for Keyward's own issuer"]),
        ("[issuer]\naccounts = 'email'\n", vec!["`accounts` is nothing for Keyward's own issuer"]),
        (
            "[issuer]\nkind = 'stytch'\n",
            vec!["kind = \"stytch\" needs `project_id`", "kind = \"stytch\" needs `issuer`, the project's domain"],
        ),
        ("[issuer]\nkind = 'oidc'\n", vec!["an issuer elsewhere needs `issuer`, its identifier"]),
        (&format!("{ELSEWHERE}session_tokens = true\n"), vec!["`session_tokens` goes with kind = \"stytch\""]),
        (&format!("{ELSEWHERE}keys_usable_for = '1s'\n"), vec!["`keys_usable_for` is from 1m to 30d"]),
        (&format!("{ELSEWHERE}audience = ['']\n"), vec!["an audience is never empty"]),
        (&format!("{ELSEWHERE}client_id = 'x'\n"), vec!["`client_id` goes with broker = true"]),
        (&format!("{ELSEWHERE}isuer = 'x'\n"), vec!["unknown key `isuer` in `issuer`"]),
        (
            &format!("{ELSEWHERE}[issuer.claims]\nroles = ['/a~']\n"),
            vec!["`roles`: a claim is its name, or a JSON Pointer (RFC 6901) such as /realm_access/roles"],
        ),
        ("[[trusted_issuers]]\nkind = 'embedded'\n", vec!["Keyward's own issuer is here twice"]),
        (
            &format!("{ELSEWHERE}[[trusted_issuers]]\nissuer = 'https://login.example'\n"),
            vec!["the issuer https://login.example is here twice"],
        ),
    ] {
        assert_eq!(wrong(text), expected, "{text}");
    }
}

#[test]
fn an_opaque_token_has_one_issuer_to_be_shown_to() {
    let asked = "client_id = 'keyward'\nclient_secret = 'env:S'\n";
    let two = |first: &str, second: &str| {
        format!(
            "{ELSEWHERE}[issuer.introspection]\n{asked}{first}[[trusted_issuers]]\nissuer = 'https://other.example'\n\
             [trusted_issuers.introspection]\n{asked}{second}"
        )
    };
    let told = "several issuers would be asked about the same opaque tokens, and each see the other's";
    assert_eq!(wrong(&two("", "")), [told]);
    assert_eq!(wrong(&two("prefix = 'a_'\n", "prefix = 'a_'\n")), [told]);
    right(&two("prefix = 'a_'\n", "prefix = 'b_'\n"));
    right(&two("", "prefix = 'b_'\n"));
}

#[test]
fn both_are_taken_during_a_move() {
    let config = right(&format!("{ELSEWHERE}[[trusted_issuers]]\nkind = 'embedded'\n{SERVERS}"));
    assert_eq!(names(&config), ["https://login.example", "embedded"]);
    assert!(config.serves_authorization_server());
}

#[test]
fn servers_that_share_an_audience_are_told_apart_by_scopes_or_audiences() {
    let alike = SERVERS.replace("'b:read', ", "");
    let told = wrong(&format!("{STYTCH}{alike}"));
    assert_eq!(
        told,
        [
            "tokens of https://a-b-1.customers.stytch.dev say project-test-1 in `aud` for several servers, so nothing keeps a token \
          for another from being used at `b`"
        ]
    );
    // By an audience of its own, by other issuers, or by its URL where the issuer writes that.
    right(&format!("{STYTCH}{alike}audiences = ['b']\n"));
    right(&format!("{STYTCH}[[trusted_issuers]]\nkind = 'embedded'\n{alike}issuers = ['embedded']\n"));
    right(&format!("{ELSEWHERE}{alike}"));
    let both = SERVERS.replace("id = '", "audiences = ['x']\nid = '");
    assert_eq!(wrong(&format!("{ELSEWHERE}{both}")), ["two servers have the audience x"]);
}

#[test]
fn what_stands_for_others_is_no_audience_of_a_server() {
    let of = |audience: &str| SERVERS.replace("id = 'b'", &format!("id = 'b'\naudiences = ['{audience}']"));
    let server = "[server]\npublic_url = 'https://mcp.example'\n";
    let shared = |issuer: &str, audience: &str| {
        format!("the audience {audience} stands for several servers in tokens of {issuer}")
    };
    let stytch = "https://a-b-1.customers.stytch.dev";
    assert_eq!(wrong(&format!("{STYTCH}{}", of("project-test-1"))), [shared(stytch, "project-test-1")]);
    let listed = format!("{ELSEWHERE}audience = ['api']\n");
    assert_eq!(wrong(&format!("{listed}{}", of("api"))), [shared("https://login.example", "api")]);
    assert_eq!(
        wrong(&format!("{server}{ELSEWHERE}{}", of("https://mcp.example/a/mcp"))),
        ["the audience https://mcp.example/a/mcp is the URL of the server `a`"]
    );
    right(&format!("{server}{listed}{}", of("https://mcp.example/b/mcp")));
    let asked = "[issuer.introspection]\nclient_id = 'keyward'\nclient_secret = 'env:S'\n";
    let client = "keyward is the id of an OAuth client, which ID tokens have in `aud`";
    assert_eq!(wrong(&format!("{ELSEWHERE}{asked}{}", of("keyward"))), [client]);
    assert_eq!(wrong(&format!("{ELSEWHERE}audience = ['keyward']\n{asked}")), [client]);
    let of_each = format!("{asked}signed_tokens = true\n");
    right(&format!("[server]\n{ELSEWHERE}audience = ['keyward']\n{of_each}"));
    assert_eq!(
        wrong(&format!(
            "{ELSEWHERE}broker = true\nclient_id = 'app'\n[[trusted_issuers]]\nissuer = 'https://x.example'\naudience = ['app']\n"
        )),
        ["app is the id of an OAuth client, which ID tokens have in `aud`"]
    );
}

#[test]
fn another_email_needs_a_word_on_whether_it_is_verified() {
    let with = |claims: &str| format!("{ELSEWHERE}[issuer.claims]\n{claims}");
    let told = "nothing says of this e-mail whether it is verified: `email_verified` speaks of the claim `email`";
    assert_eq!(wrong(&with("email = 'upn'\n")), [told]);
    right(&with("email = 'email'\n"));
    right(&with("email = 'upn'\nemail_verified = 'upn_verified'\n"));
    right(&with("email = 'upn'\nemail_always_verified = true\n"));
}

#[test]
fn a_servers_issuers_are_some_that_there_are() {
    assert_eq!(
        wrong(&format!("{ELSEWHERE}{SERVERS}issuers = ['https://login.exampel', 'embedded']\n")),
        ["there is no issuer `https://login.exampel`", "there is no issuer `embedded`"]
    );
    right(&format!("{ELSEWHERE}{SERVERS}issuers = ['https://login.example']\n"));
}

#[test]
fn development_tokens_are_off_at_a_public_url_unless_named() {
    for (text, on) in [
        ("", true),
        ("[server]\npublic_url = 'http://127.0.0.1:8080'", true),
        ("[server]\npublic_url = 'https://mcp.example'", false),
        ("[server]\npublic_url = 'https://mcp.example'\n[issuer]\nstatic_tokens = true", true),
        ("[issuer]\nstatic_tokens = false", false),
    ] {
        assert_eq!(right(text).static_tokens_are_on(), on, "{text}");
    }
}

#[test]
fn a_broker_is_told_of_keys_that_are_about_access_tokens() {
    let broker = format!("{ELSEWHERE}broker = true\nclient_id = 'keyward'\n");
    right(&format!("{broker}[issuer.claims]\nemail_always_verified = true\n"));
    for (text, key) in [
        ("audience = ['x']\n", "audience"),
        ("require_typ = false\n", "require_typ"),
        ("accounts = 'email'\n", "accounts"),
        ("[issuer.claims]\nemail = 'mail'\n", "claims"),
        ("[issuer.claims]\nrequired = ['scope']\n", "claims"),
        ("[issuer.introspection]\nclient_id = 'k'\nclient_secret = 'env:S'\n", "introspection"),
    ] {
        let told = format!("`{key}` is about access tokens of the provider");
        assert!(wrong(&format!("{broker}{text}")).contains(&told), "{text}");
    }
    let login = "[[connections]]\nid = 'login'\nissuer = 'https://login.example'\n";
    let told = wrong(&format!("{broker}{login}"));
    assert_eq!(told, ["`login` is where people log in: call this connection something else"]);
}

#[test]
fn github_is_told_of_nothing_that_it_does_not_have() {
    let github = "[issuer]\nkind = 'oidc'\npreset = 'github'\nbroker = true\nclient_id = 'keyward'\n";
    right(github);
    for (text, key) in [
        ("issuer = 'https://github.com'\n", "issuer"),
        ("metadata_url = 'https://x.example/m'\n", "metadata_url"),
        ("jwks_uri = 'https://x.example/k'\n", "jwks_uri"),
        ("algorithms = ['ES256']\n", "algorithms"),
        ("keys_usable_for = '2h'\n", "keys_usable_for"),
    ] {
        let told = format!("`{key}` is nothing for GitHub, whose places are known");
        assert_eq!(wrong(&format!("{github}{text}")), [told], "{text}");
    }
}
