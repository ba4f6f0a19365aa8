//! `create_service`.

use super::arguments::arguments;
use super::env_vars::EnvVars;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Refusal, ServiceCreated};
use inkstone_spec::{
    BranchName, Build, ImageReference, Memory, Pack, Port, ProjectName, Region, RelativeDir,
    Replicas, RepoName, ServiceName, Source, SourceBranch, SourceHost, Vcpus, WorkspaceName,
};

arguments! {
    /// Creates a service from a repository and deploys its branch, now and at every push. Push first
    /// (create_repo), or push afterwards. Or creates one from a ready image. Follow it with get_service.
    /// Example: {"name": "site", "repo": "my-site", "publish_directory": "dist"}
    pub(crate) struct CreateService {
        /// Lower-case letters, digits and single hyphens, at most 40.
        name: ServiceName,
        /// A repository of the workspace: its name, no URL.
        repo: Option<RepoName>,
        /// In place of repo: a ready image by digest, registry/repository@sha256:…, no tag. `skopeo inspect
        /// docker://…` prints the digest of a tag.
        image: Option<ImageReference>,
        /// Who hosts the repository.
        host: SourceHost = "inkstone",
        /// The branch to deploy.
        branch: BranchName = "main",
        /// Must exist: create_project makes one.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// Default: the workspace's.
        region: Option<Region>,
        /// static serves files as they are: push what is built. image takes a ready one. Default: static,
        /// of an image image.
        build_pack: Option<Pack>,
        /// Directory of the repository to build from, for example "packages/web"; default: all of it.
        root_directory: Option<RelativeDir>,
        /// Directory below root_directory to publish, for example "dist"; default: all of it.
        publish_directory: Option<RelativeDir>,
        /// The port it listens on; default: the image's (static: 8080).
        port: Option<Port>,
        /// How many pods; 0 stops it.
        replicas: Replicas = 1,
        /// Of each pod.
        memory: Memory = "256Mi",
        /// Of each pod.
        vcpus: Vcpus = "0.5",
        /// Its environment; values are stored encrypted. Keys like API_TOKEN; PORT is reserved.
        env_vars: EnvVars,
    }
}

impl Tool for CreateService {
    const NAME: &'static str = "create_service";
    const TITLE: &'static str = "Create service";
    const EFFECT: Effect = Effect::Adds;
    type Answer = ServiceCreated;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ServiceCreated, Refusal> {
        let source = match (self.repo, self.image) {
            (Some(repo), None) => {
                Source::Branch(SourceBranch { host: self.host, repo, branch: self.branch })
            }
            (None, Some(image)) => Source::Image { image },
            (given, _) => return Err(one_source(given.is_some())),
        };
        let pack = match &source {
            Source::Branch(_) => Pack::Static,
            Source::Image { .. } => Pack::Image,
        };
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        let request = inkstone_deployer::CreateService {
            service,
            region: self.region,
            source,
            build: Build {
                pack: self.build_pack.unwrap_or(pack),
                root_directory: self.root_directory,
                publish_directory: self.publish_directory,
            },
            port: self.port,
            replicas: self.replicas,
            memory: self.memory,
            vcpus: self.vcpus,
            env: self.env_vars.0,
        };
        deployer.create_service(caller, request).await
    }
}

/// Neither a repository nor an image was named, or both.
fn one_source(both: bool) -> Refusal {
    let message = if both {
        "A service deploys a repo or an image, and both were named."
    } else {
        "Neither `repo` nor `image` says what to deploy."
    };
    Refusal::new(
        "invalid_argument",
        message,
        "Give `repo`, the name of a repository (list_repos), or `image`, a ready image by digest.",
    )
}
