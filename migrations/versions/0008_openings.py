"""Conversations that we begin: what an answer to a text of ours means."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a text begins one conversation           opening primary key
#   one turn takes it up                     opening.turn_id is one, and stays behind taken_up_at
#   its answers end only once it is taken up opening_answers_end
UPGRADE = """
CREATE TABLE opening (
    outbound_id uuid PRIMARY KEY REFERENCES outbound_text ON DELETE CASCADE,
    text_ids uuid[] NOT NULL CHECK (text_ids[1] = outbound_id),
    recipient text NOT NULL,
    expires_at timestamptz NOT NULL,
    slots jsonb NOT NULL CHECK (jsonb_typeof(slots) = 'object'),
    answers jsonb NOT NULL CHECK (jsonb_typeof(answers) = 'object'),
    turn_id uuid REFERENCES turn ON DELETE CASCADE,
    taken_up_at timestamptz,
    answers_closed_at timestamptz,
    CONSTRAINT opening_taken_up CHECK (taken_up_at IS NULL OR turn_id IS NOT NULL),
    CONSTRAINT opening_answers_end CHECK (answers_closed_at IS NULL OR taken_up_at IS NOT NULL)
);
COMMENT ON TABLE opening IS 'what an answer means to a text that nobody asked for';
COMMENT ON COLUMN opening.text_ids IS 'the text that begins the conversation, with all its parts';
COMMENT ON COLUMN opening.expires_at IS 'until when a text that comes is an answer to it';
COMMENT ON COLUMN opening.slots IS 'of the assistant, as they are before it reads the answer';
COMMENT ON COLUMN opening.answers IS 'what a text means that is one of these words';
COMMENT ON COLUMN opening.turn_id IS
    'the turn that was given it, the same on each attempt; null again where a rule or a person '
    'answered or the turn failed';
COMMENT ON COLUMN opening.taken_up_at IS 'when the assistant had answered that turn';
COMMENT ON COLUMN opening.answers_closed_at IS
    'when its answers ceased to count: one was used, or the assistant asked something else';
CREATE INDEX opening_open ON opening (recipient) WHERE answers_closed_at IS NULL;
CREATE INDEX opening_turn ON opening (turn_id) WHERE turn_id IS NOT NULL;
"""

DOWNGRADE = "DROP TABLE opening"


def upgrade() -> None:
    """Create the table of openings."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute(DOWNGRADE)
