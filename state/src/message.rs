//! Commit messages: words for people, trailers for machines, both made of validated values only, so a
//! newline can never forge a trailer.

use crate::lookalike::{lines, read_as};
use crate::undo::Field;
use inkstone_spec::{
    CommitId, DeploymentId, Digest, Invalid, KeyName, Owner, ProjectRef, Recipient, Release,
    RepoRef, ServiceRef, WorkspaceName,
};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Who asked: the name of the API key, or of the command on the server's own machine.
pub type Actor = KeyName;

/// What every trailer that only Inkstone may write starts with.
pub(crate) const CLAIM_PREFIX: &str = "Inkstone-";
/// The action of a commit that has a deployment's outcome: others only name the release they restore.
pub(crate) const DEPLOY: &str = "deploy";
/// How long the names of changed fields in a subject may be together.
const MAX_NAMES_CHARS: usize = 80;
/// The trailer by which an operator allows a push to remove many services.
const ALLOW_REMOVAL: (&str, &str) = ("Allow-Removal", "yes");

/// Through what somebody asked: a tool of the MCP catalogue, `git push`, a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool(Cow<'static, str>);

impl Tool {
    /// The longest name, in bytes.
    const MAX_LEN: usize = 40;

    /// A name that is a constant of this program.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A name that was stored: lower-case letters, digits, `_`, `-` and single spaces.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        let word = |word: &str| !word.is_empty() && word.bytes().all(allowed);
        if name.len() <= Self::MAX_LEN && name.split(' ').all(word) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(Invalid::new(
                "tool",
                name,
                "words of lower-case letters, digits, _ and - with single spaces",
                "git push",
            ))
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a commit of Inkstone's does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Founds the state repo.
    Found,
    /// Makes a template set the current one.
    InstallTemplates(Digest),
    /// Adds a workspace.
    AddWorkspace(WorkspaceName),
    /// Adds a project.
    CreateProject(ProjectRef),
    /// Removes a project that has no services.
    DeleteProject(ProjectRef),
    /// Adds a service: intent, env and host claim.
    CreateService(ServiceRef),
    /// Changes what a service is asked to be; its release stays.
    UpdateService {
        /// The service.
        service: ServiceRef,
        /// What of it changes.
        fields: Vec<Field>,
    },
    /// Deploys a service.
    Deploy {
        /// The service.
        service: ServiceRef,
        /// The deployment.
        deployment: DeploymentId,
        /// The source repository.
        source_repo: RepoRef,
        /// What was built.
        source_commit: CommitId,
        /// What came out.
        image: Digest,
    },
    /// Takes a service back to how it was.
    Rollback {
        /// The service.
        service: ServiceRef,
        /// The commit whose state of the service it goes back to.
        to: CommitId,
        /// The release that it has afterwards.
        release: Option<Released>,
    },
    /// Undoes one commit of a service.
    Revert {
        /// The service.
        service: ServiceRef,
        /// The commit that is undone.
        commit: CommitId,
        /// The release that the service has afterwards.
        release: Option<Released>,
    },
    /// Removes a service with its env and host claims.
    DeleteService(ServiceRef),
    /// Renders the manifests that follow from what somebody else committed.
    Render(Owner),
    /// Renders a service's or a project's manifests by the current template set.
    Upgrade(Owner),
    /// Changes to whom the clusters seal.
    SetRecipients {
        /// Who can open what is sealed from now on.
        added: Vec<Recipient>,
        /// Who no longer can.
        removed: Vec<Recipient>,
    },
    /// Seals a service's env to others. No value changes.
    Rotate(ServiceRef),
}

/// What a trailer says of the release that a service has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The deployment that made it.
    pub deployment: DeploymentId,
    /// What was built.
    pub source_commit: CommitId,
    /// What came out.
    pub image: Digest,
}

