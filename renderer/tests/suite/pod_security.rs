//! Pod Security *restricted* (kubernetes.io, "Pod Security Standards"), asserted on our own so that no
//! cluster is needed.

use crate::cases;
use inkstone_spec::Isolation;
use serde_json::{Value as Json, json};

const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// What keeps a pod from being *restricted*, and what we ask for beyond it.
pub(crate) fn violations(pod: &Json) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            found.push(what.to_owned());
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        check(is_false(&pod[field]), field);
    }
    for volume in list(&pod["volumes"]) {
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        check(kinds.clone().count() == 1, "a volume of no one type");
        kinds.for_each(|kind| check(VOLUMES.contains(&kind.as_str()), kind));
    }
    for sysctl in list(&pod["securityContext"]["sysctls"]) {
        check(SYSCTLS.contains(&sysctl["name"].as_str().unwrap_or_default()), "sysctls");
    }
    context(&pod["securityContext"], &mut check);
    check(pod["securityContext"]["runAsNonRoot"] == true, "runAsNonRoot");
    check(pod["securityContext"]["runAsUser"].as_u64().is_some_and(|user| user > 0), "runAsUser");
    check(pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    check(pod["automountServiceAccountToken"] == false, "automountServiceAccountToken");
    check(list(&pod["containers"]).count() > 0, "no container");
    for containers in ["containers", "initContainers", "ephemeralContainers"] {
        list(&pod[containers]).for_each(|one| container(one, &mut check));
    }
    found
}

fn container(container: &Json, check: &mut impl FnMut(bool, &str)) {
    let own = &container["securityContext"];
    context(own, check);
    check(own["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
    check(is_false(&own["privileged"]), "privileged");
    check(own["readOnlyRootFilesystem"] == true, "readOnlyRootFilesystem");
    check(own["capabilities"]["drop"] == json!(["ALL"]), "capabilities.drop");
    check(
        list(&own["capabilities"]["add"]).all(|add| add == "NET_BIND_SERVICE"),
        "capabilities.add",
    );
    check(own["procMount"].is_null() || own["procMount"] == "Default", "procMount");
    check(list(&container["ports"]).all(|port| port["hostPort"].is_null()), "hostPort");
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        for action in ["tcpSocket", "httpGet"] {
            check(container[probe][action]["host"].is_null(), "the host of a probe");
        }
    }
    for hook in ["preStop", "postStart"] {
        for action in ["tcpSocket", "httpGet"] {
            check(container["lifecycle"][hook][action]["host"].is_null(), "the host of a hook");
        }
    }
}

/// What may be said of a pod and of a container alike.
fn context(context: &Json, check: &mut impl FnMut(bool, &str)) {
    check(context["runAsNonRoot"].is_null() || context["runAsNonRoot"] == true, "runAsNonRoot");
    check(context["runAsUser"] != 0, "runAsUser");
    check(is_false(&context["windowsOptions"]["hostProcess"]), "hostProcess");
    check(context["seLinuxOptions"].is_null(), "seLinuxOptions");
    check(context["appArmorProfile"].is_null(), "appArmorProfile");
    check(context["seccompProfile"]["type"] != "Unconfined", "seccompProfile");
}

fn is_false(value: &Json) -> bool {
    value.is_null() || value == false
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

fn pod_of(case: &cases::Case) -> Option<Json> {
    let rendered = case.render(&cases::renderer()).unwrap();
    let deployment = rendered.get("service/deployment.yaml")?;
    Some(cases::document(deployment)["spec"]["template"]["spec"].clone())
}

#[test]
fn attack_14_every_golden_pod_is_restricted() {
    let mut pods = 0;
    for case in cases::all() {
        if case.project.spec.isolation == Isolation::Sandboxed {
            continue;
        }
        if let Some(pod) = pod_of(&case) {
            assert_eq!(violations(&pod), Vec::<String>::new(), "{}", case.name());
            pods += 1;
        }
    }
    assert!(pods >= 25);
}

/// What a sandboxed pod has beyond a restricted one: Pod Security *baseline* allows all of it.
const SANDBOXED: [&str; 4] =
    ["runAsNonRoot", "runAsUser", "readOnlyRootFilesystem", "capabilities.add"];
const BASELINE_CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

#[test]
fn root_runs_in_a_sandbox_with_what_baseline_allows_and_nowhere_else() {
    let case = cases::one("sandboxed-root");
    let pod = pod_of(&case).unwrap();
    assert_eq!(pod["runtimeClassName"], "gvisor");
    for found in violations(&pod) {
        assert!(SANDBOXED.contains(&found.as_str()), "{found}");
    }
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    for added in list(&container["capabilities"]["add"]) {
        assert!(BASELINE_CAPABILITIES.contains(&added.as_str().unwrap()), "{added}");
    }
    let level = |case: &cases::Case| {
        let namespace = case.render(&cases::renderer()).unwrap()["project/namespace.yaml"].clone();
        cases::document(&namespace)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
            .clone()
    };
    assert_eq!(level(&case), "baseline");
    assert_eq!(level(&cases::one("env")), "restricted");

    let mut restricted = case.clone();
    restricted.project.spec.isolation = Isolation::Restricted;
    let error = restricted.render(&cases::renderer()).unwrap_err();
    assert_eq!(error.code(), "needs_root");
    let mut without = case;
    without.cluster.spec.sandboxed_runtime_class = None;
    assert_eq!(without.render(&cases::renderer()).unwrap_err().code(), "no_sandbox");
}

#[test]
fn attack_13_a_pod_that_is_not_restricted_is_noticed() {
    let pod = pod_of(&cases::one("env")).unwrap();
    let cases = [
        ("/hostNetwork", json!(true)),
        ("/hostPID", json!(true)),
        ("/volumes/0", json!({"name": "tmp", "hostPath": {"path": "/"}})),
        ("/automountServiceAccountToken", json!(true)),
        ("/securityContext/runAsNonRoot", json!(false)),
        ("/securityContext/runAsUser", json!(0)),
        ("/securityContext/seccompProfile/type", json!("Unconfined")),
        ("/securityContext/sysctls", json!([{"name": "kernel.msgmax", "value": "1"}])),
        ("/containers/0/securityContext/privileged", json!(true)),
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/containers/0/securityContext/readOnlyRootFilesystem", json!(false)),
        ("/containers/0/securityContext/capabilities/drop", json!([])),
        ("/containers/0/securityContext/capabilities/add", json!(["SYS_ADMIN"])),
        ("/containers/0/securityContext/runAsUser", json!(0)),
        ("/containers/0/ports/0/hostPort", json!(80)),
        ("/containers/0/livenessProbe/tcpSocket/host", json!("10.0.0.1")),
        ("/initContainers", json!([{"name": "init", "image": "x"}])),
    ];
    for (pointer, value) in cases {
        let mut changed = pod.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        let parent = changed.pointer_mut(parent).unwrap();
        match field.parse::<usize>() {
            Ok(index) => parent[index] = value,
            Err(_) => parent[field] = value,
        }
        assert_ne!(violations(&changed), Vec::<String>::new(), "{pointer}");
    }
}
