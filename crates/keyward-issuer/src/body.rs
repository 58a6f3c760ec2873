//! Request bodies of the OAuth endpoints: of the right type, within the limit, refused as JSON.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::oauth_error::OauthError;
use crate::parameters::Parameters;
use crate::state::Issuer;

/// Why a body was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyRefused {
    #[error("the body must be {0}")]
    WrongType(&'static str),
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body broke off")]
    Broken,
}

impl IntoResponse for BodyRefused {
    fn into_response(self) -> Response {
        let status = match self {
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongType(_) | Self::Broken => StatusCode::BAD_REQUEST,
        };
        OauthError::new("invalid_request", self.to_string()).status(status).into_response()
    }
}

/// The parameters of an `application/x-www-form-urlencoded` body (RFC 6749 §3.2).
pub(crate) struct Form(pub(crate) Parameters);

impl FromRequest<Issuer> for Form {
    type Rejection = BodyRefused;

    async fn from_request(request: Request, issuer: &Issuer) -> Result<Self, BodyRefused> {
        read(request, issuer, "application/x-www-form-urlencoded").await.map(|body| Self(Parameters::parse(&body)))
    }
}

/// An `application/json` body, as bytes.
pub(crate) struct JsonBytes(pub(crate) Bytes);

impl FromRequest<Issuer> for JsonBytes {
    type Rejection = BodyRefused;

    async fn from_request(request: Request, issuer: &Issuer) -> Result<Self, BodyRefused> {
        read(request, issuer, "application/json").await.map(Self)
    }
}

async fn read(request: Request, issuer: &Issuer, media_type: &'static str) -> Result<Bytes, BodyRefused> {
    if !is_of_type(request.headers(), media_type) {
        return Err(BodyRefused::WrongType(media_type));
    }
    let limit = issuer.config.max_body_bytes;
    match Limited::new(request.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyRefused::TooLarge(limit)),
        Err(_) => Err(BodyRefused::Broken),
    }
}

fn is_of_type(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(media_type))
}
