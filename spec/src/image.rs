//! Ready images: where they are, and in which registries they may be.

use crate::names::is_registry;
use crate::text::{is_lower_hex, validated_string};
use crate::{Digest, ImageRegistry};

validated_string! {
    /// An image in a registry, by its digest: `registry.example.com/team/app@sha256:…`. The registry is
    /// always named, and a tag never is: it may mean another image tomorrow.
    ImageReference, "image reference",
    pattern: "^[a-z0-9][a-z0-9.:-]*(/[a-z0-9]+([._-][a-z0-9]+)*)+@sha256:[0-9a-f]{64}$", max: 400,
    allowed: "registry/repository@sha256:<64 hex digits>, with the registry's host and without a tag",
    example: "registry.example.com/team/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    check: is_image
}

fn is_image(value: &str) -> bool {
    let Some((name, digest)) = value.split_once('@') else { return false };
    let Some((authority, _)) = name.split_once('/') else { return false };
    // Without a dot or a port it would be a name on Docker Hub for some and a host for others.
    let is_host = authority.contains(['.', ':']) || authority == "localhost";
    is_host
        && is_registry(name)
        && digest.strip_prefix("sha256:").is_some_and(|hex| is_lower_hex(hex, 64))
}

impl ImageReference {
    /// The registry's `host[:port]`.
    pub fn authority(&self) -> &str {
        self.name().split_once('/').map_or("", |(authority, _)| authority)
    }

    /// The repository's path in the registry.
    pub fn repository(&self) -> &str {
        self.name().split_once('/').map_or("", |(_, path)| path)
    }

    /// The digest, as it is in the reference.
    pub fn digest(&self) -> Result<Digest, crate::Invalid> {
        Digest::new(self.as_str().split_once('@').map_or("", |(_, digest)| digest))
    }

    fn name(&self) -> &str {
        self.as_str().split_once('@').map_or("", |(name, _)| name)
    }
}

impl ImageRegistry {
    /// Its `host[:port]`.
    pub fn authority(&self) -> &str {
        self.as_str().split_once('/').map_or(self.as_str(), |(authority, _)| authority)
    }

    /// Whether an image is in it: the same host and port, and a repository at or below its path.
    pub fn has(&self, image: &ImageReference) -> bool {
        let rest = image.name().strip_prefix(self.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> String {
        format!("sha256:{}", "a".repeat(64))
    }

    #[test]
    fn a_reference_has_a_host_a_repository_and_a_digest() {
        let image: ImageReference =
            format!("registry.example.com:5000/team/app@{}", digest()).parse().unwrap();
        assert_eq!(image.authority(), "registry.example.com:5000");
        assert_eq!(image.repository(), "team/app");
        assert_eq!(image.digest().unwrap().as_str(), digest());
        for name in ["nginx", "team/app", "r.example.com", "r.example.com/", "R.example.com/app"] {
            assert!(format!("{name}@{}", digest()).parse::<ImageReference>().is_err(), "{name}");
        }
        for reference in [
            "r.example.com/app".to_owned(),
            "r.example.com/app:1".to_owned(),
            format!("r.example.com/app:1@{}", digest()),
            format!("https://r.example.com/app@{}", digest()),
            format!("r.example.com/app@{}0", digest()),
            format!("r.example.com/a/../app@{}", digest()),
            format!("user@r.example.com/app@{}", digest()),
            "r.example.com/app@sha512:00".to_owned(),
        ] {
            assert!(reference.parse::<ImageReference>().is_err(), "{reference}");
        }
    }

    #[test]
    fn a_registry_has_what_is_at_or_below_its_path_and_nothing_that_only_begins_like_it() {
        let has = |registry: &str, name: &str| {
            let image: ImageReference = format!("{name}@{}", digest()).parse().unwrap();
            registry.parse::<ImageRegistry>().unwrap().has(&image)
        };
        assert!(has("r.example.com", "r.example.com/app"));
        assert!(has("r.example.com/team", "r.example.com/team/app"));
        assert!(has("r.example.com/team/app", "r.example.com/team/app"));
        assert!(!has("r.example.com", "r.example.com.evil/app"));
        assert!(!has("r.example.com", "r.example.com:5000/app"));
        assert!(!has("r.example.com:50", "r.example.com:5000/app"));
        assert!(!has("r.example.com/team", "r.example.com/teams/app"));
        assert!(!has("r.example.com/team", "r.example.com/other/team/app"));
        assert!(!has("example.com", "r.example.com/app"));
    }
}
