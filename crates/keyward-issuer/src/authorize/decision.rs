//! `POST /consent`: the person has decided.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use keyward_core::audit::{Action, AuditResult};
use keyward_core::peer::ClientAddress;

use super::code;
use super::error::{AuthorizeError, Returned, ReturnedError};
use super::request::{AuthorizeRequest, UnverifiedAuthorizeRequest};
use crate::audit::About;
use crate::body::Form;
use crate::login::provider::{self, Afterwards};
use crate::state::Issuer;
use crate::{csrf, login, session};

/// The form of the consent page. The request in it is verified as if it came for the first time.
pub(crate) async fn decide(
    State(issuer): State<Issuer>,
    address: Option<Extension<ClientAddress>>,
    headers: HeaderMap,
    Form(form): Form,
) -> Result<Response, AuthorizeError> {
    let query = form.get("request").unwrap_or_default().to_owned();
    let person = session::current(&issuer, &headers).await?;
    if person.is_none() && issuer.provider.is_none() {
        return Ok(login::redirect(&issuer, &issuer.config.path(&format!("/authorize?{query}"))));
    }
    csrf::check(&issuer, &headers, person.as_ref(), form.get("csrf").unwrap_or_default())?;
    let request = UnverifiedAuthorizeRequest::new(query).verify(&issuer).await?;
    match (form.get("decision"), &person, &issuer.provider) {
        (Some("allow"), Some(person), _) => code::issue(&issuer, &request, person, code::Decided::Now).await,
        (Some("allow"), None, Some(provider)) => {
            let network = address.map(|Extension(address)| address.network());
            let afterwards = Afterwards::AllowedRequest(&request.query);
            let again = request.prompt.asks_for_login();
            let left = provider::leave(&issuer, provider, &headers, network, afterwards, again).await;
            Ok(left.unwrap_or_else(IntoResponse::into_response))
        }
        (Some("deny"), ..) => Err(denied(&issuer, &request, person.as_ref().map(|person| person.email.as_str()))),
        _ => Err(AuthorizeError::Decision),
    }
}

fn denied(issuer: &Issuer, request: &AuthorizeRequest, email: Option<&str>) -> AuthorizeError {
    let (client_id, resource) = (&request.client.client_id, request.resource.as_str());
    let about = About { email, client_id: Some(client_id), resource: Some(resource) };
    // What anybody can send without being anybody must not become a flood in the audit log.
    if email.is_some() {
        issuer.record(Action::Consent, AuditResult::Denied, about, &[]);
    }
    AuthorizeError::Returned(Box::new(Returned { to: request.return_address(), error: ReturnedError::AccessDenied }))
}
