//! The metrics, each read from whoever counts at the moment that somebody asks.

use std::fmt;
use std::sync::Arc;

use keyward_gateway::Gateway;
use keyward_storage::audit::AuditLog;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Who counts.
pub(in crate::serve) struct Sources {
    pub(in crate::serve) gateway: Arc<Gateway>,
    pub(in crate::serve) audit: AuditLog,
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        encoder.encode_descriptor("build", "The program", None, MetricType::Info)?.encode_info(&version)?;
        self.calls(&mut encoder)?;
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

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}
