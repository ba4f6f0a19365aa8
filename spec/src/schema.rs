//! JSON Schemas of the intent files, generated from their types (JSON Schema 2020-12).

use crate::{Cluster, Host, Inkstone, Project, Service, Workspace};
use schemars::{JsonSchema, schema_for};

/// One published schema.
#[derive(Clone, Debug)]
pub struct Published {
    /// Its file name, `service.schema.json`.
    pub file: &'static str,
    /// The schema, printed for people, with a newline at its end.
    pub text: String,
}

/// The schemas of every kind of intent file.
pub fn all() -> Vec<Published> {
    vec![
        published::<Cluster>("cluster.schema.json"),
        published::<Host>("host.schema.json"),
        published::<Inkstone>("inkstone.schema.json"),
        published::<Project>("project.schema.json"),
        published::<Service>("service.schema.json"),
        published::<Workspace>("workspace.schema.json"),
    ]
}

fn published<T: JsonSchema>(file: &'static str) -> Published {
    // The alternate form of a JSON value is its indented print.
    Published { file, text: format!("{:#}\n", schema_for!(T).to_value()) }
}
