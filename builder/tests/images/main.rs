//! Images, judged by what can be read of them, by the tools that others wrote, and by running them.
#![cfg(test)]

mod fixture;
mod http;
mod kept;
mod links;
mod made;
mod mirror;
mod refused;
mod registry;
mod runtime;
