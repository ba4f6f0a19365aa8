//! The command line: the first run, and what it says when it cannot start.

use crate::harness::Server;
use crate::harness::binary;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

fn fails(command: &mut Command, says: &[&str]) -> Output {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    for part in says {
        assert!(said.contains(part), "{part:?} in:\n{said}");
    }
    output
}

#[test]
fn errors_on_start_say_what_to_do() {
    let server = Server::start();
    let address = server.url.strip_prefix("http://").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let serve = || {
        let mut command = binary();
        command.args(["serve", "--data"]).arg(&data);
        command
    };
    fails(serve().args(["--listen", address]), &[address, "--listen"]);
    fails(
        binary().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(server.data()),
        &["another inkstone", "--data"],
    );
    fails(serve().env("PATH", "/nonexistent"), &["git is missing", "install"]);
    fails(serve().args(["--workers", "0"]), &["--workers"]);
    fails(serve().args(["--config", "/nonexistent.toml"]), &["/nonexistent.toml"]);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let under_a_file = folder.path().join("file/data");
    fails(
        binary().args(["serve", "--data"]).arg(under_a_file),
        &["cannot make the data directory", "--data"],
    );
    fails(
        binary().args(["key", "list", "--data"]).arg(folder.path().join("none")),
        &["is not a data directory"],
    );
    assert!(!data.join("inkstone.db").exists(), "a start that fails early leaves no database");
}

#[test]
fn a_newer_layout_is_left_alone() {
    let mut server = Server::start();
    server.stop();
    let clone = crate::harness::Git::clone(
        &server.data().join("state.git").display().to_string(),
        &server.folder().join("clone"),
    );
    clone.write(
        "inkstone.yaml",
        &clone.read("inkstone.yaml").replace("layoutVersion: 1", "layoutVersion: 2"),
    );
    clone.commit("from the future");
    clone.run(&["push", "--quiet", "origin", "HEAD:main", "HEAD:live"]);
    fails(
        binary().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(server.data()),
        &["layout version 2", "newer inkstone"],
    );
    clone.run(&["push", "--quiet", "--force", "origin", "HEAD~1:main", "HEAD~1:live"]);
    server.start_again();
}

#[test]
fn the_first_start_makes_its_secrets_readable_by_their_owner_alone() {
    let server = Server::start();
    for file in ["data/age-identity.txt", "data/signing-key", "key"] {
        let mode = server.folder().join(file).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(server.data().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let listed = server.inkstone_ok(&["key", "list"]);
    assert!(listed.contains("bootstrap") && !listed.contains(&server.key), "{listed}");
    assert!(server.inkstone_ok(&["workspace", "list"]).contains("main"));
}

#[test]
fn the_demo_runs_to_its_end_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let output = binary().arg("demo").env("TMPDIR", folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for part in
        ["An agent makes a repo", "git revert", "deploy main/default/site at", "keep every law"]
    {
        assert!(said.contains(part), "{part:?} in:\n{said}");
    }
    assert!(!said.contains("dk_live_") && !said.contains("mlg_"), "no secret is shown");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn rendering_a_clone_never_writes_through_a_link() {
    let world = crate::harness::World::deployed();
    let clone = world.server.clone_state("hostile");
    let outside = world.server.folder().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("victim"), "untouched").unwrap();
    let manifests = clone.path().join("clusters/eu-central-1/main/default/services/site/manifests");
    let render = || {
        let mut command = binary();
        command.args(["render", "--repo"]).arg(clone.path());
        command
    };
    std::fs::remove_file(manifests.join("deployment.yaml")).unwrap();
    std::os::unix::fs::symlink(outside.join("victim"), manifests.join("deployment.yaml")).unwrap();
    fails(&mut render(), &["is not a plain file"]);
    std::fs::remove_dir_all(&manifests).unwrap();
    std::os::unix::fs::symlink(&outside, &manifests).unwrap();
    fails(&mut render(), &["is not a directory"]);
    assert_eq!(std::fs::read_to_string(outside.join("victim")).unwrap(), "untouched");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn verifying_a_clone_runs_nothing_that_its_configuration_names() {
    let world = crate::harness::World::deployed();
    let clone = world.server.clone_state("hostile");
    let proof = world.server.folder().join("ran");
    let run = format!("touch {}; git-upload-pack", proof.display());
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "evil"),
        ("remote.evil.promisor", "true"),
        ("remote.evil.url", &world.server.data().join("state.git").display().to_string()),
        ("remote.evil.uploadpack", &run),
        ("protocol.file.allow", "always"),
        ("core.fsmonitor", &run),
        ("core.sshCommand", &run),
    ] {
        clone.run(&["config", key, value]);
    }
    let missing = "1234567890123456789012345678901234567890\n";
    std::fs::write(clone.path().join(".git/refs/heads/main"), missing).unwrap();
    fails(binary().args(["verify", "--repo"]).arg(clone.path()), &["cannot read HEAD"]);
    assert!(!proof.exists(), "a command of the clone's ran");
}

#[test]
fn clients_that_send_half_a_request_keep_nobody_out() {
    use std::io::Write as _;
    let server = Server::start();
    let address = server.url.strip_prefix("http://").unwrap();
    let mut half_open = Vec::new();
    for _ in 0..200 {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX").unwrap();
        half_open.push(stream);
    }
    assert_eq!(server.status("/healthz"), 200);
    // Each of them is cut off in the end, so they never add up.
    let stream = half_open.first_mut().unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
    let mut rest = Vec::new();
    std::io::Read::read_to_end(stream, &mut rest).unwrap();
}
