use super::*;
use crate::facts::{ContainerFacts, ContainerState, Ended, EventFacts, Operation, ReplicaSetFacts};
use crate::ports::Listening;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A service whose one pod runs, applied at the commit that has what is wanted.
struct Case {
    observed: Observed,
    deployment: DeploymentId,
    replicas: u32,
    wanted_revision: CommitId,
}

impl Case {
    fn healthy() -> Self {
        let deployment: DeploymentId = "dep_01jdezx2k7e5m8w3r4t6y9a0bd".parse().unwrap();
        let revision: CommitId = "a".repeat(40).parse().unwrap();
        let application = ApplicationFacts {
            synced: true,
            revision: Some(revision.clone()),
            ..ApplicationFacts::default()
        };
        let mut observed = Observed { application: Some(application), ..Observed::default() };
        observed.deployment = Some(DeploymentFacts {
            deployment: Some(deployment.clone()),
            revision: "2".to_owned(),
            current: true,
            wanted: 1,
            total: 1,
            updated: 1,
            ready: 1,
            ..DeploymentFacts::default()
        });
        for (name, revision) in [("site-old", "1"), ("site-new", "2")] {
            let facts =
                ReplicaSetFacts { revision: revision.to_owned(), ..ReplicaSetFacts::default() };
            observed.replica_sets.insert(name.to_owned(), facts);
        }
        let running = ContainerFacts {
            state: ContainerState::Running { since: Some(NOW) },
            ready: true,
            ..ContainerFacts::default()
        };
        let pod = PodFacts {
            replica_set: "site-new".to_owned(),
            created: Some(NOW),
            ready: true,
            container: Some(running),
            ..PodFacts::default()
        };
        observed.pods.insert("site-new-x".to_owned(), pod);
        Self { observed, deployment, replicas: 1, wanted_revision: revision }
    }

    /// The same, with a pod that is not ready: its container does this.
    fn with(state: ContainerState, restarts: u32, last_end: Option<Ended>) -> Self {
        let mut case = Self::healthy();
        case.rollout().ready = 0;
        let pod = case.observed.pods.get_mut("site-new-x").unwrap();
        pod.ready = false;
        pod.container = Some(ContainerFacts { state, ready: false, restarts, last_end });
        case
    }

    fn waiting(reason: &str, message: &str) -> Self {
        let (reason, message) = (reason.to_owned(), message.to_owned());
        Self::with(ContainerState::Waiting { reason, message }, 0, None)
    }

    fn crashing(end: Ended) -> Self {
        let state = ContainerState::Waiting {
            reason: "CrashLoopBackOff".to_owned(),
            message: "back-off 10s".to_owned(),
        };
        Self::with(state, 2, Some(end))
    }

    fn rollout(&mut self) -> &mut DeploymentFacts {
        self.observed.deployment.as_mut().unwrap()
    }

    fn newest_set(&mut self) -> &mut ReplicaSetFacts {
        self.observed.replica_sets.get_mut("site-new").unwrap()
    }

    fn application(&mut self) -> &mut ApplicationFacts {
        self.observed.application.as_mut().unwrap()
    }

    fn standing_after(&self, seconds: i64) -> Standing {
        let has_same_manifests = |revision: &CommitId| *revision == self.wanted_revision;
        let wanted = Wanted {
            deployment: &self.deployment,
            replicas: self.replicas,
            port: 3000,
            has_same_manifests: &has_same_manifests,
        };
        let now = NOW + jiff::SignedDuration::from_secs(seconds);
        standing(&wanted, &self.observed, now)
    }

    fn phase(&self) -> Phase {
        self.standing_after(1).phase
    }

    /// The phase, the code, and what was said, once nobody is about to mend it any more.
    fn problem(&self) -> (Phase, Reason, String) {
        let standing = self.standing_after(60);
        let problem = standing.problem.expect("there is a problem");
        (standing.phase, problem.reason, problem.message)
    }
}

