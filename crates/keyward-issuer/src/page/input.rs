//! What pages take in: the query of a link and the fields of a form, refused with a page where they don't parse.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::response::Response;
use axum::{Form, RequestPartsExt};
use http::request::Parts;
use keyward_core::secret::Secret;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::page;

/// The most that a form may weigh: a `next` with a long authorization request in it, and change.
pub(crate) const FORM_LIMIT: usize = 64 * 1024;

/// The fields of a form.
pub struct Fields<T>(pub T);

/// The query of a link.
pub struct Link<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Fields<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match Form::<T>::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(page::problem(
                rejection.status(),
                "This form can’t be read",
                &["A field is missing, is there twice, or is too long. Go back, reload the page, and try again."],
            )),
        }
    }
}

impl<T: DeserializeOwned + 'static, S: Send + Sync> FromRequestParts<S> for Link<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match parts.extract::<Query<T>>().await {
            Ok(Query(query)) => Ok(Self(query)),
            Err(rejection) => {
                let paragraphs = ["Part of the address is missing or is there twice. Go back and try again."];
                let status = rejection.status();
                Err(page::problem(status, "This link can’t be read", &paragraphs))
            }
        }
    }
}

/// A password as it was typed: it goes from the form into a type that wipes it.
pub(crate) struct TypedPassword(pub(crate) Secret);

impl<'de> Deserialize<'de> for TypedPassword {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::from_text(text)))
    }
}
