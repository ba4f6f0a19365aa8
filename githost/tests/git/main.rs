//! The git server as the real `git` binary sees it, over loopback.

mod access;
mod clone_and_push;
mod hang_ups;
mod hooks;
mod hosted;
mod limits;
mod support;
mod wire;