#[test]
fn active_is_synced_at_what_is_wanted_with_every_pod_ready() {
    let case = Case::healthy();
    assert_eq!(case.phase(), Phase::Active);
    assert_eq!(case.standing_after(1).ready, 1);
}

#[test]
fn nothing_is_active_before_argocd_says_so() {
    let mut other_commit = Case::healthy();
    other_commit.application().revision = Some("b".repeat(40).parse().unwrap());
    let mut out_of_sync = Case::healthy();
    out_of_sync.application().synced = false;
    let mut unknown = Case::healthy();
    unknown.observed.application = None;
    let mut other_release = Case::healthy();
    other_release.rollout().deployment = None;
    for case in [other_commit, out_of_sync, unknown, other_release] {
        assert_eq!(case.phase(), Phase::Syncing);
        assert_eq!(case.standing_after(1).problem, None);
    }
}

#[test]
fn nothing_is_active_while_a_pod_is_missing_or_an_old_one_is_left() {
    let mut unseen = Case::healthy();
    unseen.rollout().current = false;
    let mut missing = Case::healthy();
    missing.replicas = 2;
    *missing.rollout() = DeploymentFacts { wanted: 2, ..missing.rollout().clone() };
    let mut old_one_left = Case::healthy();
    old_one_left.rollout().total = 2;
    for case in [unseen, missing, old_one_left] {
        assert_eq!(case.phase(), Phase::Deploying);
    }
}

#[test]
fn what_is_said_of_the_pods_before_is_said_of_nothing_that_is_applied_now() {
    let mut case = Case::crashing(Ended { exit_code: 1, ..Ended::default() });
    case.rollout().current = false;
    case.rollout().stalled = true;
    case.newest_set().failure = "exceeded quota".to_owned();
    let standing = case.standing_after(60);
    assert_eq!((standing.phase, standing.problem), (Phase::Deploying, None));
}

#[test]
fn a_stopped_service_is_active_without_pods() {
    let mut case = Case::healthy();
    case.replicas = 0;
    *case.rollout() =
        DeploymentFacts { wanted: 0, total: 0, updated: 0, ready: 0, ..case.rollout().clone() };
    case.observed.pods.clear();
    assert_eq!(case.phase(), Phase::Active);
}

#[test]
fn a_sync_that_cannot_succeed_has_failed_and_one_that_is_tried_again_has_not() {
    let sync = |phase: &str, message: &str, revision: char| {
        let mut case = Case::healthy();
        case.application().synced = false;
        case.application().operation = Some(Operation {
            phase: phase.to_owned(),
            message: message.to_owned(),
            revision: Some(revision.to_string().repeat(40).parse().unwrap()),
        });
        case.standing_after(1)
    };
    let refused = "Deployment.apps \"site\" is invalid: spec.replicas";
    assert_eq!(sync("Running", refused, 'a').phase, Phase::Failed);
    assert_eq!(sync("Failed", "one or more objects failed to apply", 'a').phase, Phase::Failed);
    let again = sync("Running", "one or more objects failed to apply: namespace not found", 'a');
    assert_eq!(again.phase, Phase::Syncing);
    assert_eq!(again.problem.unwrap().reason, Reason::Sync);
    let invalid = "one or more synchronization tasks are not valid: resource policy:PodDisruptionBudget is not \
                   permitted in project inkstone. Retrying attempt #3 at 12:00PM.";
    assert_eq!(sync("Running", invalid, 'a').problem.unwrap().reason, Reason::Sync);
    assert_eq!(sync("Running", "waiting for healthy state", 'a').problem, None);
    let leaving = "configmaps \"x\" is forbidden: namespace dp-main-shop is being terminated";
    assert_eq!(sync("Running", leaving, 'a').phase, Phase::Syncing);
    // What an earlier commit failed with says nothing of this one.
    assert_eq!(sync("Failed", refused, 'b').phase, Phase::Syncing);
}

