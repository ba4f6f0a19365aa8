//! Clients that go away.

use crate::support::{Client, Server, WRITER, hook, until};
use inkstone_githost::Limits;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Waits until no process has the server's directory in its arguments or works on its behalf.
pub(crate) async fn no_process_left(server: &Server) {
    let dir = server.dir.path().to_str().unwrap().to_owned();
    until("the processes are gone", || processes(&dir).is_empty()).await;
}

/// The processes whose arguments or environment name `dir`, each as `leader` or `member` of its
/// process group and its arguments and environment.
pub(crate) fn processes(dir: &str) -> Vec<String> {
    let numbers = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.unwrap().file_name().into_string().ok()?;
        name.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
    });
    numbers
        .filter(|number| *number != std::process::id().to_string())
        .filter_map(|number| {
            let read = |file: &str| std::fs::read(format!("/proc/{number}/{file}")).ok();
            let all = [read("cmdline")?, read("environ")?].concat();
            let all = String::from_utf8_lossy(&all).replace('\0', " ");
            // proc_pid_stat(5): after the name in parentheses come state, parent and group.
            let stat = String::from_utf8(read("stat")?).ok()?;
            let group = stat.rsplit_once(')')?.1.split_whitespace().nth(2)?;
            let role = if group == number { "leader" } else { "member" };
            all.contains(dir).then(|| format!("{role} {all}"))
        })
        .collect()
}

/// Kills a git client and the helpers it started.
fn kill(client: &tokio::process::Child) {
    let group = i32::try_from(client.id().unwrap()).unwrap();
    let group = rustix::process::Pid::from_raw(group).unwrap();
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
}

/// What a push that did not finish would leave in `main/site`.
fn quarantined(server: &Server) -> Vec<PathBuf> {
    let objects = server.repos.path(&crate::support::repo("main/site")).join("objects");
    let paths = std::fs::read_dir(objects).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_str().unwrap().contains("tmp_objdir")).collect()
}

#[tokio::test]
async fn a_push_whose_client_is_killed_once_all_is_sent_happens_and_is_told() {
    let server = Server::with(Limits::default(), |dir| {
        let wait =
            format!("touch {0}/in; while [ ! -e {0}/go ]; do sleep 0.01; done", dir.display());
        Some(hook(dir, "pre-receive", &wait))
    })
    .await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let mut push = client.command(&dir, &["push", "-q", &site, "main"]);
    let mut push = push.process_group(0).stderr(Stdio::null()).spawn().unwrap();
    let inside = server.dir.path().join("in");
    until("the push is in its hook", || inside.exists()).await;
    let running = processes(server.dir.path().to_str().unwrap());
    assert!(running.iter().any(|process| process.contains("receive-pack")), "{running:?}");
    kill(&push);
    push.wait().await.unwrap();
    assert!(server.sink.pushes().is_empty());
    std::fs::write(server.dir.path().join("go"), "").unwrap();
    server.sink.pushed().await;
    assert_eq!(server.main().await, Some(client.ok(&dir, &["rev-parse", "HEAD"]).await));
    no_process_left(&server).await;
    assert_eq!(quarantined(&server), Vec::<PathBuf>::new());
}

