use http::StatusCode;
use http::header::LOCATION;
use serde_json::json;

use crate::oauth_testing::{Answer, CALLBACK, CODA, ISSUER, SLACK, Site, authorize_query, server, sites, two_servers};

async fn authorize(site: &Site, client_id: &str, more: &[(&str, &str)]) -> Answer {
    site.browse(&format!("/authorize?{}", authorize_query(client_id, more))).await
}

fn is_page_without_redirect(answer: &Answer) -> bool {
    answer.status == StatusCode::BAD_REQUEST && !answer.headers.contains_key(LOCATION) && answer.body.contains("<h1>")
}

#[tokio::test]
async fn whoever_is_not_logged_in_is_sent_to_log_in_and_back() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let query = authorize_query(&client_id, &[]);
        let answer = site.get(&format!("/authorize?{query}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert!(answer.headers[LOCATION].to_str().expect("text").starts_with("/login?next=%2Fauthorize%3F"));
        let silent = site.get(&format!("/authorize?{}", authorize_query(&client_id, &[("prompt", "none")]))).await;
        assert_eq!(silent.returned("error").as_deref(), Some("login_required"));
        assert_eq!(silent.returned("iss").as_deref(), Some(ISSUER));
    }
}

#[tokio::test]
async fn yes_gives_a_code_and_no_gives_none() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let query = authorize_query(&client_id, &[]);
        let page = site.browse(&format!("/authorize?{query}")).await;
        assert_eq!(page.status, StatusCode::OK);
        for shown in ["Test client", "client.example", "coda:read", "data-redirect-host"] {
            assert!(page.body.contains(shown), "{shown}");
        }
        let denied = site.decide(&query, "deny").await;
        assert_eq!(denied.returned("error").as_deref(), Some("access_denied"));
        assert_eq!(denied.returned("state").as_deref(), Some("st at&e"));
        let allowed = site.decide(&query, "allow").await;
        assert_eq!(allowed.status, StatusCode::SEE_OTHER);
        assert!(allowed.returned("code").is_some_and(|code| code.starts_with("kwc_")));
        assert_eq!(allowed.returned("state").as_deref(), Some("st at&e"));
        assert_eq!(allowed.returned("iss").as_deref(), Some(ISSUER));
        assert_eq!(site.decide(&query, "maybe").await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn the_decision_counts_only_from_the_persons_own_page() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let query = authorize_query(&client_id, &[]);
        let without_session = site.post("/consent", &[("request", &query), ("decision", "allow")], None).await;
        assert!(without_session.headers[LOCATION].to_str().expect("text").starts_with("/login?"));
        // What is in the form is verified again.
        let tampered = authorize_query(&client_id, &[("redirect_uri", "https://evil.example/cb")]);
        assert!(is_page_without_redirect(&site.decide(&tampered, "allow").await));
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_is_not_the_clients() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK, "http://localhost/callback"]).await;
        for more in [
            [("redirect_uri", "https://evil.example/callback")],
            [("redirect_uri", "https://client.example/callback/")],
            [("redirect_uri", "")],
            [("client_id", "0198c7b4-0000-7000-8000-000000000000")],
            [("client_id", "a\0b")],
            [("client_id", "")],
        ] {
            assert!(is_page_without_redirect(&authorize(&site, &client_id, &more).await), "{more:?}");
        }
        for name in ["redirect_uri", "client_id"] {
            let query = authorize_query(&client_id, &[]);
            let twice = site.browse(&format!("/authorize?{query}&{name}=https://evil.example/cb")).await;
            assert!(is_page_without_redirect(&twice), "{name}");
            // Also behind another one that is there twice.
            let hidden = format!("/authorize?{query}&x=1&x=2&{name}=https://evil.example/cb");
            assert!(is_page_without_redirect(&site.browse(&hidden).await), "{name}");
        }
        let loopback = [("redirect_uri", "http://localhost:49152/callback")];
        let page = authorize(&site, &client_id, &loopback).await;
        assert!(page.body.contains("data-localhost-warning"), "{}", page.body);
    }
}

#[tokio::test]
async fn a_request_that_cannot_be_served_goes_back_with_the_reason() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        for (name, value, error) in [
            ("response_type", "token", "unsupported_response_type"),
            ("response_type", "", "invalid_request"),
            ("response_mode", "fragment", "invalid_request"),
            ("code_challenge", "", "invalid_request"),
            ("code_challenge", "short", "invalid_request"),
            ("code_challenge_method", "", "invalid_request"),
            ("code_challenge_method", "plain", "invalid_request"),
            ("resource", "https://other.example/mcp", "invalid_target"),
            ("scope", "typo", "invalid_scope"),
            ("request", "ey", "request_not_supported"),
            ("request_uri", "https://a.example", "request_uri_not_supported"),
            ("nonce", "a\0b", "invalid_request"),
            ("prompt", "none login", "invalid_request"),
            ("prompt", "none", "consent_required"),
        ] {
            let answer = authorize(&site, &client_id, &[(name, value)]).await;
            assert_eq!(answer.returned("error").as_deref(), Some(error), "{name}={value} {}", answer.body);
            assert_eq!(answer.returned("state").as_deref(), Some("st at&e"));
            assert_eq!(answer.returned("iss").as_deref(), Some(ISSUER));
        }
        let query = authorize_query(&client_id, &[]);
        let twice = site.browse(&format!("/authorize?{query}&scope=coda:read&scope=coda:write")).await;
        assert_eq!(twice.returned("error").as_deref(), Some("invalid_request"));
    }
}

