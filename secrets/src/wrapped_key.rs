//! A data key, encrypted to one recipient: an entry of `sops.age`.

use inkstone_spec::Recipient;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// The longest armored data key. One X25519 stanza and 32 bytes of payload take about 400 bytes.
const MAX_ARMOR_BYTES: usize = 2_048;

/// An armored age file (<https://age-encryption.org/v1>) whose lines cannot be mistaken for YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Armor(String);

impl Armor {
    /// Takes the begin line, lines of base64 and the end line, each ended by a newline.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(BEGIN)?.strip_prefix('\n')?;
        let body = body.strip_suffix('\n')?.strip_suffix(END)?.strip_suffix('\n')?;
        let is_base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let whole = text.len() <= MAX_ARMOR_BYTES
            && body.lines().count() > 0
            && body.split('\n').all(|line| !line.is_empty() && line.bytes().all(is_base64));
        whole.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The data key as one recipient can open it. `recipient` is a label: age itself does not say to whom
/// a file is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrappedKey {
    pub(crate) recipient: Recipient,
    pub(crate) armor: Armor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn armor_is_whole_or_refused() {
        let good = format!("{BEGIN}\nYWdl\nLS0t+/==\n{END}\n");
        assert_eq!(Armor::parse(&good).unwrap().as_str(), good);
        for bad in [
            String::new(),
            format!("{BEGIN}\n{END}\n"),
            format!("{BEGIN}\nYWdl\n{END}"),
            format!("{BEGIN}\nYW: dl\n{END}\n"),
            format!("{BEGIN}\nYWdl\n\n{END}\n"),
            format!("{BEGIN}\nYWdl\r\n{END}\n"),
            format!("{BEGIN}\n{}\n{END}\n", "A".repeat(MAX_ARMOR_BYTES)),
        ] {
            assert_eq!(Armor::parse(&bad), None, "{bad:?}");
        }
    }
}
