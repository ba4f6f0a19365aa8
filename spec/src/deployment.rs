//! What a deployment is doing, and why it was started.

use crate::size::choice;

choice! {
    /// Where a deployment is.
    DeploymentStatus, "deployment status",
    allowed: "one of queued, building, committed, deploying, active, failed, cancelled, superseded",
    example: "committed",
    {
        /// Waits for its turn.
        Queued = "queued",
        /// Its image is being built.
        Building = "building",
        /// Its commit is in the state repo. Without a cluster this is the end.
        Committed = "committed",
        /// The cluster is applying its commit.
        Deploying = "deploying",
        /// The cluster runs it.
        Active = "active",
        /// It ended with an error.
        Failed = "failed",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
        /// A newer deployment took its place.
        Superseded = "superseded",
    }
}

impl DeploymentStatus {
    /// Whether there is still work to do before its commit exists.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::Building)
    }
}

choice! {
    /// What started a deployment.
    Trigger, "trigger", allowed: "one of api, manual, git_push", example: "api",
    {
        /// The service was created.
        Api = "api",
        /// Somebody asked for it again.
        Manual = "manual",
        /// A branch moved.
        GitPush = "git_push",
    }
}
