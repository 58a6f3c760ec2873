//! Tokens for a resource that is not behind this Keyward.

use http::StatusCode;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::ScopeHierarchy;
use keyward_storage::params;

use crate::config::{IssuerConfig, ProtectedResource};
use crate::oauth_testing::{Answer, CALLBACK, CODA, Site, authorize_query, refresh_at, server, sites, two_servers};

const NOTES: &str = "https://notes.example.com/mcp";

/// Two servers here, and notes elsewhere, where `notes:all` includes `notes:read` and `notes:write`.
fn notes_elsewhere() -> IssuerConfig {
    let all = ("notes:all".parse().expect("scope"), "notes:read notes:write".parse().expect("scopes"));
    let notes = ProtectedResource {
        name: "Our notes".to_owned(),
        resource: ResourceUri::parse(NOTES).expect("resource"),
        ..server("notes", "notes:read notes:write notes:all", "notes:read")
    };
    IssuerConfig { resources: vec![notes], hierarchy: ScopeHierarchy::new([all].into()), ..two_servers() }
}

async fn connected(site: &Site, scope: &str) -> (String, Answer) {
    let client_id = site.public_client(&[CALLBACK]).await;
    let code = site.code(&client_id, &[("resource", NOTES), ("scope", scope)]).await;
    let tokens = site.exchange(&client_id, &code).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    (client_id, tokens)
}

async fn refresh(site: &Site, client_id: &str, tokens: &Answer, more: (&str, &str)) -> Answer {
    let text = tokens.text("refresh_token");
    let fields = [("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", &text), more];
    site.post("/token", &fields, None).await
}

#[tokio::test]
async fn the_token_says_no_more_than_the_person_has_seen() {
    for site in sites(notes_elsewhere()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let query =
            authorize_query(&client_id, &[("resource", "https://NOTES.example.com/mcp/"), ("scope", "notes:all")]);
        let page = site.browse(&format!("/authorize?{query}")).await;
        for part in
            ["Our notes", NOTES, "data-elsewhere", "10 minutes", "\"notes:all\"", "\"notes:read\"", "\"notes:write\""]
        {
            assert!(page.body.contains(part), "no {part}: {}", page.body);
        }
        let code = site.decide(&query, "allow").await.returned("code").expect("code");
        let tokens = site.exchange(&client_id, &code).await;
        let claims = tokens.claims();
        assert_eq!((&claims["aud"], &claims["scope"]), (&NOTES.into(), &"notes:all notes:read notes:write".into()));
        assert_eq!(claims.get("email"), None, "{claims}");
        let (_, told) = connected(&site, "notes:read email").await;
        assert_eq!(told.claims()["email"], "ada@example.com");
        let (_, here) = site.connected().await;
        assert_eq!((&here.claims()["aud"], &here.claims()["email"]), (&CODA.into(), &"ada@example.com".into()));
    }
}

#[tokio::test]
async fn a_refresh_stays_with_its_resource_and_writes_out_what_scopes_include() {
    for site in sites(notes_elsewhere()).await {
        let (client_id, tokens) = connected(&site, "notes:all").await;
        for other in [CODA, "http://127.0.0.1:8080", "https://notes.example.com/other"] {
            let refused = refresh(&site, &client_id, &tokens, ("resource", other)).await;
            assert_eq!(refused.error(), (400, "invalid_target".to_owned()), "{other}");
        }
        let same = refresh(&site, &client_id, &tokens, ("scope", "notes:all")).await;
        assert_eq!(same.text("scope"), "notes:all notes:read notes:write");
        let less = refresh(&site, &client_id, &same, ("scope", "notes:read")).await;
        assert_eq!((less.text("scope").as_str(), less.claims()["aud"].as_str()), ("notes:read", Some(NOTES)));
        let (client_id, here) = site.connected().await;
        let refused = refresh(&site, &client_id, &here, ("resource", NOTES)).await;
        assert_eq!(refused.error(), (400, "invalid_target".to_owned()));
    }
}

#[tokio::test]
async fn what_is_taken_out_of_the_configuration_gets_no_more_tokens() {
    for site in sites(notes_elsewhere()).await {
        let (client_id, tokens) = connected(&site, "notes:all").await;
        let without = site.with_configuration(two_servers()).await;
        let refused = refresh_at(without, &client_id, &tokens.text("refresh_token")).await;
        assert_eq!(refused.error(), (400, "invalid_target".to_owned()));
        let mut less = notes_elsewhere();
        less.resources[0].scopes = "notes:read".parse().expect("scopes");
        let less = site.with_configuration(less).await;
        let narrowed = refresh_at(less, &client_id, &tokens.text("refresh_token")).await;
        assert_eq!(narrowed.text("scope"), "notes:read", "the refresh token was not used up before");
    }
}

#[tokio::test]
async fn a_yes_is_for_one_resource() {
    for site in sites(notes_elsewhere()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        site.code(&client_id, &[("resource", CODA)]).await;
        let at_notes = format!("/authorize?{}", authorize_query(&client_id, &[("resource", NOTES)]));
        let asked = site.browse(&at_notes).await;
        assert!(asked.body.contains("Our notes") && asked.returned("code").is_none(), "{}", asked.body);
        site.code(&client_id, &[("resource", NOTES)]).await;
        assert!(site.browse(&at_notes).await.returned("code").is_some(), "they have said yes to this");
        let more = authorize_query(&client_id, &[("resource", NOTES), ("scope", "notes:all")]);
        assert!(site.browse(&format!("/authorize?{more}")).await.body.contains("\"notes:write\""));
    }
}

#[tokio::test]
async fn records_and_the_account_call_it_by_its_name() {
    for site in sites(notes_elsewhere()).await {
        let (client_id, tokens) = connected(&site, "notes:read").await;
        assert_eq!(refresh(&site, &client_id, &tokens, ("scope", "")).await.status, StatusCode::OK);
        let connections = site.issuer.list_connections(site.ada).await.expect("connections");
        let connection = connections.first().expect("a connection");
        assert_eq!(
            (connection.server_name.as_str(), connection.outlives.as_deref()),
            ("Our notes", Some("10 minutes"))
        );
        let revoked =
            site.post("/revoke", &[("token", &tokens.text("access_token")), ("client_id", &client_id)], None).await;
        assert_eq!(revoked.status, StatusCode::OK);
        for action in ["consent", "grant.create", "grant.refresh", "grant.revoke"] {
            let sql = "SELECT count(*) FROM audit_log WHERE action = $1 AND service_id = 'notes'";
            let row = site.issuer.db.query_opt(sql, params![action]).await.expect("counted").expect("a row");
            assert_eq!(row.get::<i64>(0).expect("a number"), 1, "{action}");
        }
        let landing = site.get("/").await.body;
        assert!(landing.contains("Elsewhere") && landing.contains(NOTES), "{landing}");
        let metadata = site.get("/.well-known/oauth-authorization-server").await.json();
        assert_eq!(metadata["protected_resources"][2], NOTES);
    }
}
