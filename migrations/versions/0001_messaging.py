"""Conversations, texts, turns, receipts and tracker events."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What the constraints prove:
#   a text is stored once             inbound_text unique (gateway, external_id)
#   one turn of a conversation at a time   turn unique where state = 'running'
#   a turn's reply exists once        outbound_text unique (turn_id, position)
#   one text to a phone is under way at a time   outbound_text unique where sending, checking
#   a receipt counts once             receipt unique (gateway, vendor_id, status)
#   an event has one place            tracker_event unique (conversation_id, position)
SCHEMA = """
CREATE TABLE conversation (
    id uuid PRIMARY KEY,
    gateway text NOT NULL,
    number text NOT NULL,
    phone text NOT NULL,
    created_at timestamptz NOT NULL,
    owner text NOT NULL DEFAULT 'assistant' CHECK (owner IN ('assistant', 'person')),
    opted_out_at timestamptz,
    waiting_since timestamptz,
    turn_due_at timestamptz,
    lease_until timestamptz,
    menu jsonb,
    prompt_expired text,
    prompt_expires_at timestamptz,
    UNIQUE (number, phone),
    CHECK ((waiting_since IS NULL) = (turn_due_at IS NULL)),
    CHECK ((prompt_expired IS NULL) = (prompt_expires_at IS NULL))
);
COMMENT ON COLUMN conversation.number IS 'ours, the one that was texted';
COMMENT ON COLUMN conversation.waiting_since IS 'arrival of the oldest text without an answer';
COMMENT ON COLUMN conversation.turn_due_at IS 'when the burst of texts is taken to be over';
COMMENT ON COLUMN conversation.menu IS 'options of the last menu, by number';
CREATE INDEX conversation_due ON conversation (turn_due_at) WHERE turn_due_at IS NOT NULL;
CREATE INDEX conversation_prompt ON conversation (prompt_expires_at)
    WHERE prompt_expires_at IS NOT NULL;

CREATE TABLE turn (
    id uuid PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversation,
    number integer NOT NULL CHECK (number > 0),
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
    attempt integer NOT NULL DEFAULT 1,
    handled_by text CHECK (handled_by IN ('assistant', 'rule', 'person')),
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    intent text,
    confidence real,
    policy text,
    rule text,
    failure jsonb,
    timings jsonb,
    UNIQUE (conversation_id, number),
    CHECK ((state = 'running') = (finished_at IS NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
);
CREATE UNIQUE INDEX turn_one_running ON turn (conversation_id) WHERE state = 'running';

CREATE TABLE inbound_text (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversation,
    gateway text NOT NULL,
    external_id text NOT NULL,
    body text NOT NULL,
    media jsonb NOT NULL DEFAULT '[]',
    received_at timestamptz NOT NULL,
    turn_id uuid REFERENCES turn,
    UNIQUE (gateway, external_id)
);
COMMENT ON COLUMN inbound_text.turn_id IS 'the turn that answers it; null while it waits';
CREATE INDEX inbound_text_waiting ON inbound_text (conversation_id, received_at, id)
    WHERE turn_id IS NULL;
CREATE INDEX inbound_text_turn ON inbound_text (turn_id);
CREATE INDEX inbound_text_thread ON inbound_text (conversation_id, received_at);

CREATE TABLE outbound_text (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    conversation_id uuid NOT NULL REFERENCES conversation,
    turn_id uuid REFERENCES turn,
    position integer NOT NULL DEFAULT 0,
    kind text NOT NULL CHECK (kind IN ('reply', 'failure', 'notice', 'expiry')),
    gateway text NOT NULL,
    sender text NOT NULL,
    recipient text NOT NULL,
    body text NOT NULL,
    media jsonb NOT NULL DEFAULT '[]',
    segments integer NOT NULL CHECK (segments > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN
        ('pending', 'sending', 'checking', 'unknown', 'sent', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0,
    checks integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    first_attempt_at timestamptz,
    lease_until timestamptz,
    ask_at timestamptz,
    asks integer NOT NULL DEFAULT 0,
    vendor_id text,
    vendor_status text,
    error_code text,
    error_staff text,
    updated_at timestamptz NOT NULL,
    UNIQUE (turn_id, position),
    UNIQUE (gateway, vendor_id),
    CHECK (state NOT IN ('sent', 'delivered') OR vendor_id IS NOT NULL)
);
COMMENT ON COLUMN outbound_text.state IS
    'sending: a request is under way; checking: its outcome is being looked up; '
    'unknown: it cannot be known; sent: the vendor took it';
COMMENT ON COLUMN outbound_text.ask_at IS 'when to ask a vendor that posts no receipts';
CREATE UNIQUE INDEX outbound_text_one_under_way ON outbound_text (conversation_id)
    WHERE state IN ('sending', 'checking');
CREATE INDEX outbound_text_open ON outbound_text (conversation_id, seq)
    WHERE state IN ('pending', 'sending', 'checking');
CREATE INDEX outbound_text_due ON outbound_text (next_attempt_at)
    WHERE state IN ('pending', 'sending', 'checking');
CREATE INDEX outbound_text_ask ON outbound_text (ask_at) WHERE ask_at IS NOT NULL;
CREATE INDEX outbound_text_thread ON outbound_text (conversation_id, created_at);
CREATE INDEX outbound_text_recipient ON outbound_text (recipient, created_at);

CREATE TABLE sender_pace (
    gateway text NOT NULL,
    number text NOT NULL,
    free_at timestamptz NOT NULL,
    PRIMARY KEY (gateway, number)
);
COMMENT ON COLUMN sender_pace.free_at IS 'when all that was handed over will have left';

CREATE TABLE receipt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    vendor_id text NOT NULL,
    status text NOT NULL CHECK (status IN ('queued', 'sent', 'delivered', 'failed')),
    vendor_status text NOT NULL,
    code text,
    raw jsonb NOT NULL DEFAULT '{}',
    received_at timestamptz NOT NULL,
    outbound_id uuid REFERENCES outbound_text,
    UNIQUE (gateway, vendor_id, vendor_status)
);
COMMENT ON COLUMN receipt.outbound_id IS 'null while its text is not known: parked';

CREATE TABLE tracker_event (
    conversation_id uuid NOT NULL,
    position integer NOT NULL CHECK (position >= 0),
    turn_id uuid,
    session_start boolean NOT NULL DEFAULT false,
    event jsonb NOT NULL,
    PRIMARY KEY (conversation_id, position)
);
CREATE INDEX tracker_event_session ON tracker_event (conversation_id, position DESC)
    WHERE session_start;

-- The order of the states of a text. A receipt may only move a text to a higher one.
CREATE FUNCTION text_state_rank(state text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE state WHEN 'pending' THEN 0 WHEN 'sending' THEN 1 WHEN 'checking' THEN 1
        WHEN 'unknown' THEN 2 WHEN 'sent' THEN 3 ELSE 4 END
$$;
"""


def upgrade() -> None:
    """Create the tables of the engine."""
    op.execute(SCHEMA)


def downgrade() -> None:
    """Drop the tables of the engine."""
    op.execute(
        "DROP TABLE receipt, sender_pace, outbound_text, inbound_text, turn, tracker_event,"
        " conversation; DROP FUNCTION text_state_rank"
    )
