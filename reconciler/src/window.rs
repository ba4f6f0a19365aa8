//! What the revert window still names: a revert must find it there.

use inkstone_spec::{ProjectRef, ServiceRef};
use inkstone_state::history::Walk;
use inkstone_state::{ServiceFiles, Snapshot, StateError};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How long what a commit names is kept.
pub const DAYS: i64 = 30;
/// How many releases of a service keep what they name, however old they are.
pub const RELEASES: usize = 50;

/// The names of the Secrets that the window names, by project.
pub type Named = BTreeMap<ProjectRef, BTreeSet<String>>;

/// Every environment that a commit of the window has, or the one before it: that is what undoing it
/// brings back.
pub fn named_secrets(live: &Snapshot, now: Timestamp) -> Result<Named, StateError> {
    let oldest = now - SignedDuration::from_hours(24 * DAYS);
    let mut releases: HashMap<ServiceRef, usize> = HashMap::new();
    let mut named = Named::new();
    for commit in Walk::from(live)? {
        let commit = commit?;
        let before = commit.before()?;
        for service in commit.services()? {
            // What could not be read then names nothing that could be brought back.
            let files = |snapshot: &Snapshot| snapshot.service(&service).ok().flatten();
            let is = files(&commit.snapshot);
            let was = before.as_ref().and_then(files);
            let newer = releases.entry(service.clone()).or_default();
            if *newer >= RELEASES && commit.time < oldest {
                continue;
            }
            let release = |files: &Option<ServiceFiles>| files.as_ref()?.service.release.clone();
            *newer += usize::from(release(&is) != release(&was));
            let secrets = [is, was].into_iter().flatten().filter_map(|files| files.env_secret());
            named.entry(service.project_ref()).or_default().extend(secrets);
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_renderer::TemplateSet;
    use inkstone_secrets::{EnvFile, Identities, Identity, seal};
    use inkstone_spec::{Digest, EnvValue, Ingress, Isolation, Region, Release, Service, yaml};
    use inkstone_state::plan::{Change, ServiceChange};
    use inkstone_state::undo::Field;
    use inkstone_state::{
        Action, Edit, Founding, Message, Proposal, Signer, StateError, StateRepo, Tool, found, plan,
    };
    use std::path::Path;
    use tempfile::TempDir;

    const TOOL: Tool = Tool::new("update_service");
    const SITE: &str = "apiVersion: inkstone.dev/v1\nkind: Service\n\
        metadata: {workspace: main, project: default, name: site, uid: 01jdezx2k7e5m8w3r4t6y9a0bc}\n\
        spec:\n  source: {host: inkstone, repo: site, branch: main}\n  build: {pack: static}\n  \
        replicas: 1\n  resources: {memory: 256Mi, vcpus: \"0.5\"}\n";

    /// A state repo with the project `main/default`, and who opens its environments.
    struct World {
        _dir: TempDir,
        state: StateRepo,
        identities: Identities,
        region: Region,
    }

    impl World {
        fn new(start: Timestamp) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let identity = Identity::generate().unwrap();
            let region: Region = "eu-central-1".parse().unwrap();
            let founding = Founding {
                region: region.clone(),
                apps_domain: "apps.example.com".parse().unwrap(),
                ingress: Ingress {
                    class: "traefik".parse().unwrap(),
                    namespace: "kube-system".parse().unwrap(),
                    http_port: None,
                },
                registry: "registry.internal:5000".parse().unwrap(),
                recipients: vec![identity.recipient().clone()],
                templates: &TemplateSet::builtin().unwrap(),
                image_registries: Vec::new(),
            };
            let key: &Path = &dir.path().join("key");
            let signer = Signer::create(key, &[7; 32]).unwrap();
            let actor = "operator".parse().unwrap();
            let state =
                found(&dir.path().join("state.git"), &founding, signer, actor, start).unwrap();
            let this = Self {
                _dir: dir,
                state,
                identities: Identities::new(identity, Vec::new()),
                region,
            };
            let workspace = "main".parse().unwrap();
            let add = plan::add_workspace(&this.region, &workspace).unwrap();
            this.commit(&Action::AddWorkspace(workspace), start, |_| Ok(add.clone()));
            let project: ProjectRef = "main/default".parse().unwrap();
            this.commit(&Action::CreateProject(project.clone()), start, |snapshot| {
                plan::create_project(snapshot, &this.region, &project, Isolation::default())
            });
            this
        }

        fn commit(
            &self,
            action: &Action,
            now: Timestamp,
            edits: impl Fn(&Snapshot) -> Result<Vec<Edit>, StateError>,
        ) {
            let actor: inkstone_state::Actor = "operator".parse().unwrap();
            let plan = |snapshot: &Snapshot| {
                let message = Message { action: action.clone(), actor: actor.clone(), tool: TOOL };
                Ok::<_, StateError>(Some(Proposal { message, edits: edits(snapshot)? }))
            };
            self.state.commit(now, plan).unwrap();
        }

        fn deploy(&self, name: &ServiceRef, now: Timestamp) {
            let templates = TemplateSet::builtin().unwrap().digest().clone();
            let commit = inkstone_spec::CommitId::new("a".repeat(40)).unwrap();
            let release = Release {
                deployment: uuid::Uuid::now_v7().into(),
                source_commit: Some(commit.clone()),
                source_image: None,
                image: Digest::of(b"image"),
                port: inkstone_spec::Port::new(8080).unwrap(),
                user: inkstone_spec::UserId::new(65532).unwrap(),
                templates,
            };
            let action = Action::Deploy {
                service: name.clone(),
                deployment: release.deployment.clone(),
                source: Some(("main/site".parse().unwrap(), commit)),
                image: release.image.clone(),
            };
            self.commit(&action, now, |snapshot| plan::deploy(snapshot, name, release.clone()));
        }

        fn sealed(&self, value: &str, now: Timestamp) -> EnvFile {
            let values = [("KEY".parse().unwrap(), EnvValue::new(value).unwrap())].into();
            let recipients = [self.identities.current().recipient().clone()].into();
            seal(None, &values, &self.identities, &recipients, now).unwrap().unwrap()
        }
    }

    #[test]
    fn what_a_revert_could_bring_back_is_named_and_what_is_old_and_long_gone_is_not() {
        let now = Timestamp::now();
        let long_ago = now - SignedDuration::from_hours(24 * 90);
        let world = World::new(long_ago);
        let site: Service = yaml::parse(SITE.as_bytes()).unwrap();
        let name = site.metadata.service_ref();
        let first = world.sealed("0", long_ago);
        world.commit(&Action::CreateService(name.clone()), long_ago, |snapshot| {
            plan::create_service(snapshot, &world.region, &site, Some(&first))
        });
        let secret = || {
            let live = world.state.live().unwrap();
            live.service(&name).unwrap().unwrap().env_secret().unwrap()
        };
        let mut secrets = vec![secret()];
        for number in 1..RELEASES + 10 {
            let env = world.sealed(&number.to_string(), long_ago);
            let action = Action::UpdateService {
                service: name.clone(),
                fields: vec![Field::Env("KEY".parse().unwrap())],
            };
            world.commit(&action, long_ago, |snapshot| {
                let change =
                    ServiceChange { env: Change::Set(env.clone()), ..ServiceChange::default() };
                plan::update_service(snapshot, &name, change)
                    .map_err(|error| StateError::Absent(error.to_string()))
            });
            world.deploy(&name, long_ago);
            secrets.push(secret());
        }
        world.commit(&Action::DeleteService(name.clone()), now, |snapshot| {
            plan::delete_service(snapshot, &name)
        });

        let named = named_secrets(&world.state.live().unwrap(), now).unwrap();

        // The end of its last release, and the 49 before it.
        let kept = &named[&name.project_ref()];
        assert!(kept.len() <= RELEASES + 1, "{}", kept.len());
        assert!(secrets.iter().rev().take(RELEASES - 1).all(|secret| kept.contains(secret)));
        assert!(!kept.contains(&secrets[0]));

        let then = named_secrets(&world.state.live().unwrap(), long_ago).unwrap();
        assert_eq!(then[&name.project_ref()].len(), secrets.len(), "nothing was old then");
    }
}
