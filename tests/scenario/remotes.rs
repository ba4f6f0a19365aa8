//! The state repo on another git host: one that is in use, slow, broken, unwilling or forgetful.

use crate::harness::{Git, Mcp, Server, World, text, wait_for};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::{Duration, Instant};

const REMOTE: &str = "INKSTONE_STATE_REMOTE";
/// How often a rival pushes: whoever never pauses can win every race, so a deploy may have to wait for
/// the end of them.
const RIVALS_PUSHES: usize = 25;

/// A bare repo that the real git serves by path.
struct Bare(Git);

impl Bare {
    fn new() -> (tempfile::TempDir, Self) {
        let folder = tempfile::Builder::new().prefix("inkstone-remote-").tempdir().unwrap();
        let git = Git::init(&folder.path().join("unused"));
        let path = folder.path().join("state.git");
        git.run(&["init", "--quiet", "--bare", "--initial-branch=main", path.to_str().unwrap()]);
        (folder, Self(Git::at(&path)))
    }

    fn url(&self) -> String {
        format!("file://{}", self.0.path().display())
    }

    fn head(&self, branch: &str) -> String {
        self.0.run(&["rev-parse", branch]).trim().to_owned()
    }

    fn deploys(&self) -> Vec<String> {
        self.0.lines(&["log", "--format=%s", "--grep=Inkstone-Action: deploy", "main"])
    }

    /// Has the host run a script before it takes a push; `None`: it takes everything.
    fn hook(&self, script: Option<&str>) {
        let hook = self.0.path().join("hooks/pre-receive");
        match script {
            None => std::fs::remove_file(hook).unwrap(),
            Some(script) => {
                std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
                std::fs::set_permissions(&hook, PermissionsExt::from_mode(0o755)).unwrap();
            }
        }
    }
}

fn doctor(server: &Server) -> Value {
    let output = server.inkstone(&["doctor", "--json"]);
    let found: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    let checks = found["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == "state remote").unwrap().clone()
}

#[test]
fn a_rival_who_pushes_to_another_server_costs_time_and_no_deploy() {
    // The host is an Inkstone too: a git server with users and passwords.
    let host = World::new();
    let made = Mcp::connect(&host.server).ok("create_repo", json!({"name": "state"}));
    let with_token = made["git_remote"].as_str().unwrap().to_owned();
    let (scheme, rest) = with_token.split_once("://").unwrap();
    let (_, address) = rest.split_once('@').unwrap();
    let credentials = host.server.folder().join("credentials of the host");
    std::fs::write(
        &credentials,
        format!("{}\n", with_token.split_inclusive('/').take(3).collect::<String>()),
    )
    .unwrap();
    let url = format!("{scheme}://{address}");
    let mut world = World::with(&[
        (REMOTE, &url),
        ("INKSTONE_STATE_REMOTE_CREDENTIALS", credentials.to_str().unwrap()),
    ]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    let kept = std::fs::read_to_string(world.server.data().join("state-remote.toml")).unwrap();
    assert!(kept.contains(&url), "{kept}");

    let rival = Git::clone(&with_token, &world.server.folder().join("rival"));
    let done = AtomicBool::new(false);
    let pushed = std::thread::scope(|scope| {
        let rival = scope.spawn(|| {
            let mut pushed = 0;
            while pushed < RIVALS_PUSHES && !done.load(Ordering::Relaxed) {
                rival.commit_empty(&format!("rival {pushed}"));
                loop {
                    rival.run(&["pull", "--quiet", "--rebase", "origin", "main"]);
                    if rival.try_run(&["push", "--quiet", "origin", "HEAD:main"]).status.success() {
                        break;
                    }
                }
                pushed += 1;
            }
            pushed
        });
        let deployed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            world.push("in between");
            world.wait_for_head();
        }));
        done.store(true, Ordering::Relaxed);
        let pushed = rival.join().unwrap();
        deployed.unwrap();
        pushed
    });
    assert!(pushed > 0);
    rival.run(&["fetch", "--quiet"]);
    wait_for("the rival's last push to be live", || {
        rival.run(&["fetch", "--quiet"]);
        let heads = rival.lines(&["rev-parse", "origin/main", "origin/live"]);
        (heads[0] == heads[1]).then_some(())
    });
    let log = |grep: &str| rival.lines(&["log", "--format=%s", grep, "origin/main"]).len();
    assert_eq!(log("--grep=^rival "), pushed);
    assert_eq!(log("--grep=Inkstone-Action: deploy"), 2);
    assert_eq!(doctor(&world.server)["status"], "ok");
    let said = world.server.clone_state("reader").refused(&["push", "origin", "HEAD:main"]);
    assert!(said.contains(&url), "{said}");
}

