//! `[server]`: where Keyward listens and how much it takes.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{AddressRange, HostName, Listen, Origin, Period, PublicUrl, Size, Text, TextValue};
use keyward_core::id::ServerId;

/// Where Keyward listens, under which name the world knows it, and how much it takes.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Server {
    /// The address and port to listen on. Port 0 picks a free one.
    pub(crate) listen: Text<Listen>,
    /// Where clients reach Keyward, without a slash at the end; also the issuer of its tokens. https, except on this
    /// machine. When absent it is `http://` and the address of `listen`, which must then be a loopback address.
    pub(crate) public_url: Option<Text<PublicUrl>>,
    /// Browser origins, besides that of `public_url`, whose pages may call the MCP servers.
    pub(crate) allowed_origins: Vec<Text<Origin>>,
    /// Names, besides that of `public_url`, by which Keyward may be called: what a proxy in front sends as `Host`.
    pub(crate) allowed_hosts: Vec<Text<HostName>>,
    /// Addresses of proxies in front of Keyward whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<Text<AddressRange>>,
    /// The server that clients get which name none: its metadata document is the one at the root. With only one server,
    /// and no `[[resources]]`, it is that one.
    pub(crate) default_server: Option<Text<ServerId>>,
    /// The largest request body.
    pub(crate) max_body_bytes: Text<Size>,
    /// The most that all headers of a request may have.
    pub(crate) max_header_bytes: Text<Size>,
    /// How long a client may take to send its headers.
    pub(crate) header_read_timeout: Text<Period>,
    /// How long connecting to an upstream may take.
    pub(crate) upstream_connect_timeout: Text<Period>,
    /// How long an upstream may take until its response headers are there. The body may then stream for ever.
    pub(crate) upstream_response_timeout: Text<Period>,
    /// How many threads serve calls. When absent: one for each processor.
    #[schemars(range(min = 1, max = 1024))]
    pub(crate) worker_threads: Option<u16>,
    /// How long running calls get to finish when Keyward is told to stop.
    pub(crate) shutdown_grace: Text<Period>,
}

impl Server {
    /// Where clients reach Keyward; `bound` is the address that is listened on, where that is known already.
    pub(crate) fn url(&self, bound: Option<SocketAddr>) -> String {
        match &self.public_url {
            Some(url) => url.0.to_text(),
            None => match bound.unwrap_or(self.listen.0) {
                // As browsers write it: the port that http has anyway is left out.
                address if address.port() == 80 => format!("http://{address}").trim_end_matches(":80").to_owned(),
                address => format!("http://{address}"),
            },
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: Text::of(Listen::from(([127, 0, 0, 1], 8080))),
            public_url: None,
            allowed_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            default_server: None,
            max_body_bytes: Text::of(Size(4 << 20)),
            max_header_bytes: Text::of(Size(32 << 10)),
            header_read_timeout: Text::of(Period::seconds(30)),
            upstream_connect_timeout: Text::of(Period::seconds(5)),
            upstream_response_timeout: Text::of(Period::seconds(60)),
            worker_threads: None,
            shutdown_grace: Text::of(Period::seconds(10)),
        }
    }
}
