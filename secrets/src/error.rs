//! What parsing, sealing and opening say when they refuse. Nothing here ever holds a value.

use inkstone_spec::{EnvKey, Invalid, Recipient};

/// Why a text is not an [`EnvFile`](crate::EnvFile).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Larger than [`MAX_FILE_BYTES`](crate::MAX_FILE_BYTES).
    #[error("the file is {bytes} bytes long; at most {max} are read", max = crate::MAX_FILE_BYTES)]
    TooLarge {
        /// How long it is.
        bytes: usize,
    },
    /// Not one YAML document whose top is a mapping. What the parser says is not repeated: it could
    /// quote a value.
    #[error("line {line} of the file cannot be read as YAML")]
    Malformed {
        /// The line, from 1.
        line: u64,
    },
    /// A key appears twice.
    #[error("line {line} of the file repeats a key")]
    DuplicateKey {
        /// The line of the second one, from 1.
        line: u64,
    },
    /// The file has a comment, which could be a value in clear.
    #[error("line {line} of the file has a comment")]
    Comment {
        /// The line, from 1.
        line: usize,
    },
    /// A key is not the name of an environment variable.
    #[error(transparent)]
    BadKey(#[from] Invalid),
    /// A value is neither sealed nor empty.
    #[error("the value of {key} is not sealed")]
    Unsealed {
        /// The variable.
        key: EnvKey,
    },
    /// A value was sealed as a number, boolean or date.
    #[error("the value of {key} was sealed as a number, boolean or date, not as text")]
    NotText {
        /// The variable.
        key: EnvKey,
    },
    /// There is no variable at all.
    #[error("the file holds no variable")]
    Empty,
    /// More variables than a service may have.
    #[error("the file holds {found} variables; at most {max} are allowed", max = inkstone_spec::MAX_ENV_KEYS)]
    TooManyKeys {
        /// How many it holds.
        found: usize,
    },
    /// The `sops` block is missing, or one of its fields is missing, unknown or malformed.
    #[error("the `sops` block of the file has no usable `{field}`")]
    Metadata {
        /// The field, or `sops` for the block itself.
        field: String,
    },
    /// The `sops` block asks for values in clear.
    #[error(
        "the `sops` block of the file sets `{field}`, which leaves values in clear or unchecked"
    )]
    PartlySealed {
        /// The field.
        field: String,
    },
    /// The file is also sealed to keys that are not age recipients.
    #[error(
        "the `sops` block of the file names keys under `{field}`; only age recipients are supported"
    )]
    ForeignKeys {
        /// The field.
        field: String,
    },
}

impl ParseError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "env_file_too_large",
            Self::Malformed { .. } => "env_file_malformed",
            Self::DuplicateKey { .. } => "env_key_repeated",
            Self::Comment { .. } => "env_file_comment",
            Self::BadKey(_) => "env_key_invalid",
            Self::Unsealed { .. } => "env_value_unsealed",
            Self::NotText { .. } => "env_value_not_text",
            Self::Empty => "env_file_empty",
            Self::TooManyKeys { .. } => "env_too_many_keys",
            Self::Metadata { .. } => "sops_block_malformed",
            Self::PartlySealed { .. } => "sops_block_partly_sealed",
            Self::ForeignKeys { .. } => "sops_block_foreign_keys",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> String {
        match self {
            Self::TooLarge { .. } | Self::TooManyKeys { .. } => {
                "Keep large or many values in a file or a database, not in the environment.".into()
            }
            Self::Malformed { .. } | Self::Metadata { .. } => {
                "Edit the file with `sops edit` or `sops set`, or bring back its last good version.".into()
            }
            Self::DuplicateKey { .. } => "Keep one of the two.".into(),
            Self::Comment { .. } => {
                "Remove it, and say why in the commit message. If it shows a secret, replace that secret: \
                 git keeps it."
                    .into()
            }
            Self::BadKey(invalid) => invalid.suggestion(),
            Self::Unsealed { key } => format!(
                "Seal it with `sops set FILE '[\"{key}\"]' '\"VALUE\"'`. If it shows a secret, replace that \
                 secret: git keeps it."
            ),
            Self::NotText { key } => {
                format!("Set it again in quotes: `sops set FILE '[\"{key}\"]' '\"VALUE\"'`.")
            }
            Self::Empty => "Remove the file.".into(),
            Self::PartlySealed { field } | Self::ForeignKeys { field } => format!(
                "Seal the file again without `{field}`: `sops decrypt` it, then `sops encrypt --age RECIPIENTS`."
            ),
        }
    }
}

