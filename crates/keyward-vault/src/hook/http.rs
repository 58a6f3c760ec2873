//! An HTTP call: what it is for goes out as JSON, what it gives comes back as the body.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use keyward_core::secret::Secret;
use keyward_outbound::Client;
use url::Url;
use zeroize::{Zeroize, Zeroizing};

use super::HookError;
use crate::secret_source::SecretSource;

pub(super) async fn run(
    client: &Client,
    url: &Url,
    authorization: Option<&SecretSource>,
    facts: &str,
    secret: Option<&Secret>,
) -> Result<Secret, HookError> {
    let body = match secret {
        Some(current) => with_current(facts, current.expose_text().ok_or(HookError::NotText)?),
        None => Zeroizing::new(facts.as_bytes().to_vec()),
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(source) = authorization {
        let value = Zeroizing::new(source.read().await?.expose_secret().to_vec());
        let value = HeaderValue::from_maybe_shared(Bytes::from_owner(value));
        let mut value = value.map_err(|_| HookError::BadAuthorization)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    let answer = client.send(Method::POST, url, headers, Bytes::from_owner(body)).await?;
    if !answer.status.is_success() {
        return Err(HookError::Status(answer.status));
    }
    let value = Secret::new(answer.body.to_vec());
    if let Ok(mut body) = answer.body.try_into_mut() {
        body.zeroize();
    }
    Ok(value)
}

/// The facts, with the current value among them.
fn with_current(facts: &str, current: &str) -> Zeroizing<Vec<u8>> {
    let quoted = Zeroizing::new(serde_json::to_string(current).unwrap_or_default());
    let head = facts.strip_suffix('}').unwrap_or(facts);
    let mut body = Zeroizing::new(Vec::with_capacity(head.len() + quoted.len() + 16));
    for part in [head, ",\"current\":", &quoted, "}"] {
        body.extend_from_slice(part.as_bytes());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_value_goes_among_the_facts() {
        let body = with_current(r#"{"token":"coda/key"}"#, "a\"b\n");
        let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(json, serde_json::json!({ "token": "coda/key", "current": "a\"b\n" }));
    }
}
