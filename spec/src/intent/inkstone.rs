//! `inkstone.yaml`: what the state repo is.

use super::{ApiVersion, kind};
use crate::SigningKey;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kind!(InkstoneKind, Inkstone);

/// The state repo itself: `inkstone.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Inkstone {
    /// The file's version.
    pub api_version: ApiVersion,
    /// Always `Inkstone`.
    pub kind: InkstoneKind,
    /// What holds for the whole repo.
    pub spec: InkstoneSpec,
}

/// What holds for the whole state repo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct InkstoneSpec {
    /// The layout of the repo. A version that is not known is not touched.
    pub layout_version: u32,
    /// Keys whose signatures count as Inkstone's.
    #[schemars(length(min = 1))]
    pub signing_keys: Vec<SigningKey>,
}
