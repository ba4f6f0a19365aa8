//! `update_service`.

use super::arguments::{Argument, Fault, arguments, read, refuse_others};
use super::env_vars::{EnvKeys, EnvVars};
use super::values::schema;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Change, Deployer, Refusal, ServiceUpdated};
use inkstone_spec::{
    BranchName, HoldReason, ImageReference, Memory, Pack, Port, ProjectName, RelativeDir, Replicas,
    RepoName, ServiceName, Vcpus, WorkspaceName,
};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

arguments! {
    /// Changes a service in one commit; what is left out stays. A change of source or build deploys the
    /// branch or image; any other is applied to what runs, without a build.
    /// Example: {"name": "site", "replicas": 2, "env_vars": [{"key": "LOG_LEVEL", "value": "info"}]}
    pub(crate) struct UpdateService {
        /// The service.
        name: ServiceName,
        /// Its project.
        project: ProjectName = "default",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// A repository of the workspace.
        repo: Option<RepoName>,
        /// The branch to deploy.
        branch: Option<BranchName>,
        /// A ready image by digest, registry/repository@sha256:…, in place of a repo.
        image: Option<ImageReference>,
        /// How it is built.
        build_pack: Option<Pack>,
        /// null: all of the repository.
        root_directory: Change<RelativeDir>,
        /// null: all of root_directory.
        publish_directory: Change<RelativeDir>,
        /// null: the image's.
        port: Change<Port>,
        /// 0 stops it.
        replicas: Option<Replicas>,
        /// Of each pod.
        memory: Option<Memory>,
        /// Of each pod.
        vcpus: Option<Vcpus>,
        /// Variables to set; all others stay.
        env_vars: EnvVars,
        /// Names of variables to remove.
        unset_env: EnvKeys,
        /// Keeps it as it is: nothing is deployed or changed until null lifts it.
        hold: Change<HoldReason>,
    }
}

impl Tool for UpdateService {
    const NAME: &'static str = "update_service";
    const TITLE: &'static str = "Update service";
    const EFFECT: Effect = Effect::Removes;
    type Answer = ServiceUpdated;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<ServiceUpdated, Refusal> {
        let service = whereabouts::service(caller, self.workspace, self.project, self.name)?;
        let request = inkstone_deployer::UpdateService {
            repo: self.repo,
            branch: self.branch,
            image: self.image,
            pack: self.build_pack,
            root_directory: self.root_directory,
            publish_directory: self.publish_directory,
            port: self.port,
            replicas: self.replicas,
            memory: self.memory,
            vcpus: self.vcpus,
            env: self.env_vars.0,
            unset_env: self.unset_env.0,
            hold: self.hold,
        };
        deployer.update_service(caller, &service, request).await
    }
}

impl Argument for HoldReason {
    fn schema() -> JsonObject {
        schema([
            ("type", json!("object")),
            ("properties", json!({"reason": {"type": "string"}})),
            ("required", json!(["reason"])),
            ("additionalProperties", json!(false)),
        ])
    }

    fn allowed() -> String {
        r#"Use an object with a reason, for example {"reason": "waiting for the migration"}, or null to lift the hold."#.to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        let Value::Object(fields) = given else {
            return Err(Fault::wrong_type::<Self>("an object", &given));
        };
        refuse_others(&fields, &["reason"])?;
        let Reason(reason) = read(&fields, "reason", None)?;
        Ok(reason)
    }
}

/// The reason itself.
struct Reason(HoldReason);

impl Argument for Reason {
    fn schema() -> JsonObject {
        schema([("type", json!("string"))])
    }

    fn allowed() -> String {
        "".parse::<HoldReason>().err().map(|error| error.suggestion()).unwrap_or_default()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        Ok(Self(super::values::string::<Self>(given)?.parse()?))
    }
}
