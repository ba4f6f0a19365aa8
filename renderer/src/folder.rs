//! Reading a template set from a folder: the one place of this crate that does I/O.

use crate::set::{MAX_TEMPLATE_BYTES, MAX_TEMPLATES, TemplateError, TemplateName, TemplateSet};
use inkstone_spec::{FileName, TemplateScope};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The file beside the scope folders that is for people.
const README: &str = "README.md";

/// Why a folder could not be read as a template set.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or a file in it could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something lies there that is no template.
    #[error("{} does not belong in a template folder", .0.display())]
    Stray(PathBuf),
    /// The texts are not a template set.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl FolderError {
    /// A stable name for this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "template_folder_unreadable",
            Self::Stray(_) => "template_folder_stray",
            Self::Template(error) => error.code(),
        }
    }

    /// What to do next.
    pub fn suggestion(&self) -> &'static str {
        match self {
            Self::Read { .. } => "Check that the folder exists and may be read.",
            Self::Stray(_) => {
                "Keep only project/*.yaml, service/*.yaml and README.md there, as plain files with lower-case names."
            }
            Self::Template(error) => error.suggestion(),
        }
    }
}

impl TemplateSet {
    /// Reads `project/*.yaml` and `service/*.yaml` below `folder`. A `README.md` may lie beside them;
    /// anything else is refused, symlinks too.
    pub fn from_dir(folder: &Path) -> Result<Self, FolderError> {
        let mut texts = BTreeMap::new();
        for (path, name, kind) in entries(folder)? {
            let scope = match name.as_deref() {
                Some("project") if kind.is_dir() => TemplateScope::Project,
                Some("service") if kind.is_dir() => TemplateScope::Service,
                Some(README) if kind.is_file() => continue,
                _ => return Err(FolderError::Stray(path)),
            };
            for (path, name, kind) in entries(&path)? {
                let file =
                    name.and_then(|name| FileName::new(name).ok()).filter(|_| kind.is_file());
                let Some(file) = file else { return Err(FolderError::Stray(path)) };
                if texts.len() == MAX_TEMPLATES {
                    return Err(TemplateError::TooMany(MAX_TEMPLATES + 1).into());
                }
                texts.insert(TemplateName { scope, file }, text(&path)?);
            }
        }
        Ok(Self::new(texts)?)
    }
}

type Entry = (PathBuf, Option<String>, fs::FileType);

fn entries(folder: &Path) -> Result<Vec<Entry>, FolderError> {
    let failed = |source| FolderError::Read { path: folder.to_owned(), source };
    fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            Ok((entry.path(), entry.file_name().into_string().ok(), kind))
        })
        .collect()
}

/// Reads at most one byte more than a template may have, so that an endless file ends here.
fn text(path: &Path) -> Result<String, FolderError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_TEMPLATE_BYTES as u64 + 1).read_to_string(&mut text))
        .map_err(|source| FolderError::Read { path: path.to_owned(), source })?;
    Ok(text)
}
