//! What `cargo fuzz` drives: the parsers of what others store and answer. No part of the room's interface.

pub use crate::store::openbao::rewritten as openbao_entry;
pub use crate::upstream::fuzzing::{authorization_code, token_response, token_set};
