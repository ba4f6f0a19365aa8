//! The cluster's directory: which file of it is what, and who holds it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rustix::process::Pid;

use crate::workspace::Workspace;

/// A folder of the target directory. Everything that the cluster keeps outside its namespaces is in it; what need
/// not be seen from outside is in memory and gone with them.
#[derive(Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

impl From<OsString> for Home {
    fn from(root: OsString) -> Self {
        Self { root: root.into() }
    }
}

impl Home {
    /// That of the cluster that a person starts and ends.
    pub(crate) fn of(workspace: &Workspace) -> Self {
        Self { root: workspace.target().join("cluster") }
    }

    /// That of a cluster which lasts as long as one run of the tests or the bench.
    pub(crate) fn of_a_run(workspace: &Workspace) -> Self {
        Self { root: workspace.target().join("cluster-of-a-run") }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// What reaches the API server, from outside through the forwarded port as well as from inside.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// The same for a service account of the product.
    pub(crate) fn kubeconfig_of(&self, account: &str) -> PathBuf {
        self.certificates().join(format!("{account}.kubeconfig"))
    }

    /// The API key with every scope that `inkstone serve` made.
    pub(crate) fn key(&self) -> PathBuf {
        self.root.join("key")
    }

    /// What `inkstone serve` signs its word to ArgoCD by.
    pub(crate) fn webhook_secret(&self) -> PathBuf {
        self.root.join("webhook-secret")
    }

    /// The data directory of `inkstone serve`.
    pub(crate) fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Archives of images, and what they were made of.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Certificates and keys.
    pub(crate) fn certificates(&self) -> PathBuf {
        self.root.join("certificates")
    }

    /// What ArgoCD was given, with the values of this cluster.
    pub(crate) fn argocd(&self) -> PathBuf {
        self.root.join("argocd")
    }

    /// What the reconciler was given: what `argocd/secrets/reconciler.yaml` lists.
    pub(crate) fn reconciler(&self) -> PathBuf {
        self.root.join("reconciler")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs().join(format!("{name}.log"))
    }

    /// What the start has to say, line by line.
    pub(crate) fn progress(&self) -> PathBuf {
        self.log("cluster")
    }

    /// There once everything is ready.
    pub(crate) fn ready(&self) -> PathBuf {
        self.root.join("ready")
    }

    /// There while component `name` is to stand still.
    pub(crate) fn stopped(&self, name: &str) -> PathBuf {
        self.root.join("stopped").join(name)
    }

    /// In one word, how component `name` is.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.states().join(name)
    }

    /// Commands that a person finds inside.
    pub(crate) fn commands(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// Where those words are.
    pub(crate) fn states(&self) -> PathBuf {
        self.root.join("states")
    }

    /// Makes the folders that others write to.
    pub(crate) fn make(&self) -> Result<()> {
        // There are keys in it, and a machine may have other users.
        DirBuilder::new().recursive(true).mode(0o700).create(&self.root)?;
        for folder in ["argocd", "bin", "certificates", "logs", "reconciler", "stopped", "states"] {
            fs::create_dir_all(self.root.join(folder))?;
        }
        Ok(())
    }

    /// The name of the cgroup that every pod is below, one for each directory.
    pub(crate) fn cgroup(&self) -> String {
        format!("inkstone{}", self.root.display().to_string().replace('/', "-"))
    }

    /// Takes the directory for as long as the returned file is open, in the name of this process.
    pub(crate) fn hold(&self) -> Result<File> {
        let lock = File::options().create(true).append(true).open(self.lock())?;
        if lock.try_lock().is_err() {
            bail!("another cluster is up in {}", self.root.display());
        }
        fs::write(self.lock(), std::process::id().to_string())?;
        Ok(lock)
    }

    /// Whether `lock` still is the directory's: it may have been removed, and made anew by another cluster.
    pub(crate) fn is_of(&self, lock: &File) -> bool {
        let file = |meta: fs::Metadata| (meta.dev(), meta.ino());
        let (ours, there) = (lock.metadata().map(file), fs::metadata(self.lock()).map(file));
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    /// Whether a keeper holds the directory.
    pub(crate) fn is_held(&self) -> Result<bool> {
        let Ok(lock) = File::open(self.lock()) else { return Ok(false) };
        match lock.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The process that holds the directory.
    pub(crate) fn keeper(&self) -> Result<Pid> {
        let text = fs::read_to_string(self.lock())?;
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        pid.with_context(|| format!("{} names no process", self.lock().display()))
    }

    fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// Names the namespaces: a process that has them, and how the kernel calls its network.
    pub(crate) fn name_namespaces(&self, process: u32, network: &str) -> Result<()> {
        Ok(fs::write(self.root.join("namespaces"), format!("{process} {network}"))?)
    }

    /// What [`Home::name_namespaces`] was given.
    pub(crate) fn namespaces(&self) -> Option<(u32, String)> {
        let text = fs::read_to_string(self.root.join("namespaces")).ok()?;
        let (process, network) = text.split_once(' ')?;
        Some((process.parse().ok()?, network.to_owned()))
    }
}
