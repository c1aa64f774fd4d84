"""Delivery in depth: lanes, parts, events of a text, pace and caps, health of gateways, media."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What the constraints prove:
#   a part has one place in its text       outbound_text unique (turn_id, position), part <= parts
#   a text is in exactly one lane          outbound_text_lane
#   a cap counts one window once           sender_cap primary key (gateway, cap, starts_at)
#   a file of a text is stored once        media_file unique (inbound_id, place)
#   a day is reconciled once at a time     reconciliation unique (gateway, since)
UPGRADE = """
ALTER TABLE conversation
    ADD COLUMN delay_told_at timestamptz,
    ADD COLUMN unreachable_code text;
COMMENT ON COLUMN conversation.delay_told_at IS
    'when the customer was told that the answer takes longer, or that was found to be out of '
    'place; null again once all is answered';
COMMENT ON COLUMN conversation.unreachable_code IS
    'why the phone is sent nothing unasked: the vendor''s code; null again once it texts us';

ALTER TABLE inbound_text ADD COLUMN trace text;
COMMENT ON COLUMN inbound_text.trace IS 'W3C traceparent of the webhook that brought it';

ALTER TABLE outbound_text
    ADD COLUMN lane smallint NOT NULL DEFAULT 1
        CONSTRAINT outbound_text_lane CHECK (lane BETWEEN 0 AND 3),
    ADD COLUMN part integer NOT NULL DEFAULT 1,
    ADD COLUMN parts integer NOT NULL DEFAULT 1,
    ADD COLUMN resends integer NOT NULL DEFAULT 0,
    ADD COLUMN accepted_at timestamptz,
    ADD COLUMN trace text,
    ADD CONSTRAINT outbound_text_part CHECK (part BETWEEN 1 AND parts),
    DROP CONSTRAINT outbound_text_kind_check,
    ADD CONSTRAINT outbound_text_kind_check
        CHECK (kind IN ('reply', 'failure', 'notice', 'expiry', 'delay'));
COMMENT ON COLUMN outbound_text.lane IS '0 emergency, 1 reply, 2 reminder, 3 bulk';
COMMENT ON COLUMN outbound_text.part IS 'its place among the parts of a text that was split';
COMMENT ON COLUMN outbound_text.resends IS 'times it was sent again although its fate was unknown';

DROP INDEX outbound_text_due;
CREATE INDEX outbound_text_due ON outbound_text (gateway, sender, lane, next_attempt_at, seq)
    WHERE state = 'pending';
CREATE INDEX outbound_text_expires ON outbound_text (expires_at) WHERE state = 'pending';
CREATE INDEX outbound_text_under_way ON outbound_text (greatest(next_attempt_at, lease_until))
    WHERE state IN ('sending', 'checking');
CREATE INDEX outbound_text_unjudged ON outbound_text (updated_at)
    WHERE state = 'failed' AND error_staff IS NULL;
CREATE INDEX outbound_text_dead ON outbound_text (updated_at) WHERE state IN ('failed', 'unknown');
CREATE INDEX outbound_text_sent ON outbound_text (gateway, accepted_at) WHERE state = 'sent';
DROP INDEX outbound_text_ask;
CREATE INDEX outbound_text_ask ON outbound_text (gateway, ask_at) WHERE ask_at IS NOT NULL;
COMMENT ON COLUMN outbound_text.ask_at IS 'when to ask the vendor what became of it';

-- Without the first one, each text that is deleted would have all receipts searched for its own.
CREATE INDEX receipt_text ON receipt (outbound_id) WHERE outbound_id IS NOT NULL;
CREATE INDEX receipt_raw ON receipt (received_at) WHERE raw <> '{}';
CREATE INDEX receipt_parked ON receipt (received_at) WHERE outbound_id IS NULL;

ALTER TABLE sender_pace ADD COLUMN passed integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN sender_pace.passed IS
    'texts that overtook another lane, modulo 100: each tenth place is for the lane below';

CREATE TABLE text_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    outbound_id uuid NOT NULL REFERENCES outbound_text ON DELETE CASCADE,
    at timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind <> ''),
    code text,
    detail text NOT NULL DEFAULT ''
);
COMMENT ON TABLE text_event IS
    'what happened to a text besides being sent and reported on: why it is what it is';
CREATE INDEX text_event_text ON text_event (outbound_id, id);

