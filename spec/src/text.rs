//! The one way to make a validated string type.

/// Defines a string newtype whose only door is a check.
///
/// The type gets `parse`/`FromStr`, `TryFrom<String>`, `Display`, serde through the check, and a
/// JSON Schema with the same pattern.
macro_rules! validated_string {
    (
        $(#[$doc:meta])*
        $name:ident, $what:literal, pattern: $pattern:literal, max: $max:expr,
        allowed: $allowed:literal, example: $example:literal, check: $check:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest value, in bytes.
            pub const MAX_LEN: usize = $max;
            /// The JSON Schema (ECMA-262) pattern of the value.
            pub const PATTERN: &str = $pattern;

            /// Takes the value if it is one, or says what is allowed.
            pub fn new(value: impl Into<String>) -> Result<Self, crate::Invalid> {
                let value = value.into();
                let check: fn(&str) -> bool = $check;
                if value.len() <= $max && check(&value) {
                    Ok(Self(value))
                } else {
                    Err(crate::Invalid::new($what, &value, $allowed, $example))
                }
            }

            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Invalid;
            fn from_str(value: &str) -> Result<Self, crate::Invalid> {
                Self::new(value)
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::Invalid;
            fn try_from(value: String) -> Result<Self, crate::Invalid> {
                Self::new(value)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern, "maxLength": $max})
            }
        }
    };
}
pub(crate) use validated_string;

/// Lower-case letters, digits and single inner hyphens, a letter first.
pub(crate) fn is_label(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last().is_some_and(|b| *b != b'-')
        && !value.contains("--")
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// Exactly `len` lower-case hexadecimal digits.
pub(crate) fn is_lower_hex(value: &str, len: usize) -> bool {
    value.len() == len && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}
