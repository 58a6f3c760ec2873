//! Step 8: the service token that the call carries.

use std::sync::Arc;

use http::Request;
use keyward_vault::upstream::GrantCredential;
use keyward_vault::{Credential, CredentialError, CredentialSpec, Vault};

use crate::authorize::Permit;
use crate::config::CredentialOwner;
use crate::refusal::Refusal;

/// What a permitted call is sent with. Only [`fetch`] makes one, and [`another`] one for a second try.
#[derive(Debug)]
pub(crate) struct Keyed(Option<Injected>);

#[derive(Debug)]
struct Injected {
    spec: CredentialSpec,
    credential: Arc<Credential>,
    /// Where it came from, when it is the access token of the calling person's grant.
    grant: Option<GrantCredential>,
}

impl Keyed {
    /// Puts it into a call, in place of whatever the client had there. A server that is configured without one gets none,
    /// least of all the client's.
    pub(crate) fn apply<B>(&self, request: &mut Request<B>) -> Result<(), Refusal> {
        match &self.0 {
            Some(Injected { spec, credential, .. }) => credential
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

    /// Says of a refusal of the credential who can do something about it: of a person's own, the person.
    pub(crate) fn explain(&self, refusal: Refusal) -> Refusal {
        match (refusal, &self.0) {
            (Refusal::CredentialRefused(status), Some(Injected { grant: Some(grant), .. })) => {
                Refusal::GrantRefused { status, at: grant.reconnect() }
            }
            (refusal, _) => refusal,
        }
    }

    /// Whether another may be tried should upstream refuse this one: another version, or a refreshed access token.
    pub(crate) const fn may_have_another(&self) -> bool {
        self.0.is_some()
    }
}

/// Asks the cabinet for the token that the server's rule names: everybody's, or the calling person's own. Whose it may be
/// comes with the permit, from the access token alone.
pub(crate) async fn fetch(vault: &Vault, permit: &Permit) -> Result<Keyed, Refusal> {
    let server = permit.server();
    if let Some(grant) = server.connection() {
        let credential = grant.credential(permit.person()).await?;
        let spec = grant.rule().spec_of(permit.person());
        return Ok(Keyed(Some(Injected { spec, credential, grant: Some(grant.clone()) })));
    }
    let Some(shared) = server.credential() else { return Ok(Keyed(None)) };
    let theirs = permit.person().map(|person| shared.owned_by(person));
    let open = async |spec: CredentialSpec| {
        let credential = vault.credential(&spec).await?;
        Ok(Keyed(Some(Injected { spec, credential, grant: None })))
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

/// What may be tried in the place of a credential that upstream refused: the version that has taken its place in the store, or
/// the one before it while its grace lasts; of a person's grant, a newer access token or one that is refreshed for this.
pub(crate) async fn another(vault: &Vault, refused: &Keyed) -> Result<Option<Keyed>, Refusal> {
    let Some(Injected { spec, credential, grant }) = &refused.0 else { return Ok(None) };
    let another = match grant {
        Some(grant) => grant.after_refusal(spec.token().owner(), credential.version()).await?,
        None => vault.after_refusal(spec, credential).await?,
    };
    Ok(another.map(|credential| Keyed(Some(Injected { spec: spec.clone(), credential, grant: grant.clone() }))))
}
