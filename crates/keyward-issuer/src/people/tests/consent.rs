//! The consent page: what it says about clients of each kind.

use axum::response::Response;
use http_body_util::BodyExt;
use keyward_core::resource::ResourceUri;
use keyward_core::scope::ScopeSet;

use crate::consent::{self, Consent, Voucher, Who};
use crate::session;
use crate::testing::{Site, on_each_database};

async fn page(site: &Site, voucher: Voucher<'_>, redirect_uri: &str) -> (Response<()>, String) {
    let browser = site.member(&format!("{}@example.com", site.clock.now().as_micros())).await;
    let person = session::current(&site.issuer, &browser.cookie_header()).await.expect("database").expect("logged in");
    let resource = ResourceUri::parse("http://127.0.0.1:8080/coda/mcp").expect("resource");
    let scopes: ScopeSet = "coda:read openid".parse().expect("scopes");
    let consent = Consent {
        client_name: "<b>Probe</b>",
        voucher,
        redirect_uri,
        server_name: "Coda",
        resource: &resource,
        scopes: &scopes,
        action: "/consent",
        hidden: &[("request", "a=b&c=\"d\"")],
    };
    let (parts, body) = consent::page(&site.issuer, Who::Person(&person), &consent).into_parts();
    let text = body.collect().await.expect("body").to_bytes();
    let text = String::from_utf8(text.to_vec()).expect("UTF-8");
    assert!(text.contains(&format!("name=\"csrf\" value=\"{}\"", person.csrf)));
    site.clock.advance(std::time::Duration::from_secs(1));
    (Response::from_parts(parts, ()), text)
}

#[tokio::test]
async fn a_stranger_on_this_computer_is_called_one() {
    on_each_database(async |site: Site| {
        let (response, text) = page(&site, Voucher::Nobody, "http://localhost:5000/cb").await;
        let policy = response.headers()["content-security-policy"].to_str().expect("ASCII");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("form-action"), "{policy}");
        for part in [
            "data-client-name>&lt;b&gt;Probe&lt;/b&gt;<",
            "data-unverified",
            "data-localhost-warning",
            "data-redirect-host>localhost:5000<",
            "data-scope=\"coda:read\"",
            "Know that it is you",
            "value=\"a=b&amp;c=&quot;d&quot;\"",
            "name=\"decision\" value=\"allow\"",
            "name=\"decision\" value=\"deny\"",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_somebody_vouches_for_is_not() {
    on_each_database(async |site: Site| {
        let (_, text) = page(&site, Voucher::Host("claude.ai"), "https://claude.ai/api/mcp/auth_callback").await;
        assert!(
            text.contains("data-client-host>claude.ai<") && text.contains("data-redirect-host>claude.ai<"),
            "{text}"
        );
        assert!(!text.contains("class=\"notice\""), "{text}");
        let (_, text) = page(&site, Voucher::Administrator, "cursor://anysphere.cursor-mcp/oauth/callback").await;
        assert!(text.contains("data-app-warning") && !text.contains("data-unverified"), "{text}");
    })
    .await;
}
