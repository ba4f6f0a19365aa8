//! A state repo with a workspace, a project and two services, one of them deployed.

use crate::git::{Clone, assert_sound, git};
use inkstone_renderer::TemplateSet;
use inkstone_secrets::{EnvFile, Identities, Identity, seal};
use inkstone_spec::{
    ApiVersion, Build, CommitId, DeploymentId, Digest, EnvKey, EnvValue, Hostname, Ingress,
    Isolation, Memory, Pack, Port, ProjectRef, Region, Release, Replicas, RepoRef, Resources,
    Service, ServiceKind, ServiceMetadata, ServiceRef, ServiceSpec, ServiceUid, Source,
    SourceBranch, SourceHost, UserId, Vcpus,
};
use inkstone_state::check::{Finding, Rule};
use inkstone_state::plan::{PlanError, ServiceChange};
use inkstone_state::{
    Action, CommitError, Committed, Edit, Founding, Message, Proposal, ServiceFiles, Signer,
    Snapshot, StateError, StateRepo, Tool, found, history, plan, snapshot_of,
};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use uuid::Uuid;

pub(crate) const SITE: &str = "clusters/eu-central-1/acme/shop/services/site";
pub(crate) const API: &str = "clusters/eu-central-1/acme/shop/services/api";
pub(crate) const PROJECT: &str = "clusters/eu-central-1/acme/shop";

pub(crate) type Outcome = Result<Committed, CommitError<StateError>>;

pub(crate) struct Fixture {
    pub(crate) temp: tempfile::TempDir,
    pub(crate) state: StateRepo,
    pub(crate) identities: Identities,
}

pub(crate) fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub(crate) fn region() -> Region {
    "eu-central-1".parse().unwrap()
}

pub(crate) fn project() -> ProjectRef {
    "acme/shop".parse().unwrap()
}

pub(crate) fn name(service: &str) -> ServiceRef {
    project().service(&service.parse().unwrap())
}

pub(crate) fn message(action: Action) -> Message {
    Message { action, actor: "ci-deploy".parse().unwrap(), tool: Tool::new("create_service") }
}

pub(crate) fn found_at(git_dir: &Path, signer: Signer) -> Result<StateRepo, StateError> {
    let recipient = Identity::generate().unwrap().recipient().clone();
    found_for(git_dir, signer, recipient)
}

fn found_for(
    git_dir: &Path,
    signer: Signer,
    recipient: inkstone_spec::Recipient,
) -> Result<StateRepo, StateError> {
    let founding = Founding {
        region: region(),
        apps_domain: "apps.example.com".parse().unwrap(),
        ingress: Ingress {
            class: "traefik".parse().unwrap(),
            namespace: "kube-system".parse().unwrap(),
            http_port: None,
        },
        registry: "registry.internal:5000".parse().unwrap(),
        image_registries: Vec::new(),
        recipients: vec![recipient],
        templates: &TemplateSet::builtin().unwrap(),
    };
    found(git_dir, &founding, signer, "operator".parse().unwrap(), now())
}

/// A service's intent; its hosts are those beside the default one.
pub(crate) fn intent(service: &ServiceRef, hosts: &[&str]) -> Service {
    Service {
        api_version: ApiVersion::V1,
        kind: ServiceKind::Service,
        metadata: ServiceMetadata {
            workspace: service.workspace.clone(),
            project: service.project.clone(),
            name: service.service.clone(),
            uid: ServiceUid::from(Uuid::now_v7()),
        },
        spec: ServiceSpec {
            source: Source::Branch(SourceBranch {
                host: SourceHost::Inkstone,
                repo: "code".parse().unwrap(),
                branch: "main".parse().unwrap(),
            }),
            build: Build { pack: Pack::Static, root_directory: None, publish_directory: None },
            port: None,
            replicas: Replicas::new(1).unwrap(),
            resources: Resources { memory: Memory::Mi256, vcpus: Vcpus::Half },
            hosts: hosts.iter().map(|host| Hostname::new(*host).unwrap()).collect(),
            hold: None,
        },
        release: None,
    }
}

/// The `number`th release that anything could have.
pub(crate) fn release(snapshot: &Snapshot, number: u32) -> Release {
    Release {
        deployment: DeploymentId::from(Uuid::now_v7()),
        source_commit: Some(CommitId::new(format!("{number:040x}")).unwrap()),
        source_image: None,
        image: Digest::of(&number.to_be_bytes()),
        port: Port::new(8080).unwrap(),
        user: UserId::new(65532).unwrap(),
        templates: snapshot.cluster(&region()).unwrap().unwrap().spec.templates.clone(),
    }
}

pub(crate) fn deploying(service: &ServiceRef, release: &Release) -> Action {
    Action::Deploy {
        service: service.clone(),
        deployment: release.deployment.clone(),
        source: release.source_commit.clone().map(|commit| {
            let (workspace, repo) = (service.workspace.clone(), "code".parse().unwrap());
            (RepoRef { workspace, repo }, commit)
        }),
        image: release.image.clone(),
    }
}

pub(crate) fn values(env: &[(&str, &str)]) -> BTreeMap<EnvKey, EnvValue> {
    let value =
        |(key, value): &(&str, &str)| (EnvKey::new(*key).unwrap(), EnvValue::new(*value).unwrap());
    env.iter().map(value).collect()
}

