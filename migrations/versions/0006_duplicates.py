"""What was said to whom in the last half hour, so that it is not said twice."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What the constraint proves:
#   of the same words to a phone, one message is let through   sent_body primary key
# text_ids refers to outbound_text without a foreign key: these rows are forgotten within a day,
# long before their texts, and a text that is deleted earlier lets nobody through.
UPGRADE = """
CREATE TABLE sent_body (
    recipient text NOT NULL,
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    text_ids uuid[] NOT NULL CHECK (cardinality(text_ids) > 0),
    since timestamptz NOT NULL,
    PRIMARY KEY (recipient, digest)
);
COMMENT ON COLUMN sent_body.digest IS 'SHA-256 of the words and the addresses of files';
COMMENT ON COLUMN sent_body.text_ids IS 'the message that was let through: its parts, in order';
COMMENT ON COLUMN sent_body.since IS 'when that message was made; the half hour begins here';
CREATE INDEX sent_body_since ON sent_body (since);
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE sent_body")
