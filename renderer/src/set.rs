//! Template sets: the texts, their limits and their digest.

use crate::source;
use crate::{builtin, engine};
use inkstone_spec::{Digest, FileName, StatePath, TemplateScope};
use minijinja::Environment;
use std::collections::BTreeMap;
use std::fmt;

/// The most templates in one set.
pub const MAX_TEMPLATES: usize = 64;
/// The longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;

/// Which template of a set: `service/deployment.yaml`. It renders to the manifest of the same file name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateName {
    /// What it is rendered for.
    pub scope: TemplateScope,
    /// The file of the template and of its manifest.
    pub file: FileName,
}

impl fmt::Display for TemplateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scope.as_str(), self.file)
    }
}

/// Templates that are rendered together. Each is known to be within its limits and well-formed;
/// [`lint`](crate::lint) says whether they also make manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSet {
    texts: BTreeMap<TemplateName, String>,
    digest: Digest,
}

impl TemplateSet {
    /// Takes the texts of a set if they are templates, or says which line of which is not.
    pub fn new(texts: BTreeMap<TemplateName, String>) -> Result<Self, TemplateError> {
        if texts.is_empty() {
            return Err(TemplateError::Empty);
        }
        if texts.len() > MAX_TEMPLATES {
            return Err(TemplateError::TooMany(texts.len()));
        }
        for (template, text) in &texts {
            if text.len() > MAX_TEMPLATE_BYTES {
                return Err(TemplateError::TooLarge {
                    template: template.clone(),
                    bytes: text.len(),
                });
            }
            source::placeholders(text)
                .map_err(|refused| TemplateError::refused(template, refused))?;
        }
        let digest = digest(&texts);
        let set = Self { texts, digest };
        set.compile(engine::print_scalar)?;
        Ok(set)
    }

    /// The set that is compiled in.
    pub fn builtin() -> Result<Self, TemplateError> {
        Self::new(builtin::texts())
    }

    /// The name of this set: the SHA-256 of its sorted names and texts. Each is preceded by its length,
    /// so two different sets never hash the same bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The templates and their texts, sorted.
    pub fn templates(&self) -> impl Iterator<Item = (&TemplateName, &str)> {
        self.texts.iter().map(|(name, text)| (name, text.as_str()))
    }

    /// Where each text of this set is kept in the state repo.
    pub fn files(&self) -> impl Iterator<Item = (StatePath, &str)> {
        self.templates().map(|(name, text)| {
            (StatePath::Template(self.digest.clone(), name.scope, name.file.clone()), text)
        })
    }

    /// This set with each placeholder numbered, for an engine whose formatter takes pairs.
    pub(crate) fn numbered(&self) -> Result<Self, TemplateError> {
        let texts = self.texts.iter().map(|(template, text)| {
            let placeholders = source::placeholders(text)
                .map_err(|refused| TemplateError::refused(template, refused))?;
            Ok((template.clone(), source::numbered(text, &placeholders)))
        });
        Ok(Self {
            texts: texts.collect::<Result<_, TemplateError>>()?,
            digest: self.digest.clone(),
        })
    }

    /// An engine with all templates of this set, whose values are printed by `formatter`.
    pub(crate) fn compile<F>(&self, formatter: F) -> Result<Environment<'static>, TemplateError>
    where
        F: Fn(
                &mut minijinja::Output,
                &mut minijinja::State,
                &minijinja::Value,
            ) -> Result<(), minijinja::Error>
            + Send
            + Sync
            + 'static,
    {
        let mut environment = engine::environment(formatter)
            .map_err(|error| TemplateError::Engine(error.to_string()))?;
        for (template, text) in &self.texts {
            environment.add_template_owned(template.to_string(), text.clone()).map_err(
                |error| {
                    let (line, message) = engine::explain(&error);
                    TemplateError::Malformed { template: template.clone(), line, message }
                },
            )?;
        }
        Ok(environment)
    }
}

fn digest(texts: &BTreeMap<TemplateName, String>) -> Digest {
    let mut bytes = Vec::new();
    let mut field = |text: &str| {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    };
    for (template, text) in texts {
        field(&template.to_string());
        field(text);
    }
    Digest::of(&bytes)
}

/// Why texts are not a template set.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TemplateError {
    /// No template at all.
    #[error("the template set is empty")]
    Empty,
    /// More than [`MAX_TEMPLATES`].
    #[error("the template set has {0} templates; at most {MAX_TEMPLATES} are read")]
    TooMany(usize),
    /// Longer than [`MAX_TEMPLATE_BYTES`].
    #[error("template {template} is {bytes} bytes long; at most {MAX_TEMPLATE_BYTES} are read")]
    TooLarge {
        /// The template.
        template: TemplateName,
        /// How long it is.
        bytes: usize,
    },
    /// Not a template, or one that uses what is not allowed.
    #[error("template {template}, line {line}: {message}")]
    Malformed {
        /// The template.
        template: TemplateName,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// The template engine refused its own settings.
    #[error("the template engine cannot be set up: {0}")]
    Engine(String),
}

impl TemplateError {
    fn refused(template: &TemplateName, refused: source::Refused) -> Self {
        let source::Refused { line, message } = refused;
        Self::Malformed { template: template.clone(), line, message }
    }

    /// A stable name for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "template_set_empty",
            Self::TooMany(_) => "template_set_too_large",
            Self::TooLarge { .. } => "template_too_large",
            Self::Malformed { .. } => "template_malformed",
            Self::Engine(_) => "template_engine_failed",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Empty => "Put one file a manifest into the folders project/ and service/.",
            Self::TooMany(_) => "Leave out templates, or put less into one set.",
            Self::TooLarge { .. } => "Make the template shorter; one file makes one manifest.",
            Self::Malformed { .. } => "Correct the line; templates/README.md says what is allowed.",
            Self::Engine(_) => "This is a bug of Inkstone; please report it with this message.",
        }
    }
}
