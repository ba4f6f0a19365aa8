//! Where a state repo on another host is.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display};
use std::str::FromStr;

/// The longest address, in bytes.
const MAX_BYTES: usize = 2_000;
/// What would do.
const EXAMPLES: &str = "give https://git.example.com/team/state.git, ssh://git@git.example.com/team/state.git or \
                        /an/absolute/path.git";
/// The git host that documents a limit of pushes.
const GITHUB: &str = "github.com";

/// The address of a git repository that git reaches by HTTP, ssh or the file system. It never holds a
/// password or a token, so that it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteUrl {
    text: String,
    protocol: Protocol,
}

/// How git reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Https,
    Http,
    Ssh,
    File,
}

/// Why a text is no address of a state repo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARemote {
    /// It is something else.
    #[error("not the address of a git repository: {EXAMPLES}")]
    Form,
    /// It has a password in it, which would be seen by whoever sees the address.
    #[error(
        "an address must not hold a password: put it into a file in the format of git-credential-store \
         and name that with --state-remote-credentials"
    )]
    Password,
    /// It names a user over HTTP, which may be a token as well.
    #[error(
        "an address over http or https must not name a user, which might be a token: put user and password, or \
         token, into a file in the format of git-credential-store and name that with \
         --state-remote-credentials"
    )]
    User,
}

impl RemoteUrl {
    /// The address as git takes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The protocol as `protocol.<name>.allow` of git-config(1) names it.
    pub(super) fn protocol(&self) -> &'static str {
        match self.protocol {
            Protocol::Https => "https",
            Protocol::Http => "http",
            Protocol::Ssh => "ssh",
            Protocol::File => "file",
        }
    }

    /// Whether it is at github.com.
    pub fn is_at_github(&self) -> bool {
        let rest = self.text.split_once("://").map_or(&*self.text, |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        host.eq_ignore_ascii_case(GITHUB)
    }
}

impl FromStr for RemoteUrl {
    type Err = NotARemote;

    fn from_str(text: &str) -> Result<Self, NotARemote> {
        let is_plain = |c: char| c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric());
        if text.len() > MAX_BYTES || text.starts_with('-') || !text.chars().all(is_plain) {
            return Err(NotARemote::Form);
        }
        let protocol = match text.split_once("://") {
            Some(("https", rest)) => network(Protocol::Https, rest)?,
            Some(("http", rest)) => network(Protocol::Http, rest)?,
            Some(("ssh", rest)) => network(Protocol::Ssh, rest)?,
            Some(("file", path)) if path.starts_with('/') => Protocol::File,
            Some(_) => return Err(NotARemote::Form),
            None if text.starts_with('/') => Protocol::File,
            None => short_ssh(text)?,
        };
        Ok(Self { text: text.to_owned(), protocol })
    }
}

/// `[user@]host[:port]/path`.
fn network(protocol: Protocol, rest: &str) -> Result<Protocol, NotARemote> {
    let (authority, path) = rest.split_once('/').ok_or(NotARemote::Form)?;
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(u, h)| (Some(u), h));
    if user.is_some_and(|user| user.contains(':')) {
        return Err(NotARemote::Password);
    }
    if user.is_some() && protocol != Protocol::Ssh {
        return Err(NotARemote::User);
    }
    let is_whole = !path.is_empty() && !path.contains(['?', '#']);
    if is_word(host) && is_whole && user.is_none_or(is_word) {
        Ok(protocol)
    } else {
        Err(NotARemote::Form)
    }
}

/// `user@host:path`, as ssh is often written. `transport::address` is a program that git would run.
fn short_ssh(text: &str) -> Result<Protocol, NotARemote> {
    let (authority, path) = text.split_once(':').ok_or(NotARemote::Form)?;
    let (user, host) = authority.split_once('@').ok_or(NotARemote::Form)?;
    let is_path = !path.is_empty() && !path.starts_with([':', '-']);
    if is_word(user) && is_word(host) && is_path {
        Ok(Protocol::Ssh)
    } else {
        Err(NotARemote::Form)
    }
}

/// Part of an address that ssh cannot take for an option, also not after git has decoded it.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.contains(['/', '@', '?', '#', '\\', '%'])
}

impl TryFrom<String> for RemoteUrl {
    type Error = NotARemote;

    fn try_from(text: String) -> Result<Self, NotARemote> {
        text.parse()
    }
}

impl From<RemoteUrl> for String {
    fn from(url: RemoteUrl) -> Self {
        url.text
    }
}

impl Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_reaches_by_itself_is_an_address() {
        for (text, protocol) in [
            ("https://github.com/acme/state.git", "https"),
            ("https://git.example.com:8443/state", "https"),
            ("http://127.0.0.1:3000/acme/state.git", "http"),
            ("ssh://git@git.example.com:2222/acme/state.git", "ssh"),
            ("git@github.com:acme/state.git", "ssh"),
            ("file:///srv/state.git", "file"),
            ("/srv/state.git", "file"),
        ] {
            assert_eq!(text.parse::<RemoteUrl>().unwrap().protocol(), protocol, "{text}");
        }
    }

    #[test]
    fn programs_options_and_passwords_are_not() {
        for text in [
            "",
            "state.git",
            "../state.git",
            "ext::sh -c date",
            "ext::date",
            "user@ext::date",
            "-oProxyCommand=date",
            "ssh://-oProxyCommand=date/x",
            "git@-oProxyCommand=date:x",
            "ssh://%2DoProxyCommand=date/x",
            "ssh://git@%2doProxyCommand=date/x",
            "ssh://%2Dl@git.example.com/x",
            "ssh://git.example.com%0a/x",
            "https://git.example.com",
            "https://git.example.com/a b",
            "https://git.example.com/a\nb",
            "https://git.example.com/a?token=x",
            "git://git.example.com/a",
            "file://host/a",
        ] {
            assert_eq!(text.parse::<RemoteUrl>(), Err(NotARemote::Form), "{text}");
        }
        let error = "https://bot:hunter2@git.example.com/a".parse::<RemoteUrl>().unwrap_err();
        assert_eq!(error, NotARemote::Password);
        assert!(!error.to_string().contains("hunter2"));
        for text in ["https://ghp_x@git.example.com/a", "http://ghp_x@git.example.com/a"] {
            let error = text.parse::<RemoteUrl>().unwrap_err();
            assert_eq!(error, NotARemote::User);
            assert!(!error.to_string().contains("ghp_x"));
        }
    }

    #[test]
    fn github_is_known_however_it_is_reached() {
        for (text, is) in [
            ("https://github.com/acme/state.git", true),
            ("git@GitHub.com:acme/state.git", true),
            ("ssh://git@github.com:22/acme/state.git", true),
            ("https://github.com.example.com/state.git", false),
            ("/srv/github.com/state.git", false),
        ] {
            assert_eq!(text.parse::<RemoteUrl>().unwrap().is_at_github(), is, "{text}");
        }
    }
}
