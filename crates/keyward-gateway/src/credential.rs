//! Step 8: the service token that the call carries.

use std::sync::Arc;

use http::HeaderMap;
use keyward_vault::Credential;

use keyward_vault::Vault;

use crate::authorize::Permit;
use crate::refusal::Refusal;

/// What a permitted call is sent with. Only [`fetch`] makes one.
#[derive(Debug)]
pub(crate) struct Keyed(Kind);

#[derive(Debug)]
enum Kind {
    Injected(Arc<Credential>),
    /// The server is configured without one: it gets none, least of all the client's.
    NoCredential,
}

impl Keyed {
    /// Puts it into a call, in place of whatever the client had there.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        match &self.0 {
            Kind::Injected(credential) => credential.apply(headers),
            Kind::NoCredential => {}
        }
    }

    pub(crate) fn version(&self) -> Option<i64> {
        match &self.0 {
            Kind::Injected(credential) => Some(credential.version()),
            Kind::NoCredential => None,
        }
    }
}

/// Asks the cabinet, or says that none is configured.
pub(crate) async fn fetch(vault: &Vault, permit: &Permit) -> Result<Keyed, Refusal> {
    match permit.server().credential() {
        Some(spec) => Ok(Keyed(Kind::Injected(vault.credential(spec).await?))),
        None => Ok(Keyed(Kind::NoCredential)),
    }
}
