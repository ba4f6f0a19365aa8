//! Our templates as a chart of Helm's.

use anyhow::{Context as _, bail};
use inkstone_renderer::TemplateSet;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// What a chart says of itself.
const CHART: &str = "apiVersion: v2\nname: project\nversion: 1.0.0\n";
/// What our templates say for each service; the rest they say for its project.
const OF_A_SERVICE: [&str; 10] = [
    "service",
    "release",
    "replicas",
    "user",
    "image",
    "port",
    "env_secret",
    "cpu",
    "memory",
    "hosts",
];

/// Writes a chart that makes these objects of one project.
pub(super) fn write(chart: &Path, objects: &[Value]) -> anyhow::Result<()> {
    let set = TemplateSet::builtin()?;
    fs::create_dir_all(chart.join("templates"))?;
    fs::write(chart.join("Chart.yaml"), CHART)?;
    fs::write(chart.join("values.yaml"), values(objects)?.to_string())?;
    for (name, source) in set.templates() {
        let name = name.to_string();
        let text = translated(&name, source)?;
        fs::write(chart.join("templates").join(name.replace('/', "-")), text)?;
    }
    Ok(())
}

/// What the templates are filled with, as found in what they made.
fn values(objects: &[Value]) -> anyhow::Result<Value> {
    let of = |kind: &'static str, name: Option<&Value>| {
        let is_it = |object: &&Value| {
            at(object, "/kind") == kind
                && name.is_none_or(|name| at(object, "/metadata/name") == name)
        };
        objects.iter().find(is_it).with_context(|| format!("there is no {kind}"))
    };
    let (quota, space) = (of("ResourceQuota", None)?, of("Namespace", None)?);
    let policy = of("NetworkPolicy", Some(&json!("ingress-isolation")))?;
    let mut services = Vec::new();
    let mut class = &Value::Null;
    for deployment in objects.iter().filter(|object| at(object, "/kind") == "Deployment") {
        let name = at(deployment, "/metadata/name");
        let ingress = of("Ingress", Some(name))?;
        class = at(ingress, "/spec/ingressClassName");
        let rules = at(ingress, "/spec/rules").as_array().context("an Ingress has no rules")?;
        let pod = at(deployment, "/spec/template/spec");
        services.push(json!({
            "service": {
                "name": name,
                "uid": at(deployment, "/metadata/annotations/inkstone.dev~1uid"),
            },
            "release": {
                "deployment": at(deployment, "/metadata/annotations/inkstone.dev~1deployment"),
                "source_commit": at(deployment, "/metadata/annotations/inkstone.dev~1source-commit"),
            },
            "replicas": at(deployment, "/spec/replicas"),
            "user": at(pod, "/securityContext/runAsUser"),
            "image": at(pod, "/containers/0/image"),
            "port": at(pod, "/containers/0/ports/0/containerPort"),
            "env_secret": at(pod, "/containers/0/envFrom/0/secretRef/name"),
            "cpu": at(pod, "/containers/0/resources/limits/cpu"),
            "memory": at(pod, "/containers/0/resources/limits/memory"),
            "hosts": rules.iter().map(|rule| at(rule, "/host")).collect::<Vec<_>>(),
        }));
    }
    Ok(json!({
        "namespace": at(space, "/metadata/name"),
        "workspace": at(space, "/metadata/labels/inkstone.dev~1workspace"),
        "project": at(space, "/metadata/labels/inkstone.dev~1project"),
        "quota": {
            "pods": at(quota, "/spec/hard/pods"),
            "cpu": at(quota, "/spec/hard/limits.cpu"),
            "memory": at(quota, "/spec/hard/limits.memory"),
        },
        "ingress": {
            "class": class,
            "namespace": at(
                policy,
                "/spec/ingress/0/from/1/namespaceSelector/matchLabels/kubernetes.io~1metadata.name",
            ),
        },
        "services": services,
    }))
}

/// What is at a place (RFC 6901), null if there is nothing.
fn at<'a>(object: &'a Value, place: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    object.pointer(place).unwrap_or(&NOTHING)
}

/// A template of ours as one of Helm's.
fn translated(name: &str, source: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    let mut rest = source;
    let open = "{{";
    while let Some(start) = [open, "{%"].iter().filter_map(|tag| rest.find(tag)).min() {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        let close = if tag.starts_with(open) { "}}" } else { "%}" };
        let (inner, after) = tag.split_once(close).context("a tag of a template has no end")?;
        let inner = inner.trim_start_matches(['{', '%']);
        let words: Vec<_> = inner.split_whitespace().collect();
        text.push_str(open);
        text.push_str(&match words.as_slice() {
            ["endif" | "endfor"] => "- end".to_owned(),
            [value] => [" ", &variable(value), " | toJson"].concat(),
            [value, "|", "string"] => [" ", &variable(value), " | toString | toJson"].concat(),
            ["if", value] => ["- if ", &variable(value)].concat(),
            ["for", item, "in", list] => ["- range $", item, " := ", &variable(list)].concat(),
            other => bail!("{name}: no translation for {other:?}"),
        });
        text.push_str(" }}");
        rest = after;
    }
    text.push_str(rest);
    Ok(if name.starts_with("service/") {
        format!("{{{{- range $s := .Values.services }}}}\n---\n{text}{{{{- end }}}}\n")
    } else {
        text
    })
}

fn variable(path: &str) -> String {
    let root = path.split('.').next().unwrap_or(path);
    if root == "host" {
        format!("${path}")
    } else if OF_A_SERVICE.contains(&root) {
        format!("$s.{path}")
    } else {
        format!("$.Values.{path}")
    }
}
