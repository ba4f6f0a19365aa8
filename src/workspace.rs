//! `inkstone workspace`: tenants.

use crate::Verdict;
use crate::cli::{WorkspaceArgs, WorkspaceCommand};
use crate::data_dir::{DataDir, actor};
use crate::output::{json, line, table};
use anyhow::Context as _;
use inkstone_deployer::{Tool, add_workspace};

pub(crate) fn workspace(args: &WorkspaceArgs) -> anyhow::Result<Verdict> {
    match &args.command {
        WorkspaceCommand::Add { name, data } => {
            let state = DataDir::open(&data.data)?.state()?;
            let regions = state.main()?.regions()?;
            let region = regions.first().context("the state repo has no cluster")?;
            if add_workspace(&state, region, name, &actor()?, &Tool::new("workspace add"))? {
                line(format_args!("workspace {name} added in {region}, with a project default"));
                line(format_args!(
                    "next: inkstone key create {name}-agent --workspace {name} --data {}",
                    data.data.display()
                ));
            } else {
                line(format_args!("workspace {name} exists already"));
            }
        }
        WorkspaceCommand::List { json: as_json, data } => {
            let snapshot = DataDir::open(&data.data)?.state()?.main()?;
            let mut rows = Vec::new();
            for (name, regions) in snapshot.workspaces()? {
                let projects = snapshot.projects(&name)?;
                let mut services = 0;
                for project in &projects {
                    services += snapshot.services(project)?.len();
                }
                let regions: Vec<String> = regions.iter().map(ToString::to_string).collect();
                rows.push((name.to_string(), regions, projects.len(), services));
            }
            if *as_json {
                let list: Vec<_> = rows
                    .iter()
                    .map(|(name, regions, projects, services)| {
                        serde_json::json!({"name": name, "regions": regions, "projects": projects, "services": services})
                    })
                    .collect();
                json(&serde_json::json!({ "workspaces": list }));
            } else {
                let rows: Vec<Vec<String>> = rows
                    .into_iter()
                    .map(|(name, regions, projects, services)| {
                        vec![name, regions.join(","), projects.to_string(), services.to_string()]
                    })
                    .collect();
                table(&["WORKSPACE", "REGION", "PROJECTS", "SERVICES"], &rows);
            }
        }
    }
    Ok(Verdict::Good)
}
