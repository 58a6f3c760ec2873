//! The answer of RFC 7662 §2.2, made into the claims that a JWT would have, so that the same rules hold for both.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use keyward_core::clock::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::request::AskError;
use crate::error::TokenError;
use crate::jwt::NumericDate;
use keyward_core::json::object;

/// What a good token's claims are, and when they end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) claims: Bytes,
    pub(super) ends: Timestamp,
}

/// Members that occur twice are refused by the derived code.
#[derive(Deserialize)]
struct Members {
    active: bool,
    iss: Option<String>,
    exp: Option<NumericDate>,
    token_type: Option<String>,
    token_use: Option<String>,
    typ: Option<String>,
}

/// Reads an answer that came at `now`. The outer error is the issuer's, the inner one the token's. An answer that does not
/// say when the token ends holds for `active_for`.
pub(super) fn read(
    json: &[u8],
    issuer: &str,
    now: Timestamp,
    active_for: Duration,
) -> Result<Result<Answer, TokenError>, AskError> {
    let members: Members = object(json).map_err(|_| AskError::Form)?;
    if !members.active {
        return Ok(Err(TokenError::Inactive));
    }
    if members.iss.as_ref().is_some_and(|iss| iss != issuer) {
        return Ok(Err(TokenError::Issuer));
    }
    if !members.is_access_token() {
        return Ok(Err(TokenError::Type));
    }
    let ends = members.exp.map_or(now.plus(active_for), |exp| exp.0);
    let claims = completed(json, &members, issuer, ends).map_err(|_| AskError::Form)?;
    Ok(Ok(Answer { claims, ends }))
}

impl Members {
    /// Many issuers answer for refresh tokens and ID tokens too, as active as they are, and say what they are in a member
    /// of their own: Ory in `token_use`, Keycloak in `typ`.
    fn is_access_token(&self) -> bool {
        let is = |member: &Option<String>, names: &[&str]| {
            member.as_ref().is_none_or(|it| names.iter().any(|name| it.eq_ignore_ascii_case(name)))
        };
        is(&self.token_type, &["bearer", "access_token"])
            && is(&self.token_use, &["access_token", "access"])
            && is(&self.typ, &["bearer", "at+jwt", "application/at+jwt", "jwt"])
    }
}

/// With `iss` and `exp` where they are missing or `null`. All else stays as it is written, also what is there twice: that is
/// for the claims' own reader to refuse.
fn completed(json: &[u8], members: &Members, issuer: &str, ends: Timestamp) -> Result<Bytes, serde_json::Error> {
    let added = [
        ("iss", members.iss.is_none().then(|| serde_json::Value::from(issuer).to_string())),
        ("exp", members.exp.is_none().then(|| ends.as_seconds().to_string())),
    ];
    let all: AsWritten<'_> = serde_json::from_slice(json)?;
    let mut claims = String::with_capacity(json.len() + 128);
    for (name, value) in added.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
        write_member(&mut claims, name, value);
    }
    for (name, value) in all.0 {
        if !added.iter().any(|(other, value)| *other == name && value.is_some()) {
            write_member(&mut claims, &name, value.get());
        }
    }
    claims.push('}');
    Ok(claims.into())
}

fn write_member(object: &mut String, name: &str, value: &str) {
    object.push(if object.is_empty() { '{' } else { ',' });
    object.push_str(&serde_json::Value::from(name).to_string());
    object.push(':');
    object.push_str(value);
}

/// The members of an object, in their order, each as often as it is there.
struct AsWritten<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for AsWritten<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = AsWritten<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AsWritten<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(AsWritten(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn read_text(json: &str) -> Result<Result<(String, i64), TokenError>, AskError> {
        let read = read(json.as_bytes(), "https://as.example", Timestamp::from_seconds(NOW), Duration::from_secs(30));
        read.map(|said| said.map(|it| (String::from_utf8_lossy(&it.claims).into_owned(), it.ends.as_seconds())))
    }

    fn refused(json: &str) -> Option<TokenError> {
        read_text(json).expect(json).err()
    }

    #[test]
    fn what_is_missing_is_added_and_all_else_stays() {
        let (claims, ends) = read_text(r#" {"active":true,"sub":"a","sub":"b"}"#).expect("an answer").expect("active");
        let expected = r#"{"iss":"https://as.example","exp":1800000030,"active":true,"sub":"a","sub":"b"}"#;
        assert_eq!((claims.as_str(), ends), (expected, NOW + 30));
        let whole = r#"{"active":true,"iss":"https://as.example","exp":1800000100}"#;
        assert_eq!(read_text(whole).expect("an answer"), Ok((whole.to_owned(), NOW + 100)));
        let (claims, _) = read_text(r#"{"exp":null,"active":true,"iss":null}"#).expect("an answer").expect("active");
        assert_eq!(claims, r#"{"iss":"https://as.example","exp":1800000030,"active":true}"#);
    }

    #[test]
    fn tokens_that_are_no_good() {
        assert_eq!(refused(r#"{"active":false}"#), Some(TokenError::Inactive));
        assert_eq!(refused(r#"{"active":false,"iss":"x"}"#), Some(TokenError::Inactive));
        assert_eq!(refused(r#"{"active":true,"iss":"https://as.example/"}"#), Some(TokenError::Issuer));
        for member in [
            r#""token_type":"refresh_token""#,
            r#""token_type":"DPoP""#,
            r#""token_use":"refresh_token""#,
            r#""token_use":"id""#,
            r#""typ":"Refresh""#,
            r#""typ":"Offline""#,
            r#""typ":"ID""#,
        ] {
            assert_eq!(refused(&format!(r#"{{"active":true,{member}}}"#)), Some(TokenError::Type), "{member}");
        }
        for member in
            [r#""token_type":"Bearer""#, r#""token_use":"access_token""#, r#""typ":"Bearer""#, r#""typ":null"#]
        {
            assert_eq!(refused(&format!(r#"{{"active":true,{member}}}"#)), None, "{member}");
        }
    }

    #[test]
    fn what_is_no_answer() {
        for text in [
            "",
            "[true]",
            "{}",
            r#"{"active":"true"}"#,
            r#"{"active":1}"#,
            r#"{"active":false,"active":true}"#,
            r#"{"active":true,"exp":"soon"}"#,
            r#"{"active":true,"exp":1,"exp":2}"#,
            r#"{"active":true} x"#,
            "<html>",
        ] {
            assert!(read_text(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_members_are_made_into_claims_that_read_alike(
            members in prop::collection::vec(
                ("active|iss|exp|sub|[a-z\"\\\\]{0,3}", "true|null|1e9|1e999|\"https://as.example\"|\\[1, \\{\\}\\]|[0-9]{1,12}"),
                0..6,
            ),
        ) {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}: {value}", serde_json::Value::from(name.as_str()))).collect();
            let json = format!("{{\"active\": true, {} }}", members.join(" ,")).replace(",  }", "}");
            if let Ok(Ok((claims, _))) = read_text(&json) {
                prop_assert_eq!(read_text(&claims).expect("an answer").expect("active").0, claims);
            }
        }
    }
}
