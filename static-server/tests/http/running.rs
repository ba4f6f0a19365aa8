//! The real binary on a port of its own, and a client that sends exactly the bytes it is told.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Longer than any response takes, shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(20);

/// A static-server that serves a directory made for one test.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) first_line: String,
    pub(crate) directory: TempDir,
}

/// What came back, headers as sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Running {
    /// Starts the server on these files.
    pub(crate) fn serving(files: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in files {
            write(directory.path(), path, content.as_bytes());
        }
        Self::over(directory)
    }

    /// Starts the server on a directory.
    pub(crate) fn over(directory: TempDir) -> Self {
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_static-server"))
            .arg(directory.path())
            .env("PORT", "0")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first_line = String::new();
        BufReader::new(process.stderr.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        let port = first_line
            .strip_prefix("listening on http://0.0.0.0:")
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_else(|| panic!("the first line was {first_line:?}"));
        let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
        Self { process, address, first_line, directory }
    }

    /// A connection with nothing sent yet.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends a request line and headers.
    pub(crate) fn request(&self, line: &str, headers: &[&str]) -> Answer {
        let mut stream = self.connect();
        send(&mut stream, line, headers);
        receive(&mut BufReader::new(stream), line.starts_with("HEAD"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request(&format!("GET {path}"), &[])
    }

    pub(crate) fn get_with(&self, path: &str, headers: &[&str]) -> Answer {
        self.request(&format!("GET {path}"), headers)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answer {
    /// A header's value, which is there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn etag(&self) -> &str {
        self.header("etag").unwrap_or_else(|| panic!("no ETag in {self:?}"))
    }
}

/// Writes a file and the directories above it.
pub(crate) fn write(directory: &Path, path: &str, content: &[u8]) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Sends a request and leaves the connection open.
pub(crate) fn send(stream: &mut TcpStream, line: &str, headers: &[&str]) {
    let mut text = format!("{line} HTTP/1.1\r\nHost: site.test\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes()).unwrap();
}

/// Reads one response.
pub(crate) fn receive(reader: &mut BufReader<TcpStream>, head_only: bool) -> Answer {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let status = line().split(' ').nth(1).expect("a status line").parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let line = line();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap();
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
    if !head_only && status != 304 {
        answer.body = vec![0; length];
        reader.read_exact(&mut answer.body).unwrap();
    }
    answer
}
