//! What belongs to nobody's project: template sets and workspaces.

use super::write;
use crate::{Edit, Snapshot, StateError};
use inkstone_renderer::TemplateSet;
use inkstone_spec::{
    ApiVersion, Region, StatePath, Workspace, WorkspaceKind, WorkspaceMetadata, WorkspaceName,
    WorkspaceSpec,
};

/// Makes `set` the template set of the next deploys: copies it in and names it in every cluster.
pub fn install_templates(snapshot: &Snapshot, set: &TemplateSet) -> Result<Vec<Edit>, StateError> {
    let mut edits = template_files(set);
    for region in snapshot.regions()? {
        if let Some(cluster) = snapshot.cluster(&region)? {
            let mut cluster = (*cluster).clone();
            cluster.spec.templates = set.digest().clone();
            edits.push(write(StatePath::Cluster(region), &cluster)?);
        }
    }
    Ok(edits)
}

/// The files of a template set, where the state repo keeps them.
pub(crate) fn template_files(set: &TemplateSet) -> Vec<Edit> {
    set.files().map(|(path, text)| Edit::Write(path, text.as_bytes().to_vec())).collect()
}

/// Adds a workspace.
pub fn add_workspace(region: &Region, name: &WorkspaceName) -> Result<Vec<Edit>, StateError> {
    let file = Workspace {
        api_version: ApiVersion::V1,
        kind: WorkspaceKind::Workspace,
        metadata: WorkspaceMetadata { name: name.clone() },
        spec: WorkspaceSpec::default(),
    };
    Ok(vec![write(StatePath::Workspace(region.clone(), name.clone()), &file)?])
}
