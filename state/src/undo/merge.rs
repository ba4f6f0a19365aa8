//! The three-way merge itself.

use super::Policy;
use super::env::{self, EnvMerge};
use super::field::{Field, Leaf, is_same_release};
use crate::ServiceFiles;
use inkstone_spec::{Hostname, Region, Service};
use std::collections::BTreeSet;

/// A service at the three places that a merge looks at; `None` where it does not exist.
#[derive(Clone, Debug, Default)]
pub struct Sides {
    /// With the change that is to be undone.
    pub base: Option<ServiceFiles>,
    /// As it should be again.
    pub theirs: Option<ServiceFiles>,
    /// As it is now.
    pub ours: Option<ServiceFiles>,
    /// Hosts of `theirs` that are somebody else's by now.
    pub taken: BTreeSet<Hostname>,
}

/// What a service becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The cluster it is in.
    pub region: Region,
    /// Its intent and release.
    pub service: Service,
    /// Its env.
    pub env: EnvMerge,
}

/// Something that was changed again since, so that undoing the first change would lose the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What was changed. Of [`Field::Uid`], no [`Policy::Restore`] makes another: whoever wants the old
    /// service deletes the new one first.
    pub field: Field,
    /// Hosts that belong to another service now, which is what stands in the way of `spec.hosts`. No
    /// [`Policy::Restore`] takes them away again.
    pub taken: BTreeSet<Hostname>,
}

impl Conflict {
    pub(super) fn on(field: Field) -> Self {
        Self { field, taken: BTreeSet::new() }
    }
}

/// Whose value a field gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    Ours,
    Theirs,
    Conflict,
}

/// The rule for one field, of which it is known where it is the same.
pub(super) fn pick(
    base_is_theirs: bool,
    theirs_is_ours: bool,
    ours_is_base: bool,
    policy: Policy,
) -> Pick {
    match policy {
        _ if base_is_theirs || theirs_is_ours => Pick::Ours,
        _ if ours_is_base => Pick::Theirs,
        Policy::Ask => Pick::Conflict,
        Policy::Restore => Pick::Theirs,
        Policy::Keep => Pick::Ours,
    }
}

/// What the service becomes when what lies between `theirs` and `base` is undone in `ours`: `None` where
/// it should not exist. A field that did not change between them, or that is as it should be already,
/// stays as it is.
pub fn merge(sides: &Sides, policy: Policy) -> Result<Option<Merged>, Vec<Conflict>> {
    let Sides { base, theirs, ours, taken } = sides;
    let kept = || Ok(ours.as_ref().map(keep));
    let ask = |field| match policy {
        Policy::Keep => kept(),
        _ => Err(vec![Conflict::on(field)]),
    };
    match (base, theirs, ours) {
        (_, None, None) | (None, None, Some(_)) => kept(),
        (Some(base), None, Some(ours)) => {
            if !Field::Uid.is_same(Some(base), Some(ours)) {
                // What was created is gone; this is another one.
                kept()
            } else if policy == Policy::Restore || Field::Service.is_same(Some(base), Some(ours)) {
                Ok(None)
            } else {
                ask(Field::Service)
            }
        }
        (Some(_), Some(_), None) if policy != Policy::Restore => ask(Field::Service),
        (_, Some(theirs), None) => bring_back(theirs, taken, policy).map(Some),
        (base, Some(theirs), Some(ours)) => {
            if !Field::Uid.is_same(Some(theirs), Some(ours)) {
                return ask(Field::Uid);
            }
            match base {
                // It was brought back already.
                None => kept(),
                Some(base) if !Field::Uid.is_same(Some(base), Some(ours)) => ask(Field::Uid),
                Some(base) => merge_fields(base, theirs, ours, taken, policy).map(Some),
            }
        }
    }
}

fn keep(ours: &ServiceFiles) -> Merged {
    let (region, service) = (ours.region.clone(), (*ours.service).clone());
    Merged { region, service, env: EnvMerge::Ours }
}

/// The whole service as it was; hosts that others have by now only as far as `policy` gives them up.
fn bring_back(
    theirs: &ServiceFiles,
    taken: &BTreeSet<Hostname>,
    policy: Policy,
) -> Result<Merged, Vec<Conflict>> {
    let mut service = (*theirs.service).clone();
    if policy == Policy::Keep {
        service.spec.hosts.retain(|host| !taken.contains(host));
    } else if !taken.is_empty() {
        return Err(vec![taken_hosts(taken)]);
    }
    Ok(Merged { region: theirs.region.clone(), service, env: EnvMerge::Theirs })
}

fn taken_hosts(taken: &BTreeSet<Hostname>) -> Conflict {
    Conflict { field: Field::Spec(Leaf::Hosts), taken: taken.clone() }
}

fn merge_fields(
    base: &ServiceFiles,
    theirs: &ServiceFiles,
    ours: &ServiceFiles,
    taken: &BTreeSet<Hostname>,
    policy: Policy,
) -> Result<Merged, Vec<Conflict>> {
    let mut conflicts = Vec::new();
    let (b, t, o) = (&*base.service, &*theirs.service, &*ours.service);
    let mut service = o.clone();
    for leaf in Leaf::of(&[&b.spec, &t.spec, &o.spec]) {
        let same = |x: &Service, y: &Service| leaf.is_same(&x.spec, &y.spec);
        match pick(same(b, t), same(t, o), same(o, b), policy) {
            Pick::Ours => {}
            Pick::Theirs if leaf == Leaf::Hosts && !taken.is_empty() => {
                if policy != Policy::Keep {
                    conflicts.push(taken_hosts(taken));
                }
            }
            Pick::Theirs => leaf.copy(&t.spec, &mut service.spec),
            Pick::Conflict => conflicts.push(Conflict::on(Field::Spec(leaf))),
        }
    }
    let same = is_same_release;
    match pick(same(b, t), same(t, o), same(o, b), policy) {
        Pick::Ours => {}
        Pick::Theirs => service.release.clone_from(&t.release),
        Pick::Conflict => conflicts.push(Conflict::on(Field::Release)),
    }
    merge_templates(b, t, o, &mut service);
    let env = env::merge(base, theirs, ours, policy, &mut conflicts);
    if conflicts.is_empty() {
        Ok(Merged { region: ours.region.clone(), service, env })
    } else {
        Err(conflicts)
    }
}

/// The template set is undone by itself: what was upgraded since stays upgraded.
fn merge_templates(base: &Service, theirs: &Service, ours: &Service, merged: &mut Service) {
    fn set(service: &Service) -> Option<&inkstone_spec::Digest> {
        service.release.as_ref().map(|release| &release.templates)
    }
    let (b, t, o) = (set(base), set(theirs), set(ours));
    let templates = match pick(b == t, t == o, o == b, Policy::Keep) {
        Pick::Theirs => t.or(o),
        Pick::Ours | Pick::Conflict => o.or(t),
    };
    if let (Some(release), Some(templates)) = (&mut merged.release, templates) {
        release.templates.clone_from(templates);
    }
}
