//! What the reconciler and the server may do in the cluster, and what they may not. Both run in this cluster
//! with no other rights than these.

use crate::harness::{World, kubectl, text, try_kubectl, wait_for};
use serde_json::json;

const RECONCILER: &str = "system:serviceaccount:inkstone:inkstone-reconciler";
const SERVER: &str = "system:serviceaccount:inkstone:inkstone-server";

/// Whether `who` may do this: the words of `kubectl auth can-i`.
fn may(who: &str, what: &str) -> bool {
    let answer = try_kubectl(&[&["auth", "can-i", "--as", who], &words(what)[..]].concat());
    // It warns of kinds that are in no namespace, and ends with 1 where the answer is no.
    match text(&answer.stdout).trim() {
        "yes" => true,
        "no" => false,
        _ => panic!("{what}: {}", text(&answer.stderr)),
    }
}

fn words(what: &str) -> Vec<&str> {
    what.split(' ').collect()
}

/// Has `who` try it; it must be refused, in words that have `why` in them.
fn refused(who: &str, what: &str, why: &str) {
    let output = try_kubectl(&[&words(what)[..], &["--as", who]].concat());
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains(why), "{what}: {said}");
}

#[test]
fn the_reconciler_keeps_secrets_of_projects_and_reads_no_other() {
    let world = World::new("rights-reconciler");
    let own = world.namespace();
    wait_for("the right to keep Secrets there", || {
        may(RECONCILER, &format!("create secrets -n {own}")).then_some(())
    });
    for verb in ["list", "patch", "delete"] {
        assert!(may(RECONCILER, &format!("{verb} secrets -n {own}")), "{verb}");
    }

    for foreign in ["kube-system", "argocd", "inkstone", "default"] {
        for verb in ["get", "list", "watch", "create", "patch", "delete"] {
            assert!(!may(RECONCILER, &format!("{verb} secrets -n {foreign}")), "{verb} {foreign}");
        }
    }
    for (kind, is_ours) in [("Opaque", true), ("bootstrap.kubernetes.io/token", false)] {
        let create = format!("create secret generic made --type={kind} -n {own} --dry-run=server");
        if is_ours {
            kubectl(&[&words(&create)[..], &["--as", RECONCILER]].concat());
        } else {
            refused(RECONCILER, &create, "no other Secret");
        }
    }
    refused(RECONCILER, "get secret/argocd-secret -n argocd", "(Forbidden)");
    refused(RECONCILER, "get secrets --all-namespaces", "(Forbidden)");
    refused(RECONCILER, &format!("get secret/registry -n {own}"), "(Forbidden)");
}

#[test]
fn the_reconciler_starts_nothing_and_gives_itself_nothing() {
    let world = World::new("rights-starts");
    let own = world.namespace();
    wait_for("what rights it gets there", || {
        may(RECONCILER, &format!("create secrets -n {own}")).then_some(())
    });
    for what in [
        "create pods",
        "create deployments",
        "create rolebindings",
        "create pods --subresource=exec",
    ] {
        assert!(!may(RECONCILER, &format!("{what} -n {own}")), "{what}");
        assert!(!may(RECONCILER, &format!("{what} -n kube-system")), "{what}");
    }
    assert!(!may(RECONCILER, "create namespaces"));
    assert!(!may(RECONCILER, "patch clusterroles"));
    assert!(!may(RECONCILER, "impersonate users"));
    refused(RECONCILER, &format!("run pod --image=none -n {own}"), "(Forbidden)");
}

#[test]
fn the_reconciler_removes_namespaces_of_projects_alone() {
    let world = World::new("rights-removes");
    let ours = world.namespace();
    // A label alone does not make a project's namespace, nor does a name.
    let (labelled, named) = ("rights-labelled", "dp-rights-named");
    for namespace in [labelled, named] {
        kubectl(&["create", "namespace", namespace]);
    }
    let label = "app.kubernetes.io/managed-by=inkstone";
    kubectl(&["label", "namespace", labelled, label]);

    for foreign in ["argocd", "inkstone", labelled, named] {
        let delete = format!("delete namespace/{foreign} --dry-run=server");
        refused(RECONCILER, &delete, "removes namespaces of Inkstone's projects only");
    }
    refused(RECONCILER, "delete namespace/kube-system --dry-run=server", "(Forbidden)");
    refused(RECONCILER, &format!("delete namespace/{named}"), "projects only");
    let as_reconciler = ["--as", RECONCILER, "--dry-run=server"];
    kubectl(&[&["delete", "namespace", &ours], &as_reconciler[..]].concat());

    for namespace in [labelled, named] {
        kubectl(&["delete", "namespace", namespace, "--wait=false"]);
    }
}

#[test]
fn the_server_reads_no_secret_and_logs_of_projects_alone() {
    let mut world = World::new("rights-server");
    let site = world.site("site", "here");
    site.wait_until_shows("here");
    let own = world.namespace();

    for namespace in [own.as_str(), "argocd", "inkstone", "kube-system"] {
        for what in ["get secrets", "list secrets", "watch secrets", "create pods", "patch pods"] {
            assert!(!may(SERVER, &format!("{what} -n {namespace}")), "{what} -n {namespace}");
        }
        let is_own = namespace == own;
        assert_eq!(
            may(SERVER, &format!("get pods --subresource=log -n {namespace}")),
            is_own,
            "{namespace}"
        );
        let forward = format!("create pods --subresource=portforward -n {namespace}");
        assert_eq!(may(SERVER, &forward), is_own, "{namespace}");
        assert!(
            !may(SERVER, &format!("create pods --subresource=exec -n {namespace}")),
            "{namespace}"
        );
    }
    refused(SERVER, "get secrets --all-namespaces", "(Forbidden)");
    refused(SERVER, &format!("get secret/registry -n {own}"), "(Forbidden)");
    let log = "/api/v1/namespaces/argocd/pods/any/log";
    refused(SERVER, &format!("get --raw {log}"), "Forbidden");
    assert!(!may(SERVER, "list applications.argoproj.io -n default"));
    assert!(may(SERVER, "list applications.argoproj.io -n argocd"));

    // With these rights it shows what there is to show.
    let arguments = json!({"name": "site", "project": world.project, "runtime_log_lines": 5});
    wait_for("a service that is seen", || {
        let service = world.agent.ok("get_service", arguments.clone());
        (service["runtime"]["status"] == "active").then_some(())
    });
}
