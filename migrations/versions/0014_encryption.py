"""Texts at rest: values that describe themselves, and entries of the ledger sealed anew."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What is promised of a value:
#   one that was written before is read as it was written   what looks sealed is escaped here
#   an entry of the ledger may be sealed, and sealed anew, and is never changed otherwise
#                                                           consent_event_stays
# Which columns are sealed, and how: database/encryption.py, docs/encryption.md.
TEXTS = (
    ("inbound_text", "body"),
    ("outbound_text", "body"),
    ("long_text", "body"),
    ("conversation", "prompt_expired"),
)
JSON = (
    ("conversation", "menu"),
    ("tracker_event", "event"),
    ("opening", "slots"),
    ("opening", "answers"),
    ("turn", "failure"),
    ("campaign_recipient", "variables"),
)
LEDGER = ("body", "disclosure", "source", "ip", "user_agent", "subject")

# That the words are still the same, the chain shows, which is over them as they were said.
STAYS = """
CREATE OR REPLACE FUNCTION consent_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- That all of it is gone then, the constraint sees to.
        IF OLD.salt IS NOT NULL AND NEW.salt IS NULL
            AND to_jsonb(OLD) - '{phone,body,disclosure,vendor_id,request_id,source,ip,user_agent,
                    subject,salt}'::text[]
                = to_jsonb(NEW) - '{phone,body,disclosure,vendor_id,request_id,source,ip,
                    user_agent,subject,salt}'::text[] THEN
            RETURN NEW;
        END IF;
        %s
    END IF;
    RAISE EXCEPTION 'consent_event is append-only: record another event instead'
        USING ERRCODE = 'insufficient_privilege';
END
$$;
"""
SEALED_ANEW = """IF to_jsonb(OLD) - '{body,disclosure,source,ip,user_agent,subject}'::text[]
                = to_jsonb(NEW) - '{body,disclosure,source,ip,user_agent,subject}'::text[]
            AND NOT EXISTS (
                SELECT FROM jsonb_each_text(to_jsonb(OLD)) AS before (name, value)
                JOIN jsonb_each_text(to_jsonb(NEW)) AS after (name, value) USING (name)
                WHERE before.value IS DISTINCT FROM after.value
                    AND (before.value IS NULL OR after.value IS NULL
                        OR after.value NOT LIKE 'enc:1:%')) THEN
            RETURN NEW;
        END IF;"""


def upgrade() -> None:
    """Escape what only looks sealed; let the ledger's words be sealed."""
    for table, column in TEXTS:
        op.execute(
            f"UPDATE {table} SET {column} = 'enc:0:' || {column} WHERE {column} LIKE 'enc:%'"
        )
    op.execute(r"""
        UPDATE media_file SET content = 'enc:0:'::bytea || content
        WHERE substring(content FROM 1 FOR 4) = 'enc:'::bytea
    """)
    op.execute(STAYS % SEALED_ANEW)
    for table, column in TEXTS:
        op.execute(f"COMMENT ON COLUMN {table}.{column} IS 'sealed: database/encryption.py'")
    op.execute("""
        COMMENT ON COLUMN conversation.menu IS 'options of the last menu, by number; sealed';
        COMMENT ON COLUMN tracker_event.event IS 'as Rasa writes it; sealed, but for its time';
        COMMENT ON COLUMN opening.slots IS
            'of the assistant, as they are before it reads the answer; sealed';
        COMMENT ON COLUMN opening.answers IS 'what a text means that is one of these words; sealed';
        COMMENT ON COLUMN turn.failure IS 'sealed, but for code and staff';
        COMMENT ON COLUMN campaign_recipient.variables IS 'sealed';
        COMMENT ON COLUMN media_file.content IS 'sealed: database/encryption.py';
        COMMENT ON COLUMN sent_body.digest IS
            'SHA-256 of the words and the addresses of files; its HMAC where there are keys';
    """)


def downgrade() -> None:
    """Go back to plain values.

    Raises:
        RuntimeError: there are sealed ones, which nothing before this revision can read.
    """
    sealed = [
        *(f"SELECT FROM {table} WHERE {column} LIKE 'enc:1:%'" for table, column in TEXTS),
        *(f"SELECT FROM {table} WHERE {column} ? 'sealed'" for table, column in JSON),
        *(f"SELECT FROM consent_event WHERE {column} LIKE 'enc:1:%'" for column in LEDGER),
        "SELECT FROM media_file WHERE substring(content FROM 1 FOR 6) = 'enc:1:'::bytea",
    ]
    connection = op.get_bind()
    for query in sealed:
        if connection.exec_driver_sql(f"SELECT EXISTS ({query})".replace("%", "%%")).scalar():
            raise RuntimeError("there are encrypted texts, which an earlier release cannot read")
    for table, column in TEXTS:
        op.execute(
            f"UPDATE {table} SET {column} = substr({column}, 7) WHERE {column} LIKE 'enc:0:%'"
        )
        op.execute(f"COMMENT ON COLUMN {table}.{column} IS NULL")
    op.execute("""
        UPDATE media_file SET content = substring(content FROM 7)
        WHERE substring(content FROM 1 FOR 6) = 'enc:0:'::bytea
    """)
    op.execute(STAYS % "")
    op.execute("""
        COMMENT ON COLUMN conversation.menu IS 'options of the last menu, by number';
        COMMENT ON COLUMN tracker_event.event IS NULL;
        COMMENT ON COLUMN opening.slots IS
            'of the assistant, as they are before it reads the answer';
        COMMENT ON COLUMN opening.answers IS 'what a text means that is one of these words';
        COMMENT ON COLUMN turn.failure IS NULL;
        COMMENT ON COLUMN campaign_recipient.variables IS NULL;
        COMMENT ON COLUMN media_file.content IS NULL;
        COMMENT ON COLUMN sent_body.digest IS 'SHA-256 of the words and the addresses of files';
    """)