#[tokio::test]
async fn resource_is_bound_to_its_own_spelling_and_defaults_to_the_default() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        for (asked, bound) in
            [("", CODA), ("http://127.0.0.1:8080/", CODA), ("HTTP://127.0.0.1:8080/slack/mcp/", SLACK)]
        {
            let code = site.code(&client_id, &[("resource", asked)]).await;
            assert_eq!(site.exchange(&client_id, &code).await.claims()["aud"], bound, "{asked}");
        }
        let both = authorize_query(&client_id, &[("resource", CODA)]) + "&resource=" + SLACK;
        let several = site.browse(&format!("/authorize?{both}")).await;
        assert_eq!(several.returned("error").as_deref(), Some("invalid_target"));
    }
    let servers = vec![server("coda", "a", "a"), server("slack", "b", "b")];
    for site in sites(crate::IssuerConfig::new(ISSUER, servers)).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let ambiguous = authorize(&site, &client_id, &[]).await;
        assert_eq!(ambiguous.returned("error").as_deref(), Some("invalid_target"));
        assert!(ambiguous.returned("error_description").is_some_and(|text| text.contains(SLACK)));
    }
}

#[tokio::test]
async fn consent_is_remembered_only_where_the_client_is_certain() {
    for site in sites(two_servers()).await {
        let callbacks = [CALLBACK, "http://127.0.0.1/cb", "com.example.app:/cb"];
        let client_id = site.public_client(&callbacks).await;
        site.code(&client_id, &[("scope", "coda:read coda:write")]).await;
        let again = authorize(&site, &client_id, &[("scope", "coda:read")]).await;
        assert!(again.returned("code").is_some(), "{}", again.body);
        let silent = authorize(&site, &client_id, &[("prompt", "none")]).await;
        assert!(silent.returned("code").is_some());
        for more in [
            [("prompt", "consent")],
            [("resource", SLACK)],
            [("redirect_uri", "http://127.0.0.1:5/cb")],
            [("redirect_uri", "com.example.app:/cb")],
        ] {
            let page = authorize(&site, &client_id, &more).await;
            assert!(page.body.contains("data-client-name"), "{more:?}");
        }
        let more_scopes = [("resource", CODA), ("scope", "coda:read openid")];
        assert!(authorize(&site, &client_id, &more_scopes).await.body.contains("data-client-name"));
    }
}

#[tokio::test]
async fn a_fresh_login_can_be_asked_for_and_does_not_go_in_circles() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        site.advance(100);
        for more in [[("prompt", "login consent")], [("max_age", "60")]] {
            let answer = authorize(&site, &client_id, &more).await;
            let location = answer.headers[LOCATION].to_str().expect("text").to_owned();
            assert!(location.starts_with("/login?") && location.contains("again=1"), "{location}");
            let next = url::Url::parse(&format!("{ISSUER}{location}")).expect("URL");
            let next = next.query_pairs().find(|(name, _)| name == "next").expect("next").1.into_owned();
            let back = site.browse(&next).await;
            assert!(back.body.contains("data-client-name"), "{next}");
        }
        assert!(authorize(&site, &client_id, &[("max_age", "1000")]).await.body.contains("data-client-name"));
    }
}

#[tokio::test]
async fn a_form_brings_the_same_request() {
    for site in sites(two_servers()).await {
        let fields = [("client_id", "a b"), ("resource", CODA), ("state", "x"), ("state", "y")];
        let answer = site.post("/authorize", &fields, None).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let location = answer.headers[LOCATION].to_str().expect("text");
        assert!(location.starts_with("/authorize?client_id=a+b&"), "{location}");
        assert_eq!(location.matches("state=").count(), 2);
    }
}

#[tokio::test]
async fn codes_of_parallel_authorizations_are_independent() {
    for site in sites(two_servers()).await {
        let client_id = site.public_client(&[CALLBACK]).await;
        let (one, other) = (site.code(&client_id, &[]).await, site.code(&client_id, &[]).await);
        let (one, other) = (site.exchange(&client_id, &one).await, site.exchange(&client_id, &other).await);
        assert_ne!(one.claims()["grant_id"], other.claims()["grant_id"]);
        assert_eq!(json!([one.status.as_u16(), other.status.as_u16()]), json!([200, 200]));
    }
}
