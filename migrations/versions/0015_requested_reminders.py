"""Reminders that customers asked for, at a time of their own choice."""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a turn that is done again asks once      requested_reminder primary key
#   only an appointment can be gone before   requested_reminder_before_what
#   what is over says when                   requested_reminder_closed
UPGRADE = """
CREATE TABLE requested_reminder (
    key text PRIMARY KEY,
    phone text NOT NULL,
    due_at timestamptz NOT NULL,
    zone text NOT NULL,
    words text CHECK (words <> ''),
    appointment_id bigint REFERENCES appointment ON DELETE CASCADE,
    before interval CHECK (before > interval '0'),
    state text NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'sent', 'late', 'dropped', 'refused', 'withdrawn')),
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT requested_reminder_before_what CHECK (before IS NULL OR appointment_id IS NOT NULL),
    CONSTRAINT requested_reminder_closed CHECK ((state = 'waiting') = (closed_at IS NULL))
);
CREATE INDEX requested_reminder_due ON requested_reminder (due_at) WHERE state = 'waiting';
CREATE INDEX requested_reminder_over ON requested_reminder (closed_at)
    WHERE closed_at IS NOT NULL;
CREATE INDEX requested_reminder_phone ON requested_reminder (phone);
CREATE INDEX requested_reminder_appointment ON requested_reminder (appointment_id);
COMMENT ON TABLE requested_reminder IS 'texts that customers asked for, at a time they chose';
COMMENT ON COLUMN requested_reminder.key IS 'of the turn that asked for it';
COMMENT ON COLUMN requested_reminder.due_at IS
    'when it was asked for; where "before" is set, the appointment decides as it moves';
COMMENT ON COLUMN requested_reminder.zone IS 'IANA; in which the customer named the time';
COMMENT ON COLUMN requested_reminder.words IS 'what of, in the customer''s words; sealed';
COMMENT ON COLUMN requested_reminder.before IS 'how long before its appointment it is due';
COMMENT ON COLUMN requested_reminder.state IS
    'late: too late to be of use; dropped: its appointment stands no more; refused: the phone takes'
    ' no texts; withdrawn: by the customer';
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE requested_reminder")
