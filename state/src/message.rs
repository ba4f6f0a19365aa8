//! Commit messages: words for people, trailers for machines, both made of validated values only, so a
//! newline can never forge a trailer.

use inkstone_spec::{
    CommitId, DeploymentId, Digest, Invalid, KeyName, ProjectRef, RepoRef, ServiceRef,
    WorkspaceName, printable,
};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Who asked: the name of the API key, or of the command on the server's own machine.
pub type Actor = KeyName;

/// What every trailer that only Inkstone may write starts with.
pub(crate) const CLAIM_PREFIX: &str = "Inkstone-";
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
    /// Adds a service: intent, env and host claim.
    CreateService(ServiceRef),
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
    /// Removes a service with its env and host claims.
    DeleteService(ServiceRef),
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::InstallTemplates(_) => "install-templates",
            Self::AddWorkspace(_) => "add-workspace",
            Self::CreateProject(_) => "create-project",
            Self::CreateService(_) => "create-service",
            Self::Deploy { .. } => "deploy",
            Self::DeleteService(_) => "delete-service",
        }
    }

    fn service(&self) -> Option<&ServiceRef> {
        match self {
            Self::CreateService(service)
            | Self::Deploy { service, .. }
            | Self::DeleteService(service) => Some(service),
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
            Self::CreateService(service) => format!("create {service}"),
            Self::Deploy { service, source_commit, .. } => {
                format!("deploy {service} at {}", source_commit.short())
            }
            Self::DeleteService(service) => format!("delete {service}"),
        }
    }
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
        write!(f, "{}\n\nInkstone-Action: {}\n", self.action.subject(), self.action.name())?;
        if let Some(service) = self.action.service() {
            writeln!(f, "Inkstone-Service: {service}")?;
        }
        if let Action::Deploy { deployment, .. } = &self.action {
            writeln!(f, "Inkstone-Deployment: {deployment}")?;
        }
        writeln!(f, "Inkstone-Actor: {}\nInkstone-Tool: {}", self.actor, self.tool)?;
        if let Action::Deploy { source_repo, source_commit, image, .. } = &self.action {
            writeln!(
                f,
                "Source-Repo: inkstone/{source_repo}\nSource-Commit: {source_commit}\nImage: {image}"
            )?;
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
    let claims = message.split(['\n', '\r']).any(|line| {
        // As a terminal would show it.
        let line = printable(line);
        let start = line.trim_start().get(..CLAIM_PREFIX.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(CLAIM_PREFIX))
    });
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
    use proptest::prelude::*;

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

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            Just(Action::Found),
            any::<u64>().prop_map(|n| Action::InstallTemplates(Digest::of(&n.to_be_bytes()))),
            service().prop_map(|s| Action::AddWorkspace(s.workspace)),
            service().prop_map(|s| Action::CreateProject(s.project_ref())),
            service().prop_map(Action::CreateService),
            service().prop_map(Action::DeleteService),
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
        if let Action::Deploy { deployment, source_repo, source_commit, image, .. } =
            &message.action
        {
            claim.deployment = Some(deployment.clone());
            claim.source_repo = Some(format!("inkstone/{source_repo}"));
            claim.source_commit = Some(source_commit.clone());
            claim.image = Some(image.clone());
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
