//! What the network policies of a namespace mean, by the API's own words: a connection is let through if no
//! policy selects the pod, or if a rule of one that does names the other end and the port.

use serde_json::{Map, Value};
use std::net::IpAddr;

/// An end of a connection.
pub(crate) struct End {
    pub(crate) address: IpAddr,
    pub(crate) pod: Option<Pod>,
}

/// A pod, by what selectors see of it.
pub(crate) struct Pod {
    pub(crate) labels: Value,
    pub(crate) namespace: Value,
}

impl End {
    /// One that is no pod.
    pub(crate) fn of(address: &str) -> Self {
        Self { address: address.parse().unwrap(), pod: None }
    }

    /// A pod, and its namespace, as the API server has them.
    pub(crate) fn pod(pod: &Value, namespace: &Value) -> Self {
        let address = pod["status"]["podIP"].as_str().unwrap().parse().unwrap();
        let labels = |object: &Value| object["metadata"]["labels"].clone();
        Self { address, pod: Some(Pod { labels: labels(pod), namespace: labels(namespace) }) }
    }
}

/// Whose side a policy takes.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Out,
    In,
}

/// The policies of one namespace.
pub(crate) struct Policies {
    list: Vec<Value>,
    namespace: Value,
}

impl Policies {
    /// As the API server has them, and the namespace.
    pub(crate) fn new(list: &Value, namespace: &Value) -> Self {
        let list = list["items"].as_array().unwrap().clone();
        Self { list, namespace: namespace["metadata"]["labels"].clone() }
    }

    /// Whether a pod of the namespace with these labels may have a connection with `other`, where `port` is
    /// that of the one who is connected to.
    pub(crate) fn allow(&self, way: Way, labels: &Value, other: &End, port: (&str, u64)) -> bool {
        let (name, rules, peers) = match way {
            Way::Out => ("Egress", "egress", "to"),
            Way::In => ("Ingress", "ingress", "from"),
        };
        let specs = self.list.iter().map(|policy| &policy["spec"]);
        let selecting = specs.filter(|spec| {
            let types = spec["policyTypes"].as_array().unwrap();
            types.iter().any(|it| it == name) && selects(&spec["podSelector"], labels)
        });
        let mut selecting = selecting.peekable();
        let is_free = selecting.peek().is_none();
        is_free
            || selecting.flat_map(|spec| items(&spec[rules])).any(|rule| {
                let (peers, ports) = (&rule[peers], &rule["ports"]);
                let is_named = peers.is_null() || items(peers).any(|peer| self.is(peer, other));
                is_named && (ports.is_null() || items(ports).any(|it| has(it, port)))
            })
    }

    /// Whether a peer of a rule is this end.
    fn is(&self, peer: &Value, end: &End) -> bool {
        if let block @ Value::Object(_) = &peer["ipBlock"] {
            let is_in = |range: &Value| contains(range.as_str().unwrap(), end.address);
            return is_in(&block["cidr"]) && !items(&block["except"]).any(is_in);
        }
        let Some(pod) = &end.pod else { return false };
        let is_there = match &peer["namespaceSelector"] {
            Value::Null => pod.namespace == self.namespace,
            selector => selects(selector, &pod.namespace),
        };
        is_there && (peer["podSelector"].is_null() || selects(&peer["podSelector"], &pod.labels))
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// Whether a selector selects something with these labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().unwrap();
    assert!(selector.keys().all(|key| key == "matchLabels"), "not understood: {selector:?}");
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    wanted.into_iter().flat_map(Map::iter).all(|(key, value)| labels[key] == *value)
}

/// Whether a rule's port is this.
fn has(rule: &Value, (protocol, port): (&str, u64)) -> bool {
    let first = rule["port"].as_u64().unwrap();
    let last = rule["endPort"].as_u64().unwrap_or(first);
    rule["protocol"] == protocol && (first..=last).contains(&port)
}

/// Whether an address is in a range of its kind.
fn contains(range: &str, address: IpAddr) -> bool {
    let (start, length) = range.split_once('/').unwrap();
    let (start, length): (IpAddr, u32) = (start.parse().unwrap(), length.parse().unwrap());
    let (start, address, width) = match (start, address) {
        (IpAddr::V4(start), IpAddr::V4(address)) => {
            (start.to_bits().into(), address.to_bits().into(), 32)
        }
        (IpAddr::V6(start), IpAddr::V6(address)) => (start.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let prefix = |bits: u128| bits.checked_shr(width - length).unwrap_or_default();
    prefix(start) == prefix(address)
}
