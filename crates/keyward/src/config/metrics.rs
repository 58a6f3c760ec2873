//! `[metrics]`: what whoever watches the process may count.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{Listen, Text};

/// What Keyward counts, for Prometheus and others that read OpenMetrics.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Metrics {
    /// The address and port where `GET /metrics` is answered, apart from that of clients: whoever reaches it can read it.
    /// When absent: nowhere.
    pub(crate) listen: Option<Text<Listen>>,
}
