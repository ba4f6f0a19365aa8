//! Which ready images may be deployed.

use crate::{Deployer, Refusal};
use inkstone_spec::{ImageReference, Region};
use inkstone_state::Snapshot;

impl Deployer {
    /// Goes on only if there is no image to be taken, or one that may be deployed in `region`.
    pub(crate) fn allow_image(
        &self,
        snapshot: &Snapshot,
        region: &Region,
        image: Option<&ImageReference>,
    ) -> Result<(), Refusal> {
        let server = &self.inner.settings.public_url;
        image.map_or(Ok(()), |image| allow_image(snapshot, region, image, server))
    }
}

fn allow_image(
    snapshot: &Snapshot,
    region: &Region,
    image: &ImageReference,
    public_url: &str,
) -> Result<(), Refusal> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| Refusal::internal("a region has no cluster", region))?;
    let server = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    // Every tenant's images are there, and whose one is, its name alone says.
    if cluster.spec.registry.has(image) || image.authority().eq_ignore_ascii_case(server) {
        return Err(Refusal::new(
            "image_is_the_platforms",
            format!("{} is where this platform keeps what it has built.", image.authority()),
            "Name an image of another registry; rollback_service brings back what a service had.",
        ));
    }
    let allowed = &cluster.spec.image_registries;
    if allowed.iter().any(|registry| registry.has(image)) {
        return Ok(());
    }
    let suggestion = if allowed.is_empty() {
        "No registry is allowed here yet: an operator lists some under imageRegistries in cluster.yaml.".to_owned()
    } else {
        let names: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        format!(
            "Use an image below {}; an operator adds others to imageRegistries in cluster.yaml.",
            names.join(", ")
        )
    };
    let message = format!("Images of {} may not be deployed here.", image.authority());
    Err(Refusal::new("image_registry_not_allowed", message, suggestion))
}
