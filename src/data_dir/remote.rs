//! Where the state repo of a data directory is kept, if that is on another host.

use super::DataDir;
use anyhow::{Context as _, anyhow, bail};
use inkstone_secrets::Identity;
use inkstone_state::remote::RemoteConfig;
use inkstone_state::{StateError, StateRepo, copy};
use jiff::Timestamp;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::time::Duration;

/// How long a start waits for a remote that it knows; the server goes on looking.
const START_TIME: Duration = Duration::from_secs(3);

impl DataDir {
    /// The remote that the server was started with.
    pub(crate) fn remote(&self) -> anyhow::Result<Option<RemoteConfig>> {
        let path = self.remote_file();
        let unusable = || format!("{} cannot be used: start the server again", path.display());
        match fs::read_to_string(&path) {
            // Not the line, which may have a secret in it.
            Ok(text) => match toml::from_str(&text) {
                Ok(remote) => Ok(Some(remote)),
                Err(error) => Err(anyhow!("{}", error.message())).with_context(unusable),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(unusable),
        }
    }

    /// Has the state repo kept where `remote` is. On a first start what is there already is copied.
    pub(crate) fn copy_state(&self, remote: &RemoteConfig) -> anyhow::Result<()> {
        let git_dir = self.state_git_dir();
        if !git_dir.exists() && copy(&git_dir, remote)? {
            if let Err(error) = self.fits(remote) {
                fs::remove_dir_all(&git_dir)?;
                return Err(error);
            }
            self.keep_remote(remote)?;
        }
        Ok(())
    }

    /// Whether the keys of this directory are those that a copied state repo names.
    fn fits(&self, remote: &RemoteConfig) -> anyhow::Result<()> {
        for file in [self.signing_key(), self.identity_file()] {
            if !file.exists() {
                bail!(
                    "{} has a state repo already: put {} there from a backup of its server, and start again",
                    remote.url,
                    file.display()
                );
            }
        }
        let main = self.local_state()?.main()?;
        let identities = self.identities()?;
        for region in main.regions()? {
            let Some(cluster) = main.cluster(&region)? else { continue };
            let opens = |one: &Identity| cluster.spec.recipients.contains(one.recipient());
            if !identities.iter().any(opens) {
                bail!(
                    "{} does not open what is sealed in {region} of {}: restore the file that belongs to this state repo from a backup",
                    self.identity_file().display(),
                    remote.url
                );
            }
        }
        Ok(())
    }

    /// Connects the state repo with where it is kept: an empty repo there is filled, unless it was filled
    /// before. A remote that fails is an error only the first time.
    pub(crate) fn attach(
        &self,
        state: StateRepo,
        remote: Option<&RemoteConfig>,
    ) -> anyhow::Result<StateRepo> {
        let kept = self.remote()?;
        let Some(remote) = remote else {
            if let Some(kept) = kept {
                bail!(
                    "the state repo is kept at {}: give --state-remote, or remove {} to keep it here from now on",
                    kept.url,
                    self.remote_file().display()
                );
            }
            return Ok(state);
        };
        let state = state.with_remote(remote.clone());
        if kept.is_some_and(|kept| kept.url == remote.url) {
            if let Err(error) = state.look_within(START_TIME) {
                tracing::error!(%error, "the state repo can be read and not written");
            }
        } else {
            let attached = state.attach(Timestamp::now());
            if matches!(attached, Err(StateError::Rewound(_))) {
                bail!(
                    "{} has a state repo that is not this one: give an empty repository, or an empty data directory to copy it to",
                    remote.url
                );
            }
            attached.with_context(|| format!("cannot keep the state repo at {}", remote.url))?;
        }
        self.keep_remote(remote)?;
        Ok(state)
    }

    /// Writes down the remote, for the commands that work beside the server.
    fn keep_remote(&self, remote: &RemoteConfig) -> anyhow::Result<()> {
        let path = self.remote_file();
        let fresh = path.with_extension("new");
        fs::write(&fresh, toml::to_string(remote)?)?;
        File::open(&fresh)?.sync_all()?;
        Ok(fs::rename(fresh, path)?)
    }
}
