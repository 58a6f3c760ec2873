//! Whom a token is for (RFC 9068 §4, RFC 8707).

use keyward_core::resource::ResourceUri;

/// What `aud` must hold. The identifier of the resource that is called always does; there is no rule that takes any
/// audience, for then a token for one service would open every other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceRule {
    /// For issuers that cannot write the resource into `aud`: what they write there.
    pub listed: Vec<ListedAudience>,
}

/// An audience that stands for resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAudience {
    /// What stands in `aud`, to the letter: an API's identifier, a project's id. Never the id of an OAuth client, which is
    /// what ID tokens have there.
    pub audience: Box<str>,
    /// The identifiers of the resources that it stands for. Where these are several, only scopes tell them apart.
    pub resources: Vec<Box<str>>,
}

impl AudienceRule {
    /// Whether a token with these audiences is for `resource`; all compare to the letter.
    pub(crate) fn accepts(&self, audiences: &[String], resource: &ResourceUri) -> bool {
        let resource = resource.as_str();
        audiences.iter().any(|audience| {
            audience == resource
                || self.listed.iter().any(|listed| {
                    *listed.audience == **audience && listed.resources.iter().any(|named| **named == *resource)
                })
        })
    }
}
