"""Reminders of appointments, and who came to them."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# What the constraints and triggers prove:
#   one reminder of a kind of an appointment as it is   reminder_once
#   a reminder is in the outbox, or says why not        reminder_texts_or_refusal
#   nobody is noted as missed before the time has come  appointment_attended_after_start
#   a reminder that still waits never outlives what     appointment_takes_reminders_back,
#     it says                                           appointment_makes_calls_moot
# What takes a text back does what messaging/withdrawing.py does. It stands here, because who
# changes an appointment must not have to know that it is texted about.
# text_ids refers to outbound_text without a foreign key: texts are forgotten before appointments.
UPGRADE = """
ALTER TABLE service
    ADD COLUMN reminders text[] NOT NULL DEFAULT '{}' CONSTRAINT service_reminders
        CHECK (array_to_string(reminders, ' ', '') ~ '^([1-9][0-9]{0,2}[dh]( |$))*$'),
    ADD COLUMN recall_months integer CHECK (recall_months BETWEEN 1 AND 120);
COMMENT ON COLUMN service.reminders IS
    'how long before an appointment its customer is reminded: 7d, 24h';
COMMENT ON COLUMN service.recall_months IS
    'after how many months it is due again; null where nobody is called back';

ALTER TABLE appointment
    DROP CONSTRAINT appointment_state_check,
    ADD CONSTRAINT appointment_state_check
        CHECK (state IN ('booked', 'confirmed', 'cancelled', 'kept', 'missed')),
    ADD CONSTRAINT appointment_attended_after_start
        CHECK (state NOT IN ('kept', 'missed') OR updated_at >= lower(during));
CREATE INDEX appointment_missed ON appointment (updated_at) WHERE state = 'missed';

ALTER TABLE practice_change
    DROP CONSTRAINT practice_change_kind_check,
    ADD CONSTRAINT practice_change_kind_check
        CHECK (kind IN ('book', 'confirm', 'reschedule', 'cancel', 'kept', 'missed'));

CREATE TABLE reminder (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    appointment_id bigint NOT NULL REFERENCES appointment ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('missed', 'recall') OR kind ~ '^[1-9][0-9]{0,2}[dh]$'),
    location_id integer NOT NULL REFERENCES location,
    start timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    text_ids uuid[] NOT NULL DEFAULT '{}',
    refusal text CHECK (refusal <> ''),
    withdrawn_at timestamptz,
    CONSTRAINT reminder_texts_or_refusal CHECK ((cardinality(text_ids) > 0) = (refusal IS NULL)),
    CHECK (withdrawn_at IS NULL OR refusal IS NULL)
);
COMMENT ON TABLE reminder IS
    'what was texted about an appointment, or was not because of a refusal';
COMMENT ON COLUMN reminder.kind IS
    'how long before it: 24h; missed: after it; recall: months after';
COMMENT ON COLUMN reminder.start IS 'of the appointment as it was then';
COMMENT ON COLUMN reminder.due_at IS 'when it should have been texted';
COMMENT ON COLUMN reminder.text_ids IS 'the parts of the text; it may be about other reminders too';
COMMENT ON COLUMN reminder.withdrawn_at IS
    'when the text was taken back before it was sent, because something was changed';
CREATE UNIQUE INDEX reminder_once ON reminder (appointment_id, kind, start, location_id)
    WHERE withdrawn_at IS NULL;
CREATE INDEX reminder_texts ON reminder USING gin (text_ids);
CREATE INDEX reminder_made ON reminder (made_at);

