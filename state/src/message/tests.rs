use super::*;
use crate::undo::{Field, Leaf};
use inkstone_spec::{CommitId, Digest, Owner, Recipient, RepoRef, ServiceRef};
use proptest::prelude::*;

const RECIPIENTS: [&str; 2] = [
    "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq",
    "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa",
];

fn name() -> impl Strategy<Value = String> {
    "[a-z](-?[a-z0-9]){0,9}"
}

fn service() -> impl Strategy<Value = ServiceRef> {
    ("[a-z][a-z0-9]{0,9}", name(), name())
        .prop_map(|(workspace, project, name)| format!("{workspace}/{project}/{name}"))
        .prop_map(|full| full.parse().unwrap())
}

fn deploy() -> impl Strategy<Value = Action> {
    (service(), "dep_[0-7][0-9a-hjkmnp-tv-z]{25}", name(), "[0-9a-f]{40}", any::<u64>()).prop_map(
        |(service, deployment, repo, commit, image)| Action::Deploy {
            // Half of them take a ready image.
            source: image.is_multiple_of(2).then(|| {
                let workspace = service.workspace.clone();
                (RepoRef { workspace, repo: repo.parse().unwrap() }, commit.parse().unwrap())
            }),
            service,
            deployment: deployment.parse().unwrap(),
            image: Digest::of(&image.to_be_bytes()),
        },
    )
}

fn commit() -> impl Strategy<Value = CommitId> {
    "[1-9a-f][0-9a-f]{39}".prop_map(|id| id.parse().unwrap())
}

/// A rollback or a revert.
fn undo() -> impl Strategy<Value = Action> {
    let release = prop::option::of(deploy().prop_map(|deploy| deploy.released().unwrap()));
    (service(), commit(), release, any::<bool>()).prop_map(|(service, to, release, back)| {
        if back {
            Action::Rollback { service, to, release }
        } else {
            Action::Revert { service, commit: to, release }
        }
    })
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        Just(Owner::Platform),
        service().prop_map(|s| Owner::Project(s.project_ref())),
        service().prop_map(Owner::Service),
    ]
}

fn fields() -> impl Strategy<Value = Vec<Field>> {
    let leaf = proptest::sample::select(Leaf::ALL).prop_map(Field::Spec);
    let env = "[A-Z_]{1,100}".prop_filter_map("reserved", |key| key.parse().ok().map(Field::Env));
    proptest::collection::vec(prop_oneof![leaf, env], 0..9)
}

fn recipients() -> impl Strategy<Value = Vec<Recipient>> {
    let two = RECIPIENTS.map(|text| text.parse::<Recipient>().unwrap());
    proptest::sample::subsequence(two.to_vec(), 0..=2)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Found),
        any::<u64>().prop_map(|n| Action::InstallTemplates(Digest::of(&n.to_be_bytes()))),
        service().prop_map(|s| Action::AddWorkspace(s.workspace)),
        service().prop_map(|s| Action::CreateProject(s.project_ref())),
        service().prop_map(Action::CreateService),
        service().prop_map(Action::DeleteService),
        service().prop_map(|s| Action::DeleteProject(s.project_ref())),
        (service(), fields())
            .prop_map(|(service, fields)| { Action::UpdateService { service, fields } }),
        owner().prop_map(Action::Render),
        owner().prop_map(Action::Upgrade),
        service().prop_map(Action::Rotate),
        (recipients(), recipients())
            .prop_map(|(added, removed)| { Action::SetRecipients { added, removed } }),
        undo(),
        deploy(),
    ]
}

/// What the trailers of a message are meant to say.
fn meant(message: &Message) -> Claim {
    let mut claim = Claim {
        action: Some(message.action.name().to_owned()),
        service: message.action.service().cloned(),
        actor: Some(message.actor.clone()),
        tool: Some(message.tool.to_string()),
        ..Claim::default()
    };
    if let Some(released) = message.action.released() {
        claim.deployment = Some(released.deployment);
        claim.source_commit = released.source_commit;
        claim.image = Some(released.image);
    }
    if let Action::Deploy { source: Some((repo, _)), .. } = &message.action {
        claim.source_repo = Some(format!("inkstone/{repo}"));
    }
    claim
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_as_it_was_meant(
        action in action(), actor in name(), tool in "[a-z0-9_-]{1,12}( [a-z0-9_-]{1,12}){0,2}"
    ) {
        let message = Message {
            action,
            actor: actor.parse().unwrap(),
            tool: Tool::parse(&tool).unwrap(),
        };
        let text = message.to_string();
        let back = read(&text);
        prop_assert_eq!(back.claim, Ok(meant(&message)));
        prop_assert_eq!(back.subject, message.action.subject());
        prop_assert!(back.claims);
        prop_assert!(!back.allows_removal);
        prop_assert!(text.is_ascii());
        prop_assert!(text.lines().all(|line| line.len() < 200));
    }

    #[test]
    fn a_tool_is_words_and_nothing_that_breaks_a_line(tool in "\\PC{0,12}|[a-z \n\r\t\u{0}é]{0,8}") {
        if let Ok(parsed) = Tool::parse(&tool) {
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_- ".contains(&b);
            prop_assert!(tool.bytes().all(plain));
            prop_assert_eq!(tool.trim(), &tool);
            prop_assert_eq!(parsed.to_string(), tool);
        }
    }

    #[test]
    fn any_message_can_be_read(text in "\\PC*|(Inkstone-[A-Z][a-z]+|Image|Allow-Removal)?:? ?\n*.*") {
        let back = read(&text);
        prop_assert_eq!(back.claims, text.split(['\n', '\r']).any(|line| {
            line.trim_start().to_lowercase().starts_with("inkstone-")
        }));
    }
}

#[test]
fn a_trailer_counts_once_and_only_in_the_last_paragraph() {
    let message = "words\n\nInkstone-Actor: a\nInkstone-Actor: b\n";
    assert!(read(message).claim.unwrap_err().contains("Inkstone-Actor appears twice"));
    let message = "words\n\nInkstone-Actor: a\n\nmore words\n";
    let back = read(message);
    assert_eq!((back.claims, back.claim), (true, Ok(Claim::default())));
    assert!(read("words\n\nInkstone-Mood: good").claim.unwrap_err().contains("Inkstone-Mood"));
    assert!(read("words\n\nImage: latest").claim.unwrap_err().contains("Image is not valid"));
}

#[test]
fn a_removal_is_allowed_by_its_trailer_alone() {
    assert!(read("words\n\nAllow-Removal: yes").allows_removal);
    for not in ["Allow-Removal: yes\n\nwords", "words\n\nAllow-Removal: no", "Allow-Removal"] {
        assert!(!read(not).allows_removal, "{not}");
    }
}
