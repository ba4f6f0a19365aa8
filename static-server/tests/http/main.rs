//! The running binary, judged over real HTTP.
#![cfg(test)]

mod process;
mod representations;
mod routes;
mod running;
