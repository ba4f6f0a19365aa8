//! The network policies, evaluated as their API says: what a pod can and cannot reach.

use crate::cases;
use serde_json::Value as Json;
use std::net::IpAddr;

fn policy(file: &str) -> Json {
    cases::document(&cases::one("env").render(&cases::renderer()).unwrap()[file])["spec"].clone()
}

/// Whether a connection to an address outside of the cluster is let out.
fn lets_out(policy: &Json, address: &str, protocol: &str, port: u64) -> bool {
    let address: IpAddr = address.parse().unwrap();
    policy["egress"].as_array().unwrap().iter().any(|rule| {
        let peer = rule["to"].as_array().unwrap().iter().any(|peer| {
            let block = &peer["ipBlock"];
            block["cidr"].as_str().is_some_and(|cidr| {
                holds(cidr, address)
                    && !block["except"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .any(|e| holds(e.as_str().unwrap(), address))
            })
        });
        let Some(ports) = rule["ports"].as_array() else { return peer };
        peer && ports.iter().any(|range| {
            let first = range["port"].as_u64().unwrap();
            range["protocol"] == protocol
                && (first..=range["endPort"].as_u64().unwrap_or(first)).contains(&port)
        })
    })
}

fn holds(cidr: &str, address: IpAddr) -> bool {
    let (network, length) = cidr.split_once('/').unwrap();
    let length: u32 = length.parse().unwrap();
    match (network.parse().unwrap(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            assert_eq!(network.to_bits() & !mask, 0, "{cidr} has host bits");
            network.to_bits() == address.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            assert_eq!(network.to_bits() & !mask, 0, "{cidr} has host bits");
            network.to_bits() == address.to_bits() & mask
        }
        _ => false,
    }
}

#[test]
fn the_public_internet_is_reachable() {
    let policy = policy("project/networkpolicy-egress.yaml");
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "185.199.108.153",
        "223.255.255.1",
        "2606:4700::1111",
        "2a00:1450::1",
    ] {
        for (protocol, port) in
            [("TCP", 443), ("TCP", 80), ("TCP", 5432), ("UDP", 443), ("TCP", 65535), ("TCP", 1)]
        {
            assert!(lets_out(&policy, address, protocol, port), "{address} {protocol} {port}");
        }
    }
}

#[test]
fn attack_63_private_link_local_metadata_and_reserved_addresses_are_not() {
    let policy = policy("project/networkpolicy-egress.yaml");
    for address in [
        "0.0.0.0",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
        "2002:a00:1::1",
        "2001::1",
        "2001:db8::1",
    ] {
        for (protocol, port) in [("TCP", 443), ("TCP", 53), ("UDP", 53), ("TCP", 6443)] {
            assert!(!lets_out(&policy, address, protocol, port), "{address} {protocol} {port}");
        }
    }
}

#[test]
fn mail_is_not_sent_from_pods() {
    let policy = policy("project/networkpolicy-egress.yaml");
    for port in 1..=65535 {
        let is_smtp = [25, 465, 587].contains(&port);
        assert_ne!(lets_out(&policy, "1.1.1.1", "TCP", port), is_smtp, "port {port}");
    }
}

#[test]
fn inside_the_cluster_only_the_own_namespace_dns_and_the_ingress_controller_count() {
    let egress = policy("project/networkpolicy-egress.yaml");
    let inside: Vec<&Json> = egress["egress"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|rule| rule["to"].as_array().unwrap())
        .filter(|peer| peer["ipBlock"].is_null())
        .collect();
    assert_eq!(inside.len(), 2);
    assert_eq!(*inside[0], serde_json::json!({"podSelector": {}}));
    assert_eq!(
        inside[1]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        "kube-system"
    );
    assert_eq!(inside[1]["podSelector"]["matchLabels"]["k8s-app"], "kube-dns");

    let ingress = policy("project/networkpolicy-ingress.yaml");
    let from = ingress["ingress"][0]["from"].as_array().unwrap();
    assert_eq!(from.len(), 2);
    assert_eq!(from[0], serde_json::json!({"podSelector": {}}));
    let controller = cases::one("env").cluster.spec.ingress.namespace;
    assert_eq!(
        from[1]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"],
        controller.as_str()
    );
    assert_eq!(ingress["podSelector"], serde_json::json!({}));
    assert_eq!(egress["podSelector"], serde_json::json!({}));
}
