//! The file server that every static site's image ships with, as its entrypoint.
//!
//! It owns how a directory of files becomes HTTP: routes, encodings, caching, conditional and
//! range requests. It must not know Inkstone: no intent, no image, no cluster, no configuration
//! beyond a directory and a port. It writes nothing, so it runs unprivileged on a read-only root
//! file system.
//!
//! The directory is read once at start into a table of URL paths, and does not change while the
//! server runs. A request is looked up in that table and never becomes a file system path, so
//! there is nothing to traverse.

mod accept;
mod cache;
mod conditional;
mod respond;
mod route;
mod server;
mod site;

use std::env;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::site::Site;

const DEFAULT_DIRECTORY: &str = "/site";
const DEFAULT_PORT: u16 = 8080;

/// Threads that wait for the disk. Files come from the page cache, so few are needed.
const FILE_THREADS: usize = 8;

const USAGE: &str = "usage: static-server [DIRECTORY]\n\
    Serves DIRECTORY (default: $SITE_DIRECTORY, or /site) on 0.0.0.0:$PORT (default 8080).";

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Site(#[from] site::SiteError),
    #[error(transparent)]
    Server(#[from] server::ServerError),
    #[error("cannot start the runtime: {0}")]
    Runtime(std::io::Error),
}

/// What to serve, and where.
#[derive(Debug)]
struct Options {
    directory: PathBuf,
    port: u16,
}

impl Options {
    fn read(
        mut arguments: impl Iterator<Item = OsString>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let directory = match (arguments.next(), arguments.next()) {
            (_, Some(_)) => return Err(Error::Usage(USAGE.into())),
            (Some(flag), None) if flag.as_encoded_bytes().starts_with(b"-") => {
                return Err(Error::Usage(USAGE.into()));
            }
            (Some(directory), None) => directory,
            (None, None) => variable("SITE_DIRECTORY").unwrap_or_else(|| DEFAULT_DIRECTORY.into()),
        };
        let port = match variable("PORT") {
            None => DEFAULT_PORT,
            Some(text) => text.to_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
                Error::Usage(format!(
                    "PORT is {}, which is no port; set a number from 0 (any free one) to 65535",
                    text.display()
                ))
            })?,
        };
        Ok(Self { directory: directory.into(), port })
    }
}

fn run() -> Result<(), Error> {
    let options = Options::read(env::args_os().skip(1), |name| env::var_os(name))?;
    let site = Site::scan(&options.directory)?;
    let files = site.len();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(FILE_THREADS)
        .build()
        .map_err(Error::Runtime)?
        .block_on(async {
            let server = server::Server::bind((Ipv4Addr::UNSPECIFIED, options.port)).await?;
            say(&format!(
                "listening on http://{} ({files} files in {})",
                server.address(),
                options.directory.display()
            ));
            server.run(site).await;
            Ok(())
        })
}

/// One line on standard error. That nobody reads it is no reason to stop.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("static-server: {error}"));
            ExitCode::FAILURE
        }
    }
}
