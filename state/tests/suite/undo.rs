//! The three-way merge against a model of it: a service is a map from field to value.

use crate::fixture::{intent, name, now, region, values};
use inkstone_secrets::{EnvFile, Identities, Identity, seal};
use inkstone_spec::{
    Build, CommitId, DeploymentId, Digest, Hold, Memory, Port, Release, Replicas, ServiceUid,
    Source, UserId, UtcTime,
};
use inkstone_state::ServiceFiles;
use inkstone_state::undo::{Conflict, EnvMerge, Field, Leaf, Merged, Policy, Sides, merge};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use uuid::Uuid;

/// A field's name and its value; of what may be absent, 0 stands for that.
type Model = BTreeMap<&'static str, u8>;

const FIELDS: [&str; 11] = [
    "spec.source.branch",
    "spec.build.publishDirectory",
    "spec.port",
    "spec.replicas",
    "spec.resources.memory",
    "spec.hosts",
    "spec.hold",
    "release",
    "env.A",
    "env.B",
    "env.ON",
];
/// A variable's possible values.
const SEALED: [&str; 4] = ["", "AA==", "AQ==", "Ag=="];

/// Any sealed file's `sops` block: a merge never looks at it.
static BLOCK: LazyLock<String> = LazyLock::new(|| {
    let identities = Identities::new(Identity::generate().unwrap(), Vec::new());
    let recipients = [identities.current().recipient().clone()].into();
    let file = seal(None, &values(&[("A", "x")]), &identities, &recipients, now()).unwrap();
    let text = file.unwrap().to_string();
    text[text.find("sops:").unwrap()..].to_owned()
});

fn env_file(variables: &BTreeMap<String, String>) -> Option<Arc<EnvFile>> {
    if variables.is_empty() {
        return None;
    }
    let lines = variables.iter().map(|(key, sealed)| format!("\"{key}\": {sealed}"));
    let text = [lines.collect::<Vec<_>>().join("\n"), BLOCK.clone()].join("\n");
    Some(Arc::new(EnvFile::parse(&text).unwrap()))
}

fn variables(env: Option<&EnvFile>) -> BTreeMap<String, String> {
    let text = env.map(ToString::to_string).unwrap_or_default();
    let lines = text.lines().take_while(|line| *line != "sops:");
    lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(key, sealed)| (key.trim_matches('"').to_owned(), sealed.to_owned()))
        .collect()
}

/// The service that a model is one of.
fn service(model: &Model) -> ServiceFiles {
    let hosts: &[&str] = match model["spec.hosts"] {
        0 => &[],
        1 => &["a.example.com"],
        2 => &["b.example.com"],
        _ => &["a.example.com", "b.example.com"],
    };
    let mut service = intent(&name("site"), hosts);
    service.metadata.uid = ServiceUid::from(Uuid::from_u128(model["metadata.uid"].into()));
    let spec = &mut service.spec;
    let Source::Branch(source) = &mut spec.source else { panic!("the source is a branch") };
    source.branch = format!("b{}", model["spec.source.branch"]).parse().unwrap();
    let some = |field: &str| Some(model[field]).filter(|value| *value > 0);
    spec.build.publish_directory =
        some("spec.build.publishDirectory").map(|n| format!("d{n}").parse().unwrap());
    spec.port = some("spec.port").map(|n| Port::new(n.into()).unwrap());
    spec.replicas = Replicas::new(model["spec.replicas"].into()).unwrap();
    spec.resources.memory = Memory::ALL[usize::from(model["spec.resources.memory"])];
    spec.hold = some("spec.hold").map(|n| Hold {
        reason: format!("reason {n}").parse().unwrap(),
        by: "ada".parse().unwrap(),
        since: UtcTime::at(now()).unwrap(),
    });
    service.release = some("release").map(|n| Release {
        deployment: DeploymentId::from(Uuid::from_u128(n.into())),
        source_commit: Some(CommitId::new(format!("{n:040x}")).unwrap()),
        source_image: None,
        image: Digest::of(&[n]),
        port: Port::new(8080).unwrap(),
        user: UserId::new(10_001).unwrap(),
        templates: Digest::of(b"templates"),
    });
    let sealed = |n| {
        let (iv, tag) = (format!("{}=", "A".repeat(43)), format!("{}==", "A".repeat(22)));
        format!("ENC[AES256_GCM,data:{},iv:{iv},tag:{tag},type:str]", SEALED[usize::from(n)])
    };
    let env = ["env.A", "env.B", "env.ON"]
        .iter()
        .filter_map(|field| Some((field[4..].to_owned(), sealed(some(field)?))));
    ServiceFiles { region: region(), service: Arc::new(service), env: env_file(&env.collect()) }
}

