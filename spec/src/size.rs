//! Numbers with bounds: ports, replicas, users, memory, CPU.

use crate::Invalid;
use serde::de::{Error, Unexpected, Visitor};
use std::fmt;

/// Reads a whole number, and says of anything else what is allowed.
struct Whole(&'static str);

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<u64, E> {
        Ok(value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<u64, E> {
        u64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Signed(value), &self))
    }
}

/// Defines an integer newtype with an inclusive range.
macro_rules! bounded {
    ($(#[$doc:meta])* $name:ident($int:ty), $what:literal, $range:expr, allowed: $allowed:literal, example: $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(into = "u64")]
        pub struct $name($int);

        impl $name {
            /// The smallest value.
            pub const MIN: $int = *$range.start();
            /// The largest value.
            pub const MAX: $int = *$range.end();

            /// Takes the number if it is in range, or says what is.
            pub fn new(value: u64) -> Result<Self, Invalid> {
                <$int>::try_from(value).ok().filter(|v| $range.contains(v)).map(Self).ok_or_else(|| {
                    Invalid::new($what, &value.to_string(), $allowed, $example)
                })
            }

            /// The number.
            pub fn get(self) -> $int {
                self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                // Asked for a number, the reader would say `invalid u64` of anything else.
                let number = from.deserialize_any(Whole($allowed))?;
                Self::new(number).map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Invalid;
            fn from_str(value: &str) -> Result<Self, Invalid> {
                let number = value.parse().ok().and_then(|number| Self::new(number).ok());
                number.ok_or_else(|| Invalid::new($what, value, $allowed, $example))
            }
        }

        impl From<$name> for u64 {
            fn from(value: $name) -> u64 {
                u64::from(value.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
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
                schemars::json_schema!({"type": "integer", "minimum": Self::MIN, "maximum": Self::MAX})
            }
        }
    };
}

bounded! {
    /// A TCP port.
    Port(u16), "port", 1..=65535u16, allowed: "a number from 1 to 65535", example: "3000"
}
bounded! {
    /// How many pods a service runs; 0 stops it.
    Replicas(u8), "number of replicas", 0..=20u8, allowed: "a number from 0 to 20", example: "2"
}
bounded! {
    /// The numeric user that a container runs as; 0, root, in a sandbox only.
    UserId(u32), "user id", 0..=2_147_483_647u32, allowed: "a number from 0 to 2147483647", example: "65532"
}

bounded! {
    /// The most pods of a project.
    PodQuota(u32), "pod quota", 1..=1000u32, allowed: "a number from 1 to 1000", example: "200"
}
bounded! {
    /// The most CPU of a project, in whole cores.
    VcpuQuota(u32), "vCPU quota", 1..=1000u32, allowed: "a number from 1 to 1000", example: "40"
}
bounded! {
    /// The most memory of a project, in GiB.
    MemoryQuota(u32), "memory quota", 1..=4000u32, allowed: "a number from 1 to 4000 (GiB)", example: "40"
}

impl PodQuota {
    /// What a new project gets.
    pub const DEFAULT: Self = Self(200);
}

impl VcpuQuota {
    /// What a new project gets.
    pub const DEFAULT: Self = Self(40);
}

impl MemoryQuota {
    /// What a new project gets.
    pub const DEFAULT: Self = Self(40);
}

/// Defines an enum whose variants are fixed strings.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $what:literal, allowed: $allowed:literal, example: $example:literal,
     { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[schemars(inline)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The value as it is written in files and tools.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Invalid;
            fn from_str(value: &str) -> Result<Self, crate::Invalid> {
                match value {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(crate::Invalid::new($what, value, $allowed, $example)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use choice;

choice! {
    /// Memory of one pod: requested and limited alike.
    Memory, "memory size", allowed: "one of 256Mi, 512Mi, 1024Mi, 2048Mi, 4096Mi", example: "256Mi",
    {
        /// 256 MiB.
        Mi256 = "256Mi",
        /// 512 MiB.
        Mi512 = "512Mi",
        /// 1 GiB.
        Mi1024 = "1024Mi",
        /// 2 GiB.
        Mi2048 = "2048Mi",
        /// 4 GiB.
        Mi4096 = "4096Mi",
    }
}

choice! {
    /// CPU of one pod, in cores: requested and limited alike.
    Vcpus, "number of vCPUs", allowed: "one of 0.5, 1, 2, 4", example: "0.5",
    {
        /// Half a core.
        Half = "0.5",
        /// One core.
        One = "1",
        /// Two cores.
        Two = "2",
        /// Four cores.
        Four = "4",
    }
}