CREATE FUNCTION take_reminders_back(ids uuid[], reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    gone uuid[];
BEGIN
    -- Most changes are of what nobody was texted about: they wait for nobody who works on texts.
    IF cardinality(ids) = 0 THEN
        RETURN;
    END IF;
    -- Whoever is just claiming one of them is waited for: it is under way then, and stays, but is
    -- not tried again. In one order for everybody, so that two transactions do not wait for each
    -- other.
    WITH locked AS (
        SELECT id, state FROM outbound_text WHERE id = ANY(ids) ORDER BY id FOR UPDATE
    ), withdrawn AS (
        UPDATE outbound_text AS text SET state = 'failed', error_code = 'withdrawn',
            error_staff = 'This text was taken back before it was sent, because what it says is '
                || 'no longer so.',
            updated_at = now()
        FROM locked WHERE text.id = locked.id AND locked.state = 'pending' RETURNING text.id
    ), over AS (
        UPDATE outbound_text AS text SET not_after = least(not_after, now()),
            expires_at = least(expires_at, now())
        FROM locked WHERE text.id = locked.id AND (locked.state IN ('sending', 'checking', 'sent',
            'unknown') OR (locked.state = 'failed' AND text.error_staff IS NULL))
    ), told AS (
        INSERT INTO text_event (outbound_id, at, kind, code, detail)
        SELECT id, now(), 'withdrawn', 'withdrawn', reason FROM withdrawn
    )
    SELECT array_agg(id) INTO gone FROM withdrawn;
    -- One text may be about several appointments: those that were not changed are due again.
    UPDATE reminder SET withdrawn_at = now() WHERE text_ids && gone AND withdrawn_at IS NULL;
END
$$;

CREATE FUNCTION appointment_takes_reminders_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_reminders_back(
        ARRAY(SELECT unnest(text_ids) FROM reminder
            WHERE appointment_id = NEW.id AND withdrawn_at IS NULL),
        'appointment ' || NEW.reference || ' was changed; it is ' || NEW.state);
    RETURN NULL;
END
$$;
CREATE TRIGGER appointment_takes_reminders_back AFTER UPDATE ON appointment FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.location_id <> NEW.location_id
        OR lower(OLD.during) <> lower(NEW.during))
    EXECUTE FUNCTION appointment_takes_reminders_back();

CREATE FUNCTION appointment_makes_calls_moot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM take_reminders_back(
        ARRAY(SELECT unnest(reminder.text_ids) FROM reminder
            JOIN appointment ON appointment.id = reminder.appointment_id
            WHERE appointment.customer_id = NEW.customer_id AND withdrawn_at IS NULL
                AND reminder.kind IN ('missed', 'recall')),
        'appointment ' || NEW.reference || ' was booked');
    RETURN NULL;
END
$$;
CREATE TRIGGER appointment_makes_calls_moot AFTER INSERT ON appointment
    FOR EACH ROW EXECUTE FUNCTION appointment_makes_calls_moot();
"""

# What was noted of customers who came or did not is gone then; their appointments were theirs.
DOWNGRADE = """
DROP TRIGGER appointment_makes_calls_moot ON appointment;
DROP TRIGGER appointment_takes_reminders_back ON appointment;
DROP FUNCTION appointment_makes_calls_moot, appointment_takes_reminders_back, take_reminders_back;
DROP TABLE reminder;
DELETE FROM practice_change WHERE kind IN ('kept', 'missed');
UPDATE appointment SET state = 'booked' WHERE state IN ('kept', 'missed');
ALTER TABLE practice_change
    DROP CONSTRAINT practice_change_kind_check,
    ADD CONSTRAINT practice_change_kind_check
        CHECK (kind IN ('book', 'confirm', 'reschedule', 'cancel'));
DROP INDEX appointment_missed;
ALTER TABLE appointment
    DROP CONSTRAINT appointment_attended_after_start,
    DROP CONSTRAINT appointment_state_check,
    ADD CONSTRAINT appointment_state_check CHECK (state IN ('booked', 'confirmed', 'cancelled'));
ALTER TABLE service DROP COLUMN recall_months, DROP COLUMN reminders;
"""


def upgrade() -> None:
    """Create what reminders need."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Drop it."""
    op.execute(DOWNGRADE)
