//! One request and what its status means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use keyward_core::secret::Secret;
use keyward_outbound::{ClientConfig, Guard, Ports, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use super::answer::{self, AccessToken, ErrorAnswer};
use super::login::Way;
use super::{Infisical, InfisicalError};

/// How long one request may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// The longest answer that is read: a list of some ten thousand secrets.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// For how long a request is held back, and sent again, when Infisical asks for a pause; a longer one is an error at once.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The pause after a 429 that names none; Infisical counts by the minute.
const USUAL_PAUSE: u64 = 10;
/// RFC 3986 §2.3: what a path segment holds as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A JSON body, wiped when it has been sent.
pub(super) struct Body(Bytes);

/// An answer of status 200, 400 or 404: what these mean depends on the request.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// What an outgoing client for Infisical is made with. The operator names the site, so any address is allowed.
pub(crate) fn client_config() -> ClientConfig {
    ClientConfig { guard: Guard::Any, ports: Ports::Any, deadline: DEADLINE, max_body_bytes: MAX_ANSWER_BYTES }
}

/// Writes a body.
pub(super) fn json(value: &impl Serialize) -> Result<Body, InfisicalError> {
    // Only a map with keys that are no text cannot be written, and there is none.
    let text = serde_json::to_vec(value).map_err(|_| InfisicalError::Refused("unwritable".to_owned()))?;
    Ok(Body(Bytes::from_owner(Zeroizing::new(text))))
}

impl Reply {
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, InfisicalError> {
        match self.status {
            StatusCode::OK => Ok(answer::parse(&self.body)?),
            _ => Err(InfisicalError::Refused(ErrorAnswer::parse(&self.body).told())),
        }
    }
}

impl Infisical {
    /// A URL of the API, below whatever path the site has.
    pub(super) fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Url {
        let mut url = self.config.url.clone();
        let mut path = url.path().trim_end_matches('/').to_owned();
        for segment in segments {
            path.push('/');
            path.extend(utf8_percent_encode(segment, SEGMENT));
        }
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// Sends a request as the machine identity; logs in anew, once, when its access token is not taken any more.
    pub(super) async fn send(&self, method: Method, url: &Url, body: Option<&Body>) -> Result<Reply, InfisicalError> {
        let token = self.login.token(&self.clock, |way| self.log_in(way)).await?;
        let answer = self.exchange(method.clone(), url, Some(&token), body).await?;
        let answer = if is_token_error(&answer) {
            self.login.forget(&token).await;
            let token = self.login.token(&self.clock, |way| self.log_in(way)).await?;
            self.exchange(method, url, Some(&token), body).await?
        } else {
            answer
        };
        match answer.status {
            StatusCode::OK | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => {
                Ok(Reply { status: answer.status, body: answer.body })
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(InfisicalError::Denied(ErrorAnswer::parse(&answer.body).told()))
            }
            status => Err(failure(status)),
        }
    }

    async fn log_in(&self, way: Way) -> Result<AccessToken, InfisicalError> {
        let (path, body) = match &way {
            Way::LogIn => {
                // Read each time, so that a new secret in the same place is used at the next login.
                let secret = self.config.client_secret.read().await?;
                let text = secret.expose_text().unwrap_or_default();
                let credentials = LogIn { client_id: &self.config.client_id, client_secret: text };
                (["api", "v1", "auth", "universal-auth", "login"].as_slice(), json(&credentials)?)
            }
            Way::Renew(token) => {
                let renewal = Renew { access_token: token.expose_text().unwrap_or_default() };
                (["api", "v1", "auth", "token", "renew"].as_slice(), json(&renewal)?)
            }
        };
        let answer = self.exchange(Method::POST, &self.url(path, &[]), None, Some(&body)).await?;
        match answer.status {
            StatusCode::OK => Ok(answer::parse(&answer.body)?),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
                Err(InfisicalError::LoginRefused(ErrorAnswer::parse(&answer.body).told()))
            }
            status => Err(failure(status)),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        token: Option<&Secret>,
        body: Option<&Body>,
    ) -> Result<Response, InfisicalError> {
        self.check_pause()?;
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, bearer(token)?);
        }
        let mut bytes = Bytes::new();
        if let Some(Body(body)) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            bytes = body.clone();
        }
        let send = || self.http.send(method.clone(), url, headers.clone(), bytes.clone());
        let answer = send().await.map_err(InfisicalError::Unreachable)?;
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            return Ok(answer);
        }
        let seconds = retry_after(&answer.headers);
        if Duration::from_secs(seconds) <= LONGEST_WAIT {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let answer = send().await.map_err(InfisicalError::Unreachable)?;
            if answer.status != StatusCode::TOO_MANY_REQUESTS {
                return Ok(answer);
            }
        }
        self.paused_until.store(Some(self.clock.now().plus(Duration::from_secs(seconds)).into()));
        Err(InfisicalError::RateLimited { seconds })
    }

    /// Refuses at once while Infisical has asked for a pause: requests in it would only make it longer.
    fn check_pause(&self) -> Result<(), InfisicalError> {
        let until = self.paused_until.load();
        let left = until.as_ref().map(|until| until.since(self.clock.now()));
        match left {
            Some(left) if !left.is_zero() && left <= Duration::from_secs(MAX_PAUSE) => {
                Err(InfisicalError::RateLimited { seconds: left.as_secs().max(1) })
            }
            _ => Ok(()),
        }
    }
}

/// The longest pause that is kept: a header must not switch the store off for a day.
const MAX_PAUSE: u64 = 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogIn<'a> {
    client_id: &'a str,
    client_secret: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Renew<'a> {
    access_token: &'a str,
}

fn bearer(token: &Secret) -> Result<HeaderValue, InfisicalError> {
    let mut text = Zeroizing::new(b"Bearer ".to_vec());
    text.extend_from_slice(token.expose_secret());
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text)).map_err(|_| answer::InvalidAnswer)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether it is the access token that was not taken: 401, or 403 of the kind `TokenError` for one that has ended.
fn is_token_error(answer: &Response) -> bool {
    match answer.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => ErrorAnswer::parse(&answer.body).error == "TokenError",
        _ => false,
    }
}

fn failure(status: StatusCode) -> InfisicalError {
    match status {
        // The issues are a list that may quote what was sent.
        StatusCode::UNPROCESSABLE_ENTITY => InfisicalError::Refused("it does not take the request as valid".to_owned()),
        status if status.is_redirection() => answer::InvalidAnswer.into(),
        status => InfisicalError::Broken(status.as_u16()),
    }
}

/// RFC 9110 §10.2.3, in seconds; a date is not used by Infisical.
fn retry_after(headers: &HeaderMap) -> u64 {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    header.and_then(|text| text.trim().parse().ok()).unwrap_or(USUAL_PAUSE).clamp(1, MAX_PAUSE)
}
