//! One sealed value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:str]`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Bytes in an initialisation vector. SOPS uses 32, not the usual 12 of GCM.
pub(crate) const IV_BYTES: usize = 32;
/// Bytes in an authentication tag.
pub(crate) const TAG_BYTES: usize = 16;

/// What `sops` writes as `type` for a value that is not text: reading it back would print another
/// text than the one that was typed (`1e3`, `0x10`, `yes`).
const OTHER_TYPES: [&str; 6] = ["int", "float", "bool", "bytes", "time", "comment"];

/// A value encrypted under a data key. Its text form is canonical: parsing and printing give the
/// same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ciphertext {
    pub(crate) data: Vec<u8>,
    pub(crate) iv: [u8; IV_BYTES],
    pub(crate) tag: [u8; TAG_BYTES],
}

/// Why a text is not a [`Ciphertext`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSealed {
    /// It is something else, perhaps a secret in clear.
    Clear,
    /// It is sealed, but as a number, boolean or date.
    NotText,
}

impl Ciphertext {
    pub(crate) fn parse(text: &str) -> Result<Self, NotSealed> {
        Self::parts(text).unwrap_or(Err(NotSealed::Clear))
    }

    fn parts(text: &str) -> Option<Result<Self, NotSealed>> {
        let inner = text.strip_prefix("ENC[AES256_GCM,data:")?.strip_suffix(']')?;
        let (data, rest) = inner.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        let sealed = Self {
            data: STANDARD.decode(data).ok().filter(|data| !data.is_empty())?,
            iv: STANDARD.decode(iv).ok()?.try_into().ok()?,
            tag: STANDARD.decode(tag).ok()?.try_into().ok()?,
        };
        match kind {
            "str" => Some(Ok(sealed)),
            kind if OTHER_TYPES.contains(&kind) => Some(Err(NotSealed::NotText)),
            _ => None,
        }
    }
}

impl fmt::Display for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]",
            STANDARD.encode(&self.data),
            STANDARD.encode(self.iv),
            STANDARD.encode(self.tag)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn printing_and_parsing_give_the_same_ciphertext(
            data in prop::collection::vec(any::<u8>(), 1..200),
            iv: [u8; IV_BYTES],
            tag: [u8; TAG_BYTES],
        ) {
            let sealed = Ciphertext { data, iv, tag };
            prop_assert_eq!(Ciphertext::parse(&sealed.to_string()), Ok(sealed));
        }

        #[test]
        fn any_one_changed_character_is_refused_or_read_as_another_ciphertext(
            at in 0_usize..200, with in "[ -~]",
        ) {
            let text = Ciphertext { data: vec![7; 40], iv: [1; IV_BYTES], tag: [2; TAG_BYTES] }
                .to_string();
            let at = at % text.len();
            let mut changed = text.clone();
            changed.replace_range(at..=at, &with);
            if let Ok(other) = Ciphertext::parse(&changed) {
                prop_assert_eq!(other.to_string(), changed);
            }
        }
    }

    #[test]
    fn a_number_that_was_sealed_as_a_number_is_not_text() {
        let sealed = Ciphertext { data: vec![7], iv: [1; IV_BYTES], tag: [2; TAG_BYTES] };
        for kind in OTHER_TYPES {
            let text = sealed.to_string().replace("type:str", &format!("type:{kind}"));
            assert_eq!(Ciphertext::parse(&text), Err(NotSealed::NotText));
        }
    }

    #[test]
    fn what_is_not_whole_is_clear() {
        for text in [
            "",
            "hunter2",
            "ENC[AES256_GCM]",
            "ENC[AES256_GCM,data:,iv:AA==,tag:AA==,type:str]",
            "ENC[AES256_GCM,data:AA==,iv:AA==,tag:AA==,type:str]",
        ] {
            assert_eq!(Ciphertext::parse(text), Err(NotSealed::Clear), "{text}");
        }
    }
}
