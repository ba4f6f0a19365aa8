//! Founding a state repo: from nothing to a first signed commit, or from another host to a copy.

use crate::message::{Action, Actor, Message, Tool};
use crate::objects::{Objects, Overlay};
use crate::plan::{template_files, write};
use crate::refs::{LIVE, MAIN, Refs};
use crate::remote::{COPY, Place, Remote, RemoteConfig, There};
use crate::sync::{sync, sync_all, write_objects};
use crate::{Edit, Signer, StateError, StateRepo, commit, files};
use inkstone_renderer::TemplateSet;
use inkstone_spec::{
    ApiVersion, Cluster, ClusterKind, ClusterMetadata, ClusterSpec, Hostname, ImageRegistry,
    Ingress, Inkstone, InkstoneKind, InkstoneSpec, LAYOUT_VERSION, Recipient, Region, StatePath,
};
use jiff::Timestamp;
use std::path::Path;

/// What reviewers and operators read first.
const README: &str = include_str!("../../state-repo-skeleton/README.md");

/// What a new state repo starts from.
#[derive(Clone, Debug)]
pub struct Founding<'a> {
    /// Its first region.
    pub region: Region,
    /// The domain below which services get their default hosts.
    pub apps_domain: Hostname,
    /// The cluster's ingress controller.
    pub ingress: Ingress,
    /// Where pods pull images from.
    pub registry: ImageRegistry,
    /// From which registries ready images may be taken.
    pub image_registries: Vec<ImageRegistry>,
    /// Who can open sealed values.
    pub recipients: Vec<Recipient>,
    /// The template set of the first deploys.
    pub templates: &'a TemplateSet,
}

/// Founds a state repo at `git_dir`, which must not exist: made beside it and moved into place whole,
/// so a crash leaves nothing half made under that name. One founder at a time.
pub fn found(
    git_dir: &Path,
    founding: &Founding<'_>,
    signer: Signer,
    actor: Actor,
    now: Timestamp,
) -> Result<StateRepo, StateError> {
    in_place(git_dir, |staging| make(staging, founding, &signer, actor, now).map(Some))?;
    StateRepo::open(git_dir, signer)
}

/// Copies a state repo from another host to `git_dir`, which must not exist. `false`: there is none yet.
/// What is copied is taken as it is: its `live` passed the checks where it was written.
pub fn copy(git_dir: &Path, from: &RemoteConfig) -> Result<bool, StateError> {
    let copied = in_place(git_dir, |staging| {
        init(staging)?;
        let remote = Remote::new(staging, from.clone());
        let there = remote.fetch(Place::Apart, There::default(), COPY)?.keep()?;
        let (main, live) = match (there.main, there.live) {
            (None, None) => return Ok(None),
            (Some(main), Some(live)) => (main, live),
            _ => {
                let why = format!("{} has one of main and live: push both, or none", from.url);
                return Err(StateError::Absent(why));
            }
        };
        let refs = Refs::open(staging)?;
        refs.create(&[MAIN], main)?;
        refs.create(&[LIVE], live).map(Some)
    })?;
    Ok(copied.is_some())
}

/// Makes a repo beside `git_dir` and moves it into place whole; nothing where `make` returns `None`.
fn in_place<T>(
    git_dir: &Path,
    make: impl FnOnce(&Path) -> Result<Option<T>, StateError>,
) -> Result<Option<T>, StateError> {
    if git_dir.symlink_metadata().is_ok() {
        let taken = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
        return Err(StateError::io("founding a state repo at", git_dir)(taken));
    }
    let parent = match git_dir.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let staging = git_dir.with_extension("founding");
    // What a founder left who was killed.
    remove(&staging)?;
    let Some(content) = make(&staging)? else {
        remove(&staging)?;
        return Ok(None);
    };
    sync_all(&staging)?;
    std::fs::rename(&staging, git_dir).map_err(StateError::io("moving into place", git_dir))?;
    sync(parent)?;
    Ok(Some(content))
}

fn remove(staging: &Path) -> Result<(), StateError> {
    match std::fs::remove_dir_all(staging) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StateError::io("removing", staging)(error))
        }
        _ => Ok(()),
    }
}

fn make(
    git_dir: &Path,
    founding: &Founding<'_>,
    signer: &Signer,
    actor: Actor,
    now: Timestamp,
) -> Result<(), StateError> {
    init(git_dir)?;
    let directory = git_dir.join("objects");
    let objects = Objects::open(&[&directory])?;
    let overlay = Overlay::new(&objects);
    let tree = files::apply(&objects, &overlay, None, &first_files(founding, signer)?)?;
    let message = Message { action: Action::Found, actor, tool: Tool::new("inkstone serve") };
    let id = commit::write(&overlay, tree, None, &message, signer, now)?;
    write_objects(&objects, &directory, &overlay.into_made())?;
    Refs::open(git_dir)?.create(&[MAIN, LIVE], id)
}

/// An empty bare repo.
pub(crate) fn init(git_dir: &Path) -> Result<(), StateError> {
    gix::ThreadSafeRepository::init_opts(
        git_dir,
        gix::create::Kind::Bare,
        gix::create::Options::default(),
        gix::open::Options::isolated(),
    )
    .map_err(StateError::git("founding the repo"))?;
    let head = git_dir.join("HEAD");
    std::fs::write(&head, format!("ref: {MAIN}\n")).map_err(StateError::io("writing", head))
}

fn first_files(founding: &Founding<'_>, signer: &Signer) -> Result<Vec<Edit>, StateError> {
    let inkstone = Inkstone {
        api_version: ApiVersion::V1,
        kind: InkstoneKind::Inkstone,
        spec: InkstoneSpec {
            layout_version: LAYOUT_VERSION,
            signing_keys: vec![signer.public().clone()],
        },
    };
    let cluster = Cluster {
        api_version: ApiVersion::V1,
        kind: ClusterKind::Cluster,
        metadata: ClusterMetadata { region: founding.region.clone() },
        spec: ClusterSpec {
            apps_domain: founding.apps_domain.clone(),
            ingress: founding.ingress.clone(),
            registry: founding.registry.clone(),
            image_registries: founding.image_registries.clone(),
            sandboxed_runtime_class: None,
            recipients: founding.recipients.clone(),
            templates: founding.templates.digest().clone(),
        },
    };
    let mut edits = vec![
        Edit::Write(StatePath::Readme, README.as_bytes().to_vec()),
        write(StatePath::Inkstone, &inkstone)?,
        write(StatePath::Cluster(founding.region.clone()), &cluster)?,
    ];
    edits.extend(template_files(founding.templates));
    Ok(edits)
}
