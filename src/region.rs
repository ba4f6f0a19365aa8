//! Which of the state repo's regions a cluster is.

use anyhow::bail;
use inkstone_spec::Region;
use inkstone_state::Snapshot;

/// The region that was asked for, or else the one that there is.
///
/// # Errors
/// The state repo does not have it, or has several and none was asked for.
pub(crate) fn resolve(state: &Snapshot, wanted: Option<&Region>) -> anyhow::Result<Region> {
    if let Some(region) = wanted {
        return check(state, region).map(|()| region.clone());
    }
    match state.regions()?.as_slice() {
        [region] => Ok(region.clone()),
        _ => bail!("say which region the cluster is with --region: {}", known(state)?),
    }
}

/// # Errors
/// The state repo does not have the region: nothing would ever be there to do.
pub(crate) fn check(state: &Snapshot, region: &Region) -> anyhow::Result<()> {
    if state.cluster(region)?.is_some() {
        return Ok(());
    }
    bail!("there is no region {region}: say which with --region: {}", known(state)?)
}

fn known(state: &Snapshot) -> anyhow::Result<String> {
    let regions = state.regions()?.iter().map(ToString::to_string).collect::<Vec<_>>();
    Ok(match regions.as_slice() {
        [] => "the state repo has none".to_owned(),
        regions => format!("the state repo has {}", regions.join(", ")),
    })
}
