//! Which token a call carries, whose, and how it is written.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use keyward_gateway::CredentialOwner;
use keyward_vault::CredentialSpec;

use crate::support::{Gate, READER, SERVICE_TOKEN, Setup, Upstream, call, call_text, json, run, token_name};

const GRACE: Duration = Duration::from_secs(600);

fn of(gate: &Gate, token: &str) -> Request<Full<Bytes>> {
    gate.request_of(token).body(call("get_page")).expect("a request")
}

/// What upstream saw in `Authorization`, call by call.
fn carried(upstream: &Upstream) -> Vec<String> {
    let seen = upstream.seen.borrow();
    seen.iter().map(|request| request.headers()["authorization"].to_str().expect("text").to_owned()).collect()
}

#[test]
fn a_persons_own_token_or_a_refusal_that_says_what_to_do() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&upstream.url());
        setup.server().credential_owner = CredentialOwner::User;
        let gate = Gate::start(setup).await;
        gate.put(&token_name().owned_by(READER), "of-the-reader", Duration::ZERO).await;
        assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 200);
        let answer = gate.send(of(&gate, &gate.writer)).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (403, "own_credential_missing"));
        let told = answer.json()["error"]["message"].to_string();
        assert!(told.contains("keyward token set coda/api_token --owner"), "{told}");
        let answer = gate.send(of(&gate, &gate.stranger)).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (403, "no_account"));
        assert_eq!(carried(&upstream), ["Bearer of-the-reader"], "neither the shared token nor another's");
        let details: Vec<_> = gate.records().await.into_iter().filter_map(|record| record.detail).collect();
        assert!(details[0].contains(r#""credential_owner":"user""#), "{details:?}");
        assert!(details[1].contains("own_credential_missing") && details[2].contains("no_account"), "{details:?}");
    });
}

#[test]
fn where_the_shared_token_may_stand_in_it_does() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&upstream.url());
        setup.server().credential_owner = CredentialOwner::UserOrShared;
        let gate = Gate::start(setup).await;
        gate.put(&token_name().owned_by(READER), "of-the-reader", Duration::ZERO).await;
        for token in [&gate.reader, &gate.writer, &gate.stranger, &gate.reader, &gate.writer] {
            assert_eq!(gate.send(of(&gate, token)).await.status, 200);
        }
        let (theirs, shared) = ("Bearer of-the-reader".to_owned(), format!("Bearer {SERVICE_TOKEN}"));
        assert_eq!(carried(&upstream), [&theirs, &shared, &shared, &theirs, &shared].map(String::clone));
        // A token of theirs that does not open is no reason to act as somebody else.
        gate.put(&token_name().owned_by(READER), "two\nlines", Duration::ZERO).await;
        assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 503);
        assert_eq!(upstream.seen.borrow().len(), 5);
    });
}

#[test]
fn basic_and_query_are_written_as_upstream_reads_them() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&format!("{}?v=2", upstream.url()));
        setup.server().credential = Some(CredentialSpec::query(token_name(), "key").expect("a rule"));
        let gate = Gate::start(setup).await;
        gate.put(&token_name(), "a b&c/hidden", Duration::ZERO).await;
        let mut request = of(&gate, &gate.reader);
        *request.uri_mut() = "/coda/mcp?key=mine&v=1".parse().expect("a target");
        assert_eq!(gate.send(request).await.status, 200);
        {
            let seen = upstream.seen.borrow();
            assert_eq!(seen[0].uri(), "/mcp?v=2&key=a%20b%26c%2Fhidden");
            assert!(!seen[0].headers().contains_key("authorization"));
        }
        assert!(!format!("{:?}", gate.records().await).contains("hidden"));

        let mut setup = Setup::to(&upstream.url());
        setup.server().credential = Some(CredentialSpec::basic(token_name(), Some("test")).expect("a rule"));
        let gate = Gate::start(setup).await;
        gate.put(&token_name(), "123£", Duration::ZERO).await;
        assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 200);
        // RFC 7617 §2.1.
        assert_eq!(upstream.seen.borrow()[1].headers()["authorization"], "Basic dGVzdDoxMjPCow==");
    });
}

/// Takes one token alone.
async fn picky(taken: &'static str) -> Upstream {
    Upstream::start(move |request| async move {
        let mut answer = json(r#"{"jsonrpc":"2.0","id":7,"result":{}}"#);
        if request.headers()["authorization"] != taken {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        answer
    })
    .await
}

#[test]
fn the_version_before_is_tried_once_inside_its_grace() {
    run(async {
        let upstream = picky("Bearer v-old").await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        gate.put(&token_name(), "v-old", Duration::ZERO).await;
        gate.put(&token_name(), "v-new", GRACE).await;
        assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 200);
        assert_eq!(carried(&upstream), ["Bearer v-new", "Bearer v-old"]);
        {
            let seen = upstream.seen.borrow();
            assert_eq!((seen[0].body(), seen[0].uri()), (seen[1].body(), seen[1].uri()));
            assert_eq!(seen[0].headers()["x-request-id"], seen[1].headers()["x-request-id"]);
        }
        let detail = gate.record().await.detail.expect("a detail");
        assert!(detail.contains(r#""credential_version":2,"refused_version":3"#), "{detail}");

        // One try, whatever it brings; and none with a version that has ended.
        gate.put(&token_name(), "v-newer", GRACE).await;
        let answer = gate.send(of(&gate, &gate.reader)).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (502, "upstream_refused_credential"));
        assert_eq!(carried(&upstream)[2..], ["Bearer v-newer", "Bearer v-new"]);
        gate.put(&token_name(), "v-newest", Duration::ZERO).await;
        assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 502);
        assert_eq!(carried(&upstream)[4..], ["Bearer v-newest"]);
    });
}

#[test]
fn a_version_that_another_process_put_is_found_when_upstream_refuses_the_one_at_hand() {
    run(async {
        let upstream = picky("Bearer v-new").await;
        let gate = Gate::start(Setup { token_stored: false, ..Setup::to(&upstream.url()) }).await;
        gate.put_elsewhere(&token_name(), "v-old").await;
        let rule = CredentialSpec::new(token_name(), AUTHORIZATION, "Bearer {token}").expect("a rule");
        gate.vault.credential(&rule).await.expect("opened");
        gate.put_elsewhere(&token_name(), "v-new").await;
        for _ in 0..2 {
            assert_eq!(gate.send(of(&gate, &gate.reader)).await.status, 200);
        }
        assert_eq!(carried(&upstream), ["Bearer v-old", "Bearer v-new", "Bearer v-new"]);
    });
}

#[test]
fn a_body_that_only_comes_once_is_not_held_back_for_a_second_try() {
    run(async {
        let upstream = picky("Bearer v-old").await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        gate.put(&token_name(), "v-old", Duration::ZERO).await;
        gate.put(&token_name(), "v-new", GRACE).await;
        let body = call_text("get_page") + &" ".repeat(60 << 10);
        let request = gate.request().body(Full::from(body)).expect("a request");
        assert_eq!(gate.send(request).await.status, 502);
        assert_eq!(carried(&upstream), ["Bearer v-new"]);
    });
}