/// Starts a clone of 20 MB by hand and reads no more than the start of it.
pub(crate) async fn start_clone(server: &Server) -> tokio::net::TcpStream {
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let commit = client.commit(&dir, "large.bin", &crate::support::noise(20_000_000)).await;
    // By path: the server may allow less time than this takes.
    let site = server.site_dir();
    client.ok(&dir, &["push", "-q", site.to_str().unwrap(), "main"]).await;
    let wants = format!("0032want {commit}\n00000009done\n");
    let mut connection = post(server, "git-upload-pack", wants.len(), &wants).await;
    let mut start = [0; 12];
    connection.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    connection
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_a_clone_leaves_no_process() {
    let server = Server::start().await;
    let connection = start_clone(&server).await;
    let running = processes(server.dir.path().to_str().unwrap());
    assert!(running.iter().any(|process| process.contains("upload-pack")), "{running:?}");
    drop(connection);
    no_process_left(&server).await;
}

#[tokio::test]
async fn a_client_that_stops_reading_a_clone_is_cut_off() {
    let idle = std::time::Duration::from_millis(500);
    let server = Server::with(Limits { idle, ..Limits::default() }, |_| None).await;
    let mut connection = start_clone(&server).await;
    no_process_left(&server).await;
    let mut rest = Vec::new();
    // What is left in the buffers, then the end of the connection.
    let read = connection.read_to_end(&mut rest);
    let _ = tokio::time::timeout(crate::support::PATIENCE, read).await.expect("it ends");
    assert!(rest.len() < 20_000_000 && !rest.ends_with(b"0\r\n\r\n"));
}

#[tokio::test]
async fn what_a_stopped_push_left_is_removed_when_it_is_old() {
    // Enough for a push that is not held up.
    let limits = Limits { request: std::time::Duration::from_secs(4), ..Limits::default() };
    let server = Server::with(limits, |dir| Some(hook(dir, "pre-receive", "sleep 600"))).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.fails(&dir, &["push", &server.site(), "main"]).await;
    no_process_left(&server).await;
    let left = quarantined(&server);
    assert_eq!(left.len(), 1);
    std::fs::remove_file(server.dir.path().join("hooks/pre-receive")).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_mins(61);
    std::fs::File::open(&left[0]).unwrap().set_modified(old).unwrap();
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert_eq!(quarantined(&server), Vec::<PathBuf>::new());
}

/// Sends the head and the start of a request by hand.
pub(crate) async fn post(
    server: &Server,
    service: &str,
    length: usize,
    start: &str,
) -> tokio::net::TcpStream {
    let request = format!(
        "POST /git/main/site.git/{service} HTTP/1.1\r\nHost: x\r\n\
         Authorization: {}\r\n\
         Content-Type: application/x-{service}-request\r\n\
         Content-Length: {length}\r\n\r\n{start}",
        crate::support::authorization(WRITER)
    );
    let mut connection = tokio::net::TcpStream::connect(server.address).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    connection
}

/// The first bytes of a push of five objects.
pub(crate) fn start_of_push() -> String {
    let line = format!("{} {} refs/heads/main\0report-status", "0".repeat(40), "a".repeat(40));
    format!("{:04x}{line}0000PACK\0\0\0\x02\0\0\0\x05", line.len() + 4)
}

#[tokio::test]
async fn a_client_that_hangs_up_in_the_middle_of_its_pack_leaves_no_process_and_no_trace() {
    let server = Server::start().await;
    let connection = post(&server, "git-receive-pack", 1_000_000, &start_of_push()).await;
    let dir = server.dir.path().to_str().unwrap().to_owned();
    until("git takes the push", || {
        processes(&dir).iter().any(|process| process.contains("receive-pack"))
    })
    .await;
    drop(connection);
    no_process_left(&server).await;
    assert_eq!(quarantined(&server), Vec::<PathBuf>::new());
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
}

#[tokio::test]
async fn the_sink_is_told_of_a_push_whose_client_went_away_after_the_refs_had_moved() {
    let server = Server::with(Limits::default(), |dir| {
        let wait =
            format!("touch {0}/in; while [ ! -e {0}/go ]; do sleep 0.01; done", dir.display());
        Some(hook(dir, "post-receive", &wait))
    })
    .await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let mut push = client.command(&dir, &["push", "-q", &site, "main"]);
    let mut push = push.process_group(0).stderr(Stdio::null()).spawn().unwrap();
    let inside = server.dir.path().join("in");
    until("the refs have moved", || inside.exists()).await;
    kill(&push);
    push.wait().await.unwrap();
    std::fs::write(server.dir.path().join("go"), "").unwrap();
    let told = server.sink.pushed().await;
    let head = client.ok(&dir, &["rev-parse", "HEAD"]).await;
    assert_eq!(
        told.updates[0].new.as_ref().map(inkstone_spec::CommitId::as_str),
        Some(head.as_str())
    );
    no_process_left(&server).await;
    assert_eq!(server.sink.pushes().len(), 1);
}
