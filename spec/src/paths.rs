//! Directories inside a source tree.

use crate::text::validated_string;

validated_string! {
    /// A directory inside a source tree, relative to its root: `dist`, `packages/web/out`.
    ///
    /// Never absolute, never upward, never into `.git`; plain ASCII, so that what a reviewer reads is
    /// what is built.
    RelativeDir, "directory",
    pattern: "^[A-Za-z0-9_.@+~-]+([ /][A-Za-z0-9_.@+~-]+)*$", max: 255,
    allowed: "a relative path of letters, digits and . _ @ + ~ - without `..`, `.git` or a leading or trailing slash",
    example: "packages/web/dist", check: is_relative_dir
}

impl RelativeDir {
    /// The path's parts, outermost first.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.as_str().split('/')
    }
}

fn is_relative_dir(value: &str) -> bool {
    value.split('/').all(|part| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.eq_ignore_ascii_case(".git")
            && !part.eq_ignore_ascii_case("git~1")
            && !part.starts_with(' ')
            && !part.ends_with([' ', '.'])
            && !part.contains("  ")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.@+~- ".contains(&b))
    })
}