impl From<&Release> for Released {
    fn from(release: &Release) -> Self {
        Self {
            deployment: release.deployment.clone(),
            source_commit: release.source_commit.clone(),
            image: release.image.clone(),
        }
    }
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::InstallTemplates(_) => "install-templates",
            Self::AddWorkspace(_) => "add-workspace",
            Self::CreateProject(_) => "create-project",
            Self::DeleteProject(_) => "delete-project",
            Self::CreateService(_) => "create-service",
            Self::UpdateService { .. } => "update-service",
            Self::Deploy { .. } => DEPLOY,
            Self::Rollback { .. } => "rollback",
            Self::Revert { .. } => "revert",
            Self::DeleteService(_) => "delete-service",
            Self::Render(_) => "render",
            Self::Upgrade(_) => "upgrade",
            Self::SetRecipients { .. } => "set-recipients",
            Self::Rotate(_) => "rotate",
        }
    }

    fn service(&self) -> Option<&ServiceRef> {
        match self {
            Self::CreateService(service)
            | Self::UpdateService { service, .. }
            | Self::Deploy { service, .. }
            | Self::Rollback { service, .. }
            | Self::Revert { service, .. }
            | Self::DeleteService(service)
            | Self::Render(Owner::Service(service))
            | Self::Upgrade(Owner::Service(service))
            | Self::Rotate(service) => Some(service),
            _ => None,
        }
    }

    /// The release that the service has afterwards, where the action decides it.
    fn released(&self) -> Option<Released> {
        match self {
            Self::Deploy { deployment, source_commit, image, .. } => Some(Released {
                deployment: deployment.clone(),
                source_commit: source_commit.clone(),
                image: image.clone(),
            }),
            Self::Rollback { release, .. } | Self::Revert { release, .. } => release.clone(),
            _ => None,
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Found => "found the state repo".to_owned(),
            Self::InstallTemplates(set) => {
                format!("install template set {}", set.hex().get(..12).unwrap_or_default())
            }
            Self::AddWorkspace(workspace) => format!("add workspace {workspace}"),
            Self::CreateProject(project) => format!("create project {project}"),
            Self::DeleteProject(project) => format!("delete project {project}"),
            Self::CreateService(service) => format!("create {service}"),
            Self::UpdateService { service, fields } if fields.is_empty() => {
                format!("update {service}")
            }
            Self::UpdateService { service, fields } => {
                format!("update {service}: {}", some_of(fields))
            }
            Self::Deploy { service, source_commit, .. } => {
                format!("deploy {service} at {}", source_commit.short())
            }
            Self::Rollback { service, to, .. } => {
                format!("roll back {service} to {}", to.short())
            }
            Self::Revert { service, commit, .. } => {
                format!("revert {} of {service}", commit.short())
            }
            Self::DeleteService(service) => format!("delete {service}"),
            Self::Render(owner) => format!("render {owner}"),
            Self::Upgrade(owner) => format!("upgrade {owner}"),
            Self::SetRecipients { added, removed } => {
                match (added.as_slice(), removed.as_slice()) {
                    ([added], []) => format!("seal to {added} too"),
                    ([], [removed]) => format!("seal no longer to {removed}"),
                    ([added], [removed]) => format!("seal to {added} for {removed}"),
                    (added, removed) => {
                        format!("seal to {} more and {} fewer", added.len(), removed.len())
                    }
                }
            }
            Self::Rotate(service) => format!("rotate the keys of {service}"),
        }
    }

    /// What a reader needs beside the subject.
    fn body(&self) -> Option<String> {
        match self {
            Self::Rollback { to, .. } => Some(format!(
                "Image, settings and env are again those of commit {to},\nbut for what was changed after the release that this leaves."
            )),
            Self::Revert { commit, .. } => Some(format!("This reverts commit {commit}.")),
            Self::SetRecipients { added, removed } => {
                let added = added.iter().map(|it| format!("{it} can open it from now on."));
                let removed = removed.iter().map(|it| format!("{it} can open nothing new."));
                Some(added.chain(removed).collect::<Vec<_>>().join("\n"))
            }
            _ => None,
        }
    }
}

