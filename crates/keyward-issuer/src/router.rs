//! Which path is which endpoint.

use axum::Router;

use crate::state::Issuer;

impl Issuer {
    /// Every endpoint and page of the authorization server, at the issuer's own path.
    pub fn router(&self) -> Router {
        crate::people::routes().with_state(self.clone())
    }
}