#[test]
fn each_way_to_fail_has_its_code_and_says_what_was_seen() {
    let lines = "boom: no such table\n".to_owned();
    let exit = |exit_code, reason: &str| Ended {
        reason: reason.to_owned(),
        exit_code,
        last_lines: lines.clone(),
        ran: None,
    };
    let denied = Ended { last_lines: "bind: Permission denied".to_owned(), ..exit(1, "Error") };
    let demanding =
        Ended { last_lines: "fatal: it has to run as root".to_owned(), ..exit(4, "Error") };
    let mut quota = Case::healthy();
    quota.rollout().updated = 0;
    quota.newest_set().failure =
        "pods \"site\" is forbidden: exceeded quota: quota, requested: pods=1".to_owned();
    let cases = [
        (
            Case::crashing(exit(3, "Error")),
            Reason::CrashLoop,
            "exit code 3, 3 times so far. Its last lines:\nboom",
        ),
        (Case::crashing(exit(0, "Completed")), Reason::CrashLoop, "exit code 0"),
        (Case::crashing(exit(139, "Error")), Reason::CrashLoop, "signal 11"),
        (Case::crashing(exit(137, "OOMKilled")), Reason::OutOfMemory, "more memory"),
        (Case::crashing(denied), Reason::NeedsRoot, "Permission denied"),
        (Case::crashing(demanding), Reason::NeedsRoot, "exit code 4"),
        (quota, Reason::Quota, "exceeded quota"),
        (
            Case::waiting(
                "CreateContainerConfigError",
                "container has runAsNonRoot and image will run as root",
            ),
            Reason::NeedsRoot,
            "run as root",
        ),
        (
            Case::waiting("RunContainerError", "exec: \"app\": not found"),
            Reason::CannotStart,
            "exec",
        ),
        (Case::waiting("ImagePullBackOff", "Back-off pulling"), Reason::ImagePull, "Back-off"),
    ];
    for (case, reason, said) in cases {
        let (phase, found, message) = case.problem();
        assert_eq!((phase, found), (Phase::Failed, reason), "{message}");
        assert!(message.contains(said), "{message:?} has no {said:?}");
        assert!(!reason.suggestion().is_empty());
    }
}

#[test]
fn why_an_image_cannot_be_pulled_is_in_the_events() {
    let mut case = Case::waiting("ImagePullBackOff", "Back-off pulling image");
    case.observed.events.push(EventFacts {
        kind: "Pod".to_owned(),
        name: "site-new-x".to_owned(),
        reason: "Failed".to_owned(),
        message: "Failed to pull image \"r/a@sha256:1\": 404 Not Found".to_owned(),
        ..EventFacts::default()
    });
    assert!(case.problem().2.contains("404 Not Found"));
}

#[test]
fn a_process_that_nothing_answers_from_is_not_said_to_have_crashed() {
    let killed = Ended { reason: "Error".to_owned(), exit_code: 137, ..Ended::default() };
    let mut case = Case::crashing(killed);
    case.observed.events.push(EventFacts {
        kind: "Pod".to_owned(),
        name: "site-new-x".to_owned(),
        reason: "Unhealthy".to_owned(),
        message: "Startup probe failed: dial tcp 10.0.0.9:3000: connection refused".to_owned(),
        ..EventFacts::default()
    });
    let (phase, reason, message) = case.problem();
    assert_eq!((phase, reason), (Phase::Failed, Reason::Probe));
    assert!(message.contains("port 3000") && message.contains("refused"), "{message}");
}

/// A process that ended so after these seconds, where a probe of its port had failed.
fn unanswered(exit_code: i32, ran: i64, restarts: u32, state: ContainerState) -> Case {
    let seconds = jiff::SignedDuration::from_secs;
    let ran = Some(seconds(ran));
    let end = Ended { reason: "Error".to_owned(), exit_code, ran, ..Ended::default() };
    let mut case = Case::with(state, restarts, Some(end));
    case.observed.pods.get_mut("site-new-x").unwrap().spared = Some(seconds(119));
    case.observed.events.push(EventFacts {
        kind: "Pod".to_owned(),
        name: "site-new-x".to_owned(),
        reason: "Unhealthy".to_owned(),
        message: "Startup probe failed: connection refused".to_owned(),
        ..EventFacts::default()
    });
    case
}

