-- One text for SQLite and Postgres. Times are milliseconds since the epoch, flags are 0 or 1, lists
-- are comma-separated and parsed by their types.

CREATE TABLE keys (
    hash         TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    workspaces   TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

-- A revoked key's name is free again.
CREATE UNIQUE INDEX keys_name ON keys (name) WHERE revoked_at IS NULL;

-- A token belongs to the key that made it, not to the key's name: a later key of that name does not
-- bring it back.
CREATE TABLE git_tokens (
    hash       TEXT   NOT NULL PRIMARY KEY,
    key_hash   TEXT   NOT NULL REFERENCES keys (hash),
    workspace  TEXT   NOT NULL,
    repo       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE INDEX git_tokens_repo ON git_tokens (workspace, repo);
CREATE INDEX git_tokens_key ON git_tokens (key_hash, workspace, repo);
CREATE INDEX git_tokens_expiry ON git_tokens (expires_at);

-- What calls that change something were answered. number is the order of the calls of one key; answer
-- is NULL while the call is in progress.
CREATE TABLE idempotent_calls (
    key_hash        TEXT   NOT NULL,
    idempotency_key TEXT   NOT NULL,
    number          BIGINT NOT NULL,
    tool            TEXT   NOT NULL,
    request_hash    TEXT   NOT NULL,
    begun_at        BIGINT NOT NULL,
    answer          TEXT,
    PRIMARY KEY (key_hash, idempotency_key)
);

CREATE UNIQUE INDEX idempotent_calls_number ON idempotent_calls (key_hash, number);
CREATE INDEX idempotent_calls_age ON idempotent_calls (begun_at);

-- The queue and its history. seq is the order of arrival: it does not depend on a clock. A deployment is of a commit
-- of a branch, or of a ready image.
CREATE TABLE deployments (
    id               TEXT   NOT NULL PRIMARY KEY,
    seq              BIGINT NOT NULL,
    workspace        TEXT   NOT NULL,
    project          TEXT   NOT NULL,
    service          TEXT   NOT NULL,
    service_uid      TEXT   NOT NULL,
    trigger_kind     TEXT   NOT NULL,
    actor            TEXT   NOT NULL,
    tool             TEXT   NOT NULL,
    request_id       TEXT   NOT NULL,
    source_host      TEXT,
    source_repo      TEXT,
    source_branch    TEXT,
    source_commit    TEXT,
    source_image     TEXT,
    intent_hash      TEXT   NOT NULL,
    override_of      TEXT,
    status           TEXT   NOT NULL,
    held             BIGINT NOT NULL,
    step             TEXT   NOT NULL,
    stop_requested   TEXT,
    error_code       TEXT,
    error_message    TEXT,
    error_suggestion TEXT,
    image            TEXT,
    state_commit     TEXT,
    created_at       BIGINT NOT NULL,
    started_at       BIGINT,
    finished_at      BIGINT,
    lease_owner      TEXT,
    lease_until      BIGINT,
    attempts         BIGINT NOT NULL
);

CREATE UNIQUE INDEX deployments_seq ON deployments (seq);
CREATE INDEX deployments_service ON deployments (workspace, project, service, seq);
CREATE INDEX deployments_uid ON deployments (service_uid, seq);
CREATE INDEX deployments_status ON deployments (status, workspace, seq);
CREATE INDEX deployments_started ON deployments (workspace, started_at);

-- A service waits once and builds once: the database itself refuses anything else.
CREATE UNIQUE INDEX deployments_one_queued ON deployments (workspace, project, service)
    WHERE status = 'queued';
CREATE UNIQUE INDEX deployments_one_building ON deployments (workspace, project, service)
    WHERE status = 'building';

CREATE TABLE deployment_logs (
    deployment_id TEXT   NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    line          BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    text          TEXT   NOT NULL,
    PRIMARY KEY (deployment_id, line)
);

-- An index of the state repo's history, made from it and made again at will. A commit has one row for
-- each service that it concerns; position is the order of the rows.
CREATE TABLE state_history (
    workspace     TEXT   NOT NULL,
    project       TEXT   NOT NULL,
    service       TEXT   NOT NULL,
    position      BIGINT NOT NULL,
    state_commit  TEXT   NOT NULL,
    action        TEXT   NOT NULL,
    deployment    TEXT,
    source_commit TEXT,
    actor         TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    subject       TEXT   NOT NULL,
    PRIMARY KEY (workspace, project, service, position)
);

CREATE INDEX state_history_deploys
    ON state_history (deployment, workspace, project, service, position)
    WHERE action = 'deploy';
CREATE INDEX state_history_creations ON state_history (workspace, project, service, position)
    WHERE action = 'create-service';

-- How far the index reaches: one row, or none before the first.
CREATE TABLE state_history_head (
    only_row      BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    indexed_to    TEXT   NOT NULL,
    last_position BIGINT NOT NULL
);