/// What whoever can open the two files makes of a merge.
fn carry_out(sides: &Sides, merged: Merged) -> ServiceFiles {
    let of = |files: &Option<ServiceFiles>| {
        variables(files.as_ref().and_then(|files| files.env.as_deref()))
    };
    let (mut ours, mut theirs) = (of(&sides.ours), of(&sides.theirs));
    let env = match merged.env {
        EnvMerge::Ours => ours,
        EnvMerge::Theirs => theirs,
        EnvMerge::Absent => BTreeMap::new(),
        EnvMerge::Mixed { restore, remove } => {
            ours.retain(|key, _| !remove.iter().any(|gone| gone.as_str() == key));
            theirs.retain(|key, _| restore.iter().any(|back| back.as_str() == key));
            ours.extend(theirs);
            ours
        }
    };
    let service = Arc::new(merged.service);
    ServiceFiles { region: merged.region, service, env: env_file(&env) }
}

fn sides(base: Option<&Model>, theirs: Option<&Model>, ours: Option<&Model>) -> Sides {
    let of = |model: Option<&Model>| model.map(service);
    Sides { base: of(base), theirs: of(theirs), ours: of(ours), taken: BTreeSet::new() }
}

/// What a merge comes to, as something that can be compared: the service printed, or the conflicts.
fn outcome(sides: &Sides, policy: Policy) -> Result<Option<String>, BTreeSet<String>> {
    let shown = |files: &ServiceFiles| {
        format!("{:?}\n{:?}", files.service, variables(files.env.as_deref()))
    };
    match merge(sides, policy) {
        Ok(merged) => Ok(merged.map(|merged| shown(&carry_out(sides, merged)))),
        Err(conflicts) => Err(conflicts.iter().map(|c| c.field.to_string()).collect()),
    }
}

fn shown(model: Option<&Model>) -> Option<String> {
    let files = model.map(service)?;
    Some(format!("{:?}\n{:?}", files.service, variables(files.env.as_deref())))
}

/// The merge of three maps, or the names of what stands in its way.
fn model_merge(
    base: Option<&Model>,
    theirs: Option<&Model>,
    ours: Option<&Model>,
    policy: Policy,
) -> Result<Option<Model>, BTreeSet<String>> {
    let conflict = |name: &str| Err(BTreeSet::from([name.to_owned()]));
    let same_life = |a: &Model, b: &Model| a["metadata.uid"] == b["metadata.uid"];
    let (base, theirs, ours) = match (base, theirs, ours) {
        (_, None, None) | (None, None, Some(_)) => return Ok(ours.cloned()),
        (Some(b), None, Some(o)) if !same_life(b, o) => return Ok(ours.cloned()),
        (Some(b), None, Some(o)) if b == o => return Ok(None),
        (None, Some(_), None) => return Ok(theirs.cloned()),
        (Some(_), None, Some(_)) | (Some(_), Some(_), None) => {
            return match policy {
                Policy::Ask => conflict("service"),
                Policy::Restore => Ok(theirs.cloned()),
                Policy::Keep => Ok(ours.cloned()),
            };
        }
        (None, Some(t), Some(o)) if same_life(t, o) => return Ok(ours.cloned()),
        (Some(b), Some(t), Some(o)) if same_life(t, o) && same_life(b, o) => (b, t, o),
        (_, Some(_), Some(_)) if policy == Policy::Keep => return Ok(ours.cloned()),
        (_, Some(_), Some(_)) => return conflict("metadata.uid"),
    };
    let (mut merged, mut conflicts) = (ours.clone(), BTreeSet::new());
    for field in FIELDS {
        let (b, t, o) = (base[field], theirs[field], ours[field]);
        if b != t && t != o {
            if o == b || policy == Policy::Restore {
                merged.insert(field, t);
            } else if policy == Policy::Ask {
                conflicts.insert(field.to_owned());
            }
        }
    }
    if conflicts.is_empty() { Ok(Some(merged)) } else { Err(conflicts) }
}

/// Something that happens to a service.
#[derive(Clone, Debug)]
enum Event {
    /// It is created, or deleted if it is there.
    Toggle,
    /// These fields get these values.
    Set(Vec<(usize, u8)>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        1 => Just(Event::Toggle),
        8 => prop::collection::vec((0..FIELDS.len(), 0..4_u8), 1..4).prop_map(Event::Set),
    ]
}