/// The first of these names, as many as a line has room for.
fn some_of(fields: &[Field]) -> String {
    let mut names = String::new();
    for (told, field) in fields.iter().enumerate() {
        let (name, comma) = (field.to_string(), if told > 0 { ", " } else { "" });
        if names.len() + comma.len() + name.len() > MAX_NAMES_CHARS {
            let left = fields.len() - told;
            let and = if told > 0 { " and " } else { "" };
            let fields = if left == 1 { "field" } else { "fields" };
            return format!("{names}{and}{left} {fields}{}", if told > 0 { " more" } else { "" });
        }
        names = names + comma + &name;
    }
    names
}

/// The message of one commit of Inkstone's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it does.
    pub action: Action,
    /// Who asked.
    pub actor: Actor,
    /// Through what.
    pub tool: Tool,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.action.subject())?;
        if let Some(body) = self.action.body() {
            writeln!(f, "{body}\n")?;
        }
        writeln!(f, "Inkstone-Action: {}", self.action.name())?;
        if let Some(service) = self.action.service() {
            writeln!(f, "Inkstone-Service: {service}")?;
        }
        let released = self.action.released();
        if let Some(Released { deployment, .. }) = &released {
            writeln!(f, "Inkstone-Deployment: {deployment}")?;
        }
        writeln!(f, "Inkstone-Actor: {}\nInkstone-Tool: {}", self.actor, self.tool)?;
        if let Action::Deploy { source_repo, .. } = &self.action {
            writeln!(f, "Source-Repo: inkstone/{source_repo}")?;
        }
        if let Some(Released { source_commit, image, .. }) = &released {
            writeln!(f, "Source-Commit: {source_commit}\nImage: {image}")?;
        }
        Ok(())
    }
}

/// What the trailers of a commit claim, read back from its message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    /// `Inkstone-Action`.
    pub action: Option<String>,
    /// `Inkstone-Service`.
    pub service: Option<ServiceRef>,
    /// `Inkstone-Deployment`.
    pub deployment: Option<DeploymentId>,
    /// `Inkstone-Actor`.
    pub actor: Option<Actor>,
    /// `Inkstone-Tool`.
    pub tool: Option<String>,
    /// `Source-Repo`, as it is written.
    pub source_repo: Option<String>,
    /// `Source-Commit`.
    pub source_commit: Option<CommitId>,
    /// `Image`.
    pub image: Option<Digest>,
}

/// A message, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadMessage {
    /// The first line.
    pub(crate) subject: String,
    /// Whether any line starts like a trailer that only Inkstone may write.
    pub(crate) claims: bool,
    /// The trailers, or what is wrong with them.
    pub(crate) claim: Result<Claim, String>,
    /// Whether it allows a large removal.
    pub(crate) allows_removal: bool,
}

/// Takes a commit message apart. Only the last paragraph holds trailers (git-interpret-trailers(1)); a
/// line elsewhere that looks like one of Inkstone's still counts as a claim, so it cannot mislead.
pub(crate) fn read(message: &str) -> ReadMessage {
    let prefix = read_as(CLAIM_PREFIX);
    let claims = lines(message).any(|line| read_as(line).trim_start().starts_with(&prefix));
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let pairs = last.lines().filter_map(|line| line.split_once(": "));
    let allows_removal = pairs.clone().any(|pair| pair == ALLOW_REMOVAL);
    let mut claim = Claim::default();
    let mut wrong = None;
    for (key, value) in pairs {
        let result = match key {
            "Inkstone-Action" => set(&mut claim.action, value),
            "Inkstone-Service" => set(&mut claim.service, value),
            "Inkstone-Deployment" => set(&mut claim.deployment, value),
            "Inkstone-Actor" => set(&mut claim.actor, value),
            "Inkstone-Tool" => set(&mut claim.tool, value),
            "Source-Repo" => set(&mut claim.source_repo, value),
            "Source-Commit" => set(&mut claim.source_commit, value),
            "Image" => set(&mut claim.image, value),
            unknown if unknown.starts_with(CLAIM_PREFIX) => {
                Err("is not a trailer of Inkstone's".to_owned())
            }
            _ => Ok(()),
        };
        if let Err(reason) = result {
            wrong.get_or_insert(format!("trailer {key} {reason}"));
        }
    }
    ReadMessage {
        subject: message.lines().next().unwrap_or_default().to_owned(),
        claims,
        claim: wrong.map_or(Ok(claim), Err),
        allows_removal,
    }
}

