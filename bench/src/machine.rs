//! What was measured on: facts that explain the figures, none that tell whose machine it is.

use crate::git;
use anyhow::Context as _;
use std::fs;
use std::path::Path;

/// How this program was built, and with it what lies beside it.
const PROFILE: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

/// One line of facts; `folder` is where the measured files lie.
pub(crate) fn facts(folder: &Path) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let memory = memory_kib("MemTotal:", Path::new("/proc/meminfo"))? / (1024 * 1024);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    let date = jiff::Timestamp::now().strftime("%Y-%m-%d");
    let git = git::version()?;
    Ok(format!(
        "{cores} cores, {memory} GiB memory, {} · Linux {kernel} · {git} · Inkstone {} ({PROFILE} build, Rust {}) · {date}",
        filesystem(folder)?,
        env!("CARGO_PKG_VERSION"),
        env!("CARGO_PKG_RUST_VERSION"),
    ))
}

/// The resident memory of a process, in megabytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resident {
    pub(crate) all: f64,
    /// What of it is pages of files, such as the program and packs of git: the system takes them back
    /// when it needs room.
    pub(crate) files: f64,
}

/// What a process has in memory.
pub(crate) fn resident(pid: u32) -> anyhow::Result<Resident> {
    let status = format!("/proc/{pid}/status");
    let megabytes = |key| -> anyhow::Result<f64> {
        let kib = u32::try_from(memory_kib(key, Path::new(&status))?)?;
        Ok(f64::from(kib) * 1024.0 / 1e6)
    };
    Ok(Resident { all: megabytes("VmRSS:")?, files: megabytes("RssFile:")? })
}

/// The processor time of a process and of its children that have ended, in clock ticks (`proc_pid_stat`(5)).
pub(crate) fn ticks(pid: u32) -> anyhow::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in the second field may hold anything, so fields are counted after its end.
    let (_, fields) = stat.rsplit_once(") ").context("this kernel's stat is not known")?;
    fields.split(' ').skip(11).take(4).map(|field| Ok(field.parse::<u64>()?)).sum()
}

fn memory_kib(key: &str, file: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let value = line.and_then(|line| line.trim().strip_suffix(" kB"));
    value.and_then(|kib| kib.parse().ok()).with_context(|| format!("the kernel tells no {key}"))
}

/// The kind of file system that `folder` is on: syncing costs nothing on one in memory.
fn filesystem(folder: &Path) -> anyhow::Result<String> {
    let folder = folder.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            Some((fields.next()?, fields.next()?))
        })
        .filter(|(point, _)| folder.starts_with(point))
        .max_by_key(|(point, _)| point.len());
    Ok(mount.map_or("an unknown file system", |(_, kind)| kind).to_owned())
}
