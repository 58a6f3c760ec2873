//! Against a real OpenBao server.

use serde_json::json;

use super::*;
use crate::openbao::testing::{Server, root as root_login};

#[tokio::test]
async fn data_keys_come_back_under_their_key_and_id_alone() {
    let (server, random) = (Server::start().await, Random::system());
    server.done("sys/mounts/transit", json!({ "type": "transit" })).await;
    for key in ["root", "other"] {
        server.done(&format!("transit/keys/{key}"), json!({})).await;
    }
    let provider = |key| OpenBaoTransit::new(server.config(root_login()), "transit", key);
    let (root, other) = (provider("root"), provider("other"));
    let (id, other_id) = (KeyId::from_bytes([1; 6]), KeyId::from_bytes([2; 6]));
    let key = DataKey::from_slice(&[7; 32]).expect("a key");
    let wrapped = root.wrap(&key, &id, &random).await.expect("wrapped");
    assert!(wrapped.starts_with(b"vault:v1:"));
    assert!(root.unwrap(&wrapped, &id).await.expect("unwrapped").equals_in_constant_time(&key));
    let mut changed = wrapped.clone();
    changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
    for (what, refused) in [
        ("another id", root.unwrap(&wrapped, &other_id).await),
        ("another key", other.unwrap(&wrapped, &id).await),
        ("changed", root.unwrap(&changed, &id).await),
        ("no text", root.unwrap(&[0xff; 60], &id).await),
    ] {
        assert!(matches!(&refused, Err(WrapError::Mismatch { .. })), "{what}: {refused:?}");
    }
    // The engine's own rotation leaves what it wrapped before.
    server.done("transit/keys/root/rotate", json!({})).await;
    assert!(root.unwrap(&wrapped, &id).await.is_ok());
    assert!(root.wrap(&key, &id, &random).await.expect("wrapped").starts_with(b"vault:v2:"));

    server.seal().await;
    let sealed = root.unwrap(&wrapped, &id).await.expect_err("sealed");
    assert!(matches!(sealed, WrapError::Unavailable { .. }));
    assert_eq!(sealed.to_string(), "OpenBao transit key transit/root cannot be used now");
    server.unseal().await;
    assert!(root.unwrap(&wrapped, &id).await.is_ok());
}
