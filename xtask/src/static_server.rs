//! Builds the file server that goes into every static site's image. It has to run in an image that
//! holds nothing else, so it links nothing at run time; and its bytes must not depend on where source
//! and cargo's folders lie, because they are part of every image's digest. (They still depend on the
//! toolchain, and on the C library and linker of the system.)

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::build::Profile;
use crate::step;
use crate::workspace::Workspace;

const PACKAGE: &str = "static-server";
/// Cargo's profile for what ships in images.
const SHIP: &str = "ship";
/// Between the flags in `CARGO_ENCODED_RUSTFLAGS`, where a path may hold a space.
const FLAG_SEPARATOR: &str = "\x1f";

/// Builds the server and places it beside the binary of `profile`, as `libexec/static-server`.
///
/// # Errors
/// It does not compile, the machine does not run Linux, or the result needs a dynamic linker.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let built = compile(workspace, PACKAGE)?;
    let placed = workspace.target().join(profile.folder()).join("libexec").join(PACKAGE);
    place(&built, &placed)?;
    Ok(placed)
}

/// Compiles `package` to a program that an image needs nothing else for.
pub(crate) fn compile(workspace: &Workspace, package: &str) -> Result<PathBuf> {
    let toolchain = Toolchain::ask(workspace)?;
    // A target directory of its own: other flags would make cargo forget what it built with these.
    let target = workspace.target().join(package);
    let mut cargo = workspace.cargo("build");
    cargo
        .args([
            "--package",
            package,
            "--profile",
            SHIP,
            "--target",
            &toolchain.host,
            "--target-dir",
        ])
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(workspace, &toolchain)?);
    step::run(package, &mut cargo)?;
    let built = target.join(&toolchain.host).join(SHIP).join(package);
    if !is_static(workspace, &built)? {
        bail!("{} asks for a dynamic linker, so it cannot run in an empty image", built.display());
    }
    Ok(built)
}

/// What the flags need to know of the compiler.
struct Toolchain {
    host: String,
    commit: String,
    sysroot: PathBuf,
}

impl Toolchain {
    fn ask(workspace: &Workspace) -> Result<Self> {
        let version = step::read(workspace.command("rustc").arg("-vV"))?;
        let line = |key: &str| -> Result<String> {
            let value = version.lines().find_map(|line| line.strip_prefix(key));
            value.map(str::to_owned).with_context(|| format!("rustc -vV has no line `{key}`"))
        };
        let host = line("host: ")?;
        if !host.contains("-linux-") {
            bail!("images run Linux and this machine is {host}: build Inkstone on Linux");
        }
        let sysroot = step::read(workspace.command("rustc").args(["--print", "sysroot"]))?;
        Ok(Self { host, commit: line("commit-hash: ")?, sysroot: sysroot.trim_end().into() })
    }
}

/// Static linking, and one name on every machine for each folder that source is read from.
fn flags(workspace: &Workspace, toolchain: &Toolchain) -> Result<OsString> {
    let standard_library = toolchain.sysroot.join("lib/rustlib/src/rust");
    // Of several that match a path the compiler takes the last, so outer folders come first.
    let renamed = [
        (workspace.root(), "/inkstone".to_owned()),
        (workspace.target(), "/target".to_owned()),
        (&cargo_home()?, "/cargo".to_owned()),
        (&standard_library, format!("/rustc/{}", toolchain.commit)),
    ];
    let mut flags = OsString::from("-Ctarget-feature=+crt-static");
    for (folder, name) in renamed {
        flags.push(FLAG_SEPARATOR);
        flags.push("--remap-path-prefix=");
        flags.push(folder);
        flags.push("=");
        flags.push(name);
    }
    Ok(flags)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return Ok(home.into());
    }
    Ok(env::home_dir().context("no home directory: set CARGO_HOME")?.join(".cargo"))
}

/// Whether the kernel alone can start `program`: its headers name no interpreter.
fn is_static(workspace: &Workspace, program: &Path) -> Result<bool> {
    let mut readelf = workspace.command("readelf");
    readelf.args(["--program-headers", "--wide"]).arg(program);
    let headers = step::read(readelf.env("LC_ALL", "C"))?;
    Ok(!headers.lines().any(|line| line.trim_start().starts_with("INTERP")))
}

/// Copies `built` to `placed`, unless the same bytes are there, in one rename: a running server keeps
/// the file that it started from.
fn place(built: &Path, placed: &Path) -> Result<()> {
    if fs::read(placed).ok() == Some(fs::read(built)?) {
        return Ok(());
    }
    let partial = placed.with_extension("partial");
    fs::create_dir_all(placed.parent().context("no folder to place the server in")?)?;
    fs::copy(built, &partial)?;
    fs::rename(&partial, placed).with_context(|| placed.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_needs_a_dynamic_linker_is_found_out() {
        let workspace = Workspace::locate().unwrap();

        assert!(!is_static(&workspace, &env::current_exe().unwrap()).unwrap());
    }

    #[test]
    fn no_folder_of_this_machine_is_left_without_a_common_name() {
        let workspace = Workspace::locate().unwrap();
        let toolchain = Toolchain::ask(&workspace).unwrap();

        let flags = flags(&workspace, &toolchain).unwrap().into_string().unwrap();

        let root = workspace.root().display();
        assert!(flags.starts_with("-Ctarget-feature=+crt-static\x1f"), "{flags}");
        assert!(flags.contains(&format!("--remap-path-prefix={root}=/inkstone\x1f")), "{flags}");
        assert!(flags.contains("=/cargo\x1f"), "{flags}");
    }

    #[test]
    fn placing_replaces_what_was_there_and_leaves_the_same_bytes_alone() {
        let folder = tempfile::tempdir().unwrap();
        let built = folder.path().join("built");
        let placed = folder.path().join("libexec/static-server");
        let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();

        fs::write(&built, "one").unwrap();
        place(&built, &placed).unwrap();
        let first = written(&placed);
        place(&built, &placed).unwrap();
        assert_eq!(written(&placed), first);

        fs::write(&built, "two").unwrap();
        place(&built, &placed).unwrap();
        assert_eq!(fs::read(&placed).unwrap(), b"two");
    }
}
