//! Whether a template set makes manifests: run once for a set, before it is used for the first time.
//!
//! The formatter makes any value one scalar, but only where YAML expects a scalar: in quotes, in a
//! block of text or next to other text the value would be data of another shape. So every placeholder
//! is rendered as a sentinel, a string that must be quoted, and each has to come back as one whole
//! value. The rendered samples must be objects of the place that they were rendered for.

mod check;
mod probe;
mod sample;

use crate::render::Renderer;
use crate::set::{TemplateError, TemplateName, TemplateSet};
use check::Check;
use probe::Probe;
use std::collections::BTreeMap;
use std::fmt;

/// One thing that is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The template.
    pub template: TemplateName,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template {}", self.template)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// A template set that does not make manifests.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// It does not compile.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It compiles, but what it makes is not right. At least one finding, sorted.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
}

impl LintError {
    /// A stable name for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Template(error) => error.code(),
            Self::Findings(_) => "template_lint_failed",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Template(error) => error.suggestion(),
            Self::Findings(_) => "Correct each line; templates/README.md says what is allowed.",
        }
    }
}

/// Renders every template of the set with sample inputs and checks what comes out.
pub fn lint(set: &TemplateSet) -> Result<(), LintError> {
    let probe = Probe::new(set)?;
    let renderer = Renderer::new(set)?;
    let mut findings = Vec::new();
    let mut makers = BTreeMap::new();
    for (template, text) in set.templates() {
        let mut check = Check::new(template, text);
        for (number, sample) in sample::all(template.scope).iter().enumerate() {
            check.placeholders(&probe, sample);
            let Some(object) = check.manifest(&renderer, sample) else { continue };
            let maker = makers.entry((template.scope, number, object)).or_insert(template);
            if *maker != template {
                check.found(None, format!("makes the same object as template {maker}"));
            }
        }
        findings.extend(check.finish());
    }
    if findings.is_empty() { Ok(()) } else { Err(LintError::Findings(findings)) }
}