/// The service after each event; before the first it does not exist.
fn history() -> impl Strategy<Value = Vec<Option<Model>>> {
    prop::collection::vec(event(), 1..14).prop_map(|events| {
        let mut all = vec![None];
        let mut now = None;
        for (at, event) in (1_u8..).zip([Event::Toggle].into_iter().chain(events)) {
            now = match (event, now) {
                (Event::Toggle, None) => {
                    let fields = FIELDS.iter().map(|field| (*field, 0));
                    Some(fields.chain([("metadata.uid", at)]).collect::<Model>())
                }
                (Event::Toggle, Some(_)) | (_, None) => None,
                (Event::Set(changes), Some(mut model)) => {
                    for (field, value) in changes {
                        model.insert(FIELDS[field], value);
                    }
                    Some(model)
                }
            };
            all.push(now.clone());
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_change_of_any_history_is_undone_as_the_model_says(
        history in history(), at: prop::sample::Index,
        policy in prop::sample::select(vec![Policy::Ask, Policy::Restore, Policy::Keep]),
    ) {
        let at = at.index(history.len() - 1) + 1;
        let (base, theirs) = (history[at].as_ref(), history[at - 1].as_ref());
        let ours = history.last().unwrap().as_ref();
        let expected = model_merge(base, theirs, ours, policy).map(|model| shown(model.as_ref()));
        prop_assert_eq!(outcome(&sides(base, theirs, ours), policy), expected);
    }

    #[test]
    fn any_earlier_state_is_gone_back_to_whole(history in history(), to: prop::sample::Index) {
        let ours = history.last().unwrap().as_ref();
        let theirs = to.get(&history).as_ref();
        let expected = model_merge(ours, theirs, ours, Policy::Ask).map(|model| shown(model.as_ref()));
        let outcome = outcome(&sides(ours, theirs, ours), Policy::Ask);
        prop_assert_eq!(&outcome, &expected);
        // Nothing is newer than the base, so only another life can stand in the way.
        prop_assert!(outcome == Ok(shown(theirs)) || outcome == Err(["metadata.uid".to_owned()].into()));
    }

    #[test]
    fn undoing_the_newest_change_and_undoing_that_is_the_identity(history in history()) {
        let [.., before, now] = &history[..] else { panic!("too short") };
        let (before, now) = (before.as_ref(), now.as_ref());
        prop_assert_eq!(outcome(&sides(now, before, now), Policy::Ask), Ok(shown(before)));
        prop_assert_eq!(outcome(&sides(before, now, before), Policy::Ask), Ok(shown(now)));
    }

    #[test]
    fn a_field_that_was_not_changed_never_moves(
        history in history(), at: prop::sample::Index,
        policy in prop::sample::select(vec![Policy::Restore, Policy::Keep]),
    ) {
        let at = at.index(history.len() - 1) + 1;
        let [base, theirs, ours] = [at, at - 1, history.len() - 1].map(|at| history[at].as_ref());
        let all = sides(base, theirs, ours);
        let Ok(Some(merged)) = merge(&all, policy) else { return Ok(()) };
        let after = carry_out(&all, merged);
        let (Some(base), Some(theirs), Some(ours)) = (&all.base, &all.theirs, &all.ours) else {
            return Ok(());
        };
        let leaves = Leaf::ALL.iter().map(|leaf| Field::Spec(*leaf));
        let env = ["A", "B", "ON"].map(|key| Field::Env(key.parse().unwrap()));
        for field in leaves.chain(env).chain([Field::Release]) {
            if field.is_same(Some(base), Some(theirs)) {
                prop_assert!(field.is_same(Some(&after), Some(ours)), "{field}");
            }
        }
    }
}

fn plain() -> Model {
    FIELDS.iter().map(|field| (*field, 1)).chain([("metadata.uid", 1)]).collect()
}

fn with(field: &'static str, value: u8) -> Model {
    let mut model = plain();
    model.insert(field, value);
    model
}

#[test]
fn a_host_that_is_somebody_elses_by_now_is_a_conflict_that_restoring_does_not_solve() {
    let taken: BTreeSet<_> = ["a.example.com".parse().unwrap()].into();
    let conflict = Conflict { field: Field::Spec(Leaf::Hosts), taken: taken.clone() };
    let given_up = Some(with("spec.hosts", 0));
    for (ours, hosts_kept) in [(given_up.clone(), 0), (None, 0)] {
        let base = ours.clone();
        let all =
            Sides { taken: taken.clone(), ..sides(base.as_ref(), Some(&plain()), ours.as_ref()) };
        for policy in [Policy::Ask, Policy::Restore] {
            assert_eq!(merge(&all, policy), Err(vec![conflict.clone()]));
        }
        let kept = merge(&all, Policy::Keep).unwrap().unwrap();
        assert_eq!(kept.service.spec.hosts.len(), hosts_kept);
    }
}

#[test]
fn an_upgrade_of_templates_stands_in_nobodys_way_and_stays() {
    let set = |files: &mut Option<ServiceFiles>, set: &[u8]| {
        let files = files.as_mut().unwrap();
        Arc::make_mut(&mut files.service).release.as_mut().unwrap().templates = Digest::of(set);
    };
    let [first, second] = [1, 2].map(|n| with("release", n));
    let mut all = sides(Some(&second), Some(&first), Some(&second));
    set(&mut all.ours, b"newer");
    let merged = merge(&all, Policy::Ask).unwrap().unwrap().service.release.unwrap();
    let first = service(&first).service.release.clone().unwrap();
    assert_eq!(merged.deployment, first.deployment);
    assert_eq!(merged.templates, Digest::of(b"newer"));
    // A deploy that came with newer templates is undone with them; an upgrade by itself is, too.
    set(&mut all.base, b"newer");
    let merged = merge(&all, Policy::Ask).unwrap().unwrap().service.release.clone();
    assert_eq!(merged, Some(first));
    let mut all = sides(Some(&second), Some(&second), Some(&second));
    set(&mut all.base, b"newer");
    set(&mut all.ours, b"newer");
    let merged = merge(&all, Policy::Ask).unwrap().unwrap().service.release.unwrap();
    assert_eq!(merged.templates, Digest::of(b"templates"));
}

#[test]
fn what_is_done_already_is_no_conflict() {
    let [one, two] = [1, 2].map(|n| with("env.A", n));
    let merged = merge(&sides(Some(&two), Some(&one), Some(&one)), Policy::Ask).unwrap().unwrap();
    assert_eq!(merged.env, EnvMerge::Ours);
    assert_eq!(merge(&sides(Some(&one), None, None), Policy::Ask), Ok(None));
}

#[test]
fn values_to_seal_are_those_that_the_merge_names() {
    let mixed = EnvMerge::Mixed {
        restore: ["B".parse().unwrap()].into(),
        remove: ["C".parse().unwrap()].into(),
    };
    let (ours, theirs) = (
        values(&[("A", "ours"), ("B", "ours"), ("C", "ours")]),
        values(&[("A", "theirs"), ("B", "theirs")]),
    );
    let merged = |merge: &EnvMerge| merge.values(ours.clone(), theirs.clone());
    assert_eq!(merged(&mixed), values(&[("A", "ours"), ("B", "theirs")]));
    assert_eq!(merged(&EnvMerge::Ours), ours);
    assert_eq!(merged(&EnvMerge::Theirs), theirs);
    assert_eq!(merged(&EnvMerge::Absent), values(&[]));
}

/// The same service with this image as its source.
fn of_image(files: &ServiceFiles, n: u8) -> ServiceFiles {
    let mut files = files.clone();
    let service = Arc::make_mut(&mut files.service);
    let image = format!("images.example.com/app@sha256:{}", format!("{n:02x}").repeat(32));
    service.spec.source = Source::Image { image: image.parse().unwrap() };
    service.spec.build = Build::image();
    files
}

#[test]
fn a_source_of_another_kind_is_undone_as_one_with_how_it_is_built() {
    let branch = service(&plain());
    let scaled = service(&with("spec.replicas", 2));
    let (one, two) = (of_image(&branch, 1), of_image(&branch, 2));
    let merged = |base: &ServiceFiles, theirs: &ServiceFiles, ours: &ServiceFiles, policy| {
        let side = |files: &ServiceFiles| Some(files.clone());
        let all = Sides {
            base: side(base),
            theirs: side(theirs),
            ours: side(ours),
            taken: BTreeSet::new(),
        };
        let merged = merge(&all, policy).map(|merged| merged.unwrap().service);
        if let Ok(service) = &merged {
            assert_eq!(service.spec.contradiction(), None, "{service:?}");
        }
        merged
    };
    // To an image and back, with what was changed beside it.
    let back = merged(&one, &branch, &of_image(&scaled, 1), Policy::Ask).unwrap();
    assert_eq!(back, *scaled.service);
    let again = merged(&branch, &one, &scaled, Policy::Ask).unwrap();
    assert_eq!(again, *of_image(&scaled, 1).service);
    // From one image to another is a field like any other.
    let back = merged(&two, &one, &of_image(&scaled, 2), Policy::Ask).unwrap();
    assert_eq!(back, *of_image(&scaled, 1).service);
    // Another image since.
    let conflict = |leaf| Err(vec![Conflict { field: Field::Spec(leaf), taken: BTreeSet::new() }]);
    assert_eq!(merged(&one, &branch, &two, Policy::Ask), conflict(Leaf::Source));
    assert_eq!(merged(&one, &branch, &two, Policy::Keep).unwrap(), *two.service);
    assert_eq!(merged(&one, &branch, &two, Policy::Restore).unwrap(), *branch.service);
    // Another branch since.
    let other = service(&with("spec.source.branch", 2));
    assert_eq!(merged(&branch, &one, &other, Policy::Ask), conflict(Leaf::Source));
    assert_eq!(merged(&branch, &one, &other, Policy::Keep).unwrap(), *other.service);
}
