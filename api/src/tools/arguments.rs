//! How the arguments of a call become values: each through its type, none repaired, none ignored.

use inkstone_deployer::Refusal;
use inkstone_spec::Invalid;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

/// A type that an argument may have.
pub(crate) trait Argument: Sized {
    /// The JSON Schema of its values.
    fn schema() -> JsonObject;

    /// What is allowed, as a sentence with an example.
    fn allowed() -> String;

    /// The value, if it is one. A refusal never quotes a value that may be a secret.
    fn parse(given: Value) -> Result<Self, Fault>;

    /// What stands for an argument that is left out; `None` where it must be given.
    fn absent() -> Option<Self> {
        None
    }

    /// What `null` means; `None` where it means the same as leaving the argument out.
    fn null() -> Option<Self> {
        None
    }
}

/// The arguments of a tool. Made by `arguments!`.
pub(crate) trait Arguments: Sized {
    /// What the agent reads.
    fn description() -> String;

    /// The input schema.
    fn schema() -> JsonObject;

    /// The values, if all are good and none is left over.
    fn parse(given: &JsonObject) -> Result<Self, Fault>;
}

/// Why arguments are refused.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Which argument: `env_vars[2].key`.
    path: String,
    message: String,
    /// What is allowed, where the message does not say it.
    allowed: Option<String>,
}

impl Fault {
    /// The value has the wrong type.
    pub(crate) fn wrong_type<T: Argument>(expected: &str, given: &Value) -> Self {
        let message = format!("must be {expected}, not {}", kind(given));
        Self { path: String::new(), message, allowed: Some(T::allowed()) }
    }

    /// The value has the right type, but is none of those that are allowed.
    pub(crate) fn not_allowed(message: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { path: String::new(), message: message.into(), allowed: Some(allowed.into()) }
    }

    /// The same fault, of the part `name` of a value.
    pub(crate) fn within(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// What the caller of `tool` is told.
    pub(crate) fn refusal(self, tool: &str) -> Refusal {
        let Self { path, message, allowed } = self;
        let retry = format!("Correct `{path}` and call {tool} again; nothing was changed.");
        let suggestion = allowed.map_or(retry.clone(), |allowed| format!("{allowed} {retry}"));
        Refusal::new("invalid_argument", format!("`{path}` {message}."), suggestion)
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self { path: String::new(), message: format!("is refused: {invalid}"), allowed: None }
    }
}

/// The argument `name` of those that were given. `null` is the same as leaving it out, unless the type
/// says what it means.
pub(crate) fn read<T: Argument>(
    given: &JsonObject,
    name: &str,
    default: Option<Value>,
) -> Result<T, Fault> {
    let given = given.get(name);
    if let (Some(Value::Null), Some(meant)) = (given, T::null()) {
        return Ok(meant);
    }
    let parsed = match given.filter(|value| !value.is_null()).cloned().or(default) {
        Some(value) => T::parse(value),
        None => T::absent().ok_or_else(|| Fault::not_allowed("is missing", T::allowed())),
    };
    parsed.map_err(|fault| fault.within(name))
}

/// Refuses arguments that the tool does not have: they are wishes that would be ignored.
pub(crate) fn refuse_others(given: &JsonObject, known: &[&str]) -> Result<(), Fault> {
    let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    let allowed = match known {
        [] => "This tool takes no arguments.".to_owned(),
        _ => format!("This tool takes {}.", known.join(", ")),
    };
    Err(Fault::not_allowed("is not an argument of this tool", allowed).within(&shown))
}

/// One property of an input schema.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) description: String,
    pub(crate) schema: JsonObject,
    pub(crate) default: Option<Value>,
    pub(crate) required: bool,
}

/// The schema of an object of these properties and no other.
pub(crate) fn object_schema(properties: Vec<Property>) -> JsonObject {
    let required: Vec<_> = properties.iter().filter(|p| p.required).map(|p| p.name).collect();
    let mut described = JsonObject::new();
    for Property { name, description, mut schema, default, .. } in properties {
        schema.insert("description".to_owned(), description.into());
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
        described.insert(name.to_owned(), schema.into());
    }
    let mut object = JsonObject::from_iter([
        ("type".to_owned(), json!("object")),
        ("properties".to_owned(), described.into()),
    ]);
    if !required.is_empty() {
        object.insert("required".to_owned(), required.into());
    }
    object.insert("additionalProperties".to_owned(), false.into());
    object
}

/// A doc comment as running text.
pub(crate) fn text(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a JSON value is, without saying which one.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_u64() => "a number",
        Value::Number(_) => "a fraction or a negative number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Defines the arguments of a tool. The comment on the struct is the tool's description, those on the
/// fields describe the arguments; `= value` is what stands for one that is left out.
macro_rules! arguments {
    (
        $(#[doc = $about:literal])+
        pub(crate) struct $name:ident {
            $($(#[doc = $doc:literal])+ $argument:ident: $type:ty $(= $default:literal)?,)*
        }
    ) => {
        #[derive(Debug)]
        pub(crate) struct $name {
            $($argument: $type,)*
        }

        impl $crate::tools::arguments::Arguments for $name {
            fn description() -> String {
                $crate::tools::arguments::text(concat!($($about, "\n"),+))
            }

            fn schema() -> rmcp::model::JsonObject {
                use $crate::tools::arguments as the;
                the::object_schema(vec![$({
                    let default: Option<serde_json::Value> = None$(.or(Some($default.into())))?;
                    the::Property {
                        name: stringify!($argument),
                        description: the::text(concat!($($doc, "\n"),+)),
                        schema: <$type as the::Argument>::schema(),
                        required: default.is_none() && <$type as the::Argument>::absent().is_none(),
                        default,
                    }
                },)*])
            }

            fn parse(
                given: &rmcp::model::JsonObject,
            ) -> Result<Self, $crate::tools::arguments::Fault> {
                use $crate::tools::arguments as the;
                the::refuse_others(given, &[$(stringify!($argument)),*])?;
                Ok(Self {
                    $($argument: the::read(
                        given,
                        stringify!($argument),
                        None$(.or(Some($default.into())))?,
                    )?,)*
                })
            }
        }
    };
}
pub(crate) use arguments;
