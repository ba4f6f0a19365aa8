//! The command line: the first run, and what it says when it cannot start.

use crate::harness::Server;
use crate::harness::binary;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output, Stdio};

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
    assert!(!data.exists(), "a start that cannot listen leaves no directory");
    for name in ["localhost:8799", "8788"] {
        fails(serve().args(["--listen", name]), &[name, "127.0.0.1:8787"]);
    }
    let alone = folder.path().join("inkstone");
    // Not by this process: while it has the copy open for writing, nobody can run it.
    assert!(Command::new("cp").arg(binary().get_program()).arg(&alone).status().unwrap().success());
    fails(
        Command::new(&alone).args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data),
        &["libexec/static-server is missing", "cargo xtask build"],
    );
    fails(serve().env("PATH", "/nonexistent"), &["git is missing", "install"]);
    fails(serve().args(["--workers", "0"]), &["--workers"]);
    fails(serve().args(["--config", "/nonexistent.toml"]), &["/nonexistent.toml"]);
    std::fs::write(folder.path().join("file"), "").unwrap();
    let under_a_file = folder.path().join("file/data");
    fails(
        binary().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(under_a_file),
        &["cannot make the data directory", "--data"],
    );
    fails(
        binary().args(["key", "list", "--data"]).arg(folder.path().join("none")),
        &["is not a data directory"],
    );
    assert!(!data.exists(), "a start that fails early leaves nothing");
}

#[test]
fn a_key_is_not_made_in_another_database_than_the_servers() {
    let server = Server::start();
    for file in ["inkstone.db", "inkstone.db-wal", "inkstone.db-shm"] {
        std::fs::remove_file(server.data().join(file)).unwrap();
    }
    fails(
        binary().args(["key", "create", "late", "--data"]).arg(server.data()),
        &["inkstone.db is missing", "stop the server"],
    );
    assert!(!server.data().join("inkstone.db").exists());
}

#[test]
fn a_data_directory_that_others_can_get_at_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut server = binary()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap()).lines().map(Result::unwrap);
    let warned = log.any(|line| line.contains("has mode 755") && line.contains("chmod 700"));
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(warned);
}

#[test]
fn a_later_start_says_in_one_line_what_it_serves_and_where() {
    let mut server = Server::start();
    server.stop();
    let mut again = binary()
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(again.stdout.take().unwrap()).read_line(&mut line).unwrap();
    again.kill().unwrap();
    again.wait().unwrap();
    let data = server.data().canonicalize().unwrap().display().to_string();
    assert!(line.contains(&data) && line.contains("http://127.0.0.1:"), "{line:?}");
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
fn a_server_is_of_the_region_that_there_is_and_of_no_other() {
    let mut server = Server::start_with(&[("INKSTONE_REGION", "eu-west-1")]);
    server.stop();
    let mut other = binary();
    other.args(["serve", "--listen", "127.0.0.1:0", "--region", "eu-central-1", "--data"]);
    fails(other.arg(server.data()), &["no region eu-central-1", "has eu-west-1", "--region"]);
    // Nobody has to say it again.
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
fn keys_say_what_they_cannot_do_and_since_when_they_are_revoked() {
    let server = Server::start();
    for scope in ["state:push", "admin"] {
        let name = format!("for-{}", scope.replace(':', "-"));
        let made = server.inkstone(&["key", "create", &name, "--scopes", scope]);
        let warned = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(made.status.success() && warned.contains("--all-workspaces"), "{scope}: {warned}");
    }
    for enough in
        [["--scopes", "read,deploy"].as_slice(), &["--scopes", "admin", "--all-workspaces"]]
    {
        let name = format!("enough-{}", enough.len());
        let made = server.inkstone(&[&["key", "create", &name], enough].concat());
        // The key alone is on standard output, to be led into a file.
        let [key, said] =
            [&made.stdout, &made.stderr].map(|it| String::from_utf8_lossy(it).into_owned());
        assert!(made.status.success() && !said.contains("warning"), "{enough:?}: {said}");
        assert!(key.starts_with("dk_live_") && key.trim_end().lines().count() == 1, "{enough:?}");
        assert!(said.contains("shown once") && !said.contains(key.trim_end()), "{said}");
    }
    for reserved in ["inkstone", "operator"] {
        let made = server.inkstone(&["key", "create", reserved]);
        let refused = String::from_utf8_lossy(&made.stderr).into_owned();
        assert!(!made.status.success() && refused.contains("another name"), "{refused}");
    }
    assert_eq!(server.inkstone_ok(&["key", "revoke", "for-admin"]), "key for-admin is revoked\n");
    let again = server.inkstone_ok(&["key", "revoke", "for-admin"]);
    assert!(again.contains("is revoked since 2") && again.contains("UTC"), "{again}");
    let unknown = server.inkstone(&["key", "revoke", "nobody"]);
    assert!(!unknown.status.success(), "a key that never was is an error");
}

#[test]
fn a_demo_that_is_interrupted_leaves_neither_a_server_nor_a_folder() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = binary()
            .arg("demo")
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(demo.stdout.take().unwrap()).lines();
        let address = said
            .find_map(|line| line.unwrap().split_once("http://").map(|(_, it)| it.to_owned()))
            .unwrap();
        let sent = Command::new("kill").args([signal, &demo.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let output = demo.wait_with_output().unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && why.contains("interrupted"), "{signal}: {why}");
        assert!(TcpStream::connect(&address).is_err(), "{signal}: the server still runs");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
    }
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
fn verifying_what_is_no_state_repo_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let repo = folder.path().join("site");
    let verify = |args: &[&str]| {
        let mut command = binary();
        command.args(["verify", "--repo"]).arg(&repo).args(args);
        command
    };
    std::fs::create_dir(&repo).unwrap();
    let output = fails(&mut verify(&[]), &["is no git repository", "--repo"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    let git = crate::harness::Git::init(&repo);
    git.write("index.html", "<h1>A site</h1>");
    git.commit("a site");
    let output = fails(&mut verify(&[]), &["inkstone.yaml is missing: this is not a state repo"]);
    assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1);
    assert!(output.stdout.is_empty());
    fails(&mut verify(&["nowhere..HEAD"]), &["nowhere", "BASE..HEAD"]);
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
    // Silent, with half a head, and with half of how HTTP/2 begins.
    let starts: [&[u8]; 4] = [b"", b"P", b"PRI * HTTP/2.0\r\n", b"GET /healthz HTTP/1.1\r\nX"];
    let mut half_open = Vec::new();
    for start in starts.iter().cycle().take(200) {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(start).unwrap();
        half_open.push(stream);
    }
    assert_eq!(server.status("/healthz"), 200);
    // Each of them is cut off in the end, so they never add up.
    for stream in half_open.iter_mut().take(starts.len()) {
        stream.set_read_timeout(Some(std::time::Duration::from_mins(1))).unwrap();
        let ended = std::io::Read::read_to_end(stream, &mut Vec::new());
        let reset = |error: std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(ended.map_or_else(reset, |_| true), "the server kept a connection");
    }
}