/// Why values cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The file is not sealed to any identity at hand.
    #[error("no identity at hand opens the file; it is sealed to {}", list(sealed_to))]
    NoIdentity {
        /// Whom the file says it is sealed to.
        sealed_to: Vec<Recipient>,
    },
    /// A value is not what was sealed under its name.
    #[error("the value of {key} was changed after it was sealed")]
    TamperedValue {
        /// The variable.
        key: EnvKey,
    },
    /// Values were added, removed, reordered or taken from another version of the file.
    #[error("the values of the file are not the ones that were sealed together")]
    TamperedFile,
    /// A sealed value cannot be the value of an environment variable.
    #[error("the sealed value of {key} is not text that an environment can hold")]
    BadValue {
        /// The variable.
        key: EnvKey,
    },
    /// There is nobody to seal to.
    #[error("there is no recipient to seal to")]
    NoRecipients,
    /// More recipients than [`MAX_RECIPIENTS`](crate::MAX_RECIPIENTS).
    #[error("{found} recipients are too many; at most {max} are allowed", max = crate::MAX_RECIPIENTS)]
    TooManyRecipients {
        /// How many there are.
        found: usize,
    },
    /// The text of a recipient does not add up to a key.
    #[error("{recipient} is not an age recipient: its checksum is wrong")]
    BadRecipient {
        /// The recipient.
        recipient: Recipient,
    },
    /// Sealed like this, the file could not be opened again here.
    #[error("none of the recipients is an identity at hand, so the file could not be opened again")]
    SealedOut,
    /// More variables or bytes than one service may have.
    #[error(
        "the values are too many or too large; at most {keys} variables and {bytes} bytes are allowed",
        keys = inkstone_spec::MAX_ENV_KEYS,
        bytes = inkstone_spec::EnvValue::MAX_TOTAL_BYTES
    )]
    TooMuch,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl SealError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoIdentity { .. } => "secrets_no_identity",
            Self::TamperedValue { .. } | Self::TamperedFile => "secrets_tampered",
            Self::BadValue { .. } => "env_value_invalid",
            Self::NoRecipients => "secrets_no_recipients",
            Self::TooManyRecipients { .. } => "secrets_too_many_recipients",
            Self::BadRecipient { .. } => "secrets_recipient_invalid",
            Self::SealedOut => "secrets_sealed_out",
            Self::TooMuch => "env_too_large",
            Self::NoRandomness => "secrets_no_randomness",
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> String {
        match self {
            Self::NoIdentity { .. } => {
                "Bring back the identity that belongs to one of these recipients, or have someone who holds \
                 one run `sops updatekeys` on the file."
            }
            Self::TamperedValue { .. } | Self::TamperedFile => {
                "Look at who changed the file with `git log -p`, then bring back its last good version or \
                 set the values again."
            }
            Self::BadValue { .. } => "Set it again: at most 32 KiB of UTF-8 text without a NUL.",
            Self::NoRecipients | Self::SealedOut => {
                "Add the recipient of the identity in use to the age recipients of the cluster."
            }
            Self::TooManyRecipients { .. } => "Remove recipients that nobody uses any more.",
            Self::BadRecipient { .. } => "Copy it again; `age-keygen -y IDENTITY_FILE` prints it.",
            Self::TooMuch => "Keep large or many values in a file or a database, not in the environment.",
            Self::NoRandomness => "Look at the system's log; getrandom(2) must work.",
        }
        .into()
    }
}

fn list(recipients: &[Recipient]) -> String {
    recipients.iter().map(Recipient::as_str).collect::<Vec<_>>().join(", ")
}