#[test]
fn what_a_host_refuses_waits_and_says_why_until_it_is_taken() {
    let (_folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    bare.hook(Some("echo 'frozen until Monday'; exit 1"));
    let error = world.agent.refused("create_project", json!({"name": "shop"}));
    assert_eq!(error["code"], "state_remote_refused");
    assert!(error["message"].as_str().unwrap().contains("frozen until Monday"), "{error}");
    world.push("two");
    let waiting = world.wait_until_it_waits("frozen until Monday");
    assert!(
        world.server.get("/metrics").contains("inkstone_state_remote{standing=\"refusing\"} 1")
    );
    let check = doctor(&world.server);
    assert_eq!(check["status"], "warn", "{check}");
    assert!(check["found"].as_str().unwrap().contains("frozen until Monday"), "{check}");
    bare.hook(None);
    // Any change that is taken shows that the host is willing again.
    world.agent.ok("create_project", json!({"name": "shop"}));
    let done = world.wait_for_head();
    assert_eq!(done["deployment"]["id"], waiting["id"]);
    assert_eq!(bare.deploys().len(), 2);
    assert_eq!(doctor(&world.server)["status"], "ok");
    // Commands beside the server write there too.
    world.server.inkstone_ok(&["workspace", "add", "acme"]);
    assert!(bare.0.run(&["log", "--format=%s", "live"]).contains("acme"));
}

#[test]
fn what_was_pushed_while_a_service_was_deleted_is_deployed_once_it_is_back_over_there() {
    let (_folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    world.agent.ok("delete_service", json!({"name": "site"}));
    world.push("two");
    let operator = Git::clone(&bare.url(), &world.server.folder().join("operator"));
    operator.run(&["revert", "--no-edit", "HEAD"]);
    world.server.forget_log();
    operator.push("origin");
    world.server.wait_for_log("queued");
    world.wait_for_head();
}

#[test]
fn what_a_remote_lost_stops_writing_until_one_command_resolves_it() {
    let (_folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    for (command, deploys) in [("restore", 3), ("accept", 3)] {
        world.push(&format!("before {command}"));
        world.wait_for_head();
        let had = bare.head("main");
        for branch in ["main", "live"] {
            bare.0.run(&["update-ref", &format!("refs/heads/{branch}"), &format!("{had}~1")]);
        }
        let told = world.server.wait_for_log("lost by the remote");
        assert!(told.contains(&had), "{told}");
        let error = world.agent.refused("create_project", json!({"name": command}));
        assert_eq!(error["code"], "state_repo_rewound");
        let check = doctor(&world.server);
        assert_eq!(check["status"], "fail");
        assert!(check["found"].as_str().unwrap().contains(&had), "{check}");
        world.push(&format!("during {command}"));
        world.wait_until_it_waits("lost commits");
        assert!(world.server.get("/metrics").contains("{standing=\"rewound\"} 1"));
        let said = world.server.inkstone_ok(&["state", command]);
        assert_eq!(said.contains(&had), command == "accept", "{said}");
        world.wait_for_head();
        let log = bare.deploys();
        assert_eq!(log.len(), deploys + usize::from(command == "accept"), "{log:?}");
        let history = world.agent.ok("get_service_history", json!({"name": "site"}));
        let commits = history["entries"].as_array().unwrap();
        let is_there = commits.iter().any(|entry| entry["commit"] == had.as_str());
        assert_eq!(is_there, command == "restore", "{history}");
    }
}

#[test]
fn a_main_that_gits_checks_refuse_is_named_and_put_back_by_one_command() {
    let (folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    let (had, tree) = (bare.head("main"), bare.head("main^{tree}"));
    let file = folder.path().join("commit");
    let who = "author M <m@m 0 +0000\ncommitter M <m@m> 1 +0000";
    std::fs::write(&file, format!("tree {tree}\nparent {had}\n{who}\n\nbad\n")).unwrap();
    let file = file.to_str().unwrap();
    let bad = bare.0.run(&["hash-object", "-t", "commit", "-w", "--literally", file]);
    bare.0.run(&["update-ref", "refs/heads/main", bad.trim()]);
    world.server.wait_for_log("badEmail");
    let error = world.agent.refused("create_project", json!({"name": "shop"}));
    assert_eq!(error["code"], "state_repo_unchecked");
    let said = error["suggestion"].as_str().unwrap();
    assert!(said.contains("inkstone state restore"), "{error}");
    let check = doctor(&world.server);
    assert!(check["found"].as_str().unwrap().contains("badEmail"), "{check}");
    let said = world.server.inkstone_ok(&["state", "restore"]);
    assert!(said.contains("git refuses it"), "{said}");
    assert_eq!(bare.head("main"), had);
    world.server.wait_for_log("the remote of the state repo is back");
    world.agent.ok("create_project", json!({"name": "shop"}));
}

/// How the host behind a [`Gate`] behaves.
#[derive(Clone, Copy)]
enum Mood {
    Fine,
    Silent,
    Broken,
    /// Says to everybody with what they came.
    Telling,
    /// Sends everybody to the host behind it.
    Elsewhere,
}

/// Stands before a git server, and behaves as badly as it is told.
struct Gate {
    url: String,
    mood: Arc<AtomicU8>,
}

impl Gate {
    fn before(host: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = listener.local_addr().unwrap().to_string();
        let mood = Arc::new(AtomicU8::new(Mood::Fine as u8));
        let (host, now) = (host.to_owned(), Arc::clone(&mood));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (host, now) = (host.clone(), Arc::clone(&now));
                std::thread::spawn(move || pass(stream, &host, now.load(Ordering::Relaxed)));
            }
        });
        Self { url, mood }
    }

    fn is(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::Relaxed);
    }
}

