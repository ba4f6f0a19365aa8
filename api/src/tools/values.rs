//! The types of arguments: the project's nouns, and a few plain ones.

use super::arguments::{Argument, Fault};
use inkstone_deployer::Change;
use inkstone_spec::{
    BranchName, CommitPrefix, DeploymentId, ImageReference, Isolation, Memory, Pack, Port,
    ProjectName, Region, RelativeDir, Replicas, RepoName, ServiceName, SourceHost, Vcpus,
    WorkspaceName,
};
use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// A schema from its keywords.
pub(crate) fn schema<const N: usize>(keywords: [(&str, Value); N]) -> JsonObject {
    keywords.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The text of a value that must be a string.
pub(crate) fn string<T: Argument>(given: Value) -> Result<String, Fault> {
    match given {
        Value::String(text) => Ok(text),
        other => Err(Fault::wrong_type::<T>("a string", &other)),
    }
}

/// The number of a value that must be a whole one.
fn whole<T: Argument>(given: &Value) -> Result<u64, Fault> {
    given.as_u64().ok_or_else(|| Fault::wrong_type::<T>("a whole number", given))
}

/// Arguments that are one of the nouns, which says itself what is allowed: an empty text is none of
/// them.
macro_rules! nouns {
    ($schema:expr => $($type:ty),+ $(,)?) => {$(
        impl Argument for $type {
            fn schema() -> JsonObject {
                let schema: fn() -> JsonObject = $schema;
                schema()
            }

            fn allowed() -> String {
                "".parse::<Self>().err().map(|error| error.suggestion()).unwrap_or_default()
            }

            fn parse(given: Value) -> Result<Self, Fault> {
                Ok(string::<Self>(given)?.parse::<Self>()?)
            }
        }
    )+};
}

nouns! {
    || schema([("type", json!("string"))]) =>
    BranchName, CommitPrefix, DeploymentId, ImageReference, ProjectName, Region, RelativeDir, RepoName, ServiceName, WorkspaceName,
}

/// Arguments that are one of a few words.
macro_rules! choices {
    ($($type:ty),+) => {$(
        nouns! {
            || schema([
                ("type", json!("string")),
                ("enum", <$type>::ALL.iter().map(|value| value.as_str()).collect()),
            ]) => $type
        }
    )+};
}

choices!(Isolation, Memory, Pack, Vcpus);

/// Arguments that are a number with bounds.
macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Argument for $type {
            fn schema() -> JsonObject {
                schema([
                    ("type", json!("integer")),
                    ("minimum", Self::MIN.into()),
                    ("maximum", Self::MAX.into()),
                ])
            }

            fn allowed() -> String {
                Self::new(u64::MAX).err().map(|error| error.suggestion()).unwrap_or_default()
            }

            fn parse(given: Value) -> Result<Self, Fault> {
                Ok(Self::new(whole::<Self>(&given)?)?)
            }
        }
    )+};
}

numbers!(Port, Replicas);

impl Argument for SourceHost {
    fn schema() -> JsonObject {
        let hosts = Self::ALL.iter().map(|value| value.as_str()).collect();
        schema([("type", json!("string")), ("enum", hosts)])
    }

    fn allowed() -> String {
        "This server deploys what is pushed to repositories that it hosts itself: leave `host` out, \
         call create_repo and push there."
            .to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        let text = string::<Self>(given)?;
        text.parse()
            .map_err(|_| Fault::not_allowed("names a host that is not supported", Self::allowed()))
    }
}

impl Argument for bool {
    fn schema() -> JsonObject {
        schema([("type", json!("boolean"))])
    }

    fn allowed() -> String {
        "Use true or false.".to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        given.as_bool().ok_or_else(|| Fault::wrong_type::<Self>("a boolean", &given))
    }
}

impl Argument for u32 {
    fn schema() -> JsonObject {
        schema([("type", json!("integer")), ("minimum", json!(0))])
    }

    fn allowed() -> String {
        "Use a whole number, for example 100.".to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        Self::try_from(whole::<Self>(&given)?)
            .map_err(|_| Fault::not_allowed("is too large", Self::allowed()))
    }
}

/// Where a page begins, as a list gave it out.
#[derive(Debug)]
pub(crate) struct Cursor(pub(crate) String);

impl Argument for Cursor {
    fn schema() -> JsonObject {
        schema([("type", json!("string"))])
    }

    fn allowed() -> String {
        "Use next_cursor of the page before as it is, or leave it out for the first page."
            .to_owned()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        string::<Self>(given).map(Self)
    }
}

/// `null` takes away what may be absent.
impl<T: Argument> Argument for Change<T> {
    fn schema() -> JsonObject {
        let mut schema = T::schema();
        if let Some(only) = schema.get_mut("type") {
            *only = json!([only, "null"]);
        }
        schema
    }

    fn allowed() -> String {
        T::allowed()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        T::parse(given).map(Self::Set)
    }

    fn absent() -> Option<Self> {
        Some(Self::Keep)
    }

    fn null() -> Option<Self> {
        Some(Self::Clear)
    }
}

impl<T: Argument> Argument for Option<T> {
    fn schema() -> JsonObject {
        T::schema()
    }

    fn allowed() -> String {
        T::allowed()
    }

    fn parse(given: Value) -> Result<Self, Fault> {
        T::parse(given).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
