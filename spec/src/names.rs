//! Names of things and the references made of them.

use crate::Invalid;
use crate::text::{is_label, validated_string};
use std::fmt;
use std::str::FromStr;

validated_string! {
    /// A workspace: the tenant. It has no hyphen, so that a namespace name can be taken apart again.
    WorkspaceName, "workspace name", pattern: "^[a-z][a-z0-9]*$", max: 20,
    allowed: "1 to 20 lower-case letters and digits, a letter first", example: "acme",
    check: |v| is_label(v) && !v.contains('-')
}

validated_string! {
    /// A project of a workspace.
    ProjectName, "project name", pattern: "^[a-z](-?[a-z0-9])*$", max: 30,
    allowed: "1 to 30 lower-case letters, digits and single inner hyphens, a letter first",
    example: "web-shop", check: is_label
}

validated_string! {
    /// A service of a project.
    ServiceName, "service name", pattern: "^[a-z](-?[a-z0-9])*$", max: 40,
    allowed: "1 to 40 lower-case letters, digits and single inner hyphens, a letter first",
    example: "checkout-api", check: is_label
}

validated_string! {
    /// A hosted source repository, unique in its workspace.
    RepoName, "repo name", pattern: "^[a-z](-?[a-z0-9])*$", max: 60,
    allowed: "1 to 60 lower-case letters, digits and single inner hyphens, a letter first (no owner, no URL)",
    example: "my-site", check: is_label
}

validated_string! {
    /// A region: one cluster.
    Region, "region", pattern: "^[a-z](-?[a-z0-9])*$", max: 30,
    allowed: "1 to 30 lower-case letters, digits and single inner hyphens, a letter first",
    example: "eu-central-1", check: is_label
}

validated_string! {
    /// The name of a Kubernetes object that Inkstone did not make (RFC 1123 label).
    KubernetesName, "Kubernetes name", pattern: "^[a-z](-?[a-z0-9])*$", max: 63,
    allowed: "1 to 63 lower-case letters, digits and single inner hyphens, a letter first",
    example: "traefik", check: is_label
}

validated_string! {
    /// The name of an API key: who acts, in commits and logs.
    KeyName, "key name", pattern: "^[a-z](-?[a-z0-9])*$", max: 40,
    allowed: "1 to 40 lower-case letters, digits and single inner hyphens, a letter first",
    example: "ci-deploy", check: is_label
}

validated_string! {
    /// A branch of a source repository: git's rules (git-check-ref-format(1)), narrowed to ASCII.
    BranchName, "branch name", pattern: "^[A-Za-z0-9_][A-Za-z0-9_./+@-]*$", max: 200,
    allowed: "letters, digits and . _ / + @ - as git allows them in a branch name",
    example: "main", check: is_branch
}

validated_string! {
    /// Where images are pulled from: `host[:port][/path]`, no scheme.
    ImageRegistry, "image registry",
    pattern: "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-][a-z0-9]+)*)*$", max: 200,
    allowed: "host[:port][/path] in lower case, without a scheme", example: "registry.internal:5000",
    check: is_registry
}

validated_string! {
    /// An age X25519 recipient (<https://age-encryption.org/v1>): the public half that values are
    /// sealed to.
    Recipient, "age recipient", pattern: "^age1[02-9ac-hj-np-z]{58}$", max: 62,
    allowed: "an age X25519 recipient: age1 and 58 more characters",
    example: "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq",
    check: |v| v.strip_prefix("age1").is_some_and(|d| {
        d.len() == 58 && d.bytes().all(|b| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&b))
    })
}

validated_string! {
    /// A public key whose signatures count as Inkstone's, in OpenSSH's one-line form without a comment.
    SigningKey, "signing key", pattern: "^ssh-ed25519 [A-Za-z0-9+/]{68}$", max: 80,
    allowed: "an OpenSSH Ed25519 public key without a comment: ssh-ed25519 and 68 base64 characters",
    example: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS",
    check: |v| v.strip_prefix("ssh-ed25519 ").is_some_and(|d| {
        d.len() == 68 && d.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    })
}

