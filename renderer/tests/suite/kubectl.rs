//! kubectl as a judge: it is Go, with the YAML parser that ArgoCD has too, and needs no cluster for this.

use serde_json::Value as Json;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// What kubectl reads in these manifests, in order; `None` where it is not installed, which is said
/// aloud.
pub(crate) fn read(manifests: &[String]) -> Option<Vec<Json>> {
    if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
        // Not a print: the test runner would keep that to itself.
        let notice = "kubectl is not installed: nothing was held against its YAML parser\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("kubectl");
    command.args(["annotate", "--local", "-o", "json", "z=1"]).env("KUBECONFIG", "/dev/null");
    for (number, text) in manifests.iter().enumerate() {
        let file: PathBuf = folder.path().join(format!("{number}.yaml"));
        std::fs::write(&file, text).unwrap();
        command.arg("-f").arg(file);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    let documents: Vec<Json> = documents.collect::<Result<_, _>>().unwrap();
    assert_eq!(documents.len(), manifests.len());
    Some(documents)
}