/// One connection: whoever hangs up ends it.
fn pass(mut client: TcpStream, host: &str, mood: u8) {
    let mut start = [0; 1024];
    match mood {
        mood if mood == Mood::Silent as u8 => {
            while client.read(&mut start).is_ok_and(|read| read > 0) {}
        }
        mood if mood == Mood::Broken as u8 => {
            let _ = client.read(&mut start);
            let answer = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = client.write_all(answer.as_bytes());
        }
        mood if mood == Mood::Elsewhere as u8 => {
            let read = client.read(&mut start).unwrap_or(0);
            let asked = text(&start[..read]);
            let path = asked.split(' ').nth(1).unwrap_or_default();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{host}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = client.write_all(answer.as_bytes());
        }
        mood if mood == Mood::Telling as u8 => {
            let read = client.read(&mut start).unwrap_or(0);
            let asked = text(&start[..read]);
            let login = asked.lines().find_map(|line| line.strip_prefix("Authorization: "));
            let (status, header, body) = match login {
                None => ("401 Who", "WWW-Authenticate: Basic realm=\"state\"", ""),
                Some(login) => ("403 No", "Content-Type: text/plain", login),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = client.write_all(answer.as_bytes());
        }
        _ => {
            let mut server = TcpStream::connect(host).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let there = std::thread::spawn(move || {
                let _ = std::io::copy(&mut from, &mut to);
                let _ = to.shutdown(std::net::Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
            let _ = client.shutdown(std::net::Shutdown::Both);
            there.join().unwrap();
        }
    }
}

#[test]
fn a_host_that_hangs_or_fails_delays_deploys_and_loses_none() {
    let host = World::new();
    let made = Mcp::connect(&host.server).ok("create_repo", json!({"name": "state"}));
    let with_token = made["git_remote"].as_str().unwrap();
    let address = host.server.url.strip_prefix("http://").unwrap();
    let gate = Gate::before(address);
    // The gate asks for the same credentials as the host behind it.
    let credentials: PathBuf = host.server.folder().join("credentials");
    let user = with_token.split_once("://").unwrap().1.split_once('@').unwrap().0;
    std::fs::write(&credentials, format!("http://{user}@{}\n", gate.url)).unwrap();
    let url = format!("http://{}/git/main/state.git", gate.url);
    let env =
        [(REMOTE, &*url), ("INKSTONE_STATE_REMOTE_CREDENTIALS", credentials.to_str().unwrap())];
    let mut world = World::with(&env);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    for (round, mood) in [Mood::Broken, Mood::Elsewhere, Mood::Silent].into_iter().enumerate() {
        world.server.forget_log();
        gate.is(mood);
        world.server.wait_for_log("the remote of the state repo fails");
        let error = world.agent.refused("create_project", json!({"name": "shop"}));
        assert_eq!(error["code"], "state_remote_unavailable");
        // Reading goes on.
        world.agent.ok("list_services", json!({}));
        world.push(&format!("round {round}"));
        let waiting = world.wait_until_it_waits("cannot be reached");
        assert!(world.server.get("/metrics").contains("{standing=\"down\"} 1"));
        if matches!(mood, Mood::Silent) {
            // Neither the end of a server nor its start waits long for such a host.
            let start = Instant::now();
            world.server.stop();
            world.server.start_again_with(&env);
            assert!(start.elapsed() < Duration::from_secs(14), "{:?}", start.elapsed());
            world.agent.reconnect();
        }
        gate.is(Mood::Fine);
        let done = world.wait_for_head();
        assert_eq!(done["deployment"]["id"], waiting["id"]);
    }
    gate.is(Mood::Telling);
    world.server.wait_for_log("Basic ***");
    assert!(doctor(&world.server)["found"].as_str().unwrap().contains("Basic ***"));
    let log = world.server.log_so_far();
    assert!(!log.contains(user.split_once(':').unwrap().1), "a credential in the log");
}

#[test]
fn a_kill_between_commit_push_and_database_ends_in_exactly_one_commit() {
    let (_folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    let flag = world.server.folder().join("pushed");
    // The host takes the push before the server hears of it, or never hears of it at all.
    for (round, script) in
        ["touch FLAG; sleep 1; exit 1", "touch FLAG; sleep 1", "touch FLAG"].into_iter().enumerate()
    {
        bare.hook(Some(&script.replace("FLAG", flag.to_str().unwrap())));
        world.push(&format!("round {round}"));
        wait_for("the push to the host", || flag.exists().then_some(()));
        world.server.kill();
        bare.hook(None);
        std::fs::remove_file(&flag).unwrap();
        world.server.start_again_with(&[(REMOTE, &bare.url())]);
        world.agent.reconnect();
        world.wait_for_head();
    }
    let log = bare.deploys();
    assert_eq!(log.len(), 4, "one commit for each push: {log:?}");
    assert_eq!(world.deploys(), log);
}

#[test]
fn a_lost_data_directory_starts_again_from_the_remote_and_its_two_keys() {
    let (_folder, bare) = Bare::new();
    let mut world = World::with(&[(REMOTE, &bare.url())]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    let release = world.wait_for_head()["release"].clone();
    world.server.stop();
    let (data, old) = (world.server.data(), world.server.folder().join("old"));
    std::fs::rename(&data, &old).unwrap();
    let output =
        world.server.inkstone(&["serve", "--listen", "127.0.0.1:0", "--state-remote", &bare.url()]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("signing-key"), "{said}");
    for file in ["signing-key", "age-identity.txt"] {
        std::fs::copy(old.join(file), data.join(file)).unwrap();
    }
    // Without the option it is not forgotten where the state repo is.
    world.server.start_again_with(&[(REMOTE, &bare.url())]);
    let key = std::fs::read_to_string(world.server.folder().join("key")).unwrap();
    key.trim().clone_into(&mut world.server.key);
    world.agent = Mcp::connect(&world.server);
    assert_eq!(world.service()["release"], release);
    world.server.stop();
    let output = world.server.inkstone(&["serve", "--listen", "127.0.0.1:0"]);
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("--state-remote"), "{said}");
}
