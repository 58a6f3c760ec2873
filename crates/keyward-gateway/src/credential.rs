//! Step 8: the service token that the call carries.

use std::sync::Arc;

use http::Request;
use keyward_core::clock::Timestamp;
use keyward_vault::{Credential, CredentialError, CredentialSpec, Vault};

use crate::authorize::Permit;
use crate::config::CredentialOwner;
use crate::refusal::Refusal;

/// What a permitted call is sent with. Only [`fetch`] makes one, and [`earlier`] one for a second try.
#[derive(Debug)]
pub(crate) struct Keyed(Option<Injected>);

#[derive(Debug)]
struct Injected {
    spec: CredentialSpec,
    credential: Arc<Credential>,
}

impl Keyed {
    /// Puts it into a call, in place of whatever the client had there. A server that is configured without one gets none,
    /// least of all the client's.
    pub(crate) fn apply<B>(&self, request: &mut Request<B>) -> Result<(), Refusal> {
        match &self.0 {
            Some(Injected { spec, credential }) => credential
                .apply(request)
                .ok_or_else(|| Refusal::Credential(CredentialError::NotForQuery(spec.token().clone()))),
            None => Ok(()),
        }
    }

    pub(crate) fn spec(&self) -> Option<&CredentialSpec> {
        self.0.as_ref().map(|injected| &injected.spec)
    }

    pub(crate) fn version(&self) -> Option<i64> {
        self.0.as_ref().map(|injected| injected.credential.version())
    }

    /// Whether an earlier version may be tried should upstream refuse this one.
    pub(crate) fn has_earlier(&self, now: Timestamp) -> bool {
        let until = self.0.as_ref().and_then(|injected| injected.credential.earlier_until());
        until.is_some_and(|until| now < until)
    }
}

/// Asks the cabinet for the token that the server's rule names: everybody's, or the calling person's own. Whose it may be
/// comes with the permit, from the access token alone.
pub(crate) async fn fetch(vault: &Vault, permit: &Permit) -> Result<Keyed, Refusal> {
    let server = permit.server();
    let Some(shared) = server.credential() else { return Ok(Keyed(None)) };
    let theirs = permit.person().map(|person| shared.owned_by(person));
    let open = async |spec: CredentialSpec| {
        let credential = vault.credential(&spec).await?;
        Ok(Keyed(Some(Injected { spec, credential })))
    };
    match (server.credential_owner(), theirs) {
        (CredentialOwner::Shared, _) | (CredentialOwner::UserOrShared, None) => open(shared.clone()).await,
        (CredentialOwner::User, None) => Err(Refusal::NoAccount),
        (CredentialOwner::User, Some(theirs)) => match open(theirs).await {
            Err(Refusal::Credential(CredentialError::Missing(name))) => Err(Refusal::NoTokenOfTheirs(name)),
            done => done,
        },
        (CredentialOwner::UserOrShared, Some(theirs)) => match open(theirs).await {
            Err(Refusal::Credential(CredentialError::Missing(_))) => open(shared.clone()).await,
            done => done,
        },
    }
}

/// The version before the one that upstream refused, while its grace lasts.
pub(crate) async fn earlier(vault: &Vault, refused: &Keyed) -> Result<Option<Keyed>, Refusal> {
    let Some(spec) = refused.spec() else { return Ok(None) };
    let earlier = vault.earlier_credential(spec).await?;
    Ok(earlier.map(|credential| Keyed(Some(Injected { spec: spec.clone(), credential: Arc::new(credential) }))))
}
