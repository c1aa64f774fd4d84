"""Erasure: a ledger that can be redacted, who is forgotten and opted out, and what was done."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# What the constraints prove:
#   of an entry all that is personal is there, or nothing    consent_event_redacted
#   an entry is redacted, and never changed otherwise        consent_event_stays
#   a phone is remembered once                               suppression primary key
#   what was done for somebody's privacy stays on record     privacy_audit_stays (four years)
# Hashes of the ledger are made anew by this revision, over commitments in the place of what is
# personal: no release with a ledger exists, so nobody has noted an earlier hash.
PERSONAL = (
    *("phone", "body", "disclosure", "vendor_id", "request_id", "source", "ip"),
    *("user_agent", "subject"),
)
COMMITMENTS = """
ALTER TABLE consent_event
    ALTER COLUMN phone DROP NOT NULL,
    ADD COLUMN salt bytea CHECK (octet_length(salt) = 32),
    ADD COLUMN commitment bytea CHECK (octet_length(commitment) = 32),
    DROP CONSTRAINT consent_event_check,
    ADD CONSTRAINT consent_event_disclosure
        CHECK (disclosure IS NULL OR disclosure_version IS NOT NULL);
COMMENT ON COLUMN consent_event.commitment IS
    'SHA-256 of the salt and of what is personal in the entry (messaging/consent_chain.py)';
COMMENT ON COLUMN consent_event.salt IS
    'of the commitment; null, with all that is personal, once the entry was redacted';
COMMENT ON COLUMN consent_event.hash IS
    'SHA-256 of the hash of the row before, of the commitment and of the rest of this row';
"""
UPGRADE = f"""
CREATE OR REPLACE FUNCTION consent_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- That all of it is gone then, the constraint sees to.
        IF OLD.salt IS NOT NULL AND NEW.salt IS NULL
            AND to_jsonb(OLD) - '{{{",".join(PERSONAL)},salt}}'::text[]
                = to_jsonb(NEW) - '{{{",".join(PERSONAL)},salt}}'::text[] THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'consent_event is append-only: record another event instead'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
GRANT UPDATE ({", ".join(PERSONAL)}, salt) ON consent_event TO CURRENT_USER;

ALTER TABLE conversation ADD COLUMN last_text_at timestamptz;
COMMENT ON COLUMN conversation.last_text_at IS
    'when the youngest of its texts was made that were forgotten; null while none was';
ALTER TABLE conversation ADD COLUMN consent_question_at timestamptz;
UPDATE conversation SET consent_question_at = now() WHERE consent_question IS NOT NULL;
ALTER TABLE conversation ADD CONSTRAINT conversation_consent_question_timed
    CHECK ((consent_question IS NULL) = (consent_question_at IS NULL));
COMMENT ON COLUMN conversation.consent_question_at IS
    'when consent_question was asked; the answer counts for 72 hours (messaging/consent.py)';

CREATE TABLE suppression (
    phone_hash bytea PRIMARY KEY CHECK (octet_length(phone_hash) = 32),
    scope text NOT NULL CHECK (scope IN ('all', 'marketing', 'transactional')),
    since timestamptz NOT NULL,
    key_id bytea NOT NULL CHECK (octet_length(key_id) = 8)
);
COMMENT ON TABLE suppression IS 'phones that were erased and want no texts';
COMMENT ON COLUMN suppression.phone_hash IS
    'HMAC-SHA-256 of the E.164 number, by a key that is not in the database';
COMMENT ON COLUMN suppression.key_id IS 'tells whether the key is the one that made the hash';

CREATE TABLE vendor_copy (
    gateway text NOT NULL,
    vendor_id text NOT NULL,
    noted_at timestamptz NOT NULL,
    asked_by text CHECK (btrim(asked_by) <> ''),
    erased_at timestamptz,
    PRIMARY KEY (gateway, vendor_id)
);
COMMENT ON TABLE vendor_copy IS
    'texts of people who were erased, of which their gateway has a copy; receipts that come for '
    'them are dropped';
COMMENT ON COLUMN vendor_copy.asked_by IS
    'who wants it deleted there, which workers do; null where nobody has asked for that';

CREATE INDEX media_file_content ON media_file (created_at) WHERE content IS NOT NULL;

CREATE TABLE privacy_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    action text NOT NULL CHECK (action IN ('export', 'erase', 'erase-at-gateway')),
    actor text NOT NULL CHECK (btrim(actor) <> ''),
    phone_hash bytea CHECK (octet_length(phone_hash) = 32),
    rows jsonb NOT NULL DEFAULT '{{}}'
);
COMMENT ON TABLE privacy_audit IS 'who exported or erased whom; append-only for four years';
COMMENT ON COLUMN privacy_audit.phone_hash IS
    'as in suppression; null where nobody had set a key, or where it is about nobody alone';
COMMENT ON COLUMN privacy_audit.rows IS 'how many, by table';

