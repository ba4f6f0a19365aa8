//! A site of a hundred files, new in every version.

use crate::git;
use fastrand::Rng;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// How many files the site has.
const FILES: usize = 100;
/// How many of them are in one directory.
const FILES_A_DIRECTORY: usize = 10;
/// How many paragraphs a file has: about 4 KiB.
const PARAGRAPHS: usize = 40;

pub(super) struct Site {
    folder: PathBuf,
    rng: Rng,
}

impl Site {
    pub(super) fn init(folder: &Path, rng: Rng) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        git::run(folder, &["init", "--quiet", "--initial-branch", "main"])?;
        Ok(Self { folder: folder.to_owned(), rng })
    }

    /// Commits a version in which every file is another one; returns the commit.
    pub(super) fn change(&mut self) -> anyhow::Result<String> {
        for number in 0..FILES {
            let directory = match number / FILES_A_DIRECTORY {
                0 => self.folder.clone(),
                section => self.folder.join(format!("section-{section}")),
            };
            fs::create_dir_all(&directory)?;
            let name = match number {
                0 => "index.html".to_owned(),
                _ => format!("page-{number}.html"),
            };
            let mut page = String::from("<!doctype html>\n<title>A page</title>\n");
            for _ in 0..PARAGRAPHS {
                writeln!(page, "<p>{:032x} and {:032x}</p>", self.rng.u128(..), self.rng.u128(..))?;
            }
            fs::write(directory.join(name), page)?;
        }
        git::run(&self.folder, &["add", "--all"])?;
        git::run(&self.folder, &["commit", "--quiet", "--message", "a new version"])?;
        git::rev_parse(&self.folder, "HEAD")
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}
