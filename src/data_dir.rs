//! The data directory: what is in it, who may use it, and how it starts.

mod remote;

use crate::kept_keys::KeptKeys;
use anyhow::{Context as _, bail};
use inkstone_deployer::OPERATOR;
use inkstone_githost::HostedRepos;
use inkstone_renderer::TemplateSet;
use inkstone_secrets::{Identities, Identity, Keyring, PullKey};
use inkstone_spec::KeyName;
use inkstone_state::{Founding, Signer, StateRepo, found};
use inkstone_store::Store;
use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The bits by which others than the owner get at a file.
pub(crate) const OTHERS: u32 = 0o077;

/// A data directory.
pub(crate) struct DataDir {
    root: PathBuf,
}

/// Holds the directory for one server; ends with the process, however that ends.
pub(crate) struct Claimed {
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is missing, readable by its owner alone.
    pub(crate) fn create(root: &Path) -> anyhow::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(root).with_context(|| {
            format!(
                "cannot make the data directory {}: choose another with --data, or make its parent writable",
                root.display()
            )
        })?;
        let data = Self::at(root)?;
        let mode = fs::metadata(&data.root)?.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            let shown = data.root.display();
            tracing::warn!(
                "{shown} has mode {mode:o}, so others can get at what is in it: chmod 700 {shown}"
            );
        }
        Ok(data)
    }

    /// The directory of a server that was started before.
    pub(crate) fn open(root: &Path) -> anyhow::Result<Self> {
        if !root.join("state.git").is_dir() {
            bail!(
                "{} is not a data directory: `inkstone serve --data {0}` makes one, --data names another",
                root.display()
            );
        }
        Self::at(root)
    }

    fn at(root: &Path) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot read the data directory {}", root.display()))?;
        Ok(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the directory for this server, or says that another has it.
    pub(crate) fn claim(&self) -> anyhow::Result<Claimed> {
        self.lock("lock")?.with_context(|| {
            format!(
                "another inkstone serves {}: stop it, or choose another directory with --data",
                self.root.display()
            )
        })
    }

    /// Takes the identity file for this command, which may go on beside the server.
    pub(crate) fn claim_identities(&self) -> anyhow::Result<Claimed> {
        self.lock("identity-lock")?
            .context("another `inkstone identity` is under way: try again when it is done")
    }

    /// `None`: somebody else has it.
    fn lock(&self, file: &str) -> anyhow::Result<Option<Claimed>> {
        let path = self.root.join(file);
        let lock = File::create(&path).with_context(|| {
            format!(
                "cannot write {}: the data directory must be writable by this user",
                path.display()
            )
        })?;
        let taken = flock(&lock, FlockOperation::NonBlockingLockExclusive);
        Ok(taken.is_ok().then_some(Claimed { _lock: lock }))
    }

    /// The SQL store.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        Store::open(&self.database()).await.map_err(|error| {
            let suggestion = error.suggestion();
            anyhow::Error::new(error).context(suggestion)
        })
    }

    /// The SQL store of a server that was started before. A new file in the place of one that is gone
    /// would be another database than that of a server that runs.
    pub(crate) async fn existing_store(&self) -> anyhow::Result<Store> {
        let path = self.database();
        if !path.exists() {
            bail!(
                "{} is missing: stop the server if it runs, then restore the file from a backup, or start the server: it makes a new one, and a new first key",
                path.display()
            );
        }
        self.store().await
    }

    /// The hosted source repositories.
    pub(crate) async fn repos(&self) -> anyhow::Result<HostedRepos> {
        Ok(HostedRepos::open(self.repos_dir()).await?)
    }

    /// Where images are kept when no registry is configured.
    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// The identities that open sealed values; made on the first start.
    pub(crate) fn identities(&self) -> anyhow::Result<Identities> {
        let path = self.identity_file();
        if !path.exists() {
            // A new one could not open what is sealed already.
            if self.state_git_dir().exists() {
                bail!("{} is missing: restore it from a backup", path.display());
            }
            Identities::new(Identity::generate()?, Vec::new()).save(&path)?;
        }
        Ok(Identities::load(&path)?)
    }

    /// The same, as the file has them at any time.
    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        self.identities()?;
        Ok(Keyring::open(&self.identity_file())?)
    }

    /// What pull tokens are made from; made where it is missing. Tokens of an earlier one are then void.
    pub(crate) fn pull_key(&self) -> anyhow::Result<PullKey> {
        let path = self.pull_key_file();
        if !path.exists() {
            PullKey::generate()?.save(&path)?;
        }
        Ok(PullKey::load(&path)?)
    }

    /// The state repo of a server that was started before, with its remote.
    pub(crate) fn state(&self) -> anyhow::Result<StateRepo> {
        let state = self.local_state()?;
        Ok(match self.remote()? {
            Some(remote) => state.with_remote(remote),
            None => state,
        })
    }

    /// What is here of the state repo.
    fn local_state(&self) -> anyhow::Result<StateRepo> {
        let path = self.signing_key();
        if !path.exists() {
            bail!("{} is missing: restore it from a backup", path.display());
        }
        let signer = Signer::load(&path)?;
        let public = signer.public().clone();
        let state = StateRepo::open(&self.state_git_dir(), signer)?;
        if !state.main()?.inkstone()?.spec.signing_keys.contains(&public) {
            bail!(
                "{} is not among the signing keys of inkstone.yaml: restore the key file of this state repo from a backup",
                path.display()
            );
        }
        Ok(state)
    }

    /// The state repo, founded if this is the first start; whether it was.
    pub(crate) fn found_or_open(
        &self,
        founding: &Founding<'_>,
    ) -> anyhow::Result<(StateRepo, bool)> {
        let git_dir = self.state_git_dir();
        if git_dir.exists() {
            return Ok((self.local_state()?, false));
        }
        let path = self.signing_key();
        let signer = if path.exists() {
            Signer::load(&path)?
        } else {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).context("the system gave no random numbers")?;
            Signer::create(&path, &seed)?
        };
        let state = found(&git_dir, founding, signer, actor()?, Timestamp::now())?;
        Ok((state, true))
    }

    /// The hooks that judge pushes to the state repo, written anew: they name this very binary.
    pub(crate) fn hooks(&self) -> anyhow::Result<PathBuf> {
        let hooks = self.root.join("hooks");
        fs::create_dir_all(&hooks)?;
        let binary = std::env::current_exe().context("cannot find this program's own file")?;
        let quoted =
            |path: &Path| format!("'{}'", path.display().to_string().replace('\'', r"'\''"));
        let identity = fs::canonicalize(self.identity_file())?;
        let script = format!(
            "#!/bin/sh\nexec {} hook pre-receive --identity {}\n",
            quoted(&binary),
            quoted(&identity)
        );
        let path = hooks.join("pre-receive");
        let fresh = hooks.join("pre-receive.new");
        fs::write(&fresh, script)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))?;
        fs::rename(&fresh, &path)?;
        Ok(hooks)
    }

    /// The state repo.
    pub(crate) fn state_git_dir(&self) -> PathBuf {
        self.root.join("state.git")
    }

    /// The file that says where the state repo is kept.
    fn remote_file(&self) -> PathBuf {
        self.root.join("state-remote.toml")
    }

    /// The folder of the hosted source repositories.
    pub(crate) fn repos_dir(&self) -> PathBuf {
        self.root.join("repos")
    }

    /// The file of the SQL store.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("inkstone.db")
    }

    /// The keys that outlive the database.
    pub(crate) fn kept_keys(&self) -> KeptKeys {
        KeptKeys::new(self.root.join("keys"))
    }

    /// The file of the key that signs state commits.
    pub(crate) fn signing_key(&self) -> PathBuf {
        self.root.join("signing-key")
    }

    /// The file of the key that pull tokens are made from.
    pub(crate) fn pull_key_file(&self) -> PathBuf {
        self.root.join("pull-key")
    }

    /// The file of the identities that open sealed values.
    pub(crate) fn identity_file(&self) -> PathBuf {
        self.root.join("age-identity.txt")
    }
}

/// Who acts when an operator runs a command on the server's machine.
pub(crate) fn actor() -> anyhow::Result<KeyName> {
    Ok(KeyName::new(OPERATOR)?)
}

/// The template set of the next deploys: the built-in one, or a folder that passes the lint.
pub(crate) fn template_set(folder: Option<&Path>) -> anyhow::Result<TemplateSet> {
    let Some(folder) = folder else { return Ok(TemplateSet::builtin()?) };
    let set = TemplateSet::from_dir(folder)
        .with_context(|| format!("cannot use the templates in {}", folder.display()))?;
    inkstone_renderer::lint(&set)
        .with_context(|| format!("the templates in {} do not pass the lint", folder.display()))?;
    Ok(set)
}
