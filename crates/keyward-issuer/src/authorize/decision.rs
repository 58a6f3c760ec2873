//! `POST /consent`: the person has decided.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use keyward_core::audit::{Action, AuditResult};

use super::code;
use super::error::{AuthorizeError, Returned, ReturnedError};
use super::request::UnverifiedAuthorizeRequest;
use crate::audit::About;
use crate::body::Form;
use crate::state::Issuer;
use crate::{csrf, login, session};

/// The form of the consent page. The request in it is verified as if it came for the first time.
pub(crate) async fn decide(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, AuthorizeError> {
    let query = form.get("request").unwrap_or_default().to_owned();
    let Some(person) = session::current(&issuer, &headers).await? else {
        return Ok(login::redirect(&issuer, &issuer.config.path(&format!("/authorize?{query}"))));
    };
    csrf::check(&issuer, &headers, Some(&person), form.get("csrf").unwrap_or_default())?;
    let request = UnverifiedAuthorizeRequest::new(query).verify(&issuer).await?;
    match form.get("decision") {
        Some("allow") => code::issue(&issuer, &request, &person, code::Decided::Now).await,
        Some("deny") => {
            let about = About {
                email: Some(&person.email),
                client_id: Some(&request.client.client_id),
                resource: Some(request.resource.as_str()),
            };
            issuer.record(Action::Consent, AuditResult::Denied, about, &[]);
            let returned = Returned { to: request.return_address(), error: ReturnedError::AccessDenied };
            Err(AuthorizeError::Returned(Box::new(returned)))
        }
        _ => Err(AuthorizeError::Decision),
    }
}
