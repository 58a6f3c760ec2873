//! What `cargo fuzz` drives: the parsers of what strangers send. No part of the room's interface.

pub use crate::login::provider::fuzzing::{authorization_response, github, userinfo};
use crate::parameters::Parameters;
use crate::redirect_uri::{self, RedirectUri};
use crate::register::metadata::{AuthMethod, Metadata, Source, UnverifiedMetadata};

/// The parameters of a query or a form body in their encoded form again.
pub fn parameters(encoded: &[u8]) -> String {
    Parameters::parse(encoded).encoded()
}

/// The first value of a parameter, and whether there are more.
pub fn parameter(encoded: &[u8], name: &str) -> (Option<String>, bool) {
    let parameters = Parameters::parse(encoded);
    (parameters.get(name).map(str::to_owned), parameters.has_duplicate(name))
}

/// Where a code goes that a client which registered `registered` asks for with `asked`, before and after it is added.
pub fn redirect(registered: &[RedirectUri], asked: &str) -> Option<(RedirectUri, String)> {
    let chosen = redirect_uri::choose(registered, Some(asked))?;
    let answer = chosen.with_parameters(&[("code", "c"), ("iss", "https://h")]);
    Some((chosen, answer))
}

/// What is kept of a client's metadata.
#[derive(Debug)]
pub struct Kept {
    /// The name that people are shown.
    pub name: Option<String>,
    /// Where codes may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// `grant_types`.
    pub grant_types: Vec<String>,
    /// Whether it has no secret.
    pub is_public: bool,
}

/// Reads metadata: of a document, or of a request to register.
pub fn client_metadata(json: &[u8], is_document: bool) -> Option<Kept> {
    let source = if is_document { Source::Document } else { Source::Registration };
    let Metadata { name, redirect_uris, grant_types, auth_method, .. } =
        UnverifiedMetadata::parse(json).ok()?.verify(source).ok()?;
    Some(Kept { name, redirect_uris, grant_types, is_public: auth_method == AuthMethod::None })
}
