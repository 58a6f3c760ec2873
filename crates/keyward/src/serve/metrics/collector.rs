//! The metrics, each read from whoever counts at the moment that somebody asks.

use std::fmt;
use std::sync::Arc;

use keyward_gateway::Gateway;
use keyward_resource::{Provider, ProviderState, ProviderStatus};
use keyward_storage::audit::AuditLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Who counts.
pub(in crate::serve) struct Sources {
    pub(in crate::serve) gateway: Arc<Gateway>,
    pub(in crate::serve) audit: AuditLog,
    pub(in crate::serve) providers: Vec<Provider>,
    pub(in crate::serve) login_provider: Option<Provider>,
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder.encode_descriptor("build", "The program", None, MetricType::Info)?.encode_info(&version)?;
        self.calls(&mut encoder)?;
        let statuses = |providers: &[Provider]| providers.iter().map(Provider::status).collect::<Vec<_>>();
        issuers(&mut encoder, &ISSUERS, &statuses(&self.providers))?;
        issuers(&mut encoder, &LOGINS, &statuses(self.login_provider.as_slice()))?;
        let mut dropped = encoder.encode_descriptor(
            "audit_records_dropped",
            "Audit records that were lost since the database did not keep up",
            None,
            MetricType::Counter,
        )?;
        dropped.encode_counter::<NoLabelSet, _, u64>(&self.audit.dropped(), None)
    }
}

impl Sources {
    fn calls(&self, encoder: &mut DescriptorEncoder) -> Result<(), fmt::Error> {
        let servers = self.gateway.calls();
        let help = "Calls by server and how they ended; unrecorded ones were refused before anybody was known to call";
        let mut calls = encoder.encode_descriptor("calls", help, None, MetricType::Counter)?;
        for counts in &servers {
            let recorded = counts.results.iter().map(|(result, count)| (result.as_str(), *count));
            for (result, count) in recorded.chain([("unrecorded", counts.unrecorded)]) {
                let labels = [("server", counts.server.as_str()), ("result", result)];
                calls.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
            }
        }
        let help = "What recorded calls took together, streams to their end";
        let mut took = encoder.encode_descriptor("call_duration", help, Some(&Unit::Seconds), MetricType::Counter)?;
        for counts in &servers {
            let labels = [("server", counts.server.as_str())];
            took.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&counts.took.as_secs_f64(), None)?;
        }
        Ok(())
    }
}

/// How providers of one kind are told of: the name and the help of each metric.
struct Names {
    state: [&'static str; 2],
    keys: [&'static str; 2],
    fetches: [&'static str; 2],
    clock_ahead: [&'static str; 2],
}

/// Issuers elsewhere whose access tokens are taken.
const ISSUERS: Names = Names {
    state: ["issuer_state", "Whether tokens of an issuer elsewhere can be verified: 1 for the state it is in"],
    keys: ["issuer_keys", "Keys of an issuer elsewhere that can be used"],
    fetches: ["issuer_fetches", "Fetches of an issuer's metadata and keys"],
    clock_ahead: [
        "issuer_clock_ahead",
        "By how much an issuer's clock is ahead of the clock here, as its last answer said",
    ],
};

/// Where people log in. It may be an issuer whose tokens are taken, too, so it has names of its own.
const LOGINS: Names = Names {
    state: ["login_provider_state", "Whether people can log in at the provider: 1 for the state it is in"],
    keys: ["login_provider_keys", "Keys of the provider that people log in at that can be used"],
    fetches: ["login_provider_fetches", "Fetches of the metadata and keys of the provider that people log in at"],
    clock_ahead: ["login_provider_clock_ahead", "By how much the provider's clock is ahead of the clock here"],
};

/// How those elsewhere stand. Nothing is said where there are none.
fn issuers(encoder: &mut DescriptorEncoder, names: &Names, issuers: &[ProviderStatus]) -> Result<(), fmt::Error> {
    if issuers.is_empty() {
        return Ok(());
    }
    let [name, help] = names.state;
    let mut state = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for issuer in issuers {
        for one in ProviderState::ALL {
            let labels = [("issuer", &*issuer.issuer), ("state", one.as_str())];
            state.encode_family(&labels)?.encode_gauge(&u32::from(one == issuer.state))?;
        }
    }
    let [name, help] = names.keys;
    let mut keys = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for issuer in issuers {
        let usable = u32::try_from(issuer.usable_keys).unwrap_or(u32::MAX);
        keys.encode_family(&[("issuer", &*issuer.issuer)])?.encode_gauge(&usable)?;
    }
    let [name, help] = names.fetches;
    let mut fetches = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for issuer in issuers {
        for (result, count) in [("ok", issuer.fetches_ok), ("failed", issuer.fetches_failed)] {
            let labels = [("issuer", &*issuer.issuer), ("result", result)];
            fetches.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    let [name, help] = names.clock_ahead;
    let mut ahead = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
    for issuer in issuers {
        let Some(seconds) = issuer.clock_ahead_seconds else { continue };
        ahead.encode_family(&[("issuer", &*issuer.issuer)])?.encode_gauge(&seconds)?;
    }
    if issuers.iter().all(|issuer| issuer.introspection.is_none()) {
        return Ok(());
    }
    let help = "Opaque tokens that an issuer was asked about (RFC 7662), or whose answer was at hand";
    let mut asked = encoder.encode_descriptor("issuer_introspections", help, None, MetricType::Counter)?;
    for issuer in issuers {
        let Some(status) = &issuer.introspection else { continue };
        for (result, count) in
            [("answered", status.answered), ("failed", status.failed), ("from_memory", status.from_memory)]
        {
            let labels = [("issuer", &*issuer.issuer), ("result", result)];
            asked.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)?;
        }
    }
    Ok(())
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
