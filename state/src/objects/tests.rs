use super::*;
use crate::sync::write_pack;
use gix::odb::loose;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where a file is kept, and its place among the objects.
type File = [PathBuf; 2];

/// An object directory, and beside it one object as a file of its own and in a pack.
struct Bench {
    temp: tempfile::TempDir,
    id: ObjectId,
    loose: Vec<File>,
    /// The index is the last.
    pack: Vec<File>,
}

impl Bench {
    fn new() -> Self {
        const OBJECT: (Kind, &[u8]) = (Kind::Blob, b"moved");
        let temp = tempfile::tempdir().unwrap();
        let at = |folder: &str| temp.path().join(folder);
        for folder in ["objects/pack", "kept/pack"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let path = |folder, id: ObjectId| loose::Store::at(at(folder), Sha1).object_path(&id);
        let id = loose::Store::at(at("kept"), Sha1).write_buf(OBJECT.0, OBJECT.1).unwrap();
        fs::create_dir(path("objects", id).parent().unwrap()).unwrap();
        write_pack(&at("kept/pack"), &[(&id, &(OBJECT.0, OBJECT.1.into()))]).unwrap();
        let files = fs::read_dir(at("kept/pack")).unwrap();
        let mut pack: Vec<_> = files
            .map(|file| file.unwrap())
            .map(|file| [file.path(), at("objects/pack").join(file.file_name())])
            .collect();
        pack.sort_by_key(|[kept, _]| kept.extension().is_some_and(|kind| kind == "idx"));
        Self { id, loose: vec![[path("kept", id), path("objects", id)]], pack, temp }
    }
}

fn put(files: &[File]) {
    for [kept, place] in files {
        fs::hard_link(kept, place).unwrap();
    }
}

fn take(files: &[File]) {
    for [_, place] in files.iter().rev() {
        fs::remove_file(place).unwrap();
    }
}

#[test]
fn an_object_is_found_while_git_moves_it_into_a_pack() {
    const MOVES: usize = 1_000;
    let bench = Bench::new();
    for _ in 0..MOVES {
        put(&bench.loose);
        let objects = Objects::open(&[&bench.temp.path().join("objects")]).unwrap();
        objects.find(bench.id).unwrap();
        let moved = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                put(&bench.pack);
                take(&bench.loose);
                moved.store(true, Ordering::Relaxed);
            });
            while !moved.load(Ordering::Relaxed) {
                objects.find(bench.id).unwrap();
            }
        });
        take(&bench.pack);
    }
}
