//! What the audit log says of calls.

use keyward_gateway::AuditMode;
use keyward_storage::audit::verify;

use crate::support::{Gate, SERVICE_TOKEN, Setup, Upstream, anonymous, call, json, run};

#[test]
fn a_call_is_recorded_with_who_what_and_how() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url())).await;
        let answer = gate.send(gate.request().body(call("get_page")).expect("a request")).await;
        let records = gate.records().await;
        let [record] = &*records else { panic!("{records:?}") };
        assert_eq!((&*record.action, &*record.result), ("call", "ok"));
        assert_eq!(record.service_id.as_deref(), Some("coda"));
        assert_eq!(record.token_key.as_deref(), Some("coda/api_token"));
        assert_eq!(record.user_email.as_deref(), Some("reader@kw.example"));
        assert_eq!(record.request_id.map(|id| id.to_string()).as_deref(), Some(answer.header("x-request-id")));
        let detail: serde_json::Value =
            serde_json::from_str(record.detail.as_deref().expect("a detail")).expect("JSON");
        let expected = serde_json::json!({
            "http_method": "POST", "method": "tools/call", "tool": "get_page", "bearer": "reader",
            "credential_version": 1, "status": 200, "bytes": 36, "duration_us": 0,
        });
        assert_eq!(detail, expected);
        let all = format!("{records:?}");
        assert!(!all.contains(SERVICE_TOKEN) && !all.contains(&gate.reader) && !all.contains("argument"));
        assert_eq!(verify(&gate.database).await.expect("a report").first_bad, None);
    });
}

#[test]
fn a_refusal_is_recorded_and_a_login_that_begins_is_not() {
    run(async {
        let upstream = Upstream::plain().await;
        let gate = Gate::start(Setup::to(&upstream.url()).with_tool_rule()).await;
        gate.send(anonymous().body(call("get")).expect("a request")).await;
        assert_eq!(gate.records().await.len(), 0);
        gate.send(gate.request().body(call("delete_page")).expect("a request")).await;
        let record = gate.record().await;
        assert_eq!((&*record.result, record.user_email.as_deref()), ("denied", Some("reader@kw.example")));
        let detail = record.detail.expect("a detail");
        assert!(detail.contains("insufficient_scope") && detail.contains("delete_page"), "{detail}");
    });
}

#[test]
fn fail_closed_records_before_upstream_hears_of_it() {
    run(async {
        let upstream = Upstream::plain().await;
        let mut setup = Setup::to(&upstream.url());
        setup.config.audit_mode = AuditMode::FailClosed;
        let gate = Gate::start(setup).await;
        assert_eq!(gate.send(gate.request().body(call("get")).expect("a request")).await.status, 200);
        let records = gate.records().await;
        let details: Vec<_> = records.iter().map(|record| record.detail.clone().expect("a detail")).collect();
        let [admitted, done] = &*details else { panic!("{records:?}") };
        assert!(admitted.contains(r#""phase":"admitted""#) && !done.contains("phase"), "{details:?}");
        assert_eq!(records[0].request_id, records[1].request_id);
    });
}

#[test]
fn fail_closed_refuses_what_cannot_be_recorded() {
    run(async {
        let upstream = Upstream::start(|_| async { json("{}") }).await;
        let mut setup = Setup::to(&upstream.url());
        setup.config.audit_mode = AuditMode::FailClosed;
        let gate = Gate::start(setup).await;
        gate.database.execute("ALTER TABLE audit_log RENAME TO gone", &[]).await.expect("renamed");
        let answer = gate.send(gate.request().body(call("get")).expect("a request")).await;
        assert_eq!((answer.status.as_u16(), &*answer.reason()), (503, "audit_unavailable"));
        assert_eq!(upstream.connections.get(), 0);
    });
}
