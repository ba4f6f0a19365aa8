//! A store in a directory of its own, and things to put into it.

use inkstone_spec::{
    ApiKey, CommitId, CredentialHash, DeploymentId, DeploymentStatus, Digest, Revision, ServiceRef,
    ServiceUid, SourceBranch, SourceHost, Trigger,
};
use inkstone_store::{Deployment, Enqueued, Heartbeat, NewDeployment, Outcome, Store};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use uuid::Uuid;

/// How long leases last in these tests, in milliseconds.
pub(crate) const LEASE: i64 = 30_000;
/// More than any test leases at a time.
pub(crate) const NO_CAP: u32 = 1_000;

pub(crate) struct Fixture {
    directory: TempDir,
    pub(crate) store: Store,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let store = Store::open(&directory.path().join("inkstone.db")).await.unwrap();
        Self { directory, store }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("inkstone.db")
    }

    /// The same file, as another process would have it open.
    pub(crate) async fn reopen(&self) -> Store {
        Store::open(&self.path()).await.unwrap()
    }

    pub(crate) async fn queue(&self, new: &NewDeployment) -> Deployment {
        match self.store.enqueue(new, 0).await.unwrap() {
            Enqueued::New { deployment, .. } => deployment,
            Enqueued::Duplicate(existing) => panic!("{} does this already", existing.id),
        }
    }

    pub(crate) async fn lease(&self, owner: &str, now: i64) -> Option<Deployment> {
        self.store.lease_next(owner, now, LEASE, NO_CAP).await.unwrap()
    }

    pub(crate) async fn beat(&self, id: &DeploymentId, owner: &str, now: i64) -> Heartbeat {
        self.store.heartbeat(id, owner, now, LEASE).await.unwrap()
    }

    pub(crate) async fn get(&self, id: &DeploymentId) -> Deployment {
        self.store.deployment(id).await.unwrap().expect("the deployment is stored")
    }

    pub(crate) async fn status(&self, id: &DeploymentId) -> DeploymentStatus {
        self.get(id).await.status
    }

    /// Brings a new deployment of `service` into `status`. `w` has it while it builds.
    pub(crate) async fn in_status(&self, service: &str, status: DeploymentStatus) -> DeploymentId {
        let id = self.queue(&manual(service)).await.id;
        if status == DeploymentStatus::Queued {
            return id;
        }
        assert_eq!(self.lease("w", 1).await.map(|d| d.id), Some(id.clone()));
        let outcome = match status {
            DeploymentStatus::Building => return id,
            DeploymentStatus::Committed => committed(),
            DeploymentStatus::Failed => failed(),
            DeploymentStatus::Cancelled => Outcome::Cancelled,
            DeploymentStatus::Superseded => Outcome::Superseded,
            other => panic!("no worker ends in {other}"),
        };
        self.store.finish(&id, "w", &outcome, 2).await.unwrap();
        assert_eq!(self.status(&id).await, status);
        id
    }
}

/// What a worker can bring a deployment into.
pub(crate) const REACHABLE: [DeploymentStatus; 6] = [
    DeploymentStatus::Queued,
    DeploymentStatus::Building,
    DeploymentStatus::Committed,
    DeploymentStatus::Failed,
    DeploymentStatus::Cancelled,
    DeploymentStatus::Superseded,
];

pub(crate) fn committed() -> Outcome {
    Outcome::Committed { state_commit: commit(0xfeed), image: Digest::of(b"image") }
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed {
        code: "no_index".into(),
        message: "There is no index.html.".into(),
        suggestion: "Set publish_directory.".into(),
    }
}

pub(crate) fn skipped() -> Outcome {
    Outcome::Skipped {
        code: "reverted".into(),
        message: "This commit was undone.".into(),
        suggestion: "Push a newer one.".into(),
    }
}

/// A deployment that somebody asked for.
pub(crate) fn manual(service: &str) -> NewDeployment {
    new(service, Trigger::Manual, 1)
}

/// A deployment of a branch that moved to `source_commit`.
pub(crate) fn push(service: &str, source_commit: u32) -> NewDeployment {
    new(service, Trigger::GitPush, source_commit)
}

fn new(service: &str, trigger: Trigger, source_commit: u32) -> NewDeployment {
    NewDeployment {
        id: DeploymentId::from(fresh()),
        service: service_ref(service),
        service_uid: uid_of(service),
        trigger,
        actor: "ci-deploy".parse().unwrap(),
        tool: "redeploy_service".into(),
        request_id: "req-1".into(),
        revision: Revision::Commit {
            branch: SourceBranch {
                host: SourceHost::Inkstone,
                repo: "site".parse().unwrap(),
                branch: "main".parse().unwrap(),
            },
            commit: commit(source_commit),
        },
        intent_hash: "intent-1".into(),
        override_of: None,
    }
}

pub(crate) fn service_ref(service: &str) -> ServiceRef {
    service.parse().unwrap()
}

/// The same uid for the same name.
fn uid_of(service: &str) -> ServiceUid {
    let digest = Digest::of(service.as_bytes());
    ServiceUid::from(Uuid::from_u128(u128::from_str_radix(&digest.hex()[..32], 16).unwrap()))
}

pub(crate) fn another_life() -> ServiceUid {
    ServiceUid::from(fresh())
}

pub(crate) fn commit(number: u32) -> CommitId {
    CommitId::new(format!("{number:040x}")).unwrap()
}

pub(crate) fn key_hash(number: u8) -> CredentialHash {
    ApiKey::from_random([number; 32]).hash()
}

fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let process = u128::from(std::process::id());
    Uuid::from_u128((process << 64) | u128::from(NEXT.fetch_add(1, Ordering::Relaxed)))
}
