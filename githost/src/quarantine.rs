//! What stopped pushes leave behind.
//!
//! git keeps the objects of a push apart until its hooks have agreed (git-receive-pack(1),
//! "Quarantine Environment"). A git that ends by itself removes them; one that is stopped by a signal
//! does not, on purpose.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the names of git's quarantine directories start with.
const PREFIX: &str = "tmp_objdir-";

/// Removes quarantined objects that nothing has been added to for so long that no push can still be
/// at work on them.
pub(crate) async fn sweep(git_dir: &Path, age: Duration) {
    if let Err(error) = remove_old(&git_dir.join("objects"), age).await {
        tracing::warn!(?git_dir, %error, "cannot remove what a stopped push left");
    }
}

async fn remove_old(objects: &Path, age: Duration) -> io::Result<()> {
    let mut entries = tokio::fs::read_dir(objects).await?;
    while let Some(entry) = entries.next_entry().await? {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let modified = entry.metadata().await?.modified()?;
        let old = SystemTime::now().duration_since(modified).is_ok_and(|found| found > age);
        if old {
            tokio::fs::remove_dir_all(entry.path()).await?;
        }
    }
    Ok(())
}
