//! Taking changes back: the newest by `git revert`, older ones by the tool and by the command.

use super::operator::{LOST, service_file};
use super::reverts::{Storm, Subject, commit};
use super::world::Site;
use crate::git;
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// How often the operator pulls and tries again.
const MAX_TRIES: usize = 10;

impl Storm<'_> {
    /// An operator takes the newest change back by `git revert`, also while a build is under way.
    pub(super) fn revert_newest(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        for _ in 0..MAX_TRIES {
            let url = self.world.door.url("/state.git");
            git::run(&self.clone, &["fetch", "--quiet", &url, "main"])?;
            git::run(&self.clone, &["reset", "--quiet", "--hard", "FETCH_HEAD"])?;
            let newest = self.newest_in_clone(&subject.site)?;
            // What was under way may be in by now.
            if let Some((deployment, version)) = subject.under_way.clone()
                && self.is_deployed(&deployment)?
            {
                subject.under_way = None;
                self.deployed(subject, &deployment, version)?;
            }
            git::run(&self.clone, &["revert", "--no-edit", &newest])?;
            let mut push = git::command(&self.clone);
            let pushed = push.args(["push", &url, "HEAD:main"]).output()?;
            if !pushed.status.success() {
                let said = git::text(&pushed);
                let lost = LOST.iter().any(|words| said.contains(words));
                ensure!(lost, "the revert was refused: {said}");
                continue;
            }
            let last = subject.model.len().checked_sub(1).context("there is no change")?;
            ensure!(
                subject.model.commit(last) == Some(&newest),
                "the newest change is {newest}, the model has {:?}",
                subject.model.commit(last)
            );
            let fields = subject.model.without(last).context("a newest change in conflict")?;
            subject.model.becomes(&git::rev_parse(&self.clone, "HEAD")?, fields);
            self.done.by_git += 1;
            if !subject.model.exists() {
                // Nothing is built for what is not there.
                subject.under_way = None;
            }
            return Ok(());
        }
        anyhow::bail!("an operator lost {MAX_TRIES} races in a row")
    }

    /// Takes any earlier change back, by the tool or by the command; where the same field was changed
    /// again since, both must say so and change nothing.
    pub(super) async fn revert_older(
        &mut self,
        subject: &mut Subject,
        tool: bool,
    ) -> anyhow::Result<()> {
        let change = self.rng.usize(..subject.model.len());
        if subject.model.is_of_existence(change) {
            return Ok(());
        }
        let undone = subject.model.commit(change).context("no such change")?.to_owned();
        let expected = subject.model.without(change);
        let made =
            if tool { self.by_tool(subject, &undone).await } else { self.by_command(&undone) };
        match (expected, made) {
            (None, Err(error)) if is_conflict(&error) => self.done.conflicts += 1,
            (None, made) => anyhow::bail!("undoing {undone} is a conflict, but: {made:?}"),
            (Some(fields), Ok(None)) => {
                ensure!(fields == subject.model.fields, "undoing {undone} changed nothing");
            }
            (Some(fields), Ok(Some(commit))) => {
                subject.model.becomes(&commit, fields);
                *(if tool { &mut self.done.by_tool } else { &mut self.done.by_command }) += 1;
            }
            (Some(_), Err(error)) => return Err(error),
        }
        Ok(())
    }

    async fn by_tool(&mut self, subject: &Subject, undone: &str) -> anyhow::Result<Option<String>> {
        let asked = json!({"name": subject.site.name, "undo_commit": undone});
        let answer = self.client.call("rollback_service", &asked).await?;
        if answer.get("changed") == Some(&Value::Bool(false)) {
            return Ok(None);
        }
        commit(&answer).map(|commit| Some(commit.to_owned()))
    }

    fn by_command(&self, undone: &str) -> anyhow::Result<Option<String>> {
        let url = self.world.door.url("/state.git");
        git::run(&self.clone, &["fetch", "--quiet", &url, "main"])?;
        git::run(&self.clone, &["reset", "--quiet", "--hard", "FETCH_HEAD"])?;
        let before = git::rev_parse(&self.clone, "HEAD")?;
        let mut revert = Command::new(&self.home.binary);
        git::in_the_same_name(&mut revert);
        revert.args(["revert", undone, "--push", "--repo"]).arg(&self.clone);
        revert.arg("--identity").arg(self.home.data().join("age-identity.txt"));
        let output = revert.output()?;
        ensure!(output.status.success(), "inkstone revert: {}", git::text(&output));
        let after = git::rev_parse(&self.clone, "HEAD")?;
        Ok((after != before).then_some(after))
    }

    /// The newest commit of the state repo that changed the service.
    pub(super) fn newest(&self, site: &Site) -> anyhow::Result<String> {
        newest(&self.home.state(), "main", site)
    }

    fn newest_in_clone(&self, site: &Site) -> anyhow::Result<String> {
        newest(&self.clone, "HEAD", site)
    }

    fn is_deployed(&self, deployment: &str) -> anyhow::Result<bool> {
        let grep = format!("--grep=^Inkstone-Deployment: {deployment}$");
        Ok(!git::run(&self.clone, &["log", "--format=%H", &grep, "FETCH_HEAD"])?.is_empty())
    }
}

fn newest(repo: &Path, head: &str, site: &Site) -> anyhow::Result<String> {
    let file = service_file(Path::new(""), &site.name);
    let folder = file.parent().unwrap_or(&file).display().to_string();
    let found = git::run(repo, &["log", "-1", "--format=%H", head, "--", &folder])?;
    Ok(found.trim().to_owned())
}

fn is_conflict(error: &anyhow::Error) -> bool {
    let said = error.to_string();
    said.contains("changed again since") || said.contains("something else changed since")
}
