//! Who has logged in, by the provider's word.

use keyward_core::clock::Timestamp;
use keyward_resource::{IdToken, RelyingParty};
use keyward_vault::upstream::LoginTokens;
use serde::Deserialize;
use serde_json::Value;

use super::problem::LoginFailed;
use super::{EmailTrust, Identity, LoginProvider, github};
use crate::account::email::EmailAddress;
use crate::state::Issuer;
use keyward_core::json::object;

/// Somebody at the provider.
#[derive(Debug)]
pub(super) struct Person {
    /// The provider.
    pub(super) issuer: String,
    /// Who they are to it, for ever.
    pub(super) subject: String,
    /// Their address, if it is believed to be theirs.
    pub(super) email: Option<EmailAddress>,
    /// What they are called.
    pub(super) name: Option<String>,
    /// The latest moment at which they can have proved who they are, if the provider says.
    pub(super) logged_in_by: Option<Timestamp>,
    /// Their session there.
    pub(super) session_id: Option<String>,
}

pub(super) async fn of(
    issuer: &Issuer,
    provider: &LoginProvider,
    tokens: &LoginTokens,
    nonce: &str,
) -> Result<Person, LoginFailed> {
    match &provider.identity {
        Identity::OpenId(party) => by_id_token(issuer, provider, party, tokens, nonce).await,
        Identity::Github { user, emails } => github::person(tokens, user, emails).await,
    }
}

async fn by_id_token(
    issuer: &Issuer,
    provider: &LoginProvider,
    party: &RelyingParty,
    tokens: &LoginTokens,
    nonce: &str,
) -> Result<Person, LoginFailed> {
    let text = tokens.id_token().and_then(|token| token.expose_text()).ok_or(LoginFailed::NoIdToken)?;
    let access_token = tokens.access_token().expose_secret();
    let mut claims = party.id_token(text, nonce, access_token, issuer.clock.now()).await?;
    if claims.email.is_none()
        && let Some(url) = provider.connections.userinfo_endpoint().await?
    {
        complete(&mut claims, &tokens.about(&url).await?)?;
    }
    let email = claims.email.as_deref().filter(|email| is_believed(provider.accounts.email, &claims, email));
    Ok(Person {
        issuer: party.issuer.clone(),
        email: email.and_then(|email| EmailAddress::parse(email).ok()),
        subject: claims.subject,
        name: claims.name.as_deref().and_then(tame),
        logged_in_by: claims.auth_time.map(|at| at.plus(party.leeway)),
        session_id: claims.session_id,
    })
}

/// What is read of the claims at the userinfo endpoint (OpenID Connect Core §5.3.2).
#[derive(Deserialize)]
struct Userinfo {
    sub: String,
    email: Option<String>,
    email_verified: Option<Value>,
    name: Option<String>,
    hd: Option<String>,
}

/// Many providers give an address there only (OpenID Connect Core §5.4).
pub(super) fn complete(claims: &mut IdToken, json: &[u8]) -> Result<(), LoginFailed> {
    let more: Userinfo = object(json).map_err(|_| LoginFailed::AboutMalformed)?;
    // The access token may be another's (OpenID Connect Core §5.3.2).
    if more.sub != claims.subject {
        return Err(LoginFailed::OtherSubject);
    }
    claims.email = more.email;
    claims.domain_owner_verified = false;
    claims.email_verified = more.email_verified.is_some_and(|value| value == true || value == "true");
    claims.name = claims.name.take().or(more.name);
    claims.hosted_domain = claims.hosted_domain.take().or(more.hd);
    Ok(())
}

fn is_believed(trust: EmailTrust, claims: &IdToken, email: &str) -> bool {
    match trust {
        EmailTrust::Verified => claims.email_verified,
        EmailTrust::Google => {
            let at_google = email.to_ascii_lowercase().ends_with("@gmail.com") || claims.hosted_domain.is_some();
            claims.email_verified && at_google
        }
        EmailTrust::Entra => claims.email_verified || claims.domain_owner_verified,
        EmailTrust::Always => true,
    }
}

/// A name as it may stand on a page.
pub(super) fn tame(name: &str) -> Option<String> {
    let kept: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    let kept = kept.trim();
    (!kept.is_empty()).then(|| kept.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(email: &str, email_verified: bool, hosted_domain: Option<&str>) -> IdToken {
        IdToken {
            subject: "s".to_owned(),
            auth_time: None,
            session_id: None,
            email: Some(email.to_owned()),
            email_verified,
            domain_owner_verified: false,
            hosted_domain: hosted_domain.map(str::to_owned),
            name: None,
        }
    }

    #[test]
    fn google_is_believed_where_it_gives_the_addresses_out() {
        let believed = |trust, email: &str, verified, hd| is_believed(trust, &claims(email, verified, hd), email);
        assert!(believed(EmailTrust::Google, "ada@gmail.com", true, None));
        assert!(believed(EmailTrust::Google, "ada@example.com", true, Some("example.com")));
        assert!(!believed(EmailTrust::Google, "ada@example.com", true, None), "it was theirs once");
        assert!(!believed(EmailTrust::Google, "ada@gmail.com", false, None));
        assert!(!believed(EmailTrust::Verified, "ada@example.com", false, Some("example.com")));
        assert!(believed(EmailTrust::Always, "ada@example.com", false, None));
    }

    #[test]
    fn the_word_of_entra_is_nothing_elsewhere() {
        let claims = IdToken { domain_owner_verified: true, ..claims("ada@example.com", false, None) };
        assert!(is_believed(EmailTrust::Entra, &claims, "ada@example.com"));
        assert!(!is_believed(EmailTrust::Verified, &claims, "ada@example.com"));
        assert!(!is_believed(EmailTrust::Google, &claims, "ada@gmail.com"));
        let mut elsewhere = IdToken { email: None, ..claims };
        complete(&mut elsewhere, br#"{"sub":"s","email":"eve@example.com"}"#).expect("of the same");
        assert!(!is_believed(EmailTrust::Entra, &elsewhere, "eve@example.com"), "it was said of another address");
    }

    #[test]
    fn what_is_said_elsewhere_must_be_of_the_same_person() {
        let mut mine = IdToken { email: None, ..claims("", false, None) };
        let said = br#"{"sub":"s","email":"ada@example.com","email_verified":true,"name":"Ada"}"#;
        complete(&mut mine, said).expect("of the same");
        assert_eq!((mine.email.as_deref(), mine.email_verified), (Some("ada@example.com"), true));
        let other = complete(&mut mine, br#"{"sub":"t","email":"eve@example.com","email_verified":true}"#);
        assert!(matches!(other, Err(LoginFailed::OtherSubject)));
        for other in ["eyJhbGciOi.e30.x", r#"["s","eve@example.com",true,"Eve",null]"#, r#"{"sub":"s","sub":"s"}"#] {
            assert!(matches!(complete(&mut mine, other.as_bytes()), Err(LoginFailed::AboutMalformed)), "{other}");
        }
        let no_text = complete(&mut mine, b"{\"sub\":\"s\",\"x\":\"\xff\"}");
        assert!(matches!(no_text, Err(LoginFailed::AboutMalformed)), "in a member that nobody wants");
    }
}