#[test]
fn a_process_that_ended_before_a_probe_could_have_had_it_done_ended_otherwise() {
    let waits = || ContainerState::Waiting {
        reason: "CrashLoopBackOff".to_owned(),
        message: "back-off 10s".to_owned(),
    };
    for (exit_code, ran, reason) in [
        (137, 2, Reason::OutOfMemory),
        (137, 150, Reason::Probe),
        (143, 120, Reason::Probe),
        (0, 2, Reason::CrashLoop),
        (0, 120, Reason::Probe),
        (1, 120, Reason::CrashLoop),
        (139, 200, Reason::CrashLoop),
        (134, 200, Reason::CrashLoop),
    ] {
        let (phase, found, message) = unanswered(exit_code, ran, 2, waits()).problem();
        assert_eq!((phase, found), (Phase::Failed, reason), "{exit_code} after {ran} s: {message}");
    }
}

#[test]
fn who_never_answered_in_all_its_time_has_failed_and_who_did_before_is_given_more() {
    let runs_again = || ContainerState::Running { since: Some(NOW) };
    let mut case = unanswered(137, 155, 1, runs_again());
    let (phase, reason, _) = case.problem();
    assert_eq!((phase, reason), (Phase::Failed, Reason::Probe));
    case.rollout().completed = true;
    case.observed.events[0].message = "Liveness probe failed: connection refused".to_owned();
    let (phase, reason, _) = case.problem();
    assert_eq!((phase, reason), (Phase::Deploying, Reason::Probe));
}

#[test]
fn the_first_moments_of_a_process_say_nothing_of_an_end_after_it_has_served() {
    let waits = ContainerState::Waiting {
        reason: "CrashLoopBackOff".to_owned(),
        message: "back-off 10s".to_owned(),
    };
    let mut case = unanswered(143, 200, 2, waits);
    case.rollout().completed = true;
    assert_eq!(case.problem().1, Reason::CrashLoop);
    case.observed.events[0].message = "Liveness probe failed: connection refused".to_owned();
    assert_eq!(case.problem().1, Reason::Probe);
}

#[test]
fn what_never_answered_was_ended_by_a_probe_though_the_kubelet_leaves_that_out() {
    let mut case = unanswered(137, 150, 1, ContainerState::Running { since: Some(NOW) });
    case.observed.events[0].message = "Readiness probe failed: connection refused".to_owned();
    assert_eq!(case.problem().1, Reason::Probe);
    case.observed.events.clear();
    assert_eq!(case.problem().1, Reason::Probe);
    // Of what has worked nobody knows without being told.
    case.rollout().completed = true;
    let (_, reason, message) = case.problem();
    assert_eq!(reason, Reason::CrashLoop);
    assert!(message.contains("signal 9"), "{message}");
}

#[test]
fn one_end_of_a_process_whose_release_has_worked_is_not_its_failure() {
    let killed = || Ended { reason: "OOMKilled".to_owned(), exit_code: 137, ..Ended::default() };
    for state in [ContainerState::Running { since: Some(NOW) }, ContainerState::Ended(killed())] {
        let mut case = Case::with(state, 3, Some(killed()));
        assert_eq!(case.problem().0, Phase::Failed);
        case.rollout().completed = true;
        assert_eq!(case.problem().0, Phase::Deploying);
    }
}

#[test]
fn what_kept_the_replica_set_before_from_making_pods_fails_nobody() {
    let mut case = Case::with(ContainerState::default(), 0, None);
    case.newest_set().failure.clear();
    let before = case.observed.replica_sets.get_mut("site-old").unwrap();
    before.failure = "exceeded quota: quota".to_owned();
    before.failing_since = Some(NOW);
    assert_eq!(case.standing_after(60).phase, Phase::Deploying);
    assert_eq!(case.standing_after(60).problem, None);
}

