//! What the reconciler would do, with the rights and the keys of the one that runs.

use super::{Server, text};
use std::process::Command;

/// What it would do now.
pub(crate) fn reconcile_plan() -> String {
    let home = Server::of_the_cluster().home;
    let (copy, keys) = (tempfile::tempdir().unwrap(), home.join("reconciler"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_inkstone"));
    program.args(["reconcile", "--plan", "--repo", "http://127.0.0.1:8787/state.git", "--data"]);
    program.arg(copy.path()).arg("--credentials").arg(keys.join("git-credentials"));
    program.arg("--identity").arg(keys.join("age-identity.txt"));
    program.arg("--pull-key").arg(keys.join("pull-key"));
    program.arg("--kubeconfig").arg(home.join("certificates/inkstone-reconciler.kubeconfig"));
    let output = program.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}
