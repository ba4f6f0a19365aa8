//! A visitor, through the ingress controller.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::handshake;
use hyper::header::HOST;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Somebody who asks for a host's first page.
pub(super) struct Visitor {
    ingress: String,
    pub(super) host: String,
}

impl Visitor {
    pub(super) fn new(ingress: &str) -> Self {
        Self { ingress: ingress.to_owned(), host: String::new() }
    }

    /// Whether the page is `content` now.
    pub(super) async fn sees(&self, content: &str) -> bool {
        self.page().await.is_ok_and(|page| page.as_deref() == Some(content.as_bytes()))
    }

    async fn page(&self) -> anyhow::Result<Option<Bytes>> {
        let stream = TcpStream::connect(&self.ingress).await?;
        let (mut connection, driver) = handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(driver);
        let request = Request::get("/").header(HOST, &self.host).body(Empty::<Bytes>::new())?;
        let response = connection.send_request(request).await?;
        let is_there = response.status() == StatusCode::OK;
        let page = response.into_body().collect().await?.to_bytes();
        driver.abort();
        Ok(is_there.then_some(page))
    }
}
