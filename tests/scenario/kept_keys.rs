//! Keys that outlive the database: ArgoCD and a reconciler read by them.

use crate::harness::{Git, Mcp, World};
use serde_json::json;

#[test]
fn keys_of_the_operator_outlive_the_database_and_revoked_ones_do_not_come_back() {
    let mut world = World::deployed();
    let argocd = world.key("argocd", &["--scopes", "read", "--all-workspaces"]);
    let tenant = world.key("tenant", &["--scopes", "read,deploy"]);
    let revoked = world.key("revoked", &["--scopes", "read", "--all-workspaces"]);
    world.server.inkstone_ok(&["key", "revoke", "revoked"]);
    // What cannot be read keeps nobody else out.
    std::fs::write(world.server.data().join("keys/damaged"), "{").unwrap();
    let first = world.server.key.clone();

    world.lose_database();
    let git = Git::at(world.server.folder());
    let state = |key: &str| world.server.with_credential(key, "/state.git");
    assert!(git.run(&["ls-remote", &state(&argocd)]).contains("refs/heads/live"));
    for ended in [&revoked, &first] {
        let said = git.refused(&["ls-remote", &state(ended)]);
        assert!(said.contains("Authentication failed"), "{said}");
    }
    let mut tenant = Mcp::connect_as(&world.server, &tenant);
    let shown = tenant.ok("whoami", json!({}));
    assert_eq!(shown["key"], "tenant");
    assert_eq!(shown["scopes"], json!(["read", "deploy"]));
    assert_eq!(shown["workspaces"], json!(["main"]));

    let listed = world.server.inkstone_ok(&["key", "list"]);
    assert!(listed.contains("argocd") && listed.contains("tenant"), "{listed}");
    assert!(!listed.contains("revoked ") && !listed.contains("damaged"), "{listed}");
    // Kept once more, and revoked once more.
    world.server.inkstone_ok(&["key", "revoke", "argocd"]);
    world.lose_database();
    let said = git.refused(&["ls-remote", &world.server.with_credential(&argocd, "/state.git")]);
    assert!(said.contains("Authentication failed"), "{said}");
}
