//! `ArgoCD` is told of each move of `live`, and nobody waits for it.

use crate::harness::{Mcp, Server, World, wait_for};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SECRET: &str = "between the two of us";

/// A message as it was sent: the headers, and the body.
struct Message {
    head: String,
    body: String,
}

/// A webhook that answers with each of `statuses` in turn, then with the last one for ever.
fn webhook(statuses: &'static [u16]) -> (String, Receiver<Message>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/webhook", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let status = statuses.get(number).or(statuses.last()).unwrap();
            if sender.send(answer(stream.unwrap(), *status)).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

fn answer(mut stream: TcpStream, status: u16) -> Message {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        if body.len() >= length.parse().unwrap() {
            write!(
                stream,
                "HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
            return Message { head: head.to_owned(), body: body.to_owned() };
        }
    }
}

const API_SERVER: &str = "INKSTONE_ARGOCD_WEBHOOK";
const APPLICATION_SETS: &str = "INKSTONE_APPLICATIONSET_WEBHOOK";
const SECRET_FILE: &str = "INKSTONE_ARGOCD_WEBHOOK_SECRET_FILE";

fn secret() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{SECRET}\n")).unwrap();
    file
}

fn world(webhooks: &[(&str, &str)]) -> World {
    let file = secret();
    let secret = [(SECRET_FILE, file.path().to_str().unwrap())];
    World::of(Server::start_with(&[webhooks, &secret[..]].concat()))
}

/// The files that a message names.
fn files(message: &Message) -> Vec<String> {
    let event: Value = serde_json::from_str(&message.body).unwrap();
    serde_json::from_value(event["commits"][0]["modified"].clone()).unwrap()
}

#[test]
fn application_sets_hear_of_what_is_new_alone() {
    let mut world = World::deployed();
    world.server.stop();
    let (api_server, told) = webhook(&[200]);
    let (application_sets, told_of_new) = webhook(&[200]);
    let file = secret();
    world.server.start_again_with(&[
        (API_SERVER, &api_server),
        (APPLICATION_SETS, &application_sets),
        (SECRET_FILE, file.path().to_str().unwrap()),
    ]);
    world.agent = Mcp::connect(&world.server);
    world.push("two");
    world.wait_for_head();
    let message = told.recv_timeout(Duration::from_mins(1)).unwrap();
    assert!(files(&message).iter().all(|file| file.contains("services/site/")), "{}", message.body);

    world.agent.ok("create_service", json!({"name": "other", "repo": "site"}));
    let message = told_of_new.recv_timeout(Duration::from_mins(1)).unwrap();
    let files = files(&message);
    assert!(!files.is_empty());
    assert!(files.iter().all(|file| file.contains("services/other/")), "{files:?}");
}

#[test]
fn both_webhooks_hear_of_a_deploy_signed_and_again_where_they_failed() {
    let (well, told) = webhook(&[200]);
    let (failing, told_again) = webhook(&[500, 503, 200]);
    let mut world = world(&[(API_SERVER, &well), (APPLICATION_SETS, &failing)]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    let commit = world.wait_for_head()["deployment"]["commit"].as_str().unwrap().to_owned();
    for (receiver, at_least) in [(told, 1), (told_again, 3)] {
        let messages: Vec<Message> =
            (0..at_least).map(|_| receiver.recv_timeout(Duration::from_mins(1)).unwrap()).collect();
        let Message { head, body } = messages.last().unwrap();
        assert!(head.starts_with("POST /api/webhook "), "{head}");
        assert!(head.contains("x-github-event: push"), "{head}");
        let signature = format!("x-hub-signature-256: sha256={}", hmac(body));
        assert!(head.contains(&signature), "{head}");
        let event: Value = serde_json::from_str(body).unwrap();
        assert_eq!(event["ref"], "refs/heads/live");
        assert_eq!(event["after"], commit.as_str());
        let url = event["repository"]["html_url"].as_str().unwrap();
        assert!(url.ends_with("/state.git"), "{url}");
        let files = event["commits"][0]["modified"].to_string();
        assert!(files.contains("services/site/manifests/deployment.yaml"), "{files}");
        // What it does not apply is nothing to it.
        assert!(!files.contains("hosts/"), "{files}");
    }
}

#[test]
fn a_webhook_that_never_answers_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/webhook", silent.local_addr().unwrap());
    let mut world = world(&[(API_SERVER, &url)]);
    world.agent.ok("create_service", json!({"name": "site", "repo": "site"}));
    world.wait_for_head();
    world.push("two");
    world.wait_for_head();
    let made = world.agent.ok("create_project", json!({"name": "shop"}));
    assert!(made["commit"].is_string());
    wait_for("the webhook to be called", || silent.accept().ok());
}

/// HMAC-SHA-256 by another hand.
fn hmac(body: &str) -> String {
    let mut openssl = std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET, "-r"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = openssl.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}
