"""Keys of the API, what was asked for under which idempotency key, and texts for a later time."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a secret names one key                        api_key.prefix is unique
#   a name in use names one key                   api_key_name
#   who ended a key is on record                  api_key_revoked_by
#   an idempotency key stands for one request     api_request primary key
#   what was answered is there as long as the key api_request.answer is not null
#   a text belongs to one notification            notification primary key
UPGRADE = """
CREATE TABLE api_key (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix text NOT NULL UNIQUE,
    name text NOT NULL CHECK (name <> ''),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_by text,
    revoked_at timestamptz,
    last_used_at timestamptz,
    busy_until timestamptz,
    CONSTRAINT api_key_revoked_by CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
COMMENT ON TABLE api_key IS 'who may call the API; rows stay, so that what a key did has a name';
COMMENT ON COLUMN api_key.prefix IS 'the part of the secret that is no secret';
COMMENT ON COLUMN api_key.digest IS 'SHA-256 of the whole secret, which nobody keeps';
COMMENT ON COLUMN api_key.busy_until IS
    'when what was asked so far is worked off at the pace that is allowed';
CREATE UNIQUE INDEX api_key_name ON api_key (name) WHERE revoked_at IS NULL;

CREATE TABLE api_request (
    api_key_id bigint NOT NULL REFERENCES api_key,
    key text NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    status integer NOT NULL CHECK (status BETWEEN 200 AND 499),
    answer json NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (api_key_id, key)
);
COMMENT ON TABLE api_request IS
    'what was answered under an idempotency key, for a day; written with what it answers';
COMMENT ON COLUMN api_request.answer IS 'json, not jsonb: it is given again as it was given';
COMMENT ON COLUMN api_request.digest IS 'SHA-256 of what was asked for';
CREATE INDEX api_request_age ON api_request (created_at);

CREATE TABLE notification (
    text_id uuid PRIMARY KEY REFERENCES outbound_text ON DELETE CASCADE,
    id uuid NOT NULL,
    api_key_id bigint NOT NULL REFERENCES api_key,
    template text
);
COMMENT ON TABLE notification IS 'texts that came by the API; goes with them';
COMMENT ON COLUMN notification.id IS 'that of its first text; a long one has several';
CREATE INDEX notification_texts ON notification (id, text_id);

ALTER TABLE outbound_text ADD COLUMN not_before timestamptz;
COMMENT ON COLUMN outbound_text.not_before IS
    'when somebody wants it to leave; until then it holds up no other text of its phone';
"""

DOWNGRADE = """
ALTER TABLE outbound_text DROP COLUMN not_before;
DROP TABLE notification;
DROP TABLE api_request;
DROP TABLE api_key;
"""


def upgrade() -> None:
    """Create what the API needs."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute(DOWNGRADE)
