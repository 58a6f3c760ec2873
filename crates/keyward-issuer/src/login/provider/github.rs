//! Who somebody is at GitHub, which knows no ID tokens for people: its interface for programs says it. A person is their
//! number; names there can be changed and be taken by others.

use keyward_vault::upstream::LoginTokens;
use serde::Deserialize;
use url::Url;

use super::person::{Person, tame};
use super::problem::LoginFailed;
use crate::account::email::EmailAddress;
use keyward_core::json::{object, text};

/// `GET /user`.
#[derive(Deserialize)]
struct User {
    id: u64,
    name: Option<String>,
}

/// `GET /user/emails`, which needs the scope `user:email`.
#[derive(Deserialize)]
struct Email {
    email: String,
    primary: bool,
    verified: bool,
}

pub(super) async fn person(tokens: &LoginTokens, user: &Url, emails: &Url) -> Result<Person, LoginFailed> {
    let user = tokens.about(user).await?;
    read(tokens.issuer(), &user, &tokens.about(emails).await?)
}

/// Of both answers.
pub(super) fn read(issuer: &str, user: &[u8], emails: &[u8]) -> Result<Person, LoginFailed> {
    let user: User = object(user).map_err(|_| LoginFailed::AboutMalformed)?;
    let email = primary(emails)?;
    Ok(Person {
        issuer: issuer.to_owned(),
        subject: user.id.to_string(),
        email,
        name: user.name.as_deref().and_then(tame),
        logged_in_by: None,
        session_id: None,
    })
}

/// The primary address, if it is verified. Addresses that GitHub gives out itself receive nothing and name nobody.
fn primary(json: &[u8]) -> Result<Option<EmailAddress>, LoginFailed> {
    let emails: Vec<Email> = text(json).map_err(|_| LoginFailed::AboutMalformed)?;
    let own = |email: &&Email| {
        email.primary && email.verified && !email.email.to_ascii_lowercase().ends_with("@users.noreply.github.com")
    };
    Ok(emails.iter().find(own).and_then(|email| EmailAddress::parse(&email.email).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_their_number() {
        let of = |user: &str| read("https://github.com", user.as_bytes(), b"[]");
        let ada = of(r#"{"login":"ada","id":7,"name":"Ada\u0000 "}"#).expect("a person");
        assert_eq!((ada.subject.as_str(), ada.name.as_deref(), ada.email), ("7", Some("Ada"), None));
        for other in [r#"{"login":"ada"}"#, r#"{"id":"7"}"#, r#"{"id":-7}"#, r#"{"id":7,"id":8}"#, r#"[7,"Ada"]"#] {
            assert!(matches!(of(other), Err(LoginFailed::AboutMalformed)), "{other}");
        }
    }

    #[test]
    fn only_a_verified_primary_address_counts() {
        let read = |json: &str| primary(json.as_bytes()).expect(json).map(|email| email.to_string());
        let two = r#"[{"email":"other@example.com","primary":false,"verified":true,"visibility":null},
            {"email":"Ada@example.com","primary":true,"verified":true,"visibility":"private"}]"#;
        assert_eq!(read(two).as_deref(), Some("ada@example.com"));
        assert_eq!(read(r#"[{"email":"ada@example.com","primary":true,"verified":false}]"#), None);
        assert_eq!(read(r#"[{"email":"1+a@users.noreply.github.com","primary":true,"verified":true}]"#), None);
        assert_eq!(read("[]"), None);
        assert!(primary(br#"{"message":"Not Found"}"#).is_err());
        assert!(primary(b"[{\"email\":\"a@b.example\",\"primary\":true,\"verified\":true,\"x\":\"\xff\"}]").is_err());
    }
}
