//! Host names and who may have them.

use crate::text::validated_string;
use crate::{Invalid, ServiceRef};
use sha2::{Digest as _, Sha256};

validated_string! {
    /// A DNS host name (RFC 1123): lower-case labels of letters, digits and inner hyphens, at least two.
    Hostname, "host name",
    pattern: "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$", max: 253,
    allowed: "a lower-case DNS name of at least two labels, without underscores, wildcard or trailing dot",
    example: "shop.example.com", check: is_hostname
}

/// First labels directly below an apps domain that belong to the platform.
pub const RESERVED_HOST_LABELS: &[&str] = &[
    "account",
    "accounts",
    "admin",
    "alertmanager",
    "api",
    "app",
    "apps",
    "argo",
    "argocd",
    "auth",
    "autoconfig",
    "autodiscover",
    "billing",
    "blog",
    "cdn",
    "cname",
    "console",
    "dashboard",
    "default",
    "dns",
    "docs",
    "email",
    "ftp",
    "git",
    "grafana",
    "help",
    "id",
    "imap",
    "ingress",
    "inkstone",
    "internal",
    "kube-system",
    "kubernetes",
    "localhost",
    "login",
    "logs",
    "loki",
    "mail",
    "mcp",
    "metrics",
    "ns",
    "ns1",
    "ns2",
    "ns3",
    "ns4",
    "oauth",
    "pop",
    "postmaster",
    "prometheus",
    "proxy",
    "registry",
    "root",
    "security",
    "smtp",
    "sso",
    "state",
    "static",
    "status",
    "support",
    "traefik",
    "webhooks",
    "webmail",
    "wpad",
    "www",
];

impl Hostname {
    /// Whether this host belongs to the platform: the apps domain itself, or a reserved label
    /// directly below it.
    pub fn is_reserved_under(&self, apps_domain: &Hostname) -> bool {
        if self == apps_domain {
            return true;
        }
        self.label_under(apps_domain).is_some_and(|label| RESERVED_HOST_LABELS.contains(&label))
    }

    /// What stands before `.domain`, when this host is below it.
    pub fn label_under(&self, domain: &Hostname) -> Option<&str> {
        self.as_str().strip_suffix(domain.as_str())?.strip_suffix('.')
    }

    /// The two hex digits that spread host claims over folders: the first of the name's SHA-256.
    pub fn shard(&self) -> String {
        hex::encode(Sha256::digest(self.as_str()).get(..1).unwrap_or_default())
    }
}

/// The host that a service has without asking:
/// `<service>-<8 hex of SHA-256(workspace/project/service)>.<apps domain>`.
///
/// Two services share a host only if 32 bits of SHA-256 collide *and* their names are equal; the
/// uniqueness check of host claims refuses the second then. Fails when the apps domain is so long
/// that the host would pass 253 bytes.
pub fn default_host(service: &ServiceRef, apps_domain: &Hostname) -> Result<Hostname, Invalid> {
    let hash = hex::encode(Sha256::digest(service.to_string()));
    let short = hash.get(..8).unwrap_or_default();
    Hostname::new(format!("{}-{short}.{apps_domain}", service.service))
}

/// The name of the port of a service's Kubernetes Service: `http-<10 hex of SHA-256(workspace/project/service)>`, 15
/// bytes, which is what Kubernetes takes (RFC 6335, 5.1).
///
/// Ingress controllers tell backends apart by `<namespace>-<service>-<port>` as one word, in which project `a` with
/// service `b-c` reads as project `a-b` with service `c`: with a name of its own no two are the same.
pub fn port_name(service: &ServiceRef) -> String {
    let hash = hex::encode(Sha256::digest(service.to_string()));
    format!("http-{}", hash.get(..10).unwrap_or_default())
}

fn is_hostname(value: &str) -> bool {
    let mut labels = 0;
    let mut last_is_number = false;
    for label in value.split('.') {
        let bytes = label.as_bytes();
        let alnum = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !(1..=63).contains(&bytes.len())
            || !bytes.first().is_some_and(alnum)
            || !bytes.last().is_some_and(alnum)
            || !bytes.iter().all(|b| alnum(b) || *b == b'-')
        {
            return false;
        }
        labels += 1;
        last_is_number = bytes.iter().all(u8::is_ascii_digit);
    }
    // A last label of digits is an IPv4 address or looks like one (WHATWG URL, "ends in a number").
    labels >= 2 && !last_is_number
}
