//! A service that behaves as its environment says, well or badly: what the end-to-end tests deploy.
//!
//! `/` answers with `VERSION`, `/env` with its environment, as JSON, `/connect/ADDRESS:PORT` with whether it gets a
//! connection there. `MODE` says how it misbehaves:
//!
//! | `MODE` | what it does |
//! |---|---|
//! | `crash` | says why on standard error, ends with exit code 3 |
//! | `silent` | lives on and opens no port |
//! | `slow` | opens its port after ten seconds |
//! | `greedy` | takes memory until it is killed |
//! | `root` | ends unless it is root |
//! | `private` | listens on the loopback interface alone |
//! | `many` | starts as many processes as it may; `/` answers with how many these are |
//!
//! It listens on `LISTEN` if that is there, whatever `PORT` says.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a service prints is what its runtime logs have"
)]

use std::env;
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Where it listens if nobody says.
const DEFAULT_PORT: u16 = 3000;
/// How long `slow` takes.
const SLOW: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// The most processes that `many` starts, and how many of them it ends again.
const MANY: usize = 5_000;
const ROOM: usize = 20;
/// How much memory `greedy` takes at a time.
const BITE: usize = 16 * 1024 * 1024;

fn main() -> ExitCode {
    let mut interface = Ipv4Addr::UNSPECIFIED;
    let mut version = env::var("VERSION").unwrap_or_default();
    match env::var("MODE").as_deref() {
        Ok("crash") => {
            eprintln!("\u{1b}[31mfatal:\u{1b}[0m no DATABASE_URL");
            return ExitCode::from(3);
        }
        Ok("silent") => loop {
            thread::park();
        },
        Ok("slow") => thread::sleep(SLOW),
        Ok("greedy") => take_everything(),
        Ok("many") => version = multiply().to_string(),
        Ok("private") => interface = Ipv4Addr::LOCALHOST,
        Ok("root") if !is_root() => {
            eprintln!("fatal: this has to run as root");
            return ExitCode::from(4);
        }
        _ => {}
    }
    match serve(interface, version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fatal: {error}");
            ExitCode::FAILURE
        }
    }
}

fn take_everything() {
    let mut taken = Vec::new();
    loop {
        // Memory that is never written to is not taken.
        taken.push(vec![1_u8; BITE]);
        println!("{} MiB taken", taken.len() * BITE / 1024 / 1024);
    }
}

/// Starts processes until it may not; how many.
fn multiply() -> usize {
    let Ok(program) = env::current_exe() else { return 0 };
    let start = |_| Command::new(&program).env("MODE", "silent").spawn().ok();
    let mut started: Vec<Child> = (0..MANY).map_while(start).collect();
    // So that there is room to answer.
    for child in started.iter_mut().take(ROOM) {
        let _ = child.kill().and_then(|()| child.wait());
    }
    started.len()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn serve(interface: Ipv4Addr, version: String) -> io::Result<()> {
    let port = |name| env::var(name).ok().and_then(|port| port.parse().ok());
    let port = port("LISTEN").or_else(|| port("PORT")).unwrap_or(DEFAULT_PORT);
    let listener = TcpListener::bind((interface, port))?;
    println!("listening on {port}");
    let version: Arc<str> = version.into();
    loop {
        let (stream, _) = listener.accept()?;
        let version = Arc::clone(&version);
        // A visitor who leaves is no reason to end.
        thread::spawn(move || answer(&stream, &version));
    }
}

fn answer(mut stream: &TcpStream, version: &str) -> io::Result<()> {
    let mut request = BufReader::new(stream);
    let mut first = String::new();
    request.read_line(&mut first)?;
    let mut line = String::new();
    while request.read_line(&mut line)? > 0 && line.trim() != "" {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let target = path.strip_prefix("/connect/").and_then(|target| target.parse().ok());
    let (status, body) = match (path, target) {
        (_, Some(target)) => ("200 OK", connect(target)),
        ("/", _) => ("200 OK", version.to_owned()),
        ("/env", _) => ("200 OK", environment()),
        _ => ("404 Not Found", String::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Whether it gets a connection, in one word or the system's.
fn connect(target: SocketAddr) -> String {
    match TcpStream::connect_timeout(&target, CONNECT_TIME) {
        Ok(_) => "connected".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Every variable, as a JSON object.
fn environment() -> String {
    let pairs = env::vars_os().map(|(key, value)| {
        format!("{}:{}", quoted(&key.to_string_lossy()), quoted(&value.to_string_lossy()))
    });
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                // Writing to a String does not fail; control characters are all below U+10000.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_quoted_reads_as_it_was() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}ü"), r#""a\"b\\c\u000a\u007fü""#);
    }
}
