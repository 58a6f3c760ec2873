//! Development bearer tokens: for clients without a browser, made and revoked by an operator.

pub mod issue;
pub mod list;
pub mod revoke;

#[cfg(test)]
mod tests;
