//! The golden cases: `tests/golden/<case>/` at the root of the workspace.

use inkstone_renderer::{Env, ProjectInput, RenderError, Renderer, ServiceInput, TemplateSet};
use inkstone_spec::{Cluster, Digest, EnvKey, Project, Service, yaml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What goes in.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) cluster: Cluster,
    pub(crate) project: Project,
    pub(crate) service: Service,
    pub(crate) env: Option<EnvFile>,
}

/// `env.yaml` of a case: what rendering is told of a sealed environment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvFile {
    pub(crate) keys: Vec<EnvKey>,
    pub(crate) fingerprint: Digest,
}

/// Manifests by their path below `manifests/`, such as `service/deployment.yaml`.
pub(crate) type Manifests = BTreeMap<String, String>;

impl Case {
    fn read(folder: PathBuf) -> Self {
        let env = folder.join("env.yaml");
        Self {
            cluster: read(&folder.join("cluster.yaml")),
            project: read(&folder.join("project.yaml")),
            service: read(&folder.join("service.yaml")),
            env: env.exists().then(|| read(&env)),
            folder,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.folder.file_name().unwrap().to_string_lossy().into_owned()
    }

    pub(crate) fn render(&self, renderer: &Renderer) -> Result<Manifests, RenderError> {
        let (cluster, project) = (&self.cluster, &self.project);
        let env =
            self.env.as_ref().map(|env| Env { keys: &env.keys, fingerprint: &env.fingerprint });
        let input = ServiceInput { cluster, project, service: &self.service, env };
        let of_project = renderer.render_project(&ProjectInput { cluster, project })?;
        let of_service = renderer.render_service(&input)?;
        let named = |scope, (file, text)| (format!("{scope}/{file}"), text);
        Ok(of_project
            .into_iter()
            .map(|manifest| named("project", manifest))
            .chain(of_service.into_iter().map(|manifest| named("service", manifest)))
            .collect())
    }
}

/// Every case, sorted by name.
pub(crate) fn all() -> Vec<Case> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders.into_iter().map(Case::read).collect()
}

/// The case of this name.
pub(crate) fn one(name: &str) -> Case {
    Case::read(root().join(name))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden")
}

pub(crate) fn renderer() -> Renderer {
    Renderer::new(&TemplateSet::builtin().unwrap()).unwrap()
}

/// Reads one document; two independent parsers must agree on it.
pub(crate) fn document(text: &str) -> Json {
    let ours: Json = yaml::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let other: Json = yaml_serde::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(ours, other, "two YAML parsers disagree on\n{text}");
    ours
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    yaml::parse(&fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
