//! What a path below `/v2/` asks for.

use super::problem::Problem;
use inkstone_deployer::ImagePart;
use inkstone_spec::{Digest, ServiceRef};
use std::str::FromStr;

/// One file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) service: ServiceRef,
    pub(super) part: ImagePart,
    pub(super) digest: Digest,
}

impl FromStr for Wanted {
    type Err = Problem;

    /// Reads `<workspace>/<project>/<service>/manifests/<digest>` and `…/blobs/<digest>`. What cannot be
    /// a name or a digest is not there.
    fn from_str(path: &str) -> Result<Self, Problem> {
        let (rest, digest) = path.rsplit_once('/').ok_or(Problem::NoSuchPath)?;
        let (service, part) = rest.rsplit_once('/').ok_or(Problem::NoSuchPath)?;
        let part = match part {
            "manifests" => ImagePart::Manifest,
            "blobs" => ImagePart::Blob,
            _ => return Err(Problem::NoSuchPath),
        };
        let service = service.parse().map_err(|_| Problem::Unknown(part))?;
        let digest = digest.parse().map_err(|_| Problem::Unknown(part))?;
        Ok(Self { service, part, digest })
    }
}
