//! What callers are shown. Texts, because they are only ever printed; the types behind them are parsed
//! where they come in.

mod change;
mod deployment;
mod identity;
mod repo;
mod runtime;
mod service;

pub use change::*;
pub use deployment::*;
pub use identity::*;
pub use repo::*;
pub use runtime::*;
pub use service::*;
