//! Checking one template.

use super::Finding;
use super::probe::{Probe, sentinel};
use super::sample::Sample;
use crate::render::{RenderError, Renderer};
use crate::set::TemplateName;
use crate::source;
use inkstone_spec::TemplateScope;
use inkstone_spec::yaml::YamlError;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What is said of a placeholder whose value would be something else than a value.
const WHOLE_VALUE: &str = "a placeholder must be a whole value: no quotes around it, no text beside \
    it, not in a block of text, not a key, not in a comment; put text together inside of it, as in \
    {{ service.name ~ \"-suffix\" }}";

/// What is said of a service's object that another service's could be.
const SHARED_NAME: &str =
    "metadata.name must be {{ service.name }}, so that two services never share an object";

/// What is said of a placeholder that no sample shows.
const UNREACHED: &str = "no sample input reaches this placeholder: a condition asks about a service \
    (env_secret, replicas, hosts), never about who the tenant is";

/// What an API server takes for one object: its API group, kind and name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Object {
    group: String,
    kind: String,
    name: String,
}

/// What is known of one template so far.
pub(super) struct Check<'a> {
    template: &'a TemplateName,
    /// The line of each placeholder.
    lines: Vec<usize>,
    /// Placeholders that some sample reached.
    reached: BTreeSet<usize>,
    findings: BTreeSet<Finding>,
}

impl<'a> Check<'a> {
    pub(super) fn new(template: &'a TemplateName, text: &str) -> Self {
        // A set has only texts that could be read; there is nothing to say of an error here.
        let placeholders = source::placeholders(text).unwrap_or_default();
        Self {
            template,
            lines: placeholders.iter().map(|placeholder| placeholder.line).collect(),
            reached: BTreeSet::new(),
            findings: BTreeSet::new(),
        }
    }

    pub(super) fn found(&mut self, line: Option<usize>, problem: impl Into<String>) {
        let problem = problem.into();
        self.findings.insert(Finding { template: self.template.clone(), line, problem });
    }

    /// What rendering failed with, without the name that a finding has anyway.
    fn failed(&mut self, error: &RenderError) {
        match error {
            RenderError::Template { line, message, .. } => {
                self.found(Some(*line), message.as_str());
            }
            other => self.found(None, other.to_string()),
        }
    }

    /// Whether each placeholder is one whole value of what the template makes of the sample.
    pub(super) fn placeholders(&mut self, probe: &Probe, sample: &Sample) {
        let (text, printed) = match probe.render(self.template, sample, None) {
            Ok(rendered) => rendered,
            Err(error) => return self.failed(&error),
        };
        self.reached.extend(&printed);
        if text.trim().is_empty() {
            return;
        }
        let document = match parse(&text) {
            Ok(document) => document,
            Err(error) => {
                let culprits = probe.culprits(self.template, sample, &printed);
                for number in &culprits {
                    self.found(self.lines.get(*number).copied(), WHOLE_VALUE);
                }
                if culprits.is_empty() {
                    self.found(None, format!("this is not one YAML document: {error}"));
                }
                return;
            }
        };
        let mut values = BTreeMap::new();
        count_strings(&document, &mut values);
        for (occurrence, number) in printed.iter().enumerate() {
            if values.get(sentinel(occurrence).as_str()) != Some(&1) {
                self.found(self.lines.get(*number).copied(), WHOLE_VALUE);
            }
        }
    }

    /// Whether the template makes one object of the sample's place; which one.
    pub(super) fn manifest(&mut self, renderer: &Renderer, sample: &Sample) -> Option<Object> {
        let text = match renderer.render_one(self.template, &sample.context) {
            Ok(text) if text.trim().is_empty() => return None,
            Ok(text) => text,
            Err(error) => {
                self.failed(&error);
                return None;
            }
        };
        let document = match parse(&text) {
            Ok(document) => document,
            Err(error) => {
                self.found(None, format!("this is not one YAML document: {error}"));
                return None;
            }
        };
        let in_project = self.template.scope == TemplateScope::Project;
        let mut part = |field: &str| {
            let pointer = format!("/{}", field.replace('.', "/"));
            let value = document.pointer(&pointer).and_then(Json::as_str).unwrap_or_default();
            if value.is_empty() {
                self.found(None, format!("the manifest has no {field}"));
            }
            value
        };
        let (version, kind, name) = (part("apiVersion"), part("kind"), part("metadata.name"));
        let (place, field) = match kind {
            "Namespace" if in_project => (name, "metadata.name"),
            _ => (part("metadata.namespace"), "metadata.namespace"),
        };
        if place != sample.namespace {
            self.found(
                None,
                format!("{field} must be {{{{ namespace }}}}: a set makes nothing outside of it"),
            );
        }
        if sample.name.as_deref().is_some_and(|service| service != name) {
            self.found(None, SHARED_NAME);
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        Some(Object { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() })
    }

    /// Everything that is wrong with the template, sorted.
    pub(super) fn finish(mut self) -> BTreeSet<Finding> {
        for (number, line) in self.lines.clone().into_iter().enumerate() {
            if !self.reached.contains(&number) {
                self.found(Some(line), UNREACHED);
            }
        }
        self.findings
    }
}

pub(super) fn parse(text: &str) -> Result<Json, YamlError> {
    inkstone_spec::yaml::parse(text.as_bytes())
}

/// Counts the strings that are values, not keys.
fn count_strings<'a>(value: &'a Json, counts: &mut BTreeMap<&'a str, usize>) {
    match value {
        Json::String(text) => *counts.entry(text).or_default() += 1,
        Json::Array(items) => items.iter().for_each(|item| count_strings(item, counts)),
        Json::Object(fields) => fields.values().for_each(|field| count_strings(field, counts)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
