"""The ledger of consent, and what a conversation knows of it."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# What the constraints prove:
#   the ledger has one order without gaps    consent_event primary key, consent_chain (one row)
#   what stands in it stays as it is         consent_event_stays: UPDATE, DELETE, TRUNCATE fail
# A superuser, and the owner by two statements more, can still change it; docs/consent.md says
# how that is found.
UPGRADE = """
CREATE TABLE consent_event (
    id bigint PRIMARY KEY CHECK (id > 0),
    recorded_at timestamptz NOT NULL,
    phone text NOT NULL,
    number text,
    direction text NOT NULL
        CHECK (direction IN ('grant', 'revoke', 'reconfirm', 'pending', 'requested')),
    scope text NOT NULL
        CHECK (scope IN ('all', 'marketing', 'transactional') OR scope ~ '^program/.'),
    method text NOT NULL CHECK (method IN
        ('keyword', 'wording', 'gateway', 'web', 'verbal', 'email', 'paper', 'import')),
    proof text NOT NULL CHECK (proof IN ('proven', 'unproven')),
    actor text NOT NULL,
    captured_at timestamptz,
    zone text,
    disclosure text,
    disclosure_version text,
    body text,
    gateway text,
    vendor_id text,
    request_id text,
    source text,
    ip text,
    user_agent text,
    subject text,
    seller text,
    not_condition_of_purchase boolean,
    due_by date,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    CHECK ((disclosure IS NULL) = (disclosure_version IS NULL))
);
COMMENT ON TABLE consent_event IS
    'who wants our texts and who does not, and what shows it; append-only';
COMMENT ON COLUMN consent_event.number IS 'of ours, the one that it is about; null for all';
COMMENT ON COLUMN consent_event.direction IS
    'pending: whether no more texts are wanted was asked; requested: an opt-in waits for its YES';
COMMENT ON COLUMN consent_event.disclosure IS 'exactly what the customer read or heard before';
COMMENT ON COLUMN consent_event.request_id IS
    'the vendor''s id of the text that asked for what this one confirms';
COMMENT ON COLUMN consent_event.due_by IS 'when at latest a request by other ways must be honoured';
COMMENT ON COLUMN consent_event.hash IS
    'SHA-256 of the hash of the row before and of this row (messaging/consent.py)';
CREATE INDEX consent_event_phone ON consent_event (phone, id);

CREATE TABLE consent_chain (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    last_id bigint NOT NULL CHECK (last_id >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32)
);
COMMENT ON TABLE consent_chain IS
    'the end of the ledger; who appends locks it, and an end that was cut off is missed here';

CREATE FUNCTION consent_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consent_event is append-only: record another event instead'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER consent_event_stays BEFORE UPDATE OR DELETE ON consent_event
    FOR EACH ROW EXECUTE FUNCTION consent_event_stays();
CREATE TRIGGER consent_event_is_kept BEFORE TRUNCATE ON consent_event
    FOR EACH STATEMENT EXECUTE FUNCTION consent_event_stays();
ALTER TABLE consent_event ENABLE ALWAYS TRIGGER consent_event_stays;
ALTER TABLE consent_event ENABLE ALWAYS TRIGGER consent_event_is_kept;
REVOKE UPDATE, DELETE, TRUNCATE ON consent_event FROM PUBLIC, CURRENT_USER;

ALTER TABLE conversation
    ADD COLUMN consent_question text CHECK (consent_question IN ('opt-out', 'opt-in')),
    ADD COLUMN consent_request_id text;
COMMENT ON COLUMN conversation.consent_question IS
    'opt-out: we asked whether no more texts are wanted, and send nothing unasked meanwhile; '
    'opt-in: we asked for the YES that confirms an opt-in';
COMMENT ON COLUMN conversation.consent_request_id IS
    'the vendor''s id of the text that made us ask';
CREATE INDEX conversation_phone ON conversation (phone);

ALTER TABLE inbound_text
    ADD COLUMN opt_out_type text CHECK (opt_out_type IN ('STOP', 'START', 'HELP'));
COMMENT ON COLUMN inbound_text.opt_out_type IS 'as what the gateway itself took and answered it';
"""

DOWNGRADE = """
ALTER TABLE inbound_text DROP COLUMN opt_out_type;
DROP INDEX conversation_phone;
ALTER TABLE conversation DROP COLUMN consent_question, DROP COLUMN consent_request_id;
DROP TABLE consent_chain, consent_event;
DROP FUNCTION consent_event_stays;
"""

OPTED_OUT = "SELECT number, phone, opted_out_at FROM conversation WHERE opted_out_at IS NOT NULL"
INSERT = sa.text("""
INSERT INTO consent_event (id, recorded_at, phone, number, direction, scope, method, proof, actor,
    captured_at, source, hash)
VALUES (:id, :recorded_at, :phone, :number, :direction, :scope, :method, :proof, :actor,
    :captured_at, :source, :hash)
""")
HEAD = sa.text("INSERT INTO consent_chain (last_id, hash) VALUES (:id, :hash)")


def upgrade() -> None:
    """Create the ledger, with an entry for everybody who has opted out so far."""
    op.execute(UPGRADE)
    connection = op.get_bind()
    known = connection.execute(sa.text(f"{OPTED_OUT} ORDER BY opted_out_at, id")).mappings().all()
    id, head, now = 0, bytes(32), datetime.now(UTC)
    for id, row in enumerate(known, 1):
        entry = {
            "id": id,
            "recorded_at": now,
            "phone": row["phone"],
            "number": row["number"],
            "direction": "revoke",
            "scope": "all",
            "method": "import",
            "proof": "unproven",
            "actor": "linnet",
            "captured_at": row["opted_out_at"],
            "source": "opted out before there was a ledger",
        }
        head = _hash(head, entry)
        connection.execute(INSERT, {**entry, "hash": head})
    connection.execute(HEAD, {"id": id, "hash": head})


def _hash(previous: bytes, entry: dict[str, object]) -> bytes:
    """As ``messaging/consent.py`` has it; written here again, because a migration never changes."""
    plain = {
        name: value.astimezone(UTC).isoformat(timespec="microseconds")
        if isinstance(value, datetime)
        else value
        for name, value in entry.items()
    }
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()


def downgrade() -> None:
    """Drop the ledger, with all that stands in it."""
    op.execute(DOWNGRADE)
