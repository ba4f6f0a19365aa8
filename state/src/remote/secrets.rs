//! What a remote is told to let us in, and may say again where others read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::cmp::Reverse;
use std::path::Path;
use zeroize::Zeroizing;

/// What is shown in their place.
const MASK: &str = "***";

/// Texts that must not be shown.
#[derive(Default)]
pub(super) struct Secrets(Vec<Zeroizing<String>>);

impl Secrets {
    /// Those of a file in the format of git-credential-store(1), as it has them now.
    pub(super) fn of(file: Option<&Path>) -> Self {
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let text = Zeroizing::new(text.unwrap_or_default());
        let mut found: Vec<_> = text.lines().flat_map(secrets).filter(|s| !s.is_empty()).collect();
        // One may be part of another.
        found.sort_by_key(|secret| Reverse(secret.len()));
        Self(found)
    }

    /// The text without them.
    pub(super) fn masked(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
    }
}

/// What `https://user:password@host` has to hide: the password, or the user name where that is all; as it
/// is written and as it is meant. And both together, as HTTP sends them.
fn secrets(line: &str) -> Vec<Zeroizing<String>> {
    let mut found = Vec::new();
    let mut add = |user: &str, password: &str| {
        let secret = if password.is_empty() { user } else { password };
        found.push(Zeroizing::new(secret.to_owned()));
        found.push(Zeroizing::new(STANDARD.encode(format!("{user}:{password}"))));
    };
    let rest = line.trim().split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    if let Some((login, _)) = authority.rsplit_once('@') {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        add(user, password);
    }
    if let Ok(url) = gix::url::parse(line.trim()) {
        add(url.user().unwrap_or_default(), url.password().unwrap_or_default());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_us_in_is_masked_however_it_is_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "https://bot:hunter%2F2@a.example\nhttps://ghp_token@b.example\n\nnonsense\n";
        std::fs::write(file.path(), lines).unwrap();
        let secrets = Secrets::of(Some(file.path()));
        for said in [
            "denied for bot:hunter/2",
            "denied for hunter%2F2",
            "Authorization: Basic Ym90Omh1bnRlci8y",
            "no user ghp_token here",
        ] {
            let shown = secrets.masked(said);
            assert!(shown.contains(MASK), "{shown}");
            for secret in ["hunter", "ghp_", "Ym90Omh1bnRlci8y"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        assert_eq!(secrets.masked("bot is not welcome"), "bot is not welcome");
        assert_eq!(Secrets::default().masked("as it is"), "as it is");
    }
}
