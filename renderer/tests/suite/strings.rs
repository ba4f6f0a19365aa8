//! Any string at all, through a template set that somebody else wrote: it comes out as that string.

use crate::attacks::NASTY;
use crate::{cases, kubectl};
use inkstone_renderer::{Renderer, TemplateName, TemplateSet};
use inkstone_spec::{FileName, TemplateScope};
use proptest::prelude::*;
use serde_json::Value as Json;
use std::fmt::Write;

/// A `ConfigMap` with these values, as a template set with each of them in a placeholder makes it.
fn manifest(values: &[String]) -> String {
    let mut text = String::from(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ service.name }}\n  namespace: {{ namespace }}\ndata:\n",
    );
    for (number, value) in values.iter().enumerate() {
        let literal = Json::from(value.as_str());
        writeln!(text, "  k{number}: {{{{ {literal} }}}}").unwrap();
    }
    let file = FileName::new("config.yaml").unwrap();
    let name = TemplateName { scope: TemplateScope::Service, file };
    let set = TemplateSet::new([(name, text)].into()).unwrap();
    let manifests = cases::one("env").render(&Renderer::new(&set).unwrap()).unwrap();
    manifests["service/config.yaml"].clone()
}

fn assert_holds(document: &Json, values: &[String]) {
    let data = document["data"].as_object().unwrap();
    assert_eq!(data.len(), values.len());
    for (number, value) in values.iter().enumerate() {
        assert_eq!(data[&format!("k{number}")], value.as_str());
    }
}

proptest! {
    #[test]
    fn any_strings_of_a_template_come_out_as_they_are(values in prop::collection::vec(any::<String>(), 1..20)) {
        assert_holds(&cases::document(&manifest(&values)), &values);
    }
}

#[test]
fn attack_9_kubectl_reads_every_nasty_string_and_every_character_as_it_is() {
    let characters: Vec<char> = (0..=0x1_ffff).filter_map(char::from_u32).collect();
    let values: Vec<String> = NASTY
        .iter()
        .map(|text| (*text).to_owned())
        .chain((0..0x300).filter_map(char::from_u32).map(String::from))
        .chain((0..0x300).filter_map(char::from_u32).map(|c| format!("a{c}b")))
        .chain(characters.chunks(512).map(String::from_iter))
        .collect();
    let chunks: Vec<&[String]> = values.chunks(20).collect();
    let manifests: Vec<String> = chunks.iter().map(|chunk| manifest(chunk)).collect();
    let Some(documents) = kubectl::read(&manifests) else { return };
    for (document, values) in documents.iter().zip(chunks) {
        assert_holds(document, values);
    }
}
