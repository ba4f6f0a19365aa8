//! What a constructor says when it refuses.

use std::fmt;

/// How much of a refused value is repeated back.
const MAX_SHOWN: usize = 80;

/// A value that is not what its type allows: what was given, what is allowed, what would pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    what: &'static str,
    given: String,
    allowed: &'static str,
    example: &'static str,
}

impl Invalid {
    /// Refuses `given` as a `what`. Control characters are escaped and long values cut, so the
    /// message can be shown anywhere.
    pub fn new(
        what: &'static str,
        given: &str,
        allowed: &'static str,
        example: &'static str,
    ) -> Self {
        let mut shown: String =
            given.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
        if given.chars().nth(MAX_SHOWN).is_some() {
            shown.push('…');
        }
        Self { what, given: shown, allowed, example }
    }

    /// Refuses a secret value: says nothing of what was given.
    pub fn secret(what: &'static str, allowed: &'static str, example: &'static str) -> Self {
        Self { what, given: String::new(), allowed, example }
    }

    /// The noun that was asked for, such as `service name`.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// What is allowed, with an example that passes: the part to act on.
    pub fn suggestion(&self) -> String {
        format!("Use {}, for example `{}`.", self.allowed, self.example)
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.given.is_empty() {
            write!(f, "this is not a valid {}", self.what)?;
        } else {
            write!(f, "\"{}\" is not a valid {}", self.given, self.what)?;
        }
        write!(f, ": use {}, for example `{}`", self.allowed, self.example)
    }
}

impl std::error::Error for Invalid {}