/// Commits what `edits` plans, as `action`.
pub(crate) fn commit<E>(
    state: &StateRepo,
    action: &Action,
    edits: impl Fn(&Snapshot) -> Result<Vec<Edit>, E>,
) -> Result<Committed, CommitError<E>> {
    state.commit(now(), |snapshot| {
        Ok(Some(Proposal { message: message(action.clone()), edits: edits(snapshot)? }))
    })
}

pub(crate) fn deploy(state: &StateRepo, service: &ServiceRef, number: u32) -> Outcome {
    let release = release(&state.main().unwrap(), number);
    commit(state, &deploying(service, &release), |snapshot| {
        plan::deploy(snapshot, service, release.clone())
    })
}

impl Fixture {
    /// A repo with nothing in it.
    pub(crate) fn founded() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let identities = Identities::new(Identity::generate().unwrap(), Vec::new());
        let signer = Signer::create(&temp.path().join("key"), &[7; 32]).unwrap();
        let recipient = identities.current().recipient().clone();
        let state = found_for(&temp.path().join("state.git"), signer, recipient).unwrap();
        Self { temp, state, identities }
    }

    /// A workspace, a project, `site` with env and a host of its own, deployed once, and `api`.
    pub(crate) fn new() -> Self {
        let this = Self::founded();
        this.add_workspace_and_project();
        this.create("site", &["shop.example.com"], &[("TOKEN", "s3cret")]).unwrap();
        deploy(&this.state, &name("site"), 1).unwrap();
        this.create("api", &[], &[]).unwrap();
        this
    }

    pub(crate) fn add_workspace_and_project(&self) {
        let workspace = project().workspace;
        commit(&self.state, &Action::AddWorkspace(workspace.clone()), |_| {
            plan::add_workspace(&region(), &workspace)
        })
        .unwrap();
        commit(&self.state, &Action::CreateProject(project()), |snapshot| {
            plan::create_project(snapshot, &region(), &project(), Isolation::default())
        })
        .unwrap();
    }

    pub(crate) fn create(&self, service: &str, hosts: &[&str], env: &[(&str, &str)]) -> Outcome {
        let service = intent(&name(service), hosts);
        let env = self.seal(None, &values(env));
        commit(&self.state, &Action::CreateService(service.metadata.service_ref()), |snapshot| {
            plan::create_service(snapshot, &region(), &service, env.as_ref())
        })
    }

    /// Seals to whom everything here is sealed.
    pub(crate) fn seal(
        &self,
        previous: Option<&EnvFile>,
        values: &BTreeMap<EnvKey, EnvValue>,
    ) -> Option<EnvFile> {
        let recipients = [self.identities.current().recipient().clone()].into();
        seal(previous, values, &self.identities, &recipients, now()).unwrap()
    }

    pub(crate) fn service(&self, service: &str) -> Option<ServiceFiles> {
        self.state.main().unwrap().service(&name(service)).unwrap()
    }

    pub(crate) fn update(
        &self,
        service: &str,
        change: &ServiceChange,
    ) -> Result<Committed, CommitError<PlanError>> {
        let name = name(service);
        commit(
            &self.state,
            &Action::UpdateService { service: name.clone(), fields: Vec::new() },
            |snapshot| plan::update_service(snapshot, &name, change.clone()),
        )
    }

    pub(crate) fn delete(&self, service: &str) -> Outcome {
        let name = name(service);
        commit(&self.state, &Action::DeleteService(name.clone()), |snapshot| {
            plan::delete_service(snapshot, &name)
        })
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        git(self.state.git_dir(), args)
    }

    pub(crate) fn main(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    pub(crate) fn live(&self) -> String {
        self.git(&["rev-parse", "live"])
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.temp.path().join("key")
    }

    pub(crate) fn clone(&self) -> Clone {
        let at = tempfile::Builder::new().prefix("clone").tempdir_in(self.temp.path()).unwrap();
        Clone::of(self.state.git_dir(), at.keep())
    }

    /// The repo keeps every law, for the real git too, and both branches are at one commit.
    pub(crate) fn assert_lawful(&self) {
        assert_sound(self.state.git_dir());
        assert_eq!(findings(self.state.git_dir(), "main"), []);
        assert_eq!(self.main(), self.live());
    }

    /// Where the claim on a host is.
    pub(crate) fn claim(host: &str) -> String {
        let host: Hostname = host.parse().unwrap();
        format!("hosts/{}/{host}.yaml", host.shard())
    }

    /// Where the claim on a service's default host is.
    pub(crate) fn default_claim(service: &str) -> String {
        let domain = "apps.example.com".parse().unwrap();
        Self::claim(inkstone_spec::default_host(&name(service), &domain).unwrap().as_str())
    }
}

/// What `verify` finds in any clone.
pub(crate) fn findings(repo: &Path, revision: &str) -> Vec<Finding> {
    let head = snapshot_of(repo, Some(revision)).unwrap();
    history::verify(&head, None, |_| ()).unwrap().findings
}

/// Some finding is of this rule and names this place: a path, or a commit.
pub(crate) fn assert_found(findings: &[Finding], rule: Rule, place: &str) {
    let names_it = |finding: &Finding| {
        finding.path.as_deref() == Some(place)
            || finding.commit.as_ref().is_some_and(|commit| commit.as_str() == place)
    };
    assert!(
        findings.iter().any(|finding| finding.rule == rule && names_it(finding)),
        "no finding of {rule:?} at {place} among {findings:#?}"
    );
}
