//! Why an authorization server is not found. No text here holds more of a document than one tamed name.

use keyward_core::words;
use keyward_outbound::OutboundError;

/// A metadata document cannot be had, or not be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// Nothing came back.
    #[error("{url} cannot be fetched: {}", words::with_causes(cause, 400))]
    Fetch {
        /// Where.
        url: String,
        /// Why.
        cause: OutboundError,
    },
    /// It is somewhere else. Redirects are not followed: the issuer is the URL that its document is under.
    #[error(
        "{url} answers with a redirect ({status}) to \"{location}\", which is not followed: set the issuer to what its own document says"
    )]
    Redirect {
        /// Where it was looked for.
        url: String,
        /// 3xx.
        status: u16,
        /// Where it is said to be.
        location: String,
    },
    /// There is none.
    #[error("there is no metadata document at {url} (status {status})")]
    Absent {
        /// Where it was looked for last.
        url: String,
        /// What came instead.
        status: u16,
    },
    /// It is none, or another's.
    #[error("the metadata document at {url} is not used: {cause}")]
    Invalid {
        /// Where it is.
        url: String,
        /// Why.
        cause: InvalidMetadata,
    },
}

impl DiscoveryError {
    /// Whether nothing was heard of the server, rather than something that is not believed.
    pub const fn is_silence(&self) -> bool {
        matches!(self, Self::Fetch { .. } | Self::Absent { .. })
    }
}

/// Why a document is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMetadata {
    /// It is something else.
    #[error("it is no metadata document")]
    Form,
    /// It is a page for people.
    #[error("it is a web page, no metadata document")]
    Page,
    /// It is another's (RFC 8414 §3.3, RFC 9728 §3.3).
    #[error("it is that of \"{found}\"")]
    Foreign {
        /// Whose it is.
        found: String,
    },
    /// One of its URLs is none, or may not be used.
    #[error("its {0} is no https URL")]
    Endpoint(&'static str),
    /// It says nothing of something that is needed.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// PKCE is not possible (MCP authorization, "Authorization Code Protection").
    #[error("it does not take PKCE by S256")]
    NoPkce,
    /// A resource that names no authorization server.
    #[error("it names no authorization server")]
    NoServer,
    /// A resource that names others than the pinned one.
    #[error(
        "it names {found} as its authorization server, and the configuration pins issuer = \"{pinned}\": nothing is sent \
         to another"
    )]
    NotPinned {
        /// Whom it names.
        found: String,
        /// Whom the configuration has.
        pinned: String,
    },
    /// The issuer that it was asked for is none itself.
    #[error("the issuer is no https URL")]
    Issuer,
}

impl InvalidMetadata {
    pub(crate) fn foreign(found: &str) -> Self {
        Self::Foreign { found: words::tame(found).unwrap_or_default() }
    }

    pub(crate) fn not_pinned(named: &[String], pinned: &str) -> Self {
        let found: Vec<_> = named.iter().take(3).filter_map(|named| words::tame(named)).collect();
        Self::NotPinned { found: found.join(", "), pinned: pinned.to_owned() }
    }
}
