//! The services of the fleet: intents with a release, sealed env, host claims and manifests.

use super::{SEED, SERVICES};
use crate::git;
use crate::server::Home;
use anyhow::Context as _;
use fastrand::Rng;
use inkstone_secrets::{EnvFile, Identities, Recipient, seal};
use inkstone_spec::{
    ApiVersion, BranchName, Build, CommitId, DeploymentId, Digest, EnvKey, EnvValue, Memory, Pack,
    ProjectRef, Region, Release, Replicas, Resources, Service, ServiceKind, ServiceMetadata,
    ServiceName, ServiceRef, ServiceSpec, ServiceUid, Source, SourceBranch, SourceHost, StatePath,
    UserId, Vcpus,
};
use inkstone_state::{Edit, Snapshot, StateRepo, plan};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, Write};
use std::process::Stdio;
use uuid::Uuid;

/// The names of the variables of each service.
const ENV_KEYS: [&str; 3] = ["API_TOKEN", "DATABASE_URL", "LOG_LEVEL"];

/// A service of the fleet.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: ServiceRef,
    pub(crate) uid: ServiceUid,
    pub(crate) branch: SourceBranch,
    pub(crate) release: Release,
}

/// Writes every service of `projects` in one commit, to which both branches then point.
pub(super) fn import(
    home: &Home,
    state: &StateRepo,
    region: &Region,
    projects: &[ProjectRef],
    source_commit: &CommitId,
) -> anyhow::Result<Vec<Member>> {
    let identities = Identities::load(&home.data().join("age-identity.txt"))?;
    let snapshot = state.main()?;
    let cluster = snapshot.cluster(region)?.context("the region has no cluster")?;
    let recipients: BTreeSet<Recipient> = cluster.spec.recipients.iter().cloned().collect();
    let mut rng = Rng::with_seed(SEED);
    let mut git = git::command(&home.state())
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run git")?;
    let mut stream = BufWriter::new(git.stdin.take().context("git takes no input")?);
    let now = Timestamp::now().as_second();
    write!(
        stream,
        "commit refs/heads/main\ncommitter Bea Bench <bea@example.com> {now} +0000\n\
         data 14\nadd the fleet\n\nfrom refs/heads/main^0\n"
    )?;
    let mut members = Vec::new();
    for project in projects {
        for number in 0..SERVICES {
            let name = project.service(&ServiceName::new(format!("web-{number}"))?);
            let templates = cluster.spec.templates.clone();
            let service = service(&mut rng, &name, source_commit, templates)?;
            let env = seal(None, &env(&mut rng)?, &identities, &recipients, Timestamp::now())?;
            for edit in edits(&snapshot, region, &service, env.as_ref())? {
                if let Edit::Write(path, bytes) = edit {
                    write!(stream, "M 100644 inline {path}\ndata {}\n", bytes.len())?;
                    stream.write_all(&bytes)?;
                    stream.write_all(b"\n")?;
                }
            }
            members.push(Member {
                name,
                uid: service.metadata.uid,
                branch: service.spec.source.branch().context("the source is no branch")?.clone(),
                release: service.release.context("the service has no release")?,
            });
        }
    }
    stream.write_all(b"reset refs/heads/live\nfrom refs/heads/main\n\ndone\n")?;
    drop(stream);
    let status = git.wait()?;
    anyhow::ensure!(status.success(), "git fast-import ended with {status}");
    Ok(members)
}

/// The files of a service that was created and deployed.
pub(crate) fn edits(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
    env: Option<&EnvFile>,
) -> anyhow::Result<Vec<Edit>> {
    let name = service.metadata.service_ref();
    let mut edits = plan::create_service(snapshot, region, service, env)?;
    for (file, text) in snapshot.render_service(region, service, env)? {
        let path = StatePath::ServiceManifest(region.clone(), name.clone(), file);
        edits.push(Edit::Write(path, text.into_bytes()));
    }
    Ok(edits)
}

fn service(
    rng: &mut Rng,
    name: &ServiceRef,
    source_commit: &CommitId,
    templates: Digest,
) -> anyhow::Result<Service> {
    Ok(Service {
        api_version: ApiVersion::V1,
        kind: ServiceKind::Service,
        metadata: ServiceMetadata {
            workspace: name.workspace.clone(),
            project: name.project.clone(),
            name: name.service.clone(),
            uid: ServiceUid::from(Uuid::from_u128(rng.u128(..))),
        },
        spec: ServiceSpec {
            source: Source::Branch(SourceBranch {
                host: SourceHost::Inkstone,
                repo: format!("{}-{}", name.project, name.service).parse()?,
                branch: BranchName::new("main")?,
            }),
            build: Build { pack: Pack::Static, root_directory: None, publish_directory: None },
            port: None,
            replicas: Replicas::new(rng.u64(1..=3))?,
            resources: Resources { memory: Memory::Mi256, vcpus: Vcpus::Half },
            hosts: Vec::new(),
            hold: None,
        },
        release: Some(release(rng, source_commit.clone(), templates)?),
    })
}

/// A release of `source_commit` with a new deployment and image.
pub(crate) fn release(
    rng: &mut Rng,
    source_commit: CommitId,
    templates: Digest,
) -> anyhow::Result<Release> {
    Ok(Release {
        deployment: DeploymentId::from(Uuid::from_u128(rng.u128(..))),
        source_commit: Some(source_commit),
        source_image: None,
        image: Digest::of(&rng.u128(..).to_be_bytes()),
        port: inkstone_spec::Port::new(8080)?,
        user: UserId::new(65_532)?,
        templates,
    })
}

fn env(rng: &mut Rng) -> anyhow::Result<BTreeMap<EnvKey, EnvValue>> {
    let variable =
        |key: &str| Ok((EnvKey::new(key)?, EnvValue::new(format!("{:x}", rng.u128(..)))?));
    ENV_KEYS.into_iter().map(variable).collect()
}
