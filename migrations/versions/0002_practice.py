"""Locations, services, staff, opening hours, customers and appointments."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What the constraints prove:
#   nobody sees two customers at once    appointment_not_double_booked
#   a reference names one appointment    appointment unique (reference)
#   a change is made once                practice_change primary key (key)
# The ranges of whole numbers stand for "the same person": an exclusion constraint on a plain
# integer would need the extension btree_gist, which not every PostgreSQL carries.
SCHEMA = """
CREATE TABLE location (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    name text NOT NULL,
    address text NOT NULL,
    timezone text NOT NULL
);
COMMENT ON COLUMN location.key IS 'as the assistant names it: downtown';
COMMENT ON COLUMN location.timezone IS 'IANA name: America/New_York';

CREATE TABLE service (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    name text NOT NULL,
    minutes integer NOT NULL CHECK (minutes BETWEEN 5 AND 480)
);

CREATE TABLE staff (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    location_id integer NOT NULL REFERENCES location,
    name text NOT NULL,
    UNIQUE (location_id, name)
);

CREATE TABLE staff_service (
    staff_id integer NOT NULL REFERENCES staff,
    service_id integer NOT NULL REFERENCES service,
    PRIMARY KEY (staff_id, service_id)
);

CREATE TABLE opening_hours (
    location_id integer NOT NULL REFERENCES location,
    weekday integer NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    opens time NOT NULL,
    closes time NOT NULL,
    PRIMARY KEY (location_id, weekday, opens),
    CHECK (opens < closes)
);
COMMENT ON COLUMN opening_hours.weekday IS '0 is Monday';
COMMENT ON COLUMN opening_hours.opens IS 'on the wall clock of the location';

CREATE TABLE closure (
    location_id integer NOT NULL REFERENCES location,
    day date NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (location_id, day)
);

CREATE TABLE customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    phone text NOT NULL UNIQUE,
    name text NOT NULL
);

CREATE TABLE appointment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    customer_id bigint NOT NULL REFERENCES customer,
    customer_name text NOT NULL,
    service_id integer NOT NULL REFERENCES service,
    location_id integer NOT NULL REFERENCES location,
    staff_id integer NOT NULL REFERENCES staff,
    during tstzrange NOT NULL,
    state text NOT NULL DEFAULT 'booked' CHECK (state IN ('booked', 'confirmed', 'cancelled')),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)
        AND lower_inc(during) AND NOT upper_inc(during)),
    CONSTRAINT appointment_not_double_booked EXCLUDE USING gist
        (int4range(staff_id, staff_id, '[]') WITH &&, during WITH &&) WHERE (state <> 'cancelled')
);
COMMENT ON COLUMN appointment.customer_name IS
    'who comes: a parent books for a child from one phone';
CREATE INDEX appointment_customer ON appointment (customer_id);
CREATE INDEX appointment_during ON appointment USING gist (during) WHERE state <> 'cancelled';

CREATE TABLE practice_change (
    key text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('book', 'confirm', 'reschedule', 'cancel')),
    appointment_id bigint REFERENCES appointment,
    result jsonb,
    created_at timestamptz NOT NULL
);
COMMENT ON TABLE practice_change IS
    'every change of an appointment, by idempotency key: the history, too';
COMMENT ON COLUMN practice_change.result IS
    'the appointment after the change; null only inside the transaction that makes it';
CREATE INDEX practice_change_appointment ON practice_change (appointment_id, created_at);
"""


def upgrade() -> None:
    """Create the tables of the business."""
    op.execute(SCHEMA)


def downgrade() -> None:
    """Drop the tables of the business."""
    op.execute(
        "DROP TABLE practice_change, appointment, customer, closure, opening_hours, staff_service,"
        " staff, service, location"
    )
