//! What an operator chose about the HTTP surface.

use http::Uri;
use inkstone_spec::Invalid;

/// The largest body of a request to `/mcp`, in bytes: an environment of the greatest size, with room
/// for JSON's escapes.
pub const MAX_MCP_BODY_BYTES: usize = 4 * 1024 * 1024;
/// How many tool calls a second one key may make, in the long run.
pub const DEFAULT_CALLS_PER_SECOND: u32 = 100;
/// How many tool calls one key may make at once after a pause.
pub const DEFAULT_CALLS_BURST: u32 = 200;

/// Hosts that only reach this machine, as a `Host` header names them.
const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// Pages that this machine serves to itself, on any port.
const LOOPBACK_ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "https://localhost:*",
    "http://127.0.0.1:*",
    "https://127.0.0.1:*",
    "http://[::1]:*",
    "https://[::1]:*",
];

/// What an operator chose about the HTTP surface.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// `Host` headers that `/mcp` answers to: `host`, or `host:port` for one port only. A page that
    /// rebinds its own name to this server's address sends another one.
    pub allowed_hosts: Vec<String>,
    /// Web origins whose pages may call `/mcp`: `scheme://host:port`, with `*` for any port. A request
    /// without an `Origin` header does not come from a page and passes.
    pub allowed_origins: Vec<String>,
    /// The largest body of a request to `/mcp`, in bytes.
    pub max_body_bytes: usize,
    /// How many tool calls a second one key may make in the long run; 0 sets no limit.
    pub calls_per_second: u32,
    /// How many tool calls one key may make at once after a pause; at least 1.
    pub calls_burst: u32,
}

impl ApiConfig {
    /// The defaults for a server that clients reach at `public_url`: that host and loopback may call.
    pub fn for_public_url(public_url: &str) -> Result<Self, Invalid> {
        let invalid = || {
            Invalid::new(
                "public URL",
                public_url,
                "http:// or https:// and a host",
                "https://inkstone.example.com",
            )
        };
        let uri = public_url.parse::<Uri>().map_err(|_| invalid())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) =
            (uri.scheme_str(), uri.authority())
        else {
            return Err(invalid());
        };
        let port = authority.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        let host = authority.host();
        let mut allowed_hosts = LOOPBACK_HOSTS.map(str::to_owned).to_vec();
        allowed_hosts.push(host.to_owned());
        let mut allowed_origins = LOOPBACK_ORIGINS.map(str::to_owned).to_vec();
        allowed_origins.push(format!("{scheme}://{host}:{port}"));
        Ok(Self {
            allowed_hosts,
            allowed_origins,
            max_body_bytes: MAX_MCP_BODY_BYTES,
            calls_per_second: DEFAULT_CALLS_PER_SECOND,
            calls_burst: DEFAULT_CALLS_BURST,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_host_and_loopback_are_let_in() {
        let config = ApiConfig::for_public_url("https://deploy.example.com/base").unwrap();
        assert_eq!(config.allowed_hosts.last().unwrap(), "deploy.example.com");
        assert!(config.allowed_hosts.iter().any(|host| host == "127.0.0.1"));
        assert_eq!(config.allowed_origins.last().unwrap(), "https://deploy.example.com:443");
        assert!(config.allowed_origins.iter().any(|origin| origin == "http://localhost:*"));
    }

    #[test]
    fn a_public_url_needs_a_scheme_and_a_host() {
        for url in ["", "deploy.example.com", "/mcp", "ftp://deploy.example.com", "https://"] {
            assert!(ApiConfig::for_public_url(url).is_err(), "{url}");
        }
    }
}
