//! The renderer: a compiled template set and the two functions that use it.

use crate::context::{Env, ProjectContext, ServiceContext};
use crate::engine;
use crate::set::{TemplateError, TemplateName, TemplateSet};
use inkstone_spec::{
    Cluster, FileName, Hostname, Invalid, Project, ProjectRef, Service, ServiceRef, TemplateScope,
};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, ErrorKind};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// The longest manifest, in bytes: what is read back from a state repo at most.
pub const MAX_MANIFEST_BYTES: usize = inkstone_spec::yaml::MAX_FILE_BYTES;

/// What a project's manifests are made of.
#[derive(Clone, Copy, Debug)]
pub struct ProjectInput<'a> {
    /// The cluster it is on.
    pub cluster: &'a Cluster,
    /// The project.
    pub project: &'a Project,
}

/// What a service's manifests are made of.
#[derive(Clone, Copy, Debug)]
pub struct ServiceInput<'a> {
    /// The cluster it is on.
    pub cluster: &'a Cluster,
    /// The project it is in.
    pub project: &'a Project,
    /// The service. Without a release there is nothing to run, and nothing is rendered.
    pub service: &'a Service,
    /// Its sealed environment; `None`, or one without keys, for a service that has none.
    pub env: Option<Env<'a>>,
}

/// A compiled template set. Compiling is the expensive part: make one a set and keep it.
#[derive(Debug)]
pub struct Renderer {
    engine: Environment<'static>,
    templates: Vec<TemplateName>,
}

impl Renderer {
    /// Compiles a set.
    pub fn new(set: &TemplateSet) -> Result<Self, TemplateError> {
        Ok(Self {
            engine: set.compile(engine::print_scalar)?,
            templates: set.templates().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// The manifests of a project by file name.
    pub fn render_project(
        &self,
        input: &ProjectInput<'_>,
    ) -> Result<BTreeMap<FileName, String>, RenderError> {
        self.render_all(TemplateScope::Project, &ProjectContext::new(input)?)
    }

    /// The manifests of a service by file name; none when it has no release.
    pub fn render_service(
        &self,
        input: &ServiceInput<'_>,
    ) -> Result<BTreeMap<FileName, String>, RenderError> {
        match &input.service.release {
            Some(release) => {
                self.render_all(TemplateScope::Service, &ServiceContext::new(input, release)?)
            }
            None => Ok(BTreeMap::new()),
        }
    }

    fn render_all(
        &self,
        scope: TemplateScope,
        context: &impl Serialize,
    ) -> Result<BTreeMap<FileName, String>, RenderError> {
        let context = Value::from(Serde(context));
        let mut manifests = BTreeMap::new();
        for template in self.templates.iter().filter(|template| template.scope == scope) {
            let text = self.render_one(template, &context)?;
            if !text.trim().is_empty() {
                manifests.insert(template.file.clone(), text);
            }
        }
        Ok(manifests)
    }

    /// What one template of the set makes.
    pub(crate) fn render_one(
        &self,
        template: &TemplateName,
        context: &Value,
    ) -> Result<String, RenderError> {
        render(&self.engine, template, context.clone())
    }
}

/// Renders one template.
pub(crate) fn render(
    engine: &Environment<'_>,
    template: &TemplateName,
    context: Value,
) -> Result<String, RenderError> {
    let failed = |error: minijinja::Error| {
        if error.kind() == ErrorKind::WriteFailure {
            return RenderError::TooLarge { template: template.clone() };
        }
        let (line, message) = engine::explain(&error);
        RenderError::Template { template: template.clone(), line, message }
    };
    let mut output = Bounded(Vec::new());
    engine
        .get_template(&template.to_string())
        .and_then(|compiled| compiled.render_captured_to(context, &mut output).map(drop))
        .map_err(failed)?;
    String::from_utf8(output.0).map_err(|_| RenderError::Template {
        template: template.clone(),
        line: 1,
        message: "the manifest is not UTF-8".to_owned(),
    })
}

/// A buffer that refuses to grow beyond [`MAX_MANIFEST_BYTES`].
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_MANIFEST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why manifests could not be rendered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RenderError {
    /// A template failed on this input.
    #[error("template {template}, line {line}: {message}")]
    Template {
        /// The template.
        template: TemplateName,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A manifest would be longer than [`MAX_MANIFEST_BYTES`].
    #[error("template {template} makes a manifest of more than {MAX_MANIFEST_BYTES} bytes")]
    TooLarge {
        /// The template.
        template: TemplateName,
    },
    /// The apps domain leaves no room for the service's default host.
    #[error("the service has no default host: {0}")]
    DefaultHost(Invalid),
    /// One host is named twice, or is the default one.
    #[error("service {service} names host {host} twice, or it is its default host")]
    DuplicateHost {
        /// The service.
        service: ServiceRef,
        /// The host.
        host: Hostname,
    },
    /// The service does not say that it is in the project it is rendered for.
    #[error("service {service} is not in project {project}")]
    OtherProject {
        /// The service, as its own file names it.
        service: ServiceRef,
        /// The project.
        project: ProjectRef,
    },
    /// The project is to be sandboxed, and its cluster has no sandbox.
    #[error("project {project} is sandboxed, and its cluster has no sandboxed runtime class")]
    NoSandbox {
        /// The project.
        project: ProjectRef,
    },
    /// The image runs as root, and its pods are not in a sandbox.
    #[error("service {service} runs as root outside of a sandbox")]
    Root {
        /// The service.
        service: ServiceRef,
    },
}

impl RenderError {
    /// A stable name for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Template { .. } => "template_failed",
            Self::TooLarge { .. } => "manifest_too_large",
            Self::DefaultHost(_) => "default_host_too_long",
            Self::DuplicateHost { .. } => "host_duplicate",
            Self::OtherProject { .. } => "service_in_other_project",
            Self::NoSandbox { .. } => "no_sandbox",
            Self::Root { .. } => "needs_root",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Template { .. } => {
                "Correct the template; templates/README.md lists the variables and what may be done with them."
            }
            Self::TooLarge { .. } => "Give the service fewer hosts, or make the template shorter.",
            Self::DefaultHost(_) => "Use a shorter apps domain in cluster.yaml.",
            Self::DuplicateHost { .. } => {
                "Remove the host from spec.hosts of service.yaml; the default host needs no entry."
            }
            Self::OtherProject { .. } => {
                "Make metadata.workspace and metadata.project of service.yaml agree with its folder."
            }
            Self::NoSandbox { .. } => {
                "Let spec.isolation of project.yaml be restricted, or name a class in spec.sandboxedRuntimeClass of cluster.yaml."
            }
            Self::Root { .. } => {
                "Let spec.isolation of project.yaml be sandboxed, or deploy an image with a numeric user."
            }
        }
    }
}
