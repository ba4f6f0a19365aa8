-- One text for SQLite and Postgres. Times are milliseconds since the epoch, booleans are never
-- needed, lists are comma-separated and parsed by their types.

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
CREATE INDEX git_tokens_expiry ON git_tokens (expires_at);

-- The queue and its history. seq is the order of arrival: it does not depend on a clock.
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
    source_host      TEXT   NOT NULL,
    source_repo      TEXT   NOT NULL,
    source_branch    TEXT   NOT NULL,
    source_commit    TEXT   NOT NULL,
    intent_hash      TEXT   NOT NULL,
    status           TEXT   NOT NULL,
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
    deployment_id TEXT   NOT NULL REFERENCES deployments (id),
    line          BIGINT NOT NULL,
    at            BIGINT NOT NULL,
    text          TEXT   NOT NULL,
    PRIMARY KEY (deployment_id, line)
);
