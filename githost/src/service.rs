//! The two git services, `git upload-pack` (fetch) and `git receive-pack` (push), and how each is
//! configured.

use crate::refusal::Refusal;
use crate::{Access, Limits, Operation, RepoPath, git};
use axum::http::{HeaderMap, HeaderValue};
use std::path::Path;
use tokio::process::Command;

/// The longest `Git-Protocol` header; git itself sends `version=2`.
const MAX_PROTOCOL_BYTES: usize = 100;

/// What fetches are configured with.
const FETCH_SETTINGS: &[&str] = &[
    "uploadpack.allowTipSHA1InWant=false",
    "uploadpack.allowReachableSHA1InWant=false",
    "uploadpack.allowAnySHA1InWant=false",
    "uploadpack.allowFilter=false",
];

/// What pushes are configured with. A push that git acknowledged survives a loss of power.
const PUSH_SETTINGS: &[&str] = &[
    "receive.fsckObjects=true",
    "receive.advertisePushOptions=false",
    "receive.autogc=false",
    "receive.updateServerInfo=false",
    "receive.shallowUpdate=false",
    // The default; said aloud, git does not advise the pusher to configure the server.
    "receive.denyDeleteCurrent=refuse",
    "core.fsync=committed,reference",
    "core.fsyncMethod=batch",
];

/// Flaws that old tools left in the histories of honest projects and that harm nobody are taken. A file
/// mode that git never writes is not: what reads it may take it for anything.
const HOSTED_SETTINGS: &[&str] = &[
    "receive.fsck.badFilemode=error",
    "receive.fsck.badTimezone=ignore",
    "receive.fsck.missingSpaceBeforeDate=ignore",
    "receive.fsck.zeroPaddedFilemode=ignore",
];

/// The state repo's history only grows.
const STATE_SETTINGS: &[&str] = &["receive.denyNonFastForwards=true", "receive.denyDeletes=true"];

/// Only branches and tags can be seen and pushed.
const VISIBLE_REFS: &[&str] =
    &["transfer.hideRefs=refs/", "transfer.hideRefs=!refs/heads/", "transfer.hideRefs=!refs/tags/"];

/// One of the two services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    UploadPack,
    ReceivePack,
}

impl Service {
    /// The service of this name on the wire.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::UploadPack, Self::ReceivePack].into_iter().find(|service| service.name() == name)
    }

    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UploadPack => "git-upload-pack",
            Self::ReceivePack => "git-receive-pack",
        }
    }

    /// What using it means for the repository.
    pub(crate) fn operation(self) -> Operation {
        match self {
            Self::UploadPack => Operation::Read,
            Self::ReceivePack => Operation::Write,
        }
    }

    /// The command that serves one request.
    pub(crate) fn command<Actor>(
        self,
        repo: &RepoPath,
        access: &Access<Actor>,
        limits: &Limits,
        protocol: Option<&Protocol>,
    ) -> Command {
        let mut command = git::command(&access.git_dir);
        let mut settings = |list: &[&str]| {
            for setting in list {
                command.args(["-c", setting]);
            }
        };
        settings(VISIBLE_REFS);
        match self {
            Self::UploadPack => settings(FETCH_SETTINGS),
            Self::ReceivePack => {
                settings(PUSH_SETTINGS);
                settings(match repo {
                    RepoPath::Hosted(_) => HOSTED_SETTINGS,
                    RepoPath::State => STATE_SETTINGS,
                });
                git::setting(&mut command, "receive.maxInputSize", limits.pack_bytes.to_string());
                if let Some(hooks) = &access.hooks_dir {
                    git::setting(&mut command, "core.hooksPath", hooks);
                }
                // Set where nothing else is set yet, so a hook's variable never replaces a guard.
                for (key, value) in &access.hook_env {
                    if !command.as_std().get_envs().any(|(set, _)| set == key.as_str()) {
                        command.env(key, value);
                    }
                }
            }
        }
        if let Some(Protocol(version)) = protocol {
            command.env("GIT_PROTOCOL", version);
        }
        command
    }

    /// Completes the command: which service, how, and on what.
    pub(crate) fn arguments(self, command: &mut Command, advertise: bool, git_dir: &Path) {
        match self {
            Self::UploadPack => command.args(["upload-pack", "--strict"]),
            Self::ReceivePack => command.arg("receive-pack"),
        };
        command.arg("--stateless-rpc");
        if advertise {
            command.arg("--http-backend-info-refs");
        }
        command.arg("--").arg(git_dir);
    }
}

/// The `Git-Protocol` header (gitprotocol-v2(5)): `key[=value]` parts with colons between them.
#[derive(Clone, Debug)]
pub(crate) struct Protocol(String);

impl Protocol {
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let Some(value) = headers.get("git-protocol") else { return Ok(None) };
        Self::parse(value).map(Some).ok_or(Refusal::BadProtocolHeader)
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        let value = value.to_str().ok()?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"=:._-".contains(&byte);
        (value.len() <= MAX_PROTOCOL_BYTES && value.bytes().all(allowed))
            .then(|| Self(value.to_owned()))
    }

    /// Whether the client asks for protocol v2.
    pub(crate) fn is_v2(&self) -> bool {
        self.0.split(':').any(|part| part == "version=2")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_protocol_header_is_what_git_sends_or_refused() {
        let parse = |value: &'static str| Protocol::parse(&HeaderValue::from_static(value));
        assert!(parse("version=2").unwrap().is_v2());
        assert!(parse("version=1:x-y=2").is_some_and(|protocol| !protocol.is_v2()));
        for value in ["version=2\tx", "version=2 ", "$(id)", "version=2;ls", "a/b"] {
            assert!(parse(value).is_none(), "{value}");
        }
        assert!(Protocol::parse(&HeaderValue::from_str(&"a".repeat(101)).unwrap()).is_none());
    }

    #[test]
    fn a_hooks_variable_never_replaces_a_guard() {
        let access = Access {
            git_dir: "/srv/a.git".into(),
            hooks_dir: None,
            hook_env: vec![
                ("GIT_CONFIG_GLOBAL".into(), "/evil".into()),
                ("ACTOR".into(), "me".into()),
            ],
            actor: (),
        };
        let command =
            Service::ReceivePack.command(&RepoPath::State, &access, &Limits::default(), None);
        let env = |name: &str| {
            let found = command.as_std().get_envs().find(|(key, _)| *key == name);
            found.and_then(|(_, value)| value).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(env("GIT_CONFIG_GLOBAL").as_deref(), Some("/dev/null"));
        assert_eq!(env("ACTOR").as_deref(), Some("me"));
    }
}
