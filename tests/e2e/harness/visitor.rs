//! Someone who looks at a service through the ingress controller.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Where the ingress controller of the cluster listens.
pub(super) const PORT: u16 = 8080;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a visitor waits between two looks.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn ok(body: &str) -> Self {
        Self { status: 200, body: body.to_owned() }
    }
}

/// The first page of `host`.
pub(crate) fn get(host: &str) -> io::Result<Answer> {
    get_path(host, "/")
}

/// What `host` has at `path`.
pub(crate) fn get_path(host: &str, path: &str) -> io::Result<Answer> {
    get_from((Ipv4Addr::LOCALHOST, PORT), &format!("GET {path} HTTP/1.0\r\nHost: {host}\r\n"))
}

/// What is at an address, by the first lines of a request. Of HTTP 1.0, so that the body is all that follows the
/// headers.
pub(crate) fn get_from(address: impl ToSocketAddrs, request: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{request}\r\n")?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no answer: {line:?}")))?;
    while line.trim() != "" {
        line.clear();
        answer.read_line(&mut line)?;
    }
    let mut body = String::new();
    answer.read_to_string(&mut body)?;
    Ok(Answer { status, body })
}

/// One who asks all the while.
pub(crate) struct Visitor {
    leave: Arc<AtomicBool>,
    thread: JoinHandle<Vec<io::Result<Answer>>>,
}

impl Visitor {
    pub(crate) fn of(host: &str) -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let (host, told) = (host.to_owned(), Arc::clone(&leave));
        let thread = std::thread::spawn(move || {
            let mut answers = Vec::new();
            while !told.load(Ordering::Relaxed) {
                answers.push(get(&host));
                std::thread::sleep(PAUSE);
            }
            answers
        });
        Self { leave, thread }
    }

    /// Everything that the visitor was answered.
    pub(crate) fn answers(self) -> Vec<io::Result<Answer>> {
        self.leave.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
