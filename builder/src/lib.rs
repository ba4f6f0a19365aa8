//! Turns a source tree at one commit into an image that is known by its digest.
//!
//! Owns the build packs, the bytes of an image, and where images are kept: an OCI layout for each
//! service, or a registry. The same source and the same static-server binary make the same bytes.
//!
//! Must not know: git (it reads a [`SourceTree`] that others implement), the queue, SQL, HTTP
//! servers, the state repo, or who asked.
//!
//! Everything here blocks; an asynchronous caller runs it on a thread for blocking work.

mod builder;
mod elf;
mod error;
mod image;
mod layer;
mod layout;
pub mod limits;
mod memory;
mod mirror;
mod pulled;
mod registry;
mod source;
mod static_server;
mod static_site;
mod store;
mod walk;

pub use builder::{BuildRequest, Builder, BuiltImage};
pub use error::BuildError;
pub use layout::Layout;
pub use memory::MemoryTree;
pub use mirror::{MirrorError, MirrorRequest, Upstream, try_pull};
pub use pulled::ImageFile;
pub use registry::{Credentials, Registry, Transport};
pub use source::{Entry, EntryKind, SourceError, SourceTree};
pub use static_server::{StaticServer, StaticServerError};
pub use store::{ImageStore, StoreError};
