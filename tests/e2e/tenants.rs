//! Tenants on one cluster: what one can see, pull and reach of another's.

use crate::harness::{
    End, Mcp, Policies, Server, Turn, Way, World, get_from, kubectl, object, text, wait_for,
};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Command;

/// The namespace of the ingress controller, by `cluster.yaml`.
const INGRESS: &str = "kube-system";

/// A tenant of one's own, with an agent who can do everything there, and nothing elsewhere.
fn tenant(server: &Server, workspace: &str) -> Mcp {
    server.inkstone(&["workspace", "add", workspace]);
    let name = format!("{workspace}-agent");
    let scopes = "read,env:read,deploy,delete";
    let options = ["--workspace", workspace, "--scopes", scopes, "--json"];
    let made = server.inkstone(&[&["key", "create", &name][..], &options].concat());
    let made: Value = serde_json::from_str(&made).unwrap();
    Mcp::connect_as(server, made["key"].as_str().unwrap())
}

/// Has an agent run the workload as `app` of its project `default`; returns what it is told when it runs.
fn app(agent: &mut Mcp, server: &Server) -> Value {
    agent.ok("create_service", json!({"name": "app", "image": server.workload()}));
    wait_for("the app", || {
        let service = agent.ok("get_service", json!({"name": "app", "runtime_log_lines": 20}));
        (service["deployment"]["status"] == "active").then_some(service)
    })
}

#[test]
fn an_agent_sees_and_pulls_nothing_of_another_tenant() {
    let _turn = Turn::shared();
    let server = Server::of_the_cluster();
    let [mut one, mut two] = ["one", "two"].map(|workspace| tenant(&server, workspace));
    let apps = [app(&mut one, &server), app(&mut two, &server)];
    for app in &apps {
        assert!(app["runtime"]["logs"].to_string().contains("listening on 3000"), "{app}");
    }
    for (agent, own, other) in [(&mut one, &apps[0], "two"), (&mut two, &apps[1], "one")] {
        for (tool, arguments) in [
            ("get_service", json!({"name": "app", "runtime_log_lines": 20})),
            ("list_services", json!({})),
            ("update_service", json!({"name": "app", "replicas": 0})),
            ("delete_service", json!({"name": "app"})),
        ] {
            let mut asked = |workspace: &str| {
                let mut arguments = arguments.clone();
                arguments["workspace"] = json!(workspace);
                agent.refused(tool, arguments).to_string().replace(workspace, "X")
            };
            let (foreign, absent) = (asked(other), asked("nowhere"));
            assert!(foreign.contains("not_found"), "{tool}: {foreign}");
            assert_eq!(foreign, absent, "{tool}");
        }
        let listed = agent.ok("list_services", json!({}))["services"].clone();
        let urls: Vec<_> = listed.as_array().unwrap().iter().map(|it| &it["url"]).collect();
        assert_eq!(urls, [&own["url"]], "{listed}");
    }

    // What the nodes pull by.
    let logins = ["one", "two"].map(|workspace| {
        let namespace = format!("dp-{workspace}-default");
        let decoded = r#"go-template={{index .data ".dockerconfigjson" | base64decode}}"#;
        let config = kubectl(&["get", "secret/registry", "-n", &namespace, "-o", decoded]);
        let config: Value = serde_json::from_str(&config).unwrap();
        config["auths"][server.host()]["auth"].as_str().unwrap().to_owned()
    });
    let digest = apps[0]["release"]["image"].as_str().unwrap();
    for (workspace, own, other) in [("one", 0, 1), ("two", 1, 0)] {
        let path = format!("/v2/{workspace}/default/app/manifests/{digest}");
        let pull = |login| server.get(&path, login).unwrap().status;
        assert_eq!(pull(Some(&logins[own])), 200, "{workspace}");
        assert_eq!(pull(Some(&logins[other])), 404, "{workspace}");
        assert_eq!(pull(None), 401, "{workspace}");
    }
}

