//! The process: how it starts, bears slow and rude clients, and stops.

use std::io::{BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::running::{Running, receive, send};

fn terminate(site: &Running) {
    let status =
        Command::new("kill").arg("-TERM").arg(site.process.id().to_string()).status().unwrap();
    assert!(status.success());
}

#[test]
fn one_line_at_start_says_where_it_listens_and_what_it_serves() {
    let site = Running::serving(&[("index.html", "home"), ("a/b.txt", "b")]);
    let directory = site.directory.path().display();
    assert_eq!(
        site.first_line,
        format!("listening on http://0.0.0.0:{} (2 files in {directory})\n", site.address.port())
    );
}

#[test]
fn a_signal_to_stop_ends_it_with_success() {
    let mut site = Running::serving(&[("index.html", "home")]);
    let mut idle = BufReader::new(site.connect());
    send(idle.get_mut(), "GET /", &[]);
    assert_eq!(receive(&mut idle, false).status, 200);
    terminate(&site);
    assert_eq!(site.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_download_that_is_under_way_is_finished_before_it_stops() {
    // Larger than the socket buffers, so that the server is still sending when it is told to stop.
    let large = "0123456789abcdef".repeat(2 << 20);
    let mut site = Running::serving(&[("large.bin", &large)]);
    let mut stream = site.connect();
    send(&mut stream, "GET /large.bin", &[]);
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    terminate(&site);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.ends_with(&large.as_bytes()[large.len() - 1024..]));
    assert!(rest.len() > large.len(), "all of it came, after its head");
    assert_eq!(site.process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_connection_serves_many_requests() {
    let site = Running::serving(&[("index.html", "home"), ("a.txt", "a")]);
    let mut reader = BufReader::new(site.connect());
    for (path, body) in [("/", "home"), ("/a.txt", "a"), ("/", "home")] {
        send(reader.get_mut(), &format!("GET {path}"), &[]);
        assert_eq!(receive(&mut reader, false).text(), body);
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let site = Running::serving(&[("index.html", "home")]);
    let long = format!("X-Long: {}", "a".repeat(64 * 1024));
    let many: Vec<String> = (0..200).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for headers in [vec![long.as_str()], many] {
        assert_eq!(site.get_with("/", &headers).status, 431);
    }
    assert_eq!(site.get("/").status, 200, "others are still served");
}

#[test]
fn clients_that_send_half_a_request_do_not_keep_others_waiting() {
    let site = Running::serving(&[("index.html", "home")]);
    let slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = site.connect();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: si").unwrap();
            stream
        })
        .collect();
    assert_eq!(site.get("/").status, 200);
    drop(slow);
}

#[test]
fn what_cannot_be_served_is_said_in_words_and_fails() {
    let taken = Running::serving(&[("index.html", "home")]);
    let port = taken.address.port().to_string();
    for (argument, port, words) in [
        ("/nowhere/at/all", "0", "cannot read /nowhere/at/all"),
        ("--help", "0", "usage: static-server [DIRECTORY]"),
        ("/", "eighty", "PORT is eighty, which is no port"),
        (taken.directory.path().to_str().unwrap(), &port, "set PORT to a free one"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_static-server"))
            .arg(argument)
            .env("PORT", port)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words), "{argument}: {said}");
        assert_eq!(output.status.code(), Some(1), "{argument}");
    }
}
