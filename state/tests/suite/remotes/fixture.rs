//! A state repo and the one on another host.

use crate::fixture::{Fixture, Outcome, deploy, name};
use crate::git::{Clone, assert_sound, git};
use inkstone_state::remote::{RemoteConfig, Standing};
use inkstone_state::{Signer, StateRepo};
use jiff::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// A state repo whose branches are kept in another one.
pub(crate) struct Remote {
    pub(crate) fixture: Fixture,
    pub(crate) there: PathBuf,
}

pub(crate) fn config(there: &Path) -> RemoteConfig {
    RemoteConfig {
        url: format!("file://{}", there.display()).parse().unwrap(),
        credentials: None,
        pushes_per_minute: None,
    }
}

impl Remote {
    pub(crate) fn new() -> Self {
        let Fixture { temp, state, identities } = Fixture::new();
        let there = temp.path().join("there.git");
        git(temp.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "there.git"]);
        let state = state.with_remote(config(&there));
        state.attach(Timestamp::now()).unwrap();
        Self { fixture: Fixture { temp, state, identities }, there }
    }

    pub(crate) fn state(&self) -> &StateRepo {
        &self.fixture.state
    }

    /// Another process on the same directory.
    pub(crate) fn again(&self) -> StateRepo {
        let signer = Signer::load(&self.fixture.key()).unwrap();
        StateRepo::open(self.state().git_dir(), signer).unwrap().with_remote(config(&self.there))
    }

    pub(crate) fn deploy(&self, number: u32) -> Outcome {
        deploy(self.state(), &name("site"), number)
    }

    pub(crate) fn there(&self, revision: &str) -> String {
        git(&self.there, &["rev-parse", revision])
    }

    pub(crate) fn clone(&self, folder: &str) -> Clone {
        Clone::of(&self.there, self.fixture.temp.path().join(folder))
    }

    /// Has the other side run a script before it takes a push.
    pub(crate) fn hook(&self, script: &str) {
        let hook = self.there.join("hooks/pre-receive");
        std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn unhook(&self) {
        std::fs::remove_file(self.there.join("hooks/pre-receive")).unwrap();
    }

    /// Both sides have the same lawful history, and both branches are at its end.
    pub(crate) fn assert_same(&self) {
        self.fixture.assert_lawful();
        assert_sound(&self.there);
        let head = self.fixture.main();
        assert_eq!([self.there("main"), self.there("live")], [head.clone(), head]);
    }

    pub(crate) fn standing(&self) -> Standing {
        self.state().remote().unwrap().report().standing
    }
}
