//! A second Keyward as the provider. It issues tokens for its own servers alone, so the first takes them by their audience,
//! which is told to it, and a client gets them where they are issued.

use anyhow::{Result, ensure};
use keyward_e2e::configuration::Configuration;
use keyward_e2e::oauth::Client;
use keyward_e2e::person::sign_up;
use keyward_e2e::wait;

use crate::direct::{oidc, only_the_provider_is_named};
use crate::scene::{Scene, call};

#[test]
fn direct_second_keyward() -> Result<()> {
    let provider = Scene::new(Configuration::sqlite())?;
    let (_, mut browser) = sign_up(&provider.keyward)?;
    let client = Client::register(&provider.keyward)?;
    let token = client.tokens(&mut browser, &provider.resource(), "notes:read")?;

    let issuer = provider.keyward.url().to_owned();
    let without = Scene::new(Configuration::sqlite().issuer(&oidc(&issuer, "")))?;
    assert_eq!(without.status_with(&token.access)?, 401, "it is for a server of the other Keyward");
    let listed = format!("audience = [{:?}]", provider.resource());
    let scene = Scene::new(Configuration::sqlite().issuer(&oidc(&issuer, &listed)))?;
    only_the_provider_is_named(&scene, &issuer)?;
    assert_eq!(scene.status_with(&token.access)?, 200);
    let refused = scene.keyward.send(&call("/notes/mcp", "delete_note").bearer(&token.access))?;
    assert_eq!(refused.status, 403, "the scope reaches no further here than there");

    // What the other Keyward ends early, it ends for itself: here a token lives until its time is over.
    ensure!(client.revoke(&token.access)?.status == 200, "the revocation was refused");
    wait::until("the end to be heard of there", || Ok((provider.status_with(&token.access)? == 401).then_some(())))?;
    assert_eq!(scene.status_with(&token.access)?, 200);
    Ok(())
}
