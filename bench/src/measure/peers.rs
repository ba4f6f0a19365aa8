//! The same manifests by the tools that others render with: of each project a kustomization that lists
//! them, and a chart that has our templates in its own language; a process for each project, as many at
//! a time as there are processors.

use super::chart;
use super::sizes::Column;
use anyhow::{Context as _, bail, ensure};
use serde::Deserialize as _;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The variables that name the programs.
const KUSTOMIZE: &str = "INKSTONE_KUSTOMIZE";
const HELM: &str = "INKSTONE_HELM";

/// What the rows are called.
const ROWS: [&str; 2] =
    ["`kustomize build` of the same manifests", "`helm template` of the same manifests"];

/// Renders every project in `tree`, a checkout of a state repo; `scratch` is for the charts.
pub(super) fn measure(tree: &Path, scratch: &Path) -> anyhow::Result<Column> {
    let [kustomize, helm] = [program(KUSTOMIZE)?, program(HELM)?];
    let projects = projects(&tree.join("clusters"))?;
    let mut kustomizations = Vec::new();
    let mut charts = Vec::new();
    for (number, project) in projects.iter().enumerate() {
        let files = manifests(project)?;
        let list: Vec<_> =
            files.iter().map(|file| file.strip_prefix(project)).collect::<Result<_, _>>()?;
        let kustomization = json!({"resources": list});
        fs::write(project.join("kustomization.yaml"), kustomization.to_string())?;
        let mut build = Command::new(&kustomize);
        build.arg("build").arg(project);
        kustomizations.push(build);
        let chart = scratch.join(number.to_string());
        chart::write(&chart, &read(&files)?)?;
        let mut template = Command::new(&helm);
        template.args(["template", "project"]).arg(chart);
        charts.push(template);
    }
    let expected = projects.iter().map(|project| read(&manifests(project)?));
    let expected: Vec<_> = expected.collect::<anyhow::Result<_>>()?;
    let mut column = Vec::new();
    for (name, commands) in ROWS.into_iter().zip([kustomizations, charts]) {
        let (took, printed) = at_once(commands)?;
        for (printed, expected) in printed.iter().zip(&expected) {
            ensure!(objects(printed)? == *expected, "{name}: not the same manifests");
        }
        column.push((name, format!("{:.2} s", took.as_secs_f64())));
    }
    Ok(column)
}

/// The rows where it would take too long.
pub(super) fn not_measured() -> Column {
    ROWS.map(|name| (name, "not measured".to_owned())).into()
}

fn program(variable: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::var_os(variable);
    program
        .map(PathBuf::from)
        .with_context(|| format!("{variable} must name a program: run `cargo xtask bench`"))
}

/// The folders of all projects.
fn projects(clusters: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for region in folders(clusters)? {
        for workspace in folders(&region)? {
            let projects = folders(&workspace)?;
            found.extend(projects.into_iter().filter(|it| it.join("project.yaml").exists()));
        }
    }
    Ok(found)
}

fn folders(of: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(of)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}

/// The manifests of a project and its services.
fn manifests(project: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut owners = vec![project.to_owned()];
    if let services = project.join("services")
        && services.exists()
    {
        owners.extend(folders(&services)?);
    }
    let mut files = Vec::new();
    for owner in owners {
        let folder = owner.join("manifests");
        if folder.exists() {
            for entry in fs::read_dir(folder)? {
                files.push(entry?.path());
            }
        }
    }
    Ok(files)
}

fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut all = String::new();
    for file in files {
        all.push_str(&fs::read_to_string(file)?);
        all.push_str("\n---\n");
    }
    objects(&all)
}

/// The objects in a text, in an order of their own.
fn objects(text: &str) -> anyhow::Result<Vec<Value>> {
    let mut found = Vec::new();
    for document in yaml_serde::Deserializer::from_str(text) {
        let object = Value::deserialize(document)?;
        if !object.is_null() {
            found.push(object);
        }
    }
    let name = |object: &Value| {
        ["/kind", "/metadata/namespace", "/metadata/name"]
            .map(|at| object.pointer(at).and_then(Value::as_str).map(str::to_owned))
    };
    found.sort_by_cached_key(name);
    Ok(found)
}

/// Runs all, and returns what each printed.
fn at_once(commands: Vec<Command>) -> anyhow::Result<(Duration, Vec<String>)> {
    let start = Instant::now();
    let count = commands.len();
    let queue = Mutex::new(commands.into_iter().enumerate());
    let done = Mutex::new(vec![String::new(); count]);
    let work = || -> anyhow::Result<()> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((at, mut command)) = next else { return Ok(()) };
            let output = command.output()?;
            if !output.status.success() {
                bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            }
            let printed = String::from_utf8(output.stdout)?;
            if let Some(place) = done.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
                *place = printed;
            }
        }
    };
    thread::scope(|scope| {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })?;
    Ok((start.elapsed(), done.into_inner().unwrap_or_else(PoisonError::into_inner)))
}
