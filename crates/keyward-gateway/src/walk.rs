//! The walk of one call, step by step. Each step is a file; what a step has found out it hands to the next as a type that
//! only it can make.

use std::net::SocketAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::audit::CallRecord;
use crate::authenticate::authenticate;
use crate::authorize::authorize;
use crate::body::GatewayBody;
use crate::cors::{self, Readers};
use crate::credential::Keyed;
use crate::forward::{Outgoing, forward};
use crate::gateway::Gateway;
use crate::intent::Unread;
use crate::mcp::Revision;
use crate::refusal::{Context, Refusal};
use crate::route::Route;
use crate::server::Server;
use crate::snapshot::Snapshot;
use crate::upstream::{Exchange, Worker};
use crate::{credential, document, intent, stream};

/// From a request to its answer: what needs nobody's leave, then the call, then the one mapping of its outcome.
pub(crate) async fn walk(
    gateway: &Gateway,
    worker: &Worker,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<GatewayBody> {
    let snapshot = gateway.snapshot.load_full();
    let (head, body) = request.into_parts();
    let mut body = Unread::new(body, &head);
    let server = match snapshot.routes.find(head.uri.path()) {
        Route::Endpoint(server) => server,
        Route::Document(server) => return Readers::Everybody.given(document::answer(&server, &head)),
        Route::Nothing => return Readers::Everybody.given(Refusal::NotFound.answer(Context::default())),
    };
    let context = Context { server: Some(&server), message_id: None };
    let readers = match snapshot.origins.check(&head) {
        Ok(readers) => readers,
        Err(refusal) => return refusal.logged(peer, context).answer(context),
    };
    if head.method == Method::OPTIONS {
        return readers.given(cors::preflight(&head.headers));
    }
    let mut record = match CallRecord::begin(gateway, &server, &head.method) {
        Ok(record) => record,
        Err(refusal) => return readers.given(refusal.logged(peer, context).answer(context)),
    };
    let outcome = call(gateway, &snapshot, worker, &server, head, &mut body, &mut record).await;
    readers.given(match outcome {
        Ok(exchange) => stream::pass_on(exchange, worker.pool(), snapshot.limits.keep_alive, record),
        Err(refusal) => {
            body.discard().await;
            record.refuse(&refusal, peer)
        }
    })
}

/// The steps of a call that somebody answers for.
async fn call(
    gateway: &Gateway,
    snapshot: &Snapshot,
    worker: &Worker,
    server: &Arc<Server>,
    head: Parts,
    body: &mut Unread,
    record: &mut CallRecord,
) -> Result<Exchange, Refusal> {
    Revision::of(&head.headers).check_verb(&head.method)?;
    let caller = authenticate(&gateway.verifier, server, &head).await?;
    record.caller(caller.principal());
    let session = gateway.sessions.enter(server.id(), caller.principal(), &head.headers)?;
    let intent = intent::read(server, &head, body, &snapshot.limits).await?;
    record.intent(intent.messages());
    let permit = authorize(server, caller, &intent, &head.headers)?;
    record.admit(snapshot.audit_mode).await?;
    let keyed = credential::fetch(&gateway.vault, &permit).await?;
    record.credential(&keyed);
    let outgoing = Outgoing::new(head, intent, permit, record.request_id());
    // Copied only while a second try is possible.
    let again = if keyed.may_have_another() { outgoing.again() } else { None };
    worker.pool().follow(snapshot);
    let send =
        async |outgoing, keyed: &Keyed| forward(worker.pool(), &snapshot.tls, &snapshot.limits, outgoing, keyed).await;
    let exchange = match (send(outgoing, &keyed).await, again) {
        (Err(refused @ Refusal::CredentialRefused(StatusCode::UNAUTHORIZED)), Some(again)) => {
            match credential::another(&gateway.vault, &keyed).await? {
                Some(another) => {
                    record.another_credential(&another);
                    send(again, &another).await
                }
                None => Err(refused),
            }
        }
        (done, _) => done,
    };
    let exchange = exchange.map_err(|refusal| keyed.explain(refusal))?;
    gateway.sessions.note(session, exchange.response.headers());
    Ok(exchange)
}