fn is_branch(value: &str) -> bool {
    let starts_well = value.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    starts_well
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"_./+@-".contains(&b))
        && !value.contains("..")
        && !value.contains("@{")
        && value != "HEAD"
        && !value.starts_with("refs/")
        && !value.ends_with('.')
        && value.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && !std::path::Path::new(part)
                    .extension()
                    .is_some_and(|end| end.eq_ignore_ascii_case("lock"))
        })
}

pub(crate) fn is_registry(value: &str) -> bool {
    let mut parts = value.split('/');
    let authority = parts.next().unwrap_or_default();
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let word = |text: &str, inner: &[u8]| {
        let bytes = text.as_bytes();
        let alnum = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        bytes.first().is_some_and(alnum)
            && bytes.last().is_some_and(alnum)
            && bytes.iter().all(|b| alnum(b) || inner.contains(b))
            && !bytes.windows(2).any(|w| w.iter().all(|b| inner.contains(b)))
    };
    word(host, b".-")
        && port.is_none_or(|p| {
            p.len() <= 5
                && p.bytes().all(|b| b.is_ascii_digit())
                && p.parse::<u16>().is_ok_and(|n| n > 0)
        })
        && parts.all(|part| word(part, b"._-"))
}

/// A project by its full name, written `workspace/project`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProjectRef {
    /// The workspace that owns it.
    pub workspace: WorkspaceName,
    /// Its name in the workspace.
    pub project: ProjectName,
}

impl ProjectRef {
    /// The service `name` of this project.
    pub fn service(&self, name: &ServiceName) -> ServiceRef {
        ServiceRef {
            workspace: self.workspace.clone(),
            project: self.project.clone(),
            service: name.clone(),
        }
    }

    /// The Kubernetes namespace of this project: `dp-<workspace>-<project>`, at most 54 bytes.
    pub fn namespace(&self) -> Namespace {
        Namespace(format!("dp-{}-{}", self.workspace, self.project))
    }
}

/// A Kubernetes namespace that Inkstone owns. Injective: a workspace name has no hyphen, so the first
/// hyphen after `dp-` ends it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Namespace(String);

impl Namespace {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A service by its full name, written `workspace/project/service`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceRef {
    /// The workspace that owns it.
    pub workspace: WorkspaceName,
    /// The project it is in.
    pub project: ProjectName,
    /// Its name in the project.
    pub service: ServiceName,
}

impl ServiceRef {
    /// The project it is in.
    pub fn project_ref(&self) -> ProjectRef {
        ProjectRef { workspace: self.workspace.clone(), project: self.project.clone() }
    }
}

/// A hosted source repository by its full name, written `workspace/repo`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoRef {
    /// The workspace that owns it.
    pub workspace: WorkspaceName,
    /// Its name in the workspace.
    pub repo: RepoName,
}

impl fmt::Display for ProjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workspace, self.project)
    }
}

impl fmt::Display for ServiceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.workspace, self.project, self.service)
    }
}

impl fmt::Display for RepoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.workspace, self.repo)
    }
}

impl FromStr for ProjectRef {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        let (workspace, project) = value.split_once('/').ok_or_else(|| {
            Invalid::new("project reference", value, "workspace/project", "acme/web-shop")
        })?;
        Ok(Self { workspace: workspace.parse()?, project: project.parse()? })
    }
}

impl FromStr for ServiceRef {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        let (project, service) = value.rsplit_once('/').ok_or_else(|| {
            Invalid::new(
                "service reference",
                value,
                "workspace/project/service",
                "acme/web-shop/checkout-api",
            )
        })?;
        Ok(project.parse::<ProjectRef>()?.service(&service.parse()?))
    }
}

impl FromStr for RepoRef {
    type Err = Invalid;
    fn from_str(value: &str) -> Result<Self, Invalid> {
        let (workspace, repo) = value.split_once('/').ok_or_else(|| {
            Invalid::new("repo reference", value, "workspace/repo", "acme/my-site")
        })?;
        Ok(Self { workspace: workspace.parse()?, repo: repo.parse()? })
    }
}
