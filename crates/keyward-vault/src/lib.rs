//! The key cabinet: sealing, keys, token stores.
