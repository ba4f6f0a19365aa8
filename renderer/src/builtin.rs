//! The template set that is compiled in: the files of the `templates` folder.

use crate::set::TemplateName;
use inkstone_spec::{FileName, TemplateScope};
use std::collections::BTreeMap;

/// The name and text of each file of one folder.
macro_rules! folder {
    ($folder:literal: $($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../../templates/", $folder, "/", $file)))),+]
    };
}

const PROJECT: &[(&str, &str)] = folder!("project":
    "limitrange.yaml",
    "namespace.yaml",
    "networkpolicy-egress.yaml",
    "networkpolicy-ingress.yaml",
    "reconciler-access.yaml",
    "resourcequota.yaml",
    "server-access.yaml",
);

const SERVICE: &[(&str, &str)] =
    folder!("service": "deployment.yaml", "ingress.yaml", "service.yaml");

/// The texts. A test holds them against the folder, so a file that is not listed here is noticed.
pub(crate) fn texts() -> BTreeMap<TemplateName, String> {
    let scoped = |scope, files: &'static [(&str, &str)]| {
        files.iter().filter_map(move |(file, text)| {
            let file = FileName::new(*file).ok()?;
            Some((TemplateName { scope, file }, (*text).to_owned()))
        })
    };
    scoped(TemplateScope::Project, PROJECT).chain(scoped(TemplateScope::Service, SERVICE)).collect()
}
