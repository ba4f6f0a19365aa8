//! The pack `static`: files served as they are.

use std::fs::File;

use inkstone_spec::{Build, RelativeDir};

use crate::error::{BuildError, shown, some_of};
use crate::layer::{Layer, LayerWriter};
use crate::limits::{MAX_FILE_BYTES, MAX_LISTED, MAX_SITE_BYTES};
use crate::source::{EntryKind, SourceError, SourceTree};
use crate::static_server::SITE_DIRECTORY;
use crate::store::StoreError;
use crate::walk::{SiteFile, Walked, join, list, place, walk};

const INDEX: &str = "index.html";

/// How deep directories are searched for an `index.html` that a message can name.
const INDEX_SEARCH_DEPTH: usize = 3;

/// A site that can be published: where it is and which files it has.
#[derive(Debug)]
pub(crate) struct Site {
    directory: String,
    walked: Walked,
}

impl Site {
    /// Finds the published directory and everything in it, without reading a file's content.
    ///
    /// A site without an `index.html` is refused: it would be deployed, be called active, and
    /// answer 404 at `/`. Nearly always the wrong directory was named.
    pub(crate) fn plan(
        source: &dyn SourceTree,
        build: &Build,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Self, BuildError> {
        let directory = locate(source, build)?;
        let walked = walk(source, &directory, cancel)?;
        if !walked.files.iter().any(|file| file.path == INDEX) {
            return Err(no_index(&directory, &walked));
        }
        Ok(Self { directory, walked })
    }

    /// What is published and what is not, in a line each.
    pub(crate) fn describe(&self, log: &mut dyn FnMut(&str)) {
        let count = self.walked.files.len();
        let files = if count == 1 { "file" } else { "files" };
        log(&format!("publishing {}: {count} {files}", place(&self.directory)));
        if !self.walked.left_out.is_empty() {
            log(&format!(
                "left out {}: names that begin with a dot are not published, except /.well-known/",
                some_of(&self.walked.left_out)
            ));
        }
    }

    /// Writes the site's layer and returns its description.
    pub(crate) fn write(
        &self,
        source: &dyn SourceTree,
        to: &File,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Layer, BuildError> {
        let mut layer = LayerWriter::new(to);
        let mut total: u64 = 0;
        for file in &self.walked.files {
            if cancel() {
                return Err(BuildError::Cancelled);
            }
            let content = read(source, file)?;
            total = total.saturating_add(content.len() as u64);
            if total > MAX_SITE_BYTES {
                return Err(BuildError::LimitExceeded {
                    what: format!("the size of {}", place(&self.directory)),
                    limit: format!("{MAX_SITE_BYTES} bytes"),
                });
            }
            let path = join(SITE_DIRECTORY, &file.path);
            let mode = if file.executable { 0o755 } else { 0o644 };
            layer.file(&path, mode, &content).map_err(StoreError::stage)?;
        }
        let (layer, _) = layer.finish().map_err(StoreError::stage)?;
        Ok(layer)
    }
}

fn read(source: &dyn SourceTree, file: &SiteFile) -> Result<Vec<u8>, BuildError> {
    source.read(&file.source, MAX_FILE_BYTES).map_err(|error| match error {
        SourceError::TooLarge { bytes } => BuildError::LimitExceeded {
            what: format!("{} with its {bytes} bytes", shown(&file.source)),
            limit: format!("{MAX_FILE_BYTES} bytes for one file"),
        },
        source @ (SourceError::Oversized { .. } | SourceError::Unreadable(_)) => {
            BuildError::Source { path: shown(&file.source), source }
        }
    })
}

/// Goes down `root_directory`, then `publish_directory`, through real directories only: a link
/// could lead anywhere.
fn locate(source: &dyn SourceTree, build: &Build) -> Result<String, BuildError> {
    let directories = [&build.root_directory, &build.publish_directory];
    let mut at = String::new();
    for name in directories.into_iter().flatten().flat_map(RelativeDir::components) {
        let entries = list(source, &at)?;
        let path = join(&at, name);
        let found = match entries.iter().find(|(candidate, _)| candidate == name) {
            Some((_, EntryKind::Directory)) => {
                at = path;
                continue;
            }
            Some((_, EntryKind::File { .. })) => "a file",
            Some((_, EntryKind::Symlink)) => "a symbolic link",
            Some((_, EntryKind::Submodule)) => "a submodule",
            None => {
                let existing = entries
                    .iter()
                    .filter(|(_, kind)| *kind == EntryKind::Directory)
                    .map(|(name, _)| shown(&join(&at, name)))
                    .collect();
                return Err(BuildError::DirectoryNotFound { path: shown(&path), existing });
            }
        };
        return Err(BuildError::NotADirectory { path: shown(&path), found });
    }
    Ok(at)
}

fn no_index(directory: &str, walked: &Walked) -> BuildError {
    let mut elsewhere: Vec<&str> = walked
        .files
        .iter()
        .filter_map(|file| file.path.strip_suffix(INDEX)?.strip_suffix('/'))
        .filter(|path| path.split('/').count() <= INDEX_SEARCH_DEPTH)
        .collect();
    elsewhere.sort_by_key(|path| path.split('/').count());
    BuildError::IndexNotFound {
        directory: place(directory),
        elsewhere: elsewhere
            .iter()
            .take(MAX_LISTED)
            .map(|path| shown(&join(directory, path)))
            .collect(),
    }
}
