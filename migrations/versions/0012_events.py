"""Outgoing events: who wants them, what happened, what was delivered."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# What the constraints prove:
#   an event reaches an endpoint as one delivery   webhook_delivery unique (endpoint_id, event_id)
#   a delivery that is over says when              webhook_delivery_finished
# What the triggers prove: an event is written in the transaction that does what it tells, so none
# is lost and none tells of something that was rolled back. Where no endpoint wants its type, all
# they do is look at webhook_endpoint, which has a few rows.
#
# A delivery has no foreign key to its endpoint: each would lock the endpoint's one row in every
# transaction that texts or books, and removing an endpoint would wait for all of them.
UPGRADE = """
CREATE TABLE webhook_endpoint (
    id uuid PRIMARY KEY,
    url text NOT NULL,
    types text[] NOT NULL CHECK (cardinality(types) > 0),
    conditions jsonb NOT NULL DEFAULT '{}',
    includes text[] NOT NULL DEFAULT '{}' CHECK (includes <@ ARRAY['body', 'name', 'phone']),
    allow_private boolean NOT NULL DEFAULT false,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'gone')),
    reason text,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    not_before timestamptz
);
COMMENT ON COLUMN webhook_endpoint.types IS 'of events that it gets: message.sent, message.*, *';
COMMENT ON COLUMN webhook_endpoint.conditions IS 'values that fields of the data must have';
COMMENT ON COLUMN webhook_endpoint.includes IS 'what it is told of people besides ids';
COMMENT ON COLUMN webhook_endpoint.allow_private IS
    'whether it may be in our own network; only there plain http is allowed';
COMMENT ON COLUMN webhook_endpoint.state IS
    'paused: events wait for it; gone: it answered 410 and gets no more';
COMMENT ON COLUMN webhook_endpoint.failing_since IS 'its first failure behind its last success';
COMMENT ON COLUMN webhook_endpoint.not_before IS 'until when it asked to be left alone';

CREATE TABLE webhook_secret (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoint ON DELETE CASCADE,
    secret text NOT NULL,
    retires_at timestamptz
);
COMMENT ON TABLE webhook_secret IS
    'with what requests are signed, encrypted where there are keys for that. All that are not '
    'retired sign, so that a receiver may change over when it likes';
CREATE INDEX webhook_secret_endpoint ON webhook_secret (endpoint_id, id);

CREATE TABLE outgoing_event (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    type text NOT NULL CHECK (type ~ '^[a-z]+[.][a-z_]+$'),
    at timestamptz NOT NULL,
    source text CHECK (source IN
        ('inbound_text', 'outbound_text', 'consent_event', 'appointment', 'conversation')),
    source_id text,
    facts jsonb NOT NULL DEFAULT '{}',
    CHECK ((source IS NULL) = (source_id IS NULL))
);
COMMENT ON TABLE outgoing_event IS
    'what happened, for programs elsewhere: ids only; words, names and numbers are read from their '
    'own tables when it is delivered';
COMMENT ON COLUMN outgoing_event.facts IS 'what its source may not say any more by then';
CREATE INDEX outgoing_event_at ON outgoing_event (at);

CREATE TABLE webhook_delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL REFERENCES outgoing_event ON DELETE CASCADE,
    order_key text NOT NULL,
    state text NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'delivered', 'skipped', 'dead')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    replayed boolean NOT NULL DEFAULT false,
    next_attempt_at timestamptz NOT NULL,
    finished_at timestamptz,
    UNIQUE (endpoint_id, event_id),
    CONSTRAINT webhook_delivery_finished CHECK ((state = 'pending') = (finished_at IS NULL))
);
COMMENT ON COLUMN webhook_delivery.order_key IS
    'deliveries of an endpoint that have the same one are made one behind the other';
COMMENT ON COLUMN webhook_delivery.state IS
    'skipped: its data are not what the endpoint wants, or are erased; dead: given up';
COMMENT ON COLUMN webhook_delivery.replayed IS
    'made again because somebody asked for it; it holds up nothing that was not';
COMMENT ON COLUMN webhook_delivery.next_attempt_at IS
    'while a request is under way, when it is taken for lost and made again';
CREATE INDEX webhook_delivery_due ON webhook_delivery (endpoint_id, next_attempt_at, id)
    WHERE state = 'pending';
CREATE INDEX webhook_delivery_order ON webhook_delivery (endpoint_id, order_key, id)
    WHERE state = 'pending';
CREATE INDEX webhook_delivery_dead ON webhook_delivery (finished_at) WHERE state = 'dead';
CREATE INDEX webhook_delivery_event ON webhook_delivery (event_id);

CREATE TABLE webhook_attempt (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id bigint NOT NULL REFERENCES webhook_delivery ON DELETE CASCADE,
    at timestamptz NOT NULL,
    outcome text NOT NULL,
    status integer,
    milliseconds integer NOT NULL CHECK (milliseconds >= 0),
    answer text NOT NULL DEFAULT ''
);
COMMENT ON COLUMN webhook_attempt.answer IS 'the beginning of what was answered, masked';
CREATE INDEX webhook_attempt_delivery ON webhook_attempt (delivery_id, id);

