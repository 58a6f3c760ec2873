//! Debian's nginx as a plain proxy: no authentication, one worker, connections to the upstream kept.

use std::path::Path;

use anyhow::Result;

use crate::process::{SERVER_CORE, Server};

/// Starts it on `port` before `upstream`.
pub(crate) fn start(directory: &Path, port: u16, upstream: u16) -> Result<Server> {
    let work = directory.display();
    let configuration = format!(
        r#"daemon off; worker_processes 1; error_log stderr error; pid {work}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f; uwsgi_temp_path {work}/u; scgi_temp_path {work}/s;
  upstream app {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location / {{
      proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer service-0123456789abcdef0123456789"; proxy_read_timeout 3600s;
    }}
  }}
}}
"#
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration)?;
    Server::start(SERVER_CORE, &["nginx".into(), "-c".into(), file.display().to_string()], directory, port)
}