fn set<T: FromStr<Err: fmt::Display>>(slot: &mut Option<T>, value: &str) -> Result<(), String> {
    if slot.is_some() {
        return Err("appears twice".to_owned());
    }
    *slot = Some(value.parse().map_err(|error| format!("is not valid: {error}"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::undo::Leaf;
    use proptest::prelude::*;

    const RECIPIENTS: [&str; 2] = [
        "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq",
        "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
    ];

    fn name() -> impl Strategy<Value = String> {
        "[a-z](-?[a-z0-9]){0,9}"
    }

    fn service() -> impl Strategy<Value = ServiceRef> {
        ("[a-z][a-z0-9]{0,9}", name(), name())
            .prop_map(|(workspace, project, name)| format!("{workspace}/{project}/{name}"))
            .prop_map(|full| full.parse().unwrap())
    }

    fn deploy() -> impl Strategy<Value = Action> {
        (service(), "dep_[0-7][0-9a-hjkmnp-tv-z]{25}", name(), "[0-9a-f]{40}", any::<u64>())
            .prop_map(|(service, deployment, repo, commit, image)| Action::Deploy {
                source_repo: RepoRef {
                    workspace: service.workspace.clone(),
                    repo: repo.parse().unwrap(),
                },
                service,
                deployment: deployment.parse().unwrap(),
                source_commit: commit.parse().unwrap(),
                image: Digest::of(&image.to_be_bytes()),
            })
    }

    fn commit() -> impl Strategy<Value = CommitId> {
        "[1-9a-f][0-9a-f]{39}".prop_map(|id| id.parse().unwrap())
    }

    /// A rollback or a revert.
    fn undo() -> impl Strategy<Value = Action> {
        let release = prop::option::of(deploy().prop_map(|deploy| deploy.released().unwrap()));
        (service(), commit(), release, any::<bool>()).prop_map(|(service, to, release, back)| {
            if back {
                Action::Rollback { service, to, release }
            } else {
                Action::Revert { service, commit: to, release }
            }
        })
    }

    fn owner() -> impl Strategy<Value = Owner> {
        prop_oneof![
            Just(Owner::Platform),
            service().prop_map(|s| Owner::Project(s.project_ref())),
            service().prop_map(Owner::Service),
        ]
    }

    fn fields() -> impl Strategy<Value = Vec<Field>> {
        let leaf = proptest::sample::select(Leaf::ALL).prop_map(Field::Spec);
        let env =
            "[A-Z_]{1,100}".prop_filter_map("reserved", |key| key.parse().ok().map(Field::Env));
        proptest::collection::vec(prop_oneof![leaf, env], 0..9)
    }

    fn recipients() -> impl Strategy<Value = Vec<Recipient>> {
        let two = RECIPIENTS.map(|text| text.parse::<Recipient>().unwrap());
        proptest::sample::subsequence(two.to_vec(), 0..=2)
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            Just(Action::Found),
            any::<u64>().prop_map(|n| Action::InstallTemplates(Digest::of(&n.to_be_bytes()))),
            service().prop_map(|s| Action::AddWorkspace(s.workspace)),
            service().prop_map(|s| Action::CreateProject(s.project_ref())),
            service().prop_map(Action::CreateService),
            service().prop_map(Action::DeleteService),
            service().prop_map(|s| Action::DeleteProject(s.project_ref())),
            (service(), fields())
                .prop_map(|(service, fields)| { Action::UpdateService { service, fields } }),
            owner().prop_map(Action::Render),
            owner().prop_map(Action::Upgrade),
            service().prop_map(Action::Rotate),
            (recipients(), recipients())
                .prop_map(|(added, removed)| { Action::SetRecipients { added, removed } }),
            undo(),
            deploy(),
        ]
    }

    /// What the trailers of a message are meant to say.
    fn meant(message: &Message) -> Claim {
        let mut claim = Claim {
            action: Some(message.action.name().to_owned()),
            service: message.action.service().cloned(),
            actor: Some(message.actor.clone()),
            tool: Some(message.tool.to_string()),
            ..Claim::default()
        };
        if let Some(released) = message.action.released() {
            claim.deployment = Some(released.deployment);
            claim.source_commit = Some(released.source_commit);
            claim.image = Some(released.image);
        }
        if let Action::Deploy { source_repo, .. } = &message.action {
            claim.source_repo = Some(format!("inkstone/{source_repo}"));
        }
        claim
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_it_was_meant(
            action in action(), actor in name(), tool in "[a-z0-9_-]{1,12}( [a-z0-9_-]{1,12}){0,2}"
        ) {
            let message = Message {
                action,
                actor: actor.parse().unwrap(),
                tool: Tool::parse(&tool).unwrap(),
            };
            let text = message.to_string();
            let back = read(&text);
            prop_assert_eq!(back.claim, Ok(meant(&message)));
            prop_assert_eq!(back.subject, message.action.subject());
            prop_assert!(back.claims);
            prop_assert!(!back.allows_removal);
            prop_assert!(text.is_ascii());
            prop_assert!(text.lines().all(|line| line.len() < 200));
        }

        #[test]
        fn a_tool_is_words_and_nothing_that_breaks_a_line(tool in "\\PC{0,12}|[a-z \n\r\t\u{0}é]{0,8}") {
            if let Ok(parsed) = Tool::parse(&tool) {
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_- ".contains(&b);
                prop_assert!(tool.bytes().all(plain));
                prop_assert_eq!(tool.trim(), &tool);
                prop_assert_eq!(parsed.to_string(), tool);
            }
        }

        #[test]
        fn any_message_can_be_read(text in "\\PC*|(Inkstone-[A-Z][a-z]+|Image|Allow-Removal)?:? ?\n*.*") {
            let back = read(&text);
            prop_assert_eq!(back.claims, text.split(['\n', '\r']).any(|line| {
                line.trim_start().to_lowercase().starts_with("inkstone-")
            }));
        }
    }

    #[test]
    fn a_trailer_counts_once_and_only_in_the_last_paragraph() {
        let message = "words\n\nInkstone-Actor: a\nInkstone-Actor: b\n";
        assert!(read(message).claim.unwrap_err().contains("Inkstone-Actor appears twice"));
        let message = "words\n\nInkstone-Actor: a\n\nmore words\n";
        let back = read(message);
        assert_eq!((back.claims, back.claim), (true, Ok(Claim::default())));
        assert!(read("words\n\nInkstone-Mood: good").claim.unwrap_err().contains("Inkstone-Mood"));
        assert!(read("words\n\nImage: latest").claim.unwrap_err().contains("Image is not valid"));
    }

    #[test]
    fn a_removal_is_allowed_by_its_trailer_alone() {
        assert!(read("words\n\nAllow-Removal: yes").allows_removal);
        for not in ["Allow-Removal: yes\n\nwords", "words\n\nAllow-Removal: no", "Allow-Removal"] {
            assert!(!read(not).allows_removal, "{not}");
        }
    }
}
