//! Rendering: intents and templates in, manifests out, on one thread.

use super::Scope;
use crate::table::Row;
use crate::times::{per_second, rate};
use anyhow::Context as _;
use inkstone_renderer::{Env, Renderer, ServiceInput, TemplateSet};
use inkstone_spec::{Cluster, Digest, EnvKey, Project, Service, yaml};
use std::time::{Duration, Instant};

/// How long each kind is measured.
const TIME: Duration = Duration::from_secs(3);
/// The golden case that is rendered: one with an environment.
const CLUSTER: &str = include_str!("../../../tests/golden/env/cluster.yaml");
const PROJECT: &str = include_str!("../../../tests/golden/env/project.yaml");
const SERVICE: &str = include_str!("../../../tests/golden/env/service.yaml");
const ENV_KEYS: [&str; 2] = ["API_TOKEN", "DATABASE_URL"];

pub(super) fn measure(scope: Scope) -> anyhow::Result<Vec<Row>> {
    let time = if scope.quick { TIME / 10 } else { TIME };
    let set = TemplateSet::builtin()?;
    let renderer = Renderer::new(&set)?;
    let cluster: Cluster = yaml::parse(CLUSTER.as_bytes())?;
    let project: Project = yaml::parse(PROJECT.as_bytes())?;
    let mut service: Service = yaml::parse(SERVICE.as_bytes())?;
    service.release.as_mut().context("the case has no release")?.templates = set.digest().clone();
    let keys: Vec<EnvKey> = ENV_KEYS.into_iter().map(str::parse).collect::<Result<_, _>>()?;
    let fingerprint = Digest::of(b"sealed");
    let input = ServiceInput {
        cluster: &cluster,
        project: &project,
        service: &service,
        env: Some(Env { keys: &keys, fingerprint: &fingerprint }),
    };
    let render = || Ok(renderer.render_service(&input)?);
    let manifests = render()?.len();
    let alone = in_a_second(time, || render().map(drop))?;
    let checked = in_a_second(time, || {
        for text in render()?.values() {
            yaml_serde::from_str::<yaml_serde::Value>(text)?;
        }
        Ok(())
    })?;
    Ok(vec![
        Row::told(
            format!("render a service, {manifests} manifests, one thread"),
            per_second(alone),
        ),
        Row::told("the same, each manifest parsed by libyaml", per_second(checked)),
    ])
}

/// How often `work` is done in a second.
fn in_a_second(
    time: Duration,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        work()?;
        count += 1;
    }
    Ok(rate(count, start.elapsed()))
}
