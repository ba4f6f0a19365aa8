//! Debian's docker-registry on loopback: where somebody else keeps images.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) struct ImageRegistry {
    process: Child,
    pub(crate) authority: String,
    _folder: TempDir,
}

impl ImageRegistry {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n",
            folder.path().join("data").display()
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is not installed: run `apt-get install docker-registry`");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
                rest.split(|c: char| !c.is_ascii_digit()).next().map(str::to_owned)
            })
            .expect("the registry says where it listens");
        // Its log must be read for as long as it writes one.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, authority: format!("127.0.0.1:{port}"), _folder: folder }
    }

    /// Copies the image that a layout lists under `name` to `repository`; returns its reference there.
    pub(crate) fn take(&self, layout: &Path, name: &str, digest: &str, repository: &str) -> String {
        let to = format!("{}/{repository}", self.authority);
        let copied = Command::new("skopeo")
            .args(["copy", "--quiet", "--insecure-policy", "--preserve-digests"])
            .args(["--dest-tls-verify=false", &format!("oci:{}:{name}", layout.display())])
            .arg(format!("docker://{to}:latest"))
            .output()
            .expect("skopeo is not installed: run `apt-get install skopeo`");
        assert!(copied.status.success(), "{}", super::text(&copied.stderr));
        format!("{to}@{digest}")
    }
}

impl Drop for ImageRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