CREATE FUNCTION privacy_audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF OLD.at < now() - interval '4 years' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'privacy_audit is append-only for four years'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER privacy_audit_stays BEFORE UPDATE OR DELETE ON privacy_audit
    FOR EACH ROW EXECUTE FUNCTION privacy_audit_stays();
CREATE TRIGGER privacy_audit_is_kept BEFORE TRUNCATE ON privacy_audit
    FOR EACH STATEMENT EXECUTE FUNCTION privacy_audit_stays();
ALTER TABLE privacy_audit ENABLE ALWAYS TRIGGER privacy_audit_stays;
ALTER TABLE privacy_audit ENABLE ALWAYS TRIGGER privacy_audit_is_kept;
"""

DOWNGRADE = """
DROP TABLE privacy_audit, vendor_copy, suppression;
DROP FUNCTION privacy_audit_stays;
DROP INDEX media_file_content;
ALTER TABLE conversation DROP COLUMN last_text_at, DROP COLUMN consent_question_at;
ALTER TABLE consent_event
    DROP CONSTRAINT consent_event_redacted,
    DROP CONSTRAINT consent_event_disclosure,
    ADD CONSTRAINT consent_event_check
        CHECK ((disclosure IS NULL) = (disclosure_version IS NULL)),
    DROP COLUMN salt, DROP COLUMN commitment,
    ALTER COLUMN phone SET NOT NULL;
CREATE OR REPLACE FUNCTION consent_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'consent_event is append-only: record another event instead'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
"""

# The ledger is written anew within the revision, by nobody else and never again.
OPEN = """
GRANT UPDATE ON consent_event TO CURRENT_USER;
ALTER TABLE consent_event DISABLE TRIGGER consent_event_stays;
"""
SHUT = """
ALTER TABLE consent_event ENABLE ALWAYS TRIGGER consent_event_stays;
REVOKE UPDATE ON consent_event FROM CURRENT_USER;
"""
BOUND = f"""
ALTER TABLE consent_event
    ALTER COLUMN commitment SET NOT NULL,
    ADD CONSTRAINT consent_event_redacted CHECK (CASE WHEN salt IS NULL
        THEN num_nonnulls({", ".join(PERSONAL)}) = 0 ELSE phone IS NOT NULL END);
"""
ENTRIES = "SELECT * FROM consent_event ORDER BY id"
REWRITE = sa.text(
    "UPDATE consent_event SET salt = :salt, commitment = :commitment, hash = :hash WHERE id = :id"
)
REWRITE_OLD = sa.text("UPDATE consent_event SET hash = :hash WHERE id = :id")
HEAD = sa.text("UPDATE consent_chain SET hash = :hash")
REDACTED = "SELECT FROM consent_event WHERE salt IS NULL LIMIT 1"


def upgrade() -> None:
    """Make the ledger one that can be redacted, and create what erasure keeps."""
    connection = op.get_bind()
    op.execute(COMMITMENTS)
    op.execute(OPEN)
    head = bytes(32)
    for row in connection.execute(sa.text(ENTRIES)).mappings().all():
        content = _content(row)
        salt = secrets.token_bytes(32)
        personal = {name: value for name, value in content.items() if name in PERSONAL}
        commitment = hashlib.sha256(salt + _canonical(personal)).digest()
        public = {name: value for name, value in content.items() if name not in PERSONAL}
        covered = {**public, "id": row["id"], "commitment": commitment.hex()}
        head = hashlib.sha256(head + _canonical(covered)).digest()
        given = {"id": row["id"], "salt": salt, "commitment": commitment, "hash": head}
        connection.execute(REWRITE, given)
    connection.execute(HEAD, {"hash": head})
    op.execute(SHUT)
    op.execute(BOUND)
    op.execute(UPGRADE)


def downgrade() -> None:
    """Undo it, unless somebody was erased: who that was, nobody can write down again."""
    connection = op.get_bind()
    if connection.execute(sa.text(REDACTED)).first() is not None:
        raise RuntimeError(
            "the ledger of consent has entries that were redacted, which the schema before "
            "revision 0013 cannot hold; restore a backup from before it instead"
        )
    op.execute(OPEN)
    head = bytes(32)
    for row in connection.execute(sa.text(ENTRIES)).mappings().all():
        head = hashlib.sha256(head + _canonical({**_content(row), "id": row["id"]})).digest()
        connection.execute(REWRITE_OLD, {"id": row["id"], "hash": head})
    connection.execute(HEAD, {"hash": head})
    op.execute(SHUT)
    op.execute(DOWNGRADE)


def _content(row: Mapping[Any, Any]) -> dict[str, Any]:
    own = {"id", "salt", "commitment", "hash"}
    return {name: value for name, value in row.items() if name not in own and value is not None}


def _canonical(content: Mapping[str, Any]) -> bytes:
    """As ``messaging/consent_chain.py`` has it; written here again: a migration never changes."""
    plain = {name: _plain(value) for name, value in content.items()}
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value.isoformat() if isinstance(value, date) else value
