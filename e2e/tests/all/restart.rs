//! What a restart must not lose.

use anyhow::Result;
use keyward_e2e::configuration::Configuration;
use keyward_e2e::http::Request;
use keyward_e2e::oauth::{Client, Tokens};
use keyward_e2e::person::sign_up;
use keyward_e2e::postgres;

use crate::scene::{SERVICE_TOKEN, Scene, call};

#[test]
fn everything_is_there_again_on_sqlite() -> Result<()> {
    everything_is_there_again(Configuration::sqlite())
}

#[test]
fn everything_is_there_again_on_postgres() -> Result<()> {
    everything_is_there_again(Configuration::on(&postgres::new_database()?))
}

fn everything_is_there_again(configuration: Configuration) -> Result<()> {
    let mut scene = Scene::new(configuration)?;
    let (_, mut browser) = sign_up(&scene.keyward)?;
    let resource = scene.resource();
    let client = Client::register(&scene.keyward)?;
    let tokens = client.tokens(&mut browser, &resource, "notes:read")?;
    let ended = client.tokens(&mut browser, &resource, "notes:read")?;
    client.revoke(&ended.refresh)?;
    let code = client.code(&mut browser, &resource, "notes:read")?;
    let bearer = scene.keyward.issue_bearer("notes", &["notes:read"])?;
    let keys = scene.keyward.send(&Request::get("/jwks"))?.json()?;

    scene.keyward.restart()?;

    assert_eq!(scene.keyward.send(&Request::get("/jwks"))?.json()?, keys, "signing keys");
    assert_eq!(scene.status_with(&tokens.access)?, 200, "access tokens");
    assert_eq!(scene.status_with(&ended.access)?, 401, "revocations");
    assert_eq!(scene.status_with(&bearer)?, 200, "development tokens");
    let refreshed = Tokens::of(&client.token(&client.refreshing(&tokens.refresh))?)?;
    assert_eq!(scene.status_with(&refreshed.access)?, 200, "refresh tokens");
    Tokens::of(&client.token(&client.redemption(&code, &resource))?)?;
    assert_eq!(browser.get("/account")?.status, 200, "the browser's session");
    let arrived = scene.keyward.send(&call("/notes/mcp", "arrived_headers").bearer(&bearer))?;
    // The notes server wants a session first; that its answer comes shows that the credential could be opened.
    assert!(arrived.status < 500, "{}: {}", arrived.status, arrived.text());
    let shown = scene.keyward.run_ok(&["token", "show", "notes/api_token", "--reveal"], "")?;
    assert!(shown.contains(SERVICE_TOKEN), "service tokens");
    Ok(())
}

#[test]
fn stopping_lets_a_running_call_end() -> Result<()> {
    use keyward_e2e::configuration::Server;
    use keyward_e2e::keyward::Keyward;
    use keyward_e2e::upstream::scripted::Scripted;
    use serde_json::json;

    let upstream = Scripted::start(|request, connection| {
        connection.begin_events()?;
        connection.event(&json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": "one" } }))?;
        connection.wait_for_go()?;
        connection.event(&json!({ "jsonrpc": "2.0", "id": request.message()["id"], "result": { "content": [] } }))?;
        connection.end_events()
    })?;
    let mut keyward = Keyward::started(&Configuration::sqlite().behind(&Server::new("slow", &upstream.url())))?;
    let bearer = keyward.issue_bearer("slow", &["slow:read"])?;
    let address = keyward.address();
    let mut stream = call("/slow/mcp", "tool").bearer(&bearer).open(address)?;
    stream.read_until("\"one\"")?;
    keyward.process()?.signal("TERM")?;
    keyward_e2e::wait::until("new connections to be refused", || {
        Ok(std::net::TcpStream::connect(address).is_err().then_some(()))
    })?;
    upstream.go()?;
    let (rest, complete) = stream.rest()?;
    assert!(complete && rest.contains("\"result\""), "{rest}");
    keyward.finish()?.succeeded()?;
    Ok(())
}
