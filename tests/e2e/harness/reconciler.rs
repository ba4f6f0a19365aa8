//! What the reconciler would do, with the rights and the keys of the one that runs.

use super::{Server, text};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

/// Whom `argocd/reconciler.yaml` has it run as.
const USER: u32 = 65_532;

/// What it would do now.
pub(crate) fn reconcile_plan() -> String {
    let home = Server::of_the_cluster().home;
    let copy = tempfile::tempdir().unwrap();
    let kubeconfig = home.join("certificates/inkstone-reconciler.kubeconfig");
    let program = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    plan(program, copy.path(), &home.join("reconciler"), &kubeconfig)
}

/// The same, by a process that is who it is in its pod, with its keys as the kubelet mounts a Secret there: root's,
/// and readable by its group.
pub(crate) fn reconcile_plan_of_a_pod() -> String {
    let home = Server::of_the_cluster().home;
    let pod = tempfile::tempdir().unwrap();
    let (keys, data) = (pod.path().join("keys"), pod.path().join("data"));
    for (folder, mode) in [(pod.path(), 0o755), (&keys, 0o755), (&data, 0o700)] {
        fs::create_dir_all(folder).unwrap();
        fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
    }
    chown(&data, Some(USER), Some(USER)).unwrap();
    for file in [
        "reconciler/age-identity.txt",
        "reconciler/pull-key",
        "reconciler/git-credentials",
        "certificates/inkstone-reconciler.kubeconfig",
    ] {
        let mounted = keys.join(Path::new(file).file_name().unwrap());
        fs::copy(home.join(file), &mounted).unwrap();
        fs::set_permissions(&mounted, Permissions::from_mode(0o440)).unwrap();
        chown(&mounted, Some(0), Some(USER)).unwrap();
    }
    let mut program = Command::new("setpriv");
    let user = USER.to_string();
    program.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--"]);
    program.arg(env!("CARGO_BIN_EXE_inkstone"));
    plan(program, &data, &keys, &keys.join("inkstone-reconciler.kubeconfig"))
}

fn plan(mut program: Command, copy: &Path, keys: &Path, kubeconfig: &Path) -> String {
    program.args(["reconcile", "--plan", "--repo", "http://127.0.0.1:8787/state.git", "--data"]);
    program.arg(copy).arg("--credentials").arg(keys.join("git-credentials"));
    program.arg("--identity").arg(keys.join("age-identity.txt"));
    program.arg("--pull-key").arg(keys.join("pull-key")).arg("--kubeconfig").arg(kubeconfig);
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