/// The first pod of a namespace, with the labels that policies see.
fn first_pod(namespace: &str) -> Value {
    let pods = kubectl(&["get", "pods", "-n", namespace, "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    pods["items"][0].clone()
}

/// Somebody who listens at an address that only this cluster's node has, until it is dropped.
struct Elsewhere {
    address: &'static str,
    _listeners: Vec<TcpListener>,
}

impl Elsewhere {
    fn new(address: &'static str, ports: &[u16]) -> Self {
        let network = ["address", "add", address, "dev", "node"];
        assert!(Command::new("ip").args(network).status().unwrap().success(), "{address}");
        let listeners = ports.iter().map(|port| TcpListener::bind((address, *port)).unwrap());
        Self { address, _listeners: listeners.collect() }
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let network = ["address", "del", self.address, "dev", "node"];
        // What remains of it ends with the cluster.
        let _ = Command::new("ip").args(network).status();
    }
}

/// Whether the process in a pod gets a connection to `target`.
fn connects(pod: &str, target: &str) -> bool {
    let host = format!("{pod}:3000");
    let path = format!("/connect/{target}");
    let answer = get_from(&host, &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n")).unwrap();
    assert_eq!(answer.status, 200, "{pod} {answer:?}");
    answer.body == "connected"
}

fn address_of(pod: &Value) -> String {
    pod["status"]["podIP"].as_str().unwrap().to_owned()
}

#[test]
fn a_pod_reaches_its_own_project_and_the_internet_and_nobody_else() {
    let mut worlds = ["inside", "outside"].map(World::new);
    for world in &mut worlds {
        world.workload("app", &[]);
        world.wait_until_active("app");
    }
    let [inside, outside] = worlds.each_ref().map(|it| address_of(&first_pod(&it.namespace())));
    worlds[0].workload("neighbour", &[]);
    worlds[0].wait_until_active("neighbour");
    let service = object(&worlds[0].namespace(), "service/neighbour").unwrap();
    let neighbour = service["spec"]["clusterIP"].as_str().unwrap().to_owned();
    // One in a namespace where no policy is, to see that there is something to be kept from.
    let image = format!("--image={}", worlds[0].server.workload());
    kubectl(&["create", "namespace", "free"]);
    kubectl(&["run", "free", &image, "-n", "free", "--restart=Never"]);
    let free = wait_for("a pod without policies", || {
        let pod = object("free", "pod/free")?;
        let address = pod["status"]["podIP"].as_str()?.to_owned();
        get_from((address.as_str(), 3000), "GET / HTTP/1.0\r\n").is_ok().then_some(address)
    });

    let _metadata = Elsewhere::new("169.254.169.254", &[80]);
    let _private = Elsewhere::new("192.168.77.1", &[80]);
    let _internet = Elsewhere::new("1.1.1.1", &[443, 25]);
    for (target, is_allowed) in [
        (format!("{neighbour}:80"), true),
        ("1.1.1.1:443".to_owned(), true),
        (format!("{outside}:3000"), false),
        ("169.254.169.254:80".to_owned(), false),
        ("192.168.77.1:80".to_owned(), false),
        ("1.1.1.1:25".to_owned(), false),
        // The API server, the kubelet, and Inkstone.
        ("10.99.0.1:6443".to_owned(), false),
        ("10.99.0.1:10250".to_owned(), false),
        ("10.99.0.1:8787".to_owned(), false),
    ] {
        if !target.starts_with(&outside) && !target.starts_with(&neighbour) {
            assert!(connects(&free, &target), "{target} is not there");
        }
        assert_eq!(connects(&inside, &target), is_allowed, "{target}");
    }
    // Link-local addresses, which a pod has whatever the cluster was given, are of the family that nobody polices.
    let links =
        Command::new("ip").args(["-6", "-oneline", "address", "show", "scope", "link"]).output();
    let links = text(&links.unwrap().stdout);
    let fields: Vec<_> = links.split_whitespace().collect();
    let links = fields.windows(2).filter(|pair| pair[0] == "inet6").map(|pair| pair[1]);
    for link in links.filter_map(|link| link.split('/').next()) {
        for port in [6443, 10250, 7000] {
            assert!(!connects(&inside, &format!("[{link}%2]:{port}")), "{link} {port}");
        }
    }
    assert!(!connects(&free, &format!("{inside}:3000")), "nobody gets in from elsewhere");
    assert!(connects(&inside, &format!("{inside}:3000")));
    kubectl(&["delete", "namespace", "free", "--wait=false"]);
}

/// Much of this cannot be tried on one node without IPv6: it is judged by what the API server has.
#[test]
fn policies_let_a_pod_reach_the_internet_and_its_own_project_alone() {
    let mut worlds = ["near", "far"].map(World::new);
    for world in &mut worlds {
        world.workload("app", &[]);
        world.wait_until_active("app");
    }
    let namespaces = worlds.each_ref().map(World::namespace);
    let [near, far] = namespaces.each_ref().map(|namespace| {
        let pod = first_pod(namespace);
        (pod, object("default", &format!("namespace/{namespace}")).unwrap())
    });
    let list = kubectl(&["get", "networkpolicies", "-n", &namespaces[0], "-o", "json"]);
    let policies = Policies::new(&serde_json::from_str(&list).unwrap(), &near.1);
    let named = |name: &str, labels: Value| {
        let labels_of_namespace = json!({"kubernetes.io/metadata.name": name});
        let pod = json!({"metadata": {"labels": labels}, "status": {"podIP": "10.244.0.250"}});
        End::pod(&pod, &json!({"metadata": {"labels": labels_of_namespace}}))
    };
    let own = || End::pod(&near.0, &near.1);
    let other = || End::pod(&far.0, &far.1);
    let api = object("default", "service/kubernetes").unwrap();
    let api = || End::of(api["spec"]["clusterIP"].as_str().unwrap());
    let node = || End::of(near.0["status"]["hostIP"].as_str().unwrap());
    let dns = || named("kube-system", json!({"k8s-app": "kube-dns"}));
    // Whatever its labels: nobody gets out of a policy by them.
    let pods = [near.0["metadata"]["labels"].clone(), json!({})];

    let (tcp, udp) = (|port| ("TCP", port), |port| ("UDP", port));
    for (end, port, is_allowed) in [
        (own(), tcp(3000), true),
        (dns(), udp(53), true),
        (dns(), tcp(443), false),
        (End::of("1.1.1.1"), tcp(443), true),
        (End::of("2606:4700::1111"), tcp(443), true),
        (End::of("1.1.1.1"), tcp(25), false),
        (other(), tcp(3000), false),
        (api(), tcp(443), false),
        (node(), tcp(6443), false),
        (node(), tcp(10250), false),
        (named("argocd", json!({})), tcp(8080), false),
        (End::of("169.254.169.254"), tcp(80), false),
        (End::of("10.0.0.1"), tcp(80), false),
        (End::of("172.31.255.1"), tcp(80), false),
        (End::of("192.168.1.1"), tcp(80), false),
        (End::of("127.0.0.1"), tcp(8787), false),
        (End::of("fd00:ec2::254"), tcp(80), false),
        (End::of("fe80::1"), tcp(80), false),
        (End::of("::ffff:169.254.169.254"), tcp(80), false),
    ] {
        for labels in &pods {
            let found = policies.allow(Way::Out, labels, &end, port);
            assert_eq!(found, is_allowed, "out to {} {port:?}", end.address);
        }
    }
    for (end, is_allowed) in [
        (own(), true),
        (named("argocd", json!({})), false),
        (named(INGRESS, json!({})), true),
        (other(), false),
        (node(), false),
        (End::of("1.1.1.1"), false),
    ] {
        for labels in &pods {
            let found = policies.allow(Way::In, labels, &end, tcp(3000));
            assert_eq!(found, is_allowed, "in from {}", end.address);
        }
    }
}
