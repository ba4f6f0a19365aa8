//! Rendering: intents and template texts in, manifest texts out.
//!
//! Owns template sets, what they may contain, the variables they see, and the one place where a value
//! becomes YAML: every `{{ }}` is printed as one scalar, so a value can never become structure.
//! The result is a function of the arguments alone, byte for byte.
//!
//! Must not know: git, SOPS, SQL, HTTP, a clock, randomness, or where manifests are kept. The only
//! I/O is [`TemplateSet::from_dir`], which reads the folder it is given.

mod builtin;
mod context;
mod engine;
mod folder;
mod lint;
mod quantity;
mod render;
mod scalar;
mod set;
mod source;

pub use context::{Env, env_secret_name};
pub use folder::FolderError;
pub use lint::{Finding, LintError, lint};
pub use render::{MAX_MANIFEST_BYTES, ProjectInput, RenderError, Renderer, ServiceInput};
pub use set::{MAX_TEMPLATE_BYTES, MAX_TEMPLATES, TemplateError, TemplateName, TemplateSet};
