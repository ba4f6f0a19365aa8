//! Every limit of the git server, by name.

use std::time::Duration;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;

/// What one of the two services, fetch or push, may use.
#[derive(Clone, Debug)]
pub struct ServiceLimits {
    /// Bytes of a request as sent.
    pub request_bytes: u64,
    /// Bytes of a request after gzip is undone.
    pub decoded_bytes: u64,
    /// Git processes at work at once.
    pub concurrent: usize,
    /// Requests that may wait for one of them; the next is refused at once.
    pub waiting: usize,
    /// Of the `concurrent` processes, those that work for one workspace; beside them, for the state repo.
    pub workspace_concurrent: usize,
    /// Of the `waiting` requests, those of one workspace; beside them, those of the state repo.
    pub workspace_waiting: usize,
}

/// When a hosted repository's objects are folded into fewer files, and how long that may take.
#[derive(Clone, Debug)]
pub struct MaintenanceLimits {
    /// The most packs that may stay as they are. Each push makes one.
    pub packs: usize,
    /// The most loose objects that may stay as they are.
    pub loose: usize,
    /// How long the work on one repository may take.
    pub time: Duration,
}

/// The limits of the git server. The defaults suit one machine of a few cores.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Fetches and clones (`git upload-pack`), ref listings for them included. Requests are small:
    /// lists of what the client wants and has.
    pub fetch: ServiceLimits,
    /// Pushes (`git receive-pack`), ref listings for them included. A request carries the pack. It
    /// may be larger than `pack_bytes`, so that a push which is too large can be read to its end and
    /// answered in words rather than cut off.
    pub push: ServiceLimits,
    /// Bytes of the pack of one push; git refuses a larger one.
    pub pack_bytes: u64,
    /// Bytes on disk at which a repository takes no further push.
    pub repo_bytes: u64,
    /// Bytes of the list of ref updates that starts a push: about 28,000 refs at 150 bytes each.
    pub command_bytes: usize,
    /// How long a request waits for a free git process.
    pub wait: Duration,
    /// How long a whole request may take.
    pub request: Duration,
    /// How long the client may neither send nor take a byte while it is its turn.
    pub idle: Duration,
    /// Bytes that a client must send in a `pace_window` of waiting for it.
    pub pace_bytes: u64,
    /// See `pace_bytes`. Time that the client waits for this server does not count.
    pub pace_window: Duration,
    /// How long a pusher waits for the [`PushSink`](crate::PushSink)'s lines. The sink goes on.
    pub sink: Duration,
    /// How long a git process that was told to stop may take to clean up its lock files.
    pub stop: Duration,
    /// When a hosted repository is tidied up.
    pub maintenance: MaintenanceLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fetch: ServiceLimits {
                request_bytes: 8 * MIB,
                decoded_bytes: 32 * MIB,
                concurrent: 16,
                waiting: 256,
                workspace_concurrent: 8,
                workspace_waiting: 128,
            },
            push: ServiceLimits {
                request_bytes: 2 * GIB,
                decoded_bytes: 2 * GIB,
                concurrent: 8,
                waiting: 128,
                workspace_concurrent: 4,
                workspace_waiting: 64,
            },
            pack_bytes: 512 * MIB,
            repo_bytes: 4 * GIB,
            command_bytes: 4 * 1024 * 1024,
            wait: Duration::from_secs(30),
            request: Duration::from_mins(30),
            idle: Duration::from_mins(1),
            pace_bytes: 256 * KIB,
            pace_window: Duration::from_mins(1),
            sink: Duration::from_secs(15),
            stop: Duration::from_secs(5),
            maintenance: MaintenanceLimits {
                packs: 20,
                loose: 1_000,
                time: Duration::from_mins(10),
            },
        }
    }
}
