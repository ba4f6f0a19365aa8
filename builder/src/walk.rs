//! Which files of a source tree a site consists of: a pure reading of listings and links.
//!
//! The walk never trusts a name and never follows a link out of the published directory. Links
//! that stay inside are resolved to what they lead to, so a site is directories and files alone.

use std::collections::VecDeque;

use crate::error::{BuildError, LinkProblem, shown};
use crate::limits::{MAX_DEPTH, MAX_ENTRIES, MAX_LINK_BYTES, MAX_LINKS, MAX_PATH_BYTES};
use crate::source::{Entry, EntryKind, SourceError, SourceTree};

/// The one hidden name that is published (RFC 8615), at the top of a site.
const WELL_KNOWN: &str = ".well-known";

/// A file of a site.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SiteFile {
    /// Where it is published, below the site's root.
    pub(crate) path: String,
    /// Where its content is, from the root of the repository.
    pub(crate) source: String,
    pub(crate) executable: bool,
}

/// Everything that is published, in the order of the archive.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) files: Vec<SiteFile>,
    /// Paths of hidden entries, below the site's root.
    pub(crate) left_out: Vec<String>,
}

/// Walks the directory at `root`, a path of real directories.
pub(crate) fn walk(
    source: &dyn SourceTree,
    root: &str,
    cancel: &dyn Fn() -> bool,
) -> Result<Walked, BuildError> {
    let mut walk = Walk { source, root, cancel, entries: 0, walked: Walked::default() };
    walk.directory(&[], &[])?;
    Ok(walk.walked)
}

/// The entries of a directory by name, each name one that a file can have.
pub(crate) fn list(
    source: &dyn SourceTree,
    directory: &str,
) -> Result<Vec<(String, EntryKind)>, BuildError> {
    let unreadable = |source| BuildError::Source { path: place(directory), source };
    let mut entries = source
        .list(directory)
        .map_err(unreadable)?
        .into_iter()
        .map(|Entry { name, kind }| Ok((file_name(directory, name)?, kind)))
        .collect::<Result<Vec<_>, BuildError>>()?;
    entries.sort();
    match entries.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        Some([(name, _), _]) => Err(BuildError::UnsafeName {
            path: shown(&join(directory, name)),
            problem: "the commit has it twice",
        }),
        _ => Ok(entries),
    }
}

/// A path inside a directory.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// A directory for people.
pub(crate) fn place(directory: &str) -> String {
    if directory.is_empty() { "the repository".to_owned() } else { shown(directory) }
}

fn file_name(directory: &str, name: Vec<u8>) -> Result<String, BuildError> {
    let refuse = |name: &str, problem| BuildError::UnsafeName {
        path: shown(&join(directory, name)),
        problem,
    };
    let name = String::from_utf8(name)
        .map_err(|error| refuse(&String::from_utf8_lossy(error.as_bytes()), "it is not UTF-8"))?;
    match name.as_str() {
        "" | "." | ".." => Err(refuse(&name, "it names a directory, not an entry of one")),
        _ if name.contains('/') => Err(refuse(&name, "it contains a slash")),
        _ if name.chars().any(char::is_control) => {
            Err(refuse(&name, "it contains a control character"))
        }
        _ => Ok(name),
    }
}

struct Walk<'a> {
    source: &'a dyn SourceTree,
    root: &'a str,
    cancel: &'a dyn Fn() -> bool,
    entries: usize,
    walked: Walked,
}

