//! Telling `ArgoCD` that the state repo has moved, as GitHub would: it looks by itself only every two or
//! three minutes.

use hmac::{Hmac, KeyInit as _, Mac as _};
use inkstone_spec::CommitId;
use serde_json::json;
use sha2::Sha256;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long it may take to hear of a push.
const WEBHOOK_TIME: Duration = Duration::from_secs(10);
/// The most files that a message names. One that names none makes `ArgoCD` look at everything.
const MAX_FILES: usize = 3_000;
/// The branch that it follows.
const LIVE: &str = "refs/heads/live";

/// A move of `live`.
#[derive(Clone, Debug)]
pub struct Push {
    /// Where it is.
    pub after: CommitId,
    /// The files that differ.
    pub files: Vec<String>,
}

/// One of the places where `ArgoCD` takes messages: its API server and its `ApplicationSet` controller
/// each have one, `/api/webhook`.
pub struct Webhook {
    url: String,
    secret: Zeroizing<String>,
    repo_url: String,
    client: reqwest::Client,
}

/// Why a message was not taken.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such URL, or no client could be made.
    #[error("{0}")]
    Unusable(String),
    /// It was not heard.
    #[error("{url} was not reached: {reason}")]
    Unreached {
        /// The URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// It is elsewhere.
    #[error(
        "{0} sends elsewhere, which is not followed: give the https URL, or have ArgoCD's API server speak plain http (server.insecure)"
    )]
    Redirected(String),
    /// It was refused.
    #[error(
        "{url} answered {status}: is it a webhook of ArgoCD's, and webhook.github.secret in argocd-secret the same as here?"
    )]
    Refused {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
}

impl Webhook {
    /// A webhook at `url`, which shares `secret` and knows the state repo as `repo_url`.
    pub fn new(url: &str, secret: Zeroizing<String>, repo_url: &str) -> Result<Self, WebhookError> {
        // The URL is not repeated: it may have a password in it.
        let parsed = reqwest::Url::parse(url)
            .map_err(|error| WebhookError::Unusable(format!("that is no URL: {error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(WebhookError::Unusable("use an http:// or https:// URL".to_owned()));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(WebhookError::Unusable(
                "leave user and password out of the URL: the secret that is shared tells who speaks".to_owned(),
            ));
        }
        let client = reqwest::Client::builder()
            .timeout(WEBHOOK_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| WebhookError::Unusable(error.to_string()))?;
        Ok(Self { url: url.to_owned(), secret, repo_url: repo_url.to_owned(), client })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends one push event, in the form and with the signature of GitHub's.
    pub async fn send(&self, push: &Push) -> Result<(), WebhookError> {
        let body = self.body(push);
        let response = self
            .client
            .post(&self.url)
            .header("Content-Type", "application/json")
            .header("X-GitHub-Event", "push")
            .header("X-Hub-Signature-256", self.signature(body.as_bytes()))
            .body(body)
            .send()
            .await
            .map_err(|error| WebhookError::Unreached {
                url: self.url.clone(),
                reason: causes(&error.without_url()),
            })?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(WebhookError::Redirected(self.url.clone())),
            status => Err(WebhookError::Refused { url: self.url.clone(), status: status.as_u16() }),
        }
    }

    fn body(&self, push: &Push) -> String {
        let files: &[String] = if push.files.len() > MAX_FILES { &[] } else { &push.files };
        json!({
            "ref": LIVE,
            // With a commit here ArgoCD would take what it has rendered of that one for what the new one says, wherever
            // no file is named below: of a service that was made anew, what the old one was.
            "before": "",
            "after": push.after.as_str(),
            "repository": {
                "html_url": self.repo_url,
                "clone_url": self.repo_url,
                "default_branch": "main",
            },
            "commits": [{
                "id": push.after.as_str(),
                "added": [],
                "removed": [],
                "modified": files,
            }],
        })
        .to_string()
    }

    fn signature(&self, body: &[u8]) -> String {
        // HMAC takes a key of any length (RFC 2104, 2).
        match Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) {
            Ok(mut mac) => {
                mac.update(body);
                format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
            }
            Err(_) => String::new(),
        }
    }
}

/// An error and everything behind it.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_github_signs_it() {
        // The example of GitHub's documentation on validating webhook deliveries.
        let secret = Zeroizing::new("It's a Secret to Everybody".to_owned());
        let webhook = Webhook::new("http://127.0.0.1:1/api/webhook", secret, "http://x/state.git");

        let signature = webhook.unwrap().signature(b"Hello, World!");

        let known = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(signature, format!("sha256={known}"));
    }

    #[test]
    fn only_http_is_a_webhook() {
        for url in
            ["ftp://x/api/webhook", "x", "file:///etc/passwd", "https://u:hunter2@x/api/webhook"]
        {
            let refused = Webhook::new(url, Zeroizing::default(), "http://x/state.git");
            let said = refused.err().unwrap().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}
