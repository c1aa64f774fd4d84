"""Quiet hours: where phones are, until when a text makes sense, what counts under a cap."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a source says one thing of a phone   phone_place primary key
#   what it says is something            phone_place_tells
UPGRADE = """
CREATE TABLE phone_place (
    phone text NOT NULL,
    source text NOT NULL CHECK (source IN ('address', 'stated', 'crm')),
    zone text,
    state text CHECK (state ~ '^[A-Z]{2}$'),
    verified_at timestamptz NOT NULL,
    PRIMARY KEY (phone, source),
    CONSTRAINT phone_place_tells CHECK (zone IS NOT NULL OR state IS NOT NULL)
);
COMMENT ON TABLE phone_place IS 'where a phone''s owner is, beyond what its number tells';

ALTER TABLE outbound_text
    ADD COLUMN subject text,
    ADD COLUMN not_after timestamptz,
    ADD COLUMN counted_at timestamptz;
COMMENT ON COLUMN outbound_text.subject IS
    'what it is about, as caps count: a campaign, else its kind; null for texts of older releases';
COMMENT ON COLUMN outbound_text.not_after IS
    'when it is of no use any more, however long it was held; null where that is open';
COMMENT ON COLUMN outbound_text.counted_at IS
    'when it took its place under the caps of its recipient''s states; null where none counts it';
CREATE INDEX outbound_text_counted ON outbound_text (recipient, subject, counted_at)
    WHERE counted_at IS NOT NULL;
"""

DOWNGRADE = """
DROP INDEX outbound_text_counted;
ALTER TABLE outbound_text DROP COLUMN counted_at, DROP COLUMN not_after, DROP COLUMN subject;
DROP TABLE phone_place;
"""


def upgrade() -> None:
    """Create what quiet hours need."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute(DOWNGRADE)
