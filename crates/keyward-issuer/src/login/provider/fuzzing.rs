//! What is read of a provider's word, for the fuzzer.

use axum::extract::Query;
use http::Uri;
use keyward_resource::IdToken;
use keyward_vault::upstream::Answer;

use super::{callback, github, person};

/// The parameters of an authorization response, as a browser brings them to `/login/callback`.
pub fn authorization_response(query: &str) -> Option<Answer> {
    let uri = Uri::builder().path_and_query(format!("/login/callback?{query}")).build().ok()?;
    Query::<callback::Query>::try_from_uri(&uri).ok().map(|Query(query)| query.answer())
}

/// What an ID token of the subject `s` says, completed by an answer of the userinfo endpoint.
pub fn userinfo(json: &[u8]) -> Option<IdToken> {
    let mut claims = IdToken {
        subject: "s".to_owned(),
        auth_time: None,
        session_id: None,
        email: None,
        email_verified: false,
        domain_owner_verified: true,
        hosted_domain: None,
        name: None,
    };
    person::complete(&mut claims, json).ok()?;
    Some(claims)
}

/// Subject, address and name by GitHub's two answers about a person.
pub fn github(user: &[u8], emails: &[u8]) -> Option<(String, Option<String>, Option<String>)> {
    let person = github::read("https://github.com", user, emails).ok()?;
    Some((person.subject, person.email.map(|email| email.to_string()), person.name))
}
