//! What a service must be after what was done to it: a simple model, to be held against the real thing.

use std::collections::BTreeMap;

/// A service, field by field; without any where it does not exist.
pub(super) type Fields = BTreeMap<String, String>;

/// The field that every service has that exists.
pub(super) const EXISTS: &str = "exists";
/// The field of the deployment whose release is current.
pub(super) const RELEASE: &str = "release";

/// One commit that changed the service.
struct Change {
    commit: String,
    before: Fields,
    after: Fields,
}

/// A version that was deployed. Versions are numbers: each has all earlier ones in its history.
struct Deploy {
    deployment: String,
    version: usize,
    /// How many places there were before it.
    place: usize,
}

/// One service.
#[derive(Default)]
pub(super) struct Model {
    pub(super) fields: Fields,
    changes: Vec<Change>,
    deploys: Vec<Deploy>,
}

impl Model {
    pub(super) fn exists(&self) -> bool {
        self.fields.contains_key(EXISTS)
    }

    /// A commit made this of it.
    pub(super) fn becomes(&mut self, commit: &str, after: Fields) {
        let before = std::mem::replace(&mut self.fields, after.clone());
        self.changes.push(Change { commit: commit.to_owned(), before, after });
    }

    /// A commit deployed a version. Deploying what runs already keeps the place that it has.
    pub(super) fn deploys(&mut self, commit: &str, deployment: &str, version: usize) {
        let same = self.current().filter(|deploy| deploy.version == version);
        let place = same.map_or(self.deploys.len(), |deploy| deploy.place);
        self.deploys.push(Deploy { deployment: deployment.to_owned(), version, place });
        let mut after = self.fields.clone();
        after.insert(RELEASE.to_owned(), deployment.to_owned());
        self.becomes(commit, after);
    }

    fn current(&self) -> Option<&Deploy> {
        let release = self.fields.get(RELEASE)?;
        self.deploys.iter().find(|deploy| deploy.deployment == *release)
    }

    /// The version that runs.
    pub(super) fn version(&self) -> Option<usize> {
        self.current().map(|deploy| deploy.version)
    }

    /// Whether a push of the version is skipped: it, or one that has it, was deployed later than what
    /// runs, and so was taken back.
    pub(super) fn skips(&self, version: usize) -> bool {
        let place = self.current().map(|deploy| deploy.place);
        let later = |deploy: &&Deploy| place.is_none_or(|place| deploy.place > place);
        self.deploys.iter().filter(later).any(|deploy| deploy.version >= version)
    }

    /// How many commits changed it.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether a change made or removed the service.
    pub(super) fn is_of_existence(&self, change: usize) -> bool {
        let exists = |fields: &Fields| fields.contains_key(EXISTS);
        self.changes.get(change).is_some_and(|c| exists(&c.before) != exists(&c.after))
    }

    /// The commit of a change.
    pub(super) fn commit(&self, change: usize) -> Option<&str> {
        self.changes.get(change).map(|change| change.commit.as_str())
    }

    /// What it is without one change; `None` where a later one changed the same field.
    pub(super) fn without(&self, change: usize) -> Option<Fields> {
        let Change { before, after, .. } = self.changes.get(change)?;
        let mut fields = self.fields.clone();
        for key in before.keys().chain(after.keys()) {
            if before.get(key) == after.get(key) {
                continue;
            }
            let now = fields.get(key);
            if now != after.get(key) && now != before.get(key) {
                return None;
            }
            match before.get(key) {
                Some(value) => fields.insert(key.clone(), value.clone()),
                None => fields.remove(key),
            };
        }
        Some(fields)
    }
}
