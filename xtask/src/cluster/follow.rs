//! Has ArgoCD follow the state repo of this cluster's Inkstone, with the files that a user would apply and
//! the values that they would set.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::home::Home;
use super::inside::Inside;
use super::{certificates, product, wait};
use crate::step;

/// Where `argocd/` says that Inkstone is.
const EXAMPLE: &str = "https://inkstone.example.com";
/// What of `argocd/` is here no pod, but a process beside those of the cluster.
const RECONCILER: &str = "reconciler.yaml";
/// How long ArgoCD may take from its own start to the first namespace.
const FIRST_SYNC: Duration = Duration::from_mins(1);

/// Does what `argocd/README.md` says.
pub(crate) fn follow(inside: &Inside) -> Result<()> {
    let secrets = inside.argocd.join("secrets");
    let key = key(inside, "argocd", "read")?;
    let key = [("password: KEY", format!("password: {key}"))];
    let repository = filled(inside, &secrets.join("repository.yaml"), &key)?;
    let shared = fs::read_to_string(inside.home.webhook_secret())?;
    let secret = [("secret: SECRET", format!("secret: {shared}"))];
    let webhook = filled(inside, &secrets.join("webhook.yaml"), &secret)?;
    inside.apply(["-f", &repository.display().to_string()])?;
    let mut patch = inside.kubectl(["patch", "secret/argocd-secret", "-n", "argocd"]);
    step::quietly(patch.arg("--patch-file").arg(webhook))?;
    for entry in fs::read_dir(&inside.argocd)? {
        let file = entry?.path();
        let is_manifest = file.extension().is_some_and(|extension| extension == "yaml");
        if is_manifest && !file.ends_with(RECONCILER) {
            let file = filled(inside, &file, &[])?;
            inside.apply(["-f", &file.display().to_string()])?;
        }
    }
    Ok(())
}

/// Gives the reconciler its keys: the one of this cluster, which is a process, and one that runs in it as
/// `argocd/reconciler.yaml` has it.
pub(crate) fn make_reconciler_keys(inside: &Inside) -> Result<()> {
    let keys = inside.home.reconciler();
    for copied in ["age-identity.txt", "pull-key"] {
        fs::copy(inside.home.data().join(copied), keys.join(copied))?;
    }
    let key = key(inside, "reconciler", "read,env:read")?;
    certificates::write_private(&keys.join("token"), &key)?;
    let line = |url: String| url.replace("://", &format!("://inkstone:{key}@")) + "\n";
    let lines = line(product::url()) + &line(product::url_of_the_node());
    certificates::write_private(&keys.join("git-credentials"), &lines)?;
    let mut create =
        inside.kubectl(["-n", "inkstone", "create", "secret", "generic", "inkstone-reconciler"]);
    step::quietly(create.arg(format!("--from-file={}", keys.display())))
}

/// Waits until ArgoCD brought the first project.
pub(crate) fn wait(inside: &Inside) -> Result<()> {
    let mut namespace = inside.kubectl(["get", "namespace/dp-main-default"]);
    wait::until("the namespace of project main/default", FIRST_SYNC, || {
        Ok(step::succeeds(&mut namespace))
    })
}

/// Makes what Inkstone signs its word to ArgoCD by.
pub(crate) fn make_webhook_secret(home: &Home) -> Result<()> {
    certificates::write_private(&home.webhook_secret(), &certificates::secret()?)
}

/// A copy of `file` with the values of this cluster.
fn filled(inside: &Inside, file: &Path, values: &[(&str, String)]) -> Result<PathBuf> {
    let mut text = fs::read_to_string(file)?.replace(EXAMPLE, &product::url());
    for (name, value) in values {
        text = text.replace(name, value);
    }
    let copy = inside.home.argocd().join(file.file_name().context("a file without a name")?);
    fs::write(&copy, text)?;
    Ok(copy)
}

/// A key of all workspaces with these scopes and no other.
fn key(inside: &Inside, name: &str, scopes: &str) -> Result<String> {
    let mut create = inside.program(&inside.inkstone);
    create.args(["key", "create", name, "--scopes", scopes, "--all-workspaces", "--json"]);
    let made: Value =
        serde_json::from_str(&step::read(create.arg("--data").arg(inside.home.data()))?)?;
    let key = made.get("key").and_then(Value::as_str);
    key.map(str::to_owned).context("`inkstone key create --json` printed no key")
}
