-- Instants are integer seconds since the Unix epoch; hashes of secrets are raw SHA-256.

CREATE TABLE clients (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    secret_hash   BLOB NOT NULL UNIQUE,
    kind          TEXT NOT NULL CHECK (kind IN ('application', 'identity_provider')),
    callback_urls TEXT NOT NULL, -- JSON array
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id          TEXT PRIMARY KEY,
    wrong_codes INTEGER NOT NULL DEFAULT 0,
    locked_at   INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE offers (
    code_hash  BLOB PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    account    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_by    TEXT
) STRICT;

CREATE TABLE devices (
    id             TEXT PRIMARY KEY,
    user_id        TEXT NOT NULL REFERENCES users (id),
    account        TEXT NOT NULL,
    key            TEXT NOT NULL, -- public JWK
    name           TEXT NOT NULL,
    platform       TEXT NOT NULL,
    app_version    TEXT NOT NULL,
    key_protection TEXT NOT NULL, -- JSON
    counter        INTEGER NOT NULL DEFAULT 0,
    enrolled_at    INTEGER NOT NULL,
    revoked_at     INTEGER
) STRICT;
CREATE INDEX devices_of_user ON devices (user_id);

CREATE TABLE approvals (
    txn                   TEXT PRIMARY KEY,
    user_id               TEXT NOT NULL,
    client_id             TEXT NOT NULL,
    acr                   TEXT,
    authorization_details TEXT, -- JSON
    requires              TEXT NOT NULL, -- JSON
    created_at            INTEGER NOT NULL,
    expires_at            INTEGER NOT NULL,
    callback_url          TEXT,
    auth_ref              TEXT,
    state                 TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
        ('pending', 'approved', 'denied', 'reported', 'cancelled', 'expired', 'locked')),
    ended_at              INTEGER,
    ended_seq             INTEGER, -- the place of the ending in the audit log
    decided               TEXT, -- JSON, if a device decided
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK ((state = 'pending') = (ended_seq IS NULL))
) STRICT;
-- Few at any time, so also good for finding what expires.
CREATE INDEX approvals_pending ON approvals (user_id, expires_at) WHERE ended_seq IS NULL;
-- Within a user by row id, that is, in the order of acceptance.
CREATE INDEX approvals_of_user ON approvals (user_id);

CREATE TABLE requests (
    txn            TEXT NOT NULL REFERENCES approvals (txn) ON DELETE CASCADE,
    device_id      TEXT NOT NULL,
    seq            INTEGER NOT NULL, -- the place of the acceptance in the audit log
    nonce          TEXT NOT NULL,
    jws            TEXT NOT NULL,
    request_hash   TEXT NOT NULL,
    statement_hash TEXT NOT NULL,
    PRIMARY KEY (txn, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    device_id     TEXT NOT NULL,
    jti           TEXT NOT NULL,
    txn           TEXT NOT NULL REFERENCES approvals (txn) ON DELETE CASCADE,
    decision_hash TEXT NOT NULL,
    receipt       TEXT, -- if it decided
    attempts_left INTEGER, -- if its code was wrong
    PRIMARY KEY (device_id, jti)
) STRICT, WITHOUT ROWID;
CREATE INDEX decisions_of_approval ON decisions (txn);

CREATE TABLE idempotency (
    client_id TEXT NOT NULL,
    key       TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    txn       TEXT NOT NULL REFERENCES approvals (txn) ON DELETE CASCADE,
    PRIMARY KEY (client_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_of_approval ON idempotency (txn);

CREATE TABLE callbacks (
    txn        TEXT PRIMARY KEY REFERENCES approvals (txn) ON DELETE CASCADE,
    client_id  TEXT NOT NULL,
    url        TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER, -- NULL: delivered or given up
    attempts   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX callbacks_due ON callbacks (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE audit (
    seq   INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    hash  TEXT NOT NULL,
    line  TEXT NOT NULL -- the whole record
) STRICT;
-- What a running gateway looks for when others changed something.
CREATE INDEX audit_changes ON audit (seq)
    WHERE event IN ('device.revoked', 'client.added', 'client.removed', 'keys.rotated', 'keys.retired');
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- One row that is written to see whether the file can be.
CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), written INTEGER NOT NULL) STRICT;
INSERT INTO probe VALUES (1, 0);
