//! The official Python MCP client, over a pipe (`tests/client/mcp_bridge.py`).

use super::Server;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Mcp {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    url: String,
    key: String,
}

impl Mcp {
    pub(crate) fn connect(server: &Server) -> Self {
        Self::connect_as(server, &server.key)
    }

    pub(crate) fn connect_as(server: &Server, key: &str) -> Self {
        let python = std::env::var("INKSTONE_MCP_PYTHON").expect(
            "INKSTONE_MCP_PYTHON must name a Python that has the mcp package: run `cargo xtask test`",
        );
        let mut child = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client/mcp_bridge.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut this = Self { child, input, output, url: server.url.clone(), key: key.to_owned() };
        this.reconnect();
        this
    }

    /// Connects again, as a client does after the server was away.
    pub(crate) fn reconnect(&mut self) {
        let request = json!({"op": "connect", "url": format!("{}/mcp", self.url), "key": self.key});
        let answer = self.ask(&request);
        assert_eq!(answer["ok"], true, "{answer}");
    }

    /// What the bridge answers to one request.
    pub(crate) fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// A tool's structured answer; it must do well.
    pub(crate) fn ok(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments);
        assert_eq!(answer["ok"], true, "{tool}: {answer}");
        assert_ne!(answer["result"]["isError"], true, "{tool}: {answer}");
        answer["result"]["structuredContent"].clone()
    }

    /// A tool's refusal; it must have a code, a message and a suggestion.
    pub(crate) fn refused(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments);
        let error = answer["result"]["structuredContent"].clone();
        assert_eq!(answer["result"]["isError"], true, "{tool}: {answer}");
        for part in ["code", "message", "suggestion"] {
            assert!(error[part].as_str().is_some_and(|text| !text.is_empty()), "{tool}: {answer}");
        }
        error
    }

    /// The answer to a call, made again while the key makes too many: a test that makes hundreds would
    /// otherwise take that one refusal for another.
    #[expect(clippy::needless_pass_by_value, reason = "arguments are written where they are used")]
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let request = json!({"op": "call", "name": tool, "arguments": arguments});
        super::wait_for("a call within the limit", || {
            let answer = self.ask(&request);
            let code = &answer["result"]["structuredContent"]["code"];
            (code != "rate_limited").then_some(answer)
        })
    }
}

impl Drop for Mcp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