CREATE FUNCTION emit_event(
    type text, source text, source_id text, order_key text, facts jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    wanting uuid[];
    made uuid;
BEGIN
    SELECT array_agg(id) INTO wanting FROM webhook_endpoint AS endpoint
    WHERE endpoint.state <> 'gone'
        AND endpoint.types && ARRAY[emit_event.type, split_part(emit_event.type, '.', 1) || '.*',
            '*'];
    IF wanting IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO outgoing_event (type, at, source, source_id, facts)
    VALUES (emit_event.type, now(), emit_event.source, emit_event.source_id, emit_event.facts)
    RETURNING id INTO made;
    INSERT INTO webhook_delivery (endpoint_id, event_id, order_key, next_attempt_at)
    SELECT unnest(wanting), made, emit_event.order_key, now();
END
$$;
COMMENT ON FUNCTION emit_event IS
    'tell of something that this transaction does to every endpoint that wants to know';

CREATE FUNCTION inbound_text_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event('message.received', 'inbound_text', NEW.id::text,
        NEW.conversation_id::text, '{}');
    RETURN NULL;
END
$$;
CREATE TRIGGER inbound_text_tells AFTER INSERT ON inbound_text
    FOR EACH ROW EXECUTE FUNCTION inbound_text_tells();

-- A receipt that says failed is judged first: the text may be sent again (messaging/judgement.py).
CREATE FUNCTION outbound_text_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event('message.' || NEW.state, 'outbound_text', NEW.id::text,
        NEW.conversation_id::text, jsonb_build_object(
            'code', NEW.error_code, 'reason', NEW.error_staff));
    RETURN NULL;
END
$$;
CREATE TRIGGER outbound_text_tells AFTER UPDATE OF state ON outbound_text
    FOR EACH ROW WHEN (NEW.state IN ('sent', 'delivered', 'unknown') AND OLD.state <> NEW.state)
    EXECUTE FUNCTION outbound_text_tells();
CREATE TRIGGER outbound_text_tells_failure AFTER UPDATE OF state, error_staff ON outbound_text
    FOR EACH ROW WHEN (NEW.state = 'failed' AND NEW.error_staff IS NOT NULL
        AND (OLD.state <> 'failed' OR OLD.error_staff IS NULL))
    EXECUTE FUNCTION outbound_text_tells();

-- What one phone says is told in order: a bucket of many phones' keeps the order and no number.
CREATE FUNCTION consent_event_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event(
        CASE NEW.direction WHEN 'grant' THEN 'consent.granted' WHEN 'revoke' THEN 'consent.revoked'
            WHEN 'reconfirm' THEN 'consent.reconfirmed' WHEN 'pending' THEN 'consent.questioned'
            ELSE 'consent.requested' END,
        'consent_event', NEW.id::text, 'consent ' || (hashtext(NEW.phone) & 63), '{}');
    RETURN NULL;
END
$$;
CREATE TRIGGER consent_event_tells AFTER INSERT ON consent_event
    FOR EACH ROW EXECUTE FUNCTION consent_event_tells();

CREATE FUNCTION iso_utc(at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;
CREATE FUNCTION appointment_tells() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    type text;
    facts jsonb := jsonb_build_object(
        'start', iso_utc(lower(NEW.during)), 'end', iso_utc(upper(NEW.during)),
        'location', (SELECT key FROM location WHERE id = NEW.location_id));
BEGIN
    IF TG_OP = 'INSERT' THEN
        type := 'appointment.booked';
    ELSIF OLD.during <> NEW.during OR OLD.location_id <> NEW.location_id THEN
        type := 'appointment.moved';
        facts := facts || jsonb_build_object('previous_start', iso_utc(lower(OLD.during)));
    ELSE
        type := 'appointment.' || NEW.state;
    END IF;
    PERFORM emit_event(type, 'appointment', NEW.id::text, 'appointment ' || NEW.id, facts);
    RETURN NULL;
END
$$;
CREATE TRIGGER appointment_tells AFTER INSERT ON appointment
    FOR EACH ROW EXECUTE FUNCTION appointment_tells();
CREATE TRIGGER appointment_tells_change AFTER UPDATE ON appointment
    FOR EACH ROW WHEN (OLD.during <> NEW.during OR OLD.location_id <> NEW.location_id
        OR (OLD.state <> NEW.state AND NEW.state
            IN ('confirmed', 'cancelled', 'kept', 'missed')))
    EXECUTE FUNCTION appointment_tells();

CREATE FUNCTION conversation_tells() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM emit_event(
        CASE NEW.owner WHEN 'person' THEN 'conversation.handed_over'
            ELSE 'conversation.returned' END,
        'conversation', NEW.id::text, NEW.id::text, '{}');
    RETURN NULL;
END
$$;
CREATE TRIGGER conversation_tells AFTER UPDATE OF owner ON conversation
    FOR EACH ROW WHEN (OLD.owner <> NEW.owner) EXECUTE FUNCTION conversation_tells();
"""

DOWNGRADE = """
DROP TRIGGER conversation_tells ON conversation;
DROP TRIGGER appointment_tells_change ON appointment;
DROP TRIGGER appointment_tells ON appointment;
DROP TRIGGER consent_event_tells ON consent_event;
DROP TRIGGER outbound_text_tells_failure ON outbound_text;
DROP TRIGGER outbound_text_tells ON outbound_text;
DROP TRIGGER inbound_text_tells ON inbound_text;
DROP FUNCTION conversation_tells, appointment_tells, iso_utc, consent_event_tells,
    outbound_text_tells, inbound_text_tells, emit_event;
DROP TABLE webhook_attempt, webhook_delivery, outgoing_event, webhook_secret, webhook_endpoint;
"""


def upgrade() -> None:
    """Create what outgoing events need."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute(DOWNGRADE)