#[test]
fn what_others_are_about_to_bring_is_waited_for() {
    let secret = Case::waiting("CreateContainerConfigError", "secret \"site-env-1\" not found");
    let mut full = Case::waiting("", "");
    let pod = full.observed.pods.get_mut("site-new-x").unwrap();
    (pod.container, pod.unschedulable) = (None, "0/1 nodes: Insufficient cpu".to_owned());
    let mut no_room = Case::with(ContainerState::default(), 0, None);
    no_room.newest_set().failure = "exceeded quota: quota".to_owned();
    no_room.newest_set().failing_since = Some(NOW);
    for (case, reason) in [
        (secret, Reason::SecretMissing),
        (full, Reason::Unschedulable),
        (Case::waiting("ImagePullBackOff", "Back-off pulling"), Reason::ImagePull),
        (
            Case::waiting("CreateContainerConfigError", "failed to sync secret cache: timed out"),
            Reason::CannotStart,
        ),
        (no_room, Reason::Quota),
    ] {
        let early = case.standing_after(5);
        assert_eq!((early.phase, early.problem.unwrap().reason), (Phase::Deploying, reason));
        let late = case.standing_after(60);
        assert_eq!((late.phase, late.problem.unwrap().reason), (Phase::Failed, reason));
    }
}

#[test]
fn an_environment_that_cannot_be_opened_is_no_matter_of_waiting() {
    let mut case = Case::waiting("CreateContainerConfigError", "secret \"site-env-1\" not found");
    case.observed.secret = Some("its MAC does not match".to_owned());
    let (phase, reason, message) = case.problem();
    assert_eq!((phase, reason), (Phase::Failed, Reason::SecretMissing));
    assert!(message.contains("MAC"), "{message}");
}

#[test]
fn pods_of_earlier_releases_fail_nobody() {
    let mut case = Case::crashing(Ended { exit_code: 1, ..Ended::default() });
    case.observed.pods.get_mut("site-new-x").unwrap().replica_set = "site-old".to_owned();
    let standing = case.standing_after(1);
    assert_eq!((standing.phase, standing.problem), (Phase::Deploying, None));
    assert!(!standing.pods[0].newest);
}

#[test]
fn what_makes_no_progress_has_failed() {
    let mut case = Case::with(ContainerState::Running { since: None }, 0, None);
    assert_eq!(case.phase(), Phase::Deploying);
    case.rollout().stalled = true;
    assert_eq!(case.problem().1, Reason::Stalled);
}

#[test]
fn a_process_that_listens_elsewhere_has_failed_and_is_told_where() {
    let silent = |for_itself, elsewhere: &[u16]| {
        let mut case = Case::with(ContainerState::Running { since: Some(NOW) }, 0, None);
        let seen = Listening {
            confirmed: true,
            for_itself,
            elsewhere: elsewhere.to_vec(),
            ..Listening::default()
        };
        case.observed.listening.insert("site-new-x".to_owned(), seen);
        case
    };
    let (phase, reason, message) = silent(false, &[8000]).problem();
    assert_eq!((phase, reason), (Phase::Failed, Reason::WrongPort));
    assert!(message.contains("8000") && message.contains("3000"), "{message}");

    let (phase, reason, message) = silent(true, &[]).problem();
    assert_eq!((phase, reason), (Phase::Failed, Reason::WrongPort));
    assert!(message.contains("127.0.0.1"), "{message}");

    let (phase, reason, _) = silent(false, &[]).problem();
    assert_eq!((phase, reason), (Phase::Deploying, Reason::Probe));

    // A port that was open once may be one of several that it is about to open.
    let mut once = silent(false, &[8000]);
    once.observed.listening.get_mut("site-new-x").unwrap().confirmed = false;
    assert_eq!(once.phase(), Phase::Deploying);

    // What was seen of an earlier run of the process says nothing of this one.
    let mut earlier = silent(false, &[8000]);
    let pod = earlier.observed.pods.get_mut("site-new-x").unwrap();
    pod.container.as_mut().unwrap().restarts = 1;
    assert_eq!((earlier.phase(), earlier.standing_after(1).problem), (Phase::Deploying, None));
}
