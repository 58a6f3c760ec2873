//! A real OpenBao server that fails while its tokens are needed.

use http::Request;
use http::header::AUTHORIZATION;
use serde_json::json;

use crate::cache::{CacheTimes, REST};
use crate::openbao::testing::Server;
use crate::store::openbao::OpenBaoStoreConfig;
use crate::testing::{Ground, grounds, name, token};
use crate::{CredentialError, CredentialSpec, Expected, StoreKind, Vault};

const POLICY: &str = include_str!("../../../../../docs/openbao-policy.hcl");

struct Scene {
    server: Server,
    ground: Ground,
    vault: Vault,
}

impl Scene {
    /// The token `coda/key` is in OpenBao, and has been used once.
    async fn new() -> Self {
        let server = Server::start().await;
        let ground = grounds().await.remove(0);
        let auth = server.app_role(POLICY, json!({})).await;
        let config = OpenBaoStoreConfig {
            server: server.config(auth),
            mount: "secret".to_owned(),
            prefix: "keyward".to_owned(),
            seal: true,
        };
        let vault = ground.vault_on(vec![StoreKind::OpenBao(config)]).await;
        vault.put(&name("coda/key"), &token("s1"), Expected::Absent).await.expect("put");
        let scene = Self { server, ground, vault };
        assert_eq!(scene.header().await.expect("a credential"), "s1");
        scene
    }

    async fn header(&self) -> Result<String, CredentialError> {
        let spec = CredentialSpec::new(name("coda/key"), AUTHORIZATION, "{token}").expect("spec");
        let mut request = Request::new(());
        self.vault.credential(&spec).await?.apply(&mut request);
        Ok(request.headers()[AUTHORIZATION].to_str().expect("text").to_owned())
    }

    /// The cached token serves until its limit and not longer; what is wrong is told.
    async fn serves_until_the_limit(&self, told: &str) {
        let CacheTimes { fresh, usable } = CacheTimes::default();
        self.ground.clock.advance(fresh);
        assert_eq!(self.header().await.expect("the cached one"), "s1");
        self.ground.clock.advance(usable - fresh - REST);
        assert_eq!(self.header().await.expect("the cached one"), "s1");
        self.ground.clock.advance(REST);
        let error = self.header().await.expect_err("too old");
        assert!(matches!(error, CredentialError::Unavailable { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("token coda/key is not available: {told}")), "{error}");
    }

    async fn recovers(&self) {
        self.ground.clock.advance(REST);
        assert_eq!(self.header().await.expect("it is back"), "s1");
    }
}

#[tokio::test]
async fn sealed() {
    let scene = Scene::new().await;
    scene.server.seal().await;
    // An attempt that fails takes nothing away.
    scene.vault.put(&name("coda/key"), &token("s2"), Expected::Anything).await.expect_err("sealed");
    scene.serves_until_the_limit("OpenBao is not available (HTTP 503): ").await;
    scene.server.unseal().await;
    scene.recovers().await;
}

#[tokio::test]
async fn hanging() {
    let scene = Scene::new().await;
    scene.server.freeze();
    scene.serves_until_the_limit("OpenBao cannot be reached: no complete answer in time").await;
    scene.server.thaw();
    scene.recovers().await;
}

#[tokio::test]
async fn killed() {
    let scene = Scene::new().await;
    scene.server.kill();
    scene.serves_until_the_limit("OpenBao cannot be reached: ").await;
}

#[tokio::test]
async fn denied() {
    let scene = Scene::new().await;
    scene.server.done("sys/policies/acl/of-the-role", json!({ "policy": "# nothing" })).await;
    scene.serves_until_the_limit("OpenBao denies read on secret/data/keyward/coda/key").await;
    scene.server.done("sys/policies/acl/of-the-role", json!({ "policy": POLICY })).await;
    scene.recovers().await;
}
