//! Makes the world follow what the state repo says and `ArgoCD` cannot: Secrets, whose values are in git
//! only sealed, what nodes pull images with, and the end of what nobody needs.
//!
//! Owns what there should be ([`desired`]), what follows from what there is ([`plan`], pure), doing it
//! ([`Reconciler`]), and what the revert window still names ([`window`]). It is level-triggered: it looks at
//! what is wanted and what is there, never at what happened, so anything may be done twice or missed.
//!
//! Must not know: SQL, HTTP, who may ask for what. It never writes git.

mod collect;
pub mod desired;
mod due;
pub mod plan;
mod reconciler;
pub mod window;

pub use reconciler::{Failed, Parts, PullCredentials, Reconciler, Reporter};
