//! A small fast client of the tools: one kept connection, one request at a time.

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use serde_json::{Value, json};
use tokio::net::TcpStream;

/// The version of the protocol that is spoken (<https://modelcontextprotocol.io/specification>): the
/// one without sessions.
const PROTOCOL: &str = "2026-07-28";
/// How an answer says that the tool refused.
const REFUSED: &[u8] = br#""isError":true"#;

/// One call of a tool, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    tool: HeaderValue,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(tool: &'static str, arguments: &Value) -> Self {
        let body = json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": tool,
                "arguments": arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": PROTOCOL,
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        });
        Self { tool: HeaderValue::from_static(tool), body: Bytes::from(body.to_string()) }
    }
}

/// A connection, made anew where the server hung up because nobody said anything for long.
pub(crate) struct Client {
    address: String,
    connection: SendRequest<Full<Bytes>>,
    headers: HeaderMap,
}

impl Client {
    pub(crate) async fn connect(address: &str, key: &str) -> anyhow::Result<Self> {
        let connection = open(address).await?;
        let headers = HeaderMap::from_iter([
            (HOST, address.parse()?),
            (AUTHORIZATION, format!("Bearer {key}").parse()?),
            (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            ("mcp-protocol-version".parse()?, HeaderValue::from_static(PROTOCOL)),
            ("mcp-method".parse()?, HeaderValue::from_static("tools/call")),
        ]);
        Ok(Self { address: address.to_owned(), connection, headers })
    }

    /// Makes a call and returns the whole answer; an error if the tool refused.
    pub(crate) async fn send(&mut self, call: &Call) -> anyhow::Result<Bytes> {
        let mut request = Request::post("/mcp").body(Full::new(call.body.clone()))?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert("mcp-name", call.tool.clone());
        if self.connection.ready().await.is_err() {
            self.connection = open(&self.address).await?;
        }
        let response = self.connection.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let refused = memmem::find(&body, REFUSED).is_some();
        if status != StatusCode::OK || refused {
            let tool = call.tool.to_str().unwrap_or_default();
            bail!("{tool} was answered with {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(body)
    }

    /// Calls a tool and returns its structured answer.
    pub(crate) async fn call(
        &mut self,
        tool: &'static str,
        arguments: &Value,
    ) -> anyhow::Result<Value> {
        let body = self.send(&Call::new(tool, arguments)).await?;
        let answer: Value = serde_json::from_slice(&body)?;
        let content = answer.pointer("/result/structuredContent").cloned();
        content.with_context(|| format!("{tool} was answered with {answer}"))
    }
}

async fn open(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.context("cannot connect to the server")?;
    stream.set_nodelay(true)?;
    let (connection, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    Ok(connection)
}

/// A text of an answer.
pub(crate) fn text(answer: &Value, pointer: &str) -> anyhow::Result<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("the answer has no {pointer}: {answer}"))
}
