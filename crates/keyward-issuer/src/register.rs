//! How clients become known: by registering (RFC 7591), or by the document that their id points to.

pub(crate) mod dynamic;
pub(crate) mod metadata;
pub(crate) mod metadata_document;
mod room;

#[cfg(test)]
mod tests;
