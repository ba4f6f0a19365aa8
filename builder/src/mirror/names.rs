//! Whether a document of an image says the same to every reader. Nodes read JSON as Go does: a name counts that
//! differs from a known one in case alone, and of two equal ones the last (encoding/json, `Unmarshal`). Ours must not
//! read past what they act on.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The names that nodes know in manifests and indices (manifest.md, image-index.md, descriptor.md).
pub(super) const MANIFEST: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "subject",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
];
/// Those that they know in configurations (config.md).
pub(super) const CONFIGURATION: &[&str] = &[
    "architecture",
    "os",
    "os.version",
    "os.features",
    "variant",
    "config",
    "rootfs",
    "history",
    "type",
    "diff_ids",
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
];
/// What has names below it that anybody may choose.
const FREE: [&str; 4] = ["annotations", "Labels", "ExposedPorts", "Volumes"];

/// # Errors
/// It is no JSON, or has a name twice or in another case than `known` has it.
pub(super) fn check(content: &[u8], known: &[&str]) -> Result<(), serde_json::Error> {
    let mut document = serde_json::Deserializer::from_slice(content);
    Names { known, are_free: false }.deserialize(&mut document)?;
    document.end()
}

/// A part of a document.
#[derive(Clone, Copy)]
struct Names<'a> {
    known: &'a [&'a str],
    are_free: bool,
}

impl Names<'_> {
    fn check<E: Error>(self, name: &str) -> Result<(), E> {
        let is_alike = |known: &&&str| **known != name && fold(known) == fold(name);
        match self.known.iter().find(is_alike) {
            Some(known) if !self.are_free => {
                Err(E::custom(format!("it has {name:?}, which nodes take for {known:?}")))
            }
            _ => Ok(()),
        }
    }
}

/// As Go compares names: without case, and without the two letters beyond ASCII that have one of ASCII's as theirs.
fn fold(name: &str) -> String {
    let plain = |c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(plain).collect()
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, part: D) -> Result<(), D::Error> {
        part.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = object.next_key::<String>()? {
            self.check(&name)?;
            let are_free = self.are_free || FREE.contains(&name.as_str());
            object.next_value_seed(Names { are_free, ..self })?;
            if let Some(twice) = names.replace(name) {
                return Err(A::Error::custom(format!("it has {twice:?} twice")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_nodes_would_read_are_found() {
        for manifest in [
            r#"{"layers": [], "Layers": []}"#,
            r#"{"layers": [{"digest": "a", "URLS": ["http://127.0.0.1/"]}]}"#,
            r#"{"config": {"url\u017f": []}}"#,
            r#"{"config": {}, "config": {}}"#,
            r#"{"manifests": [{"Platform": {}}]}"#,
        ] {
            assert!(check(manifest.as_bytes(), MANIFEST).is_err(), "{manifest}");
        }
        for config in [
            r#"{"config": {"User": "1"}, "Config": {"User": "0"}}"#,
            r#"{"config": {"user": "0"}}"#,
            r#"{"config": {"entrypoint": ["/bin/id"]}}"#,
            r#"{"OS": "linux"}"#,
        ] {
            assert!(check(config.as_bytes(), CONFIGURATION).is_err(), "{config}");
        }
    }

    #[test]
    fn what_tools_write_is_taken() {
        let manifest =
            r#"{"schemaVersion": 2, "config": {"size": 1}, "annotations": {"Layers": "3"}}"#;
        check(manifest.as_bytes(), MANIFEST).unwrap();
        let config = r#"{"container_config": {"Cmd": ["x"], "OnBuild": null}, "docker_version": "27", "history":
            [{"created_by": "x", "empty_layer": true}], "config": {"Labels": {"os": "a", "OS": "b"},
            "ExposedPorts": {"80/tcp": {}}, "Healthcheck": {"Interval": 3e9}}}"#;
        check(config.as_bytes(), CONFIGURATION).unwrap();
    }
}
