//! A head is checked for what changed: nothing that the whole tree would show may slip through, however
//! the change is spread over lawful commits.

use crate::fixture::{API, Fixture, PROJECT, SITE, deploy, findings, name};
use crate::git::Clone;
use inkstone_state::CommitError;
use inkstone_state::check::Rule;
use jiff::Timestamp;

/// Pushes past every hook, as on a host that has none, and returns what holds `live` back.
fn pushed(change: impl FnOnce(&Clone)) -> Vec<Rule> {
    let fixture = Fixture::new();
    let live = fixture.live();
    let clone = fixture.clone();
    change(&clone);
    clone.push();
    let found = fixture.state.publish(Timestamp::now()).unwrap();
    // What the head check finds or not, the check of the whole tree agrees.
    if found.is_empty() {
        assert_eq!(fixture.live(), fixture.main());
        fixture.assert_lawful();
    } else {
        assert_eq!(fixture.live(), live);
        assert_ne!(findings(&clone.dir, "HEAD"), []);
    }
    found.into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_host_that_moves_in_two_lawful_commits_is_found_at_its_first_owner() {
    let found = pushed(|clone| {
        let claim = Fixture::claim("shop.example.com");
        let text = clone.read(&claim);
        clone.git(&["rm", "--quiet", &claim]);
        clone.commit("drop the claim");
        let uid = |path: &str| {
            let text = clone.read(path);
            text.lines().find(|line| line.contains("uid:")).unwrap().trim().to_owned()
        };
        let (site, api) =
            (uid(&format!("{SITE}/service.yaml")), uid(&format!("{API}/service.yaml")));
        clone.write(&claim, &text.replace("service: site", "service: api").replace(&site, &api));
        clone.edit(&format!("{API}/service.yaml"), "hosts: []", "hosts: [shop.example.com]");
        clone.commit("claim it for the other");
    });
    assert!(found.contains(&Rule::Host), "{found:?}");
}

#[test]
fn a_claim_that_is_dropped_alone_is_found() {
    let found = pushed(|clone| {
        clone.git(&["rm", "--quiet", &Fixture::claim("shop.example.com")]);
        clone.commit("drop the claim");
    });
    assert!(found.contains(&Rule::Host), "{found:?}");
}

#[test]
fn a_claim_that_is_left_when_the_host_goes_is_found() {
    let found = pushed(|clone| {
        clone.edit(&format!("{API}/service.yaml"), "replicas: 1", "replicas: 2");
        clone.commit("scale what is not deployed");
    });
    assert_eq!(found, []);
    let found = pushed(|clone| {
        let path = format!("{SITE}/service.yaml");
        let text = clone.read(&path);
        let kept = text.lines().filter(|line| !line.contains("shop.example.com"));
        let text = kept.collect::<Vec<_>>().join("\n") + "\n";
        clone.write(&path, &text.replace("hosts:\n", "hosts: []\n"));
        let ingress = format!("{SITE}/manifests/ingress.yaml");
        render(clone);
        assert!(!clone.read(&ingress).contains("shop.example.com"));
        clone.commit("give up a host but not the claim");
    });
    assert_eq!(found, [Rule::Host]);
}

/// What `inkstone render` does.
fn render(clone: &Clone) {
    let snapshot = inkstone_state::snapshot_of(&clone.dir, None).unwrap();
    for edit in inkstone_state::plan::render_all(&snapshot).unwrap() {
        match edit {
            inkstone_state::Edit::Write(path, bytes) => {
                clone.write(&path.to_string(), std::str::from_utf8(&bytes).unwrap());
            }
            inkstone_state::Edit::Remove(path) => {
                std::fs::remove_file(clone.dir.join(path.to_string())).unwrap();
            }
        }
    }
}

#[test]
fn an_edit_with_its_rendering_is_taken() {
    let found = pushed(|clone| {
        clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
        render(clone);
        clone.commit("scale");
    });
    assert_eq!(found, []);
}

#[test]
fn an_edit_without_its_rendering_is_rendered_by_inkstone() {
    let found = pushed(|clone| {
        clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
        clone.commit("scale");
    });
    assert_eq!(found, []);
}

#[test]
fn an_unrendered_commit_that_a_later_one_completes_is_taken() {
    let found = pushed(|clone| {
        clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: 2");
        clone.commit("scale");
        render(clone);
        clone.commit("render");
    });
    assert_eq!(found, []);
}

#[test]
fn removals_of_what_others_stand_on_are_found() {
    for paths in [
        vec!["clusters/eu-central-1/acme/workspace.yaml".to_owned()],
        vec![format!("{PROJECT}/project.yaml"), format!("{PROJECT}/manifests")],
        vec!["clusters/eu-central-1/cluster.yaml".to_owned()],
        vec!["templates".to_owned()],
        vec!["inkstone.yaml".to_owned()],
        vec![format!("{SITE}/service.yaml")],
        vec![SITE.to_owned()],
    ] {
        let found = pushed(|clone| {
            let mut args = vec!["rm", "-r", "--quiet"];
            args.extend(paths.iter().map(String::as_str));
            clone.git(&args);
            clone.commit("remove");
        });
        assert!(!found.is_empty(), "{paths:?}");
    }
}

#[test]
fn a_service_in_a_project_that_does_not_exist_is_found() {
    let found = pushed(|clone| {
        let text = clone.read(&format!("{API}/service.yaml"));
        let text = text.replace("project: shop", "project: lost");
        clone.write("clusters/eu-central-1/acme/lost/services/api/service.yaml", &text);
        clone.commit("a service of no project");
    });
    assert!(found.contains(&Rule::Named), "{found:?}");
}

#[test]
fn a_workspace_in_a_region_without_a_cluster_is_found() {
    let found = pushed(|clone| {
        let text =
            clone.read("clusters/eu-central-1/acme/workspace.yaml").replace("acme", "umbrella");
        clone.write("clusters/us-east-1/umbrella/workspace.yaml", &text);
        clone.commit("nowhere");
    });
    assert_eq!(found, [Rule::Named]);
}

#[test]
fn a_change_of_a_cluster_is_rendered_for_every_service_or_held_back() {
    let found = pushed(|clone| {
        let path = "clusters/eu-central-1/cluster.yaml";
        clone.edit(path, "registry.internal:5000", "other.internal:5000");
        clone.commit("another registry");
    });
    assert_eq!(found, []);
    let found = pushed(|clone| {
        clone.edit("clusters/eu-central-1/cluster.yaml", "apps.example.com", "sites.example.com");
        clone.commit("another domain");
    });
    assert!(found.contains(&Rule::Host), "{found:?}");
}

#[test]
fn a_malformed_neighbour_is_found_and_not_an_error() {
    let found = pushed(|clone| {
        clone.edit(&format!("{PROJECT}/project.yaml"), "pods: 200", "pods: 100");
        clone.commit("a smaller quota");
        clone.edit(&format!("{SITE}/service.yaml"), "replicas: 1", "replicas: many");
        clone.commit("a broken service");
    });
    assert_eq!(found, [Rule::Parses]);
}

#[test]
fn words_for_people_are_theirs_to_change() {
    let found = pushed(|clone| {
        clone.write("README.md", "# Ours\n");
        clone.commit("say it in our words");
    });
    assert_eq!(found, []);
}

#[test]
fn a_forged_or_merged_line_holds_live_back_although_its_tree_is_good() {
    let found = pushed(|clone| {
        clone.commit("words\n\nInkstone-Action: deploy");
    });
    assert_eq!(found, [Rule::Signature]);
    let found = pushed(|clone| {
        clone.git(&["checkout", "--quiet", "-b", "side"]);
        clone.commit("beside");
        clone.git(&["checkout", "--quiet", "main"]);
        clone.git(&["merge", "--quiet", "--no-ff", "--no-edit", "side"]);
    });
    assert_eq!(found, [Rule::Linear]);
}

#[test]
fn nothing_is_written_on_top_of_a_bad_head_and_its_repair_is_published() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    let path = format!("{SITE}/manifests/deployment.yaml");
    clone.edit(&path, "replicas: 1", "replicas: 9");
    clone.commit("scale by hand");
    clone.push();
    let before = (fixture.main(), fixture.live());
    let refused = deploy(&fixture.state, &name("site"), 2).unwrap_err();
    let CommitError::Unchecked(found) = refused else { panic!("{refused:?}") };
    assert_eq!(found.iter().map(|f| f.path.as_deref()).collect::<Vec<_>>(), [Some(path.as_str())]);
    assert_eq!((fixture.main(), fixture.live()), before);

    clone.git(&["revert", "--no-edit", "HEAD"]);
    clone.push();
    deploy(&fixture.state, &name("site"), 2).unwrap();
    fixture.assert_lawful();
}

#[test]
fn live_catches_up_with_a_good_head_before_the_next_commit() {
    let fixture = Fixture::new();
    let clone = fixture.clone();
    clone.git(&["revert", "--no-edit", "HEAD~1"]);
    clone.push();
    assert_ne!(fixture.main(), fixture.live());
    deploy(&fixture.state, &name("api"), 2).unwrap();
    assert_eq!(fixture.git(&["rev-parse", "live~1"]), clone.head());
    fixture.assert_lawful();
}

#[test]
fn a_main_that_was_rewound_never_takes_live_back() {
    let fixture = Fixture::new();
    let live = fixture.live();
    fixture.git(&["update-ref", "refs/heads/main", "main~2"]);
    let found = fixture.state.publish(Timestamp::now()).unwrap();
    assert_eq!(found.iter().map(|f| f.rule).collect::<Vec<_>>(), [Rule::Push]);
    assert!(found[0].message.contains(&live), "{}", found[0]);
    assert!(matches!(deploy(&fixture.state, &name("site"), 5), Err(CommitError::Unchecked(_))));
    assert_eq!(fixture.live(), live);
}