impl Walk<'_> {
    /// Publishes the directory `from` as `to`; the two differ below a link to a directory. A link
    /// to a directory above itself ends at the limits.
    fn directory(&mut self, from: &[String], to: &[String]) -> Result<(), BuildError> {
        if to.len() > MAX_DEPTH {
            return Err(BuildError::LimitExceeded {
                what: format!("the depth of {}", shown(&to.join("/"))),
                limit: format!("{MAX_DEPTH} directories"),
            });
        }
        if (self.cancel)() {
            return Err(BuildError::Cancelled);
        }
        for (name, kind) in list(self.source, &self.in_source(from))? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(BuildError::LimitExceeded {
                    what: format!("the number of entries in {}", place(self.root)),
                    limit: format!("{MAX_ENTRIES} files and directories"),
                });
            }
            let (from, to) = (below(from, &name), below(to, &name));
            if is_hidden(&to) {
                self.walked.left_out.push(shown(&to.join("/")));
                continue;
            }
            match kind {
                EntryKind::Symlink => {
                    let (target, kind) = self.resolve(&from)?;
                    self.publish(&target, &to, kind)?;
                }
                kind => self.publish(&from, &to, kind)?,
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        from: &[String],
        to: &[String],
        kind: EntryKind,
    ) -> Result<(), BuildError> {
        match kind {
            EntryKind::Directory => self.directory(from, to),
            EntryKind::File { executable } => {
                let path = to.join("/");
                if path.len() > MAX_PATH_BYTES {
                    return Err(BuildError::LimitExceeded {
                        what: format!("the length of {}", shown(&path)),
                        limit: format!("{MAX_PATH_BYTES} bytes"),
                    });
                }
                let source = self.in_source(from);
                self.walked.files.push(SiteFile { path, source, executable });
                Ok(())
            }
            // `resolve` returns no link, so this is one, or a submodule that a link leads to.
            EntryKind::Submodule | EntryKind::Symlink => {
                Err(BuildError::Submodule { path: shown(&self.in_source(from)) })
            }
        }
    }

    /// Follows a link, part by part as a kernel would, with the published directory as its root.
    fn resolve(&self, link: &[String]) -> Result<(Vec<String>, EntryKind), BuildError> {
        let refuse = |problem| BuildError::Symlink { path: shown(&self.in_source(link)), problem };
        let mut at = link.to_vec();
        let mut kind = EntryKind::Symlink;
        let mut parts = VecDeque::new();
        let mut links = 0;
        loop {
            match kind {
                EntryKind::Symlink => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(refuse(LinkProblem::Loops));
                    }
                    let target = self.target(&at)?;
                    if target.is_empty() {
                        return Err(refuse(LinkProblem::Broken));
                    }
                    if target.starts_with('/') {
                        return Err(refuse(LinkProblem::Leaves));
                    }
                    at.pop();
                    kind = EntryKind::Directory;
                    for part in target.split('/').rev() {
                        parts.push_front(part.to_owned());
                    }
                }
                EntryKind::File { .. } | EntryKind::Submodule if !parts.is_empty() => {
                    return Err(refuse(LinkProblem::Broken));
                }
                _ => {}
            }
            match parts.pop_front().as_deref() {
                None => return Ok((at, kind)),
                Some("" | ".") => {}
                Some("..") => {
                    at.pop().ok_or_else(|| refuse(LinkProblem::Leaves))?;
                }
                Some(name) => {
                    let entries = list(self.source, &self.in_source(&at))?;
                    kind = entries
                        .into_iter()
                        .find(|(candidate, _)| candidate == name)
                        .map(|(_, kind)| kind)
                        .ok_or_else(|| refuse(LinkProblem::Broken))?;
                    at.push(name.to_owned());
                    if is_hidden(&at) {
                        return Err(refuse(LinkProblem::Hidden));
                    }
                }
            }
        }
    }

    fn target(&self, link: &[String]) -> Result<String, BuildError> {
        let path = self.in_source(link);
        let refuse = |problem| BuildError::Symlink { path: shown(&path), problem };
        match self.source.read(&path, MAX_LINK_BYTES) {
            Ok(target) => String::from_utf8(target).map_err(|_| refuse(LinkProblem::Broken)),
            Err(SourceError::TooLarge { .. }) => Err(refuse(LinkProblem::Broken)),
            Err(source) => Err(BuildError::Source { path: shown(&path), source }),
        }
    }

    fn in_source(&self, path: &[String]) -> String {
        if path.is_empty() { self.root.to_owned() } else { join(self.root, &path.join("/")) }
    }
}

fn below(directory: &[String], name: &str) -> Vec<String> {
    let mut path = directory.to_vec();
    path.push(name.to_owned());
    path
}

/// Whether the last name of a path begins with a dot. That is where secrets (`.env`) and history
/// (`.git`) are, and static-server serves none of it.
fn is_hidden(path: &[String]) -> bool {
    match path {
        [only] if only == WELL_KNOWN => false,
        [.., name] => name.starts_with('.'),
        [] => false,
    }
}

#[cfg(test)]
mod tests;
