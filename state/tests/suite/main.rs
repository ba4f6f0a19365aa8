//! The state repo as reviewers, operators and crashes meet it: judged by the real git, by `ssh-keygen`
//! through it, and by the checks themselves.

#[cfg(test)]
mod commits;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod files;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod follow_ups;
#[cfg(test)]
mod founding;
#[cfg(test)]
mod git;
#[cfg(test)]
mod heads;
#[cfg(test)]
mod history;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod lookalikes;
#[cfg(test)]
mod pushes;
#[cfg(test)]
mod races;
#[cfg(test)]
mod remotes;
#[cfg(test)]
mod reverts;
#[cfg(test)]
mod signatures;
#[cfg(test)]
mod stale;
#[cfg(test)]
mod trees;
#[cfg(test)]
mod undo;
#[cfg(test)]
mod undo_commits;
#[cfg(test)]
mod updates;
