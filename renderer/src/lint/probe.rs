//! Finding every placeholder again in what a template makes.

use super::check::parse;
use super::sample::Sample;
use crate::render::{self, RenderError};
use crate::scalar;
use crate::set::{TemplateError, TemplateName, TemplateSet};
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The set compiled so that every placeholder prints a sentinel and notes that it did.
pub(super) struct Probe {
    engine: Environment<'static>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    /// The one placeholder that prints sentinels, while the others print a plain word; `None`: all do.
    only: Option<usize>,
    /// Which placeholders printed, in order.
    printed: Vec<usize>,
}

impl Probe {
    pub(super) fn new(set: &TemplateSet) -> Result<Self, TemplateError> {
        let notes = Arc::new(Mutex::new(Notes::default()));
        let shared = Arc::clone(&notes);
        let engine = set.numbered()?.compile(move |out, _, value| {
            let number = numbered(value).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, "this expression is not one value")
            })?;
            let mut notes = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if notes.only.is_none_or(|only| only == number) {
                scalar::write_string(out, &sentinel(notes.printed.len()))?;
            } else {
                scalar::write_string(out, "x")?;
            }
            notes.printed.push(number);
            Ok(())
        })?;
        Ok(Self { engine, notes })
    }

    /// What the template makes of the sample, and which placeholders printed, in order.
    pub(super) fn render(
        &self,
        template: &TemplateName,
        sample: &Sample,
        only: Option<usize>,
    ) -> Result<(String, Vec<usize>), RenderError> {
        let notes = || self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        *notes() = Notes { only, printed: Vec::new() };
        let text = render::render(&self.engine, template, sample.context.clone())?;
        let printed = std::mem::take(&mut notes().printed);
        Ok((text, printed))
    }

    /// Which of these placeholders keep the output from being YAML, each taken alone.
    pub(super) fn culprits(
        &self,
        template: &TemplateName,
        sample: &Sample,
        printed: &[usize],
    ) -> Vec<usize> {
        let distinct: BTreeSet<usize> = printed.iter().copied().collect();
        let breaks = |number: &usize| {
            self.render(template, sample, Some(*number))
                .is_ok_and(|(text, _)| parse(&text).is_err())
        };
        distinct.into_iter().filter(breaks).collect()
    }
}

/// The number of a placeholder that was numbered by [`source::numbered`].
fn numbered(value: &Value) -> Option<usize> {
    if value.len() != Some(2) {
        return None;
    }
    usize::try_from(value.get_item_by_index(0).ok()?).ok()
}

/// A string that cannot be plain, and that any reading but the right one changes.
pub(super) fn sentinel(occurrence: usize) -> String {
    format!("sentinel {occurrence}\n- a: \"b\" # '\\' \u{85}")
}
