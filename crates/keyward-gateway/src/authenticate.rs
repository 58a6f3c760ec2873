//! Step 3: who calls.

use std::sync::Arc;

use http::request::Parts;
use keyward_resource::{Principal, Verifier, bearer_from};

use crate::refusal::Refusal;
use crate::server::Server;

/// Somebody whose token is good for the server that the call is for. Only [`authenticate`] makes one.
#[derive(Debug)]
pub(crate) struct Caller {
    principal: Arc<Principal>,
}

impl Caller {
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.principal
    }
}

/// Verifies the token that the request came with. It stays where it is until the headers are passed on, which leave it
/// behind ([`crate::headers::PassedHeaders`]).
pub(crate) async fn authenticate(verifier: &Verifier, server: &Server, head: &Parts) -> Result<Caller, Refusal> {
    let token = bearer_from(&head.headers, head.uri.query())?.ok_or(Refusal::NoToken)?;
    let principal = verifier.verify(token.expose_secret(), server.resource()).await?;
    Ok(Caller { principal })
}