CREATE TABLE sender_cap (
    gateway text NOT NULL,
    cap text NOT NULL CHECK (cap IN ('minute', 'day')),
    starts_at timestamptz NOT NULL,
    used integer NOT NULL CHECK (used >= 0),
    PRIMARY KEY (gateway, cap, starts_at)
);
COMMENT ON TABLE sender_cap IS 'segments of a 10DLC campaign in a minute, of a brand in a day';

CREATE TABLE gateway_minute (
    gateway text NOT NULL,
    minute timestamptz NOT NULL,
    sends integer NOT NULL DEFAULT 0,
    errors integer NOT NULL DEFAULT 0,
    slow integer NOT NULL DEFAULT 0,
    PRIMARY KEY (gateway, minute)
);
CREATE TABLE gateway_health (
    gateway text PRIMARY KEY,
    weight integer NOT NULL CHECK (weight BETWEEN 0 AND 100),
    changed_at timestamptz NOT NULL,
    trouble_at timestamptz,
    failures_in_row integer NOT NULL DEFAULT 0 CHECK (failures_in_row >= 0),
    reason text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN gateway_health.weight IS 'percent of its configured weight that it gets now';
COMMENT ON COLUMN gateway_health.trouble_at IS 'when it last was seen in trouble';
CREATE TABLE gateway_health_change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    at timestamptz NOT NULL,
    before integer NOT NULL,
    after integer NOT NULL,
    reason text NOT NULL
);

CREATE TABLE media_file (
    id uuid PRIMARY KEY,
    inbound_id bigint NOT NULL REFERENCES inbound_text ON DELETE CASCADE,
    place integer NOT NULL CHECK (place >= 0),
    url text NOT NULL,
    claimed_type text NOT NULL,
    content_type text,
    bytes integer CHECK (bytes >= 0),
    sha256 bytea,
    content bytea,
    refused text,
    created_at timestamptz NOT NULL,
    UNIQUE (inbound_id, place),
    CHECK ((content IS NULL) = (refused IS NOT NULL))
);
COMMENT ON COLUMN media_file.content_type IS 'found in the bytes, not claimed by anybody';
COMMENT ON COLUMN media_file.refused IS 'why there is no content';

CREATE TABLE long_text (
    token text PRIMARY KEY,
    conversation_id uuid NOT NULL REFERENCES conversation,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE long_text IS 'replies too long to be texted, read on a page by their link';
CREATE INDEX long_text_expires ON long_text (expires_at);

CREATE TABLE reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since),
    finished_at timestamptz,
    listed integer NOT NULL DEFAULT 0,
    corrected integer NOT NULL DEFAULT 0,
    missing integer NOT NULL DEFAULT 0,
    strange integer NOT NULL DEFAULT 0,
    UNIQUE (gateway, since)
);
COMMENT ON TABLE reconciliation IS 'a day''s texts compared with the vendor''s list';
COMMENT ON COLUMN reconciliation.missing IS 'texts that are sent for us and unknown to the vendor';
COMMENT ON COLUMN reconciliation.strange IS 'texts of the vendor''s that we do not know';
"""

DOWNGRADE = """
DROP TABLE reconciliation, long_text, media_file, gateway_health_change, gateway_health,
    gateway_minute, sender_cap, text_event;
ALTER TABLE sender_pace DROP COLUMN passed;
DROP INDEX receipt_parked, receipt_raw, receipt_text, outbound_text_ask, outbound_text_sent;
CREATE INDEX outbound_text_ask ON outbound_text (ask_at) WHERE ask_at IS NOT NULL;
DROP INDEX outbound_text_dead, outbound_text_unjudged, outbound_text_under_way,
    outbound_text_expires, outbound_text_due;
DELETE FROM outbound_text WHERE kind = 'delay';
ALTER TABLE outbound_text
    DROP CONSTRAINT outbound_text_kind_check,
    ADD CONSTRAINT outbound_text_kind_check
        CHECK (kind IN ('reply', 'failure', 'notice', 'expiry')),
    DROP COLUMN lane, DROP COLUMN part, DROP COLUMN parts, DROP COLUMN resends,
    DROP COLUMN accepted_at, DROP COLUMN trace;
CREATE INDEX outbound_text_due ON outbound_text (next_attempt_at)
    WHERE state IN ('pending', 'sending', 'checking');
ALTER TABLE inbound_text DROP COLUMN trace;
ALTER TABLE conversation DROP COLUMN delay_told_at, DROP COLUMN unreachable_code;
"""


def upgrade() -> None:
    """Add what delivery needs."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take it away again."""
    op.execute(DOWNGRADE)
