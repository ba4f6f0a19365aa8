//! Reading and printing the YAML of intent files: one dialect, whichever crate does it.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest file that is read, in bytes.
pub const MAX_FILE_BYTES: usize = 256 * 1024;
/// The most nodes in one file.
const MAX_NODES: usize = 20_000;
/// The deepest nesting in one file.
const MAX_DEPTH: usize = 32;

/// Why a file could not be read or printed.
#[derive(Debug, thiserror::Error)]
pub enum YamlError {
    /// Larger than [`MAX_FILE_BYTES`].
    #[error("the file is {0} bytes long; at most 262144 are read")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotUtf8,
    /// Not YAML, or not what the schema asks for. The text says where (line and column).
    #[error("{0}")]
    Malformed(String),
    /// The value has no YAML form.
    #[error("cannot be printed as YAML: {0}")]
    Unprintable(String),
}

/// Parses one document. YAML 1.1 readings that ArgoCD's parser shares (octal numbers), no anchors, no
/// duplicate keys, bounded size and depth.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, YamlError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(YamlError::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| YamlError::NotUtf8)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
        },
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    // The words for whoever wrote the file: the others name options of the parser.
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        YamlError::Malformed(error.render_with_formatter(&serde_saphyr::UserMessageFormatter))
    })
}

/// Prints one document. Strings that another YAML reader could take for something else are quoted.
pub fn print<T: Serialize>(value: &T) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| YamlError::Unprintable(error.to_string()))
}
