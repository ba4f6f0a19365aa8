//! What one static site may hold. Each is far above what sites need and far below what would hurt
//! the machine that builds them.

/// Entries of the published tree, those that are left out counted too.
pub const MAX_ENTRIES: usize = 20_000;

/// Bytes of one file: 100 MiB.
pub const MAX_FILE_BYTES: u64 = 100 << 20;

/// Bytes of all files together: 1 GiB.
pub const MAX_SITE_BYTES: u64 = 1 << 30;

/// Bytes of a file's path below the published directory.
pub const MAX_PATH_BYTES: usize = 1024;

/// Directories inside each other below the published one.
pub const MAX_DEPTH: usize = 64;

/// Symbolic links that lead to each other before one leads to a file.
pub const MAX_LINKS: usize = 8;

/// Bytes of a symbolic link's target.
pub const MAX_LINK_BYTES: u64 = 4096;

/// Bytes of the static-server binary: 64 MiB.
pub const MAX_SERVER_BYTES: u64 = 64 << 20;

/// Characters of a path that a message shows.
pub const MAX_SHOWN: usize = 200;

/// Names that one message lists.
pub const MAX_LISTED: usize = 10;
