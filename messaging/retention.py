"""What is forgotten when, as statements in the order of their foreign keys.

A step walks along a key from the oldest row on. Its statement looks at one batch of rows behind
``after``, deletes those that are old, and says where the next batch begins; null when the rest is
newer. Its other statement counts what the whole step would delete.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

CLOSED = "state IN ('sent', 'delivered', 'failed', 'unknown')"


@dataclass(frozen=True, slots=True)
class Step:
    """Something to forget.

    Attributes:
        name: for people.
        start: the ``after`` of the first batch.
        batch: deletes from one batch; returns counts by name, and ``after`` for the next.
        count: the same counts for everything.
    """

    name: str
    start: int | UUID
    batch: str
    count: str


def drain(name: str, table: str, key: str, condition: str) -> Step:
    """A table from which old rows are deleted as an index finds them, in no order.

    Args:
        name: for people.
        table: its name.
        key: columns that tell its rows apart.
        condition: of what is old.
    """
    return Step(
        name=name,
        start=0,
        batch=f"""
WITH gone AS (
    DELETE FROM {table} WHERE ({key}) IN (
        SELECT {key} FROM {table} WHERE {condition} LIMIT %(batch)s)
    RETURNING 1)
SELECT count(*) AS "{name}", CASE WHEN count(*) = %(batch)s THEN 0 END AS after FROM gone
""",
        count=f"""SELECT count(*) AS "{name}" FROM {table} WHERE {condition}""",
    )


# Receipts for which no text was found will find none any more.
RAW = Step(
    name="receipts in full",
    start=0,
    batch="""
WITH page AS (
    SELECT id, outbound_id IS NULL AS parked FROM receipt
    WHERE raw <> '{}' AND received_at < %(raw_cutoff)s
    ORDER BY received_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
), cleared AS (
    UPDATE receipt SET raw = '{}' FROM page
    WHERE receipt.id = page.id AND NOT parked RETURNING 1
), gone AS (
    DELETE FROM receipt USING page WHERE receipt.id = page.id AND parked RETURNING 1
)
SELECT (SELECT count(*) FROM cleared) AS "receipts in full",
    (SELECT count(*) FROM gone) AS receipt,
    CASE WHEN (SELECT count(*) FROM page) = %(batch)s THEN 0 END AS after
""",
    count="""
SELECT count(*) FILTER (WHERE outbound_id IS NOT NULL) AS "receipts in full",
    count(*) FILTER (WHERE outbound_id IS NULL) AS receipt
FROM receipt WHERE raw <> '{}' AND received_at < %(raw_cutoff)s
""",
)

# How long consent must be kept is counted from a phone's last text, which may be long forgotten.
# Its conversations are locked before its texts, and in the order of their ids, as everybody does
# (messaging/consent_changes.py): the count is made of all locks, and the page comes behind it.
_LAST_TEXTS = """noted AS (
    UPDATE conversation SET last_text_at = greatest(last_text_at, youngest)
    FROM (SELECT conversation_id, max(at) AS youngest FROM texts GROUP BY 1) AS gone
    WHERE id = gone.conversation_id RETURNING 1
)"""
_LOCKED = """locked AS (
    SELECT FROM conversation WHERE id IN (SELECT conversation_id FROM found WHERE goes)
    ORDER BY id FOR NO KEY UPDATE
), page AS (
    SELECT found.* FROM (SELECT count(*) FROM locked) AS held, found
)"""

OUTBOUND = Step(
    name="texts of ours",
    start=0,
    batch=f"""
WITH found AS (
    SELECT id, seq, conversation_id, created_at < %(cutoff)s AS old,
        created_at < %(cutoff)s AND {CLOSED} AS goes
    FROM outbound_text WHERE seq > %(after)s ORDER BY seq LIMIT %(batch)s
), {_LOCKED}, receipts AS (
    DELETE FROM receipt USING page WHERE outbound_id = page.id AND goes RETURNING 1
), events AS (
    DELETE FROM text_event USING page WHERE outbound_id = page.id AND goes RETURNING 1
), texts AS (
    DELETE FROM outbound_text AS text USING page WHERE text.id = page.id AND goes
    RETURNING text.id, text.conversation_id, text.created_at AS at
), {_LAST_TEXTS}
SELECT (SELECT count(*) FROM texts) AS outbound_text, (SELECT count(*) FROM receipts) AS receipt,
    (SELECT count(*) FROM events) AS text_event,
    (SELECT count(*) FROM opening WHERE outbound_id IN (SELECT id FROM texts)) AS opening,
    (SELECT count(*) FROM notification WHERE text_id IN (SELECT id FROM texts)) AS notification,
    (SELECT CASE WHEN bool_or(old) AND count(*) = %(batch)s THEN max(seq) END FROM page) AS after
""",
    count=f"""
WITH old AS (SELECT id FROM outbound_text WHERE created_at < %(cutoff)s AND {CLOSED})
SELECT (SELECT count(*) FROM old) AS outbound_text,
    (SELECT count(*) FROM receipt WHERE outbound_id IN (SELECT id FROM old)) AS receipt,
    (SELECT count(*) FROM text_event WHERE outbound_id IN (SELECT id FROM old)) AS text_event,
    (SELECT count(*) FROM opening WHERE outbound_id IN (SELECT id FROM old)) AS opening,
    (SELECT count(*) FROM notification WHERE text_id IN (SELECT id FROM old)) AS notification
""",
)

PICTURES = Step(
    name="pictures and other files",
    start=0,
    batch="""
WITH cleared AS (
    UPDATE media_file SET content = NULL, sha256 = NULL, refused = 'forgotten'
    WHERE id IN (SELECT id FROM media_file
        WHERE content IS NOT NULL AND created_at < %(media_cutoff)s
        ORDER BY created_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
    RETURNING 1)
SELECT count(*) AS "files of customers",
    CASE WHEN count(*) = %(batch)s THEN 0 END AS after FROM cleared
""",
    count="""
SELECT count(*) AS "files of customers" FROM media_file
WHERE content IS NOT NULL AND created_at < %(media_cutoff)s
""",
)

# A turn goes with its texts, behind its replies.
_TURN_GOES = """
turn.state <> 'running' AND turn.finished_at < %(cutoff)s AND NOT EXISTS (
    SELECT FROM inbound_text AS later
    WHERE later.turn_id = turn.id AND later.received_at >= %(cutoff)s)
"""

INBOUND = Step(
    name="texts of customers, and turns",
    start=0,
    batch=f"""
WITH found AS (
    SELECT id, turn_id, conversation_id, received_at < %(cutoff)s AS goes
    FROM inbound_text WHERE id > %(after)s ORDER BY id LIMIT %(batch)s
), {_LOCKED}, old AS (
    SELECT id FROM turn WHERE id IN (SELECT turn_id FROM page WHERE goes) AND {_TURN_GOES}
        AND NOT EXISTS (SELECT FROM outbound_text WHERE turn_id = turn.id)
), texts AS (
    DELETE FROM inbound_text AS text USING old WHERE turn_id = old.id
    RETURNING text.id, conversation_id, received_at AS at
), {_LAST_TEXTS}, turns AS (
    DELETE FROM turn USING old WHERE turn.id = old.id RETURNING 1
)
SELECT (SELECT count(*) FROM texts) AS inbound_text, (SELECT count(*) FROM turns) AS turn,
    (SELECT count(*) FROM media_file WHERE inbound_id IN (SELECT id FROM texts)) AS media_file,
    (SELECT CASE WHEN bool_or(goes) AND count(*) = %(batch)s THEN max(id) END FROM page) AS after
""",
    count=f"""
WITH old AS (
    SELECT id FROM turn WHERE {_TURN_GOES} AND NOT EXISTS (
        SELECT FROM outbound_text WHERE turn_id = turn.id
            AND NOT (created_at < %(cutoff)s AND {CLOSED}))
), texts AS (
    SELECT id FROM inbound_text WHERE turn_id IN (SELECT id FROM old)
)
SELECT (SELECT count(*) FROM texts) AS inbound_text, (SELECT count(*) FROM old) AS turn,
    (SELECT count(*) FROM media_file WHERE inbound_id IN (SELECT id FROM texts)) AS media_file
""",
)

# Rasa reads a conversation's last session and writes behind its last event; sessions before it
# are only history. Whether there is something old is seen by a conversation's first event.
_OLD_SESSIONS = """
SELECT talk.id, first.position AS first,
    (SELECT max(position) FROM tracker_event
     WHERE conversation_id = talk.id AND session_start) AS session
FROM {talks} AS talk
CROSS JOIN LATERAL (
    SELECT position, event FROM tracker_event
    WHERE conversation_id = talk.id ORDER BY position LIMIT 1) AS first
WHERE (first.event ->> 'timestamp')::float < extract(epoch FROM %(cutoff)s::timestamptz)
"""
_OLD_EVENT = """
event.conversation_id = talk.id AND event.position < talk.session
    AND (event.event ->> 'timestamp')::float < extract(epoch FROM %(cutoff)s::timestamptz)
"""

EVENTS = Step(
    name="events of earlier sessions",
    start=UUID(int=0),
    batch=f"""
WITH page AS (
    SELECT id FROM conversation WHERE id > %(after)s ORDER BY id LIMIT %(batch)s
), talk AS ({_OLD_SESSIONS.format(talks="page")}), gone AS (
    DELETE FROM tracker_event AS event USING talk
    WHERE {_OLD_EVENT} AND event.position < talk.first + %(batch)s
    RETURNING 1
)
SELECT (SELECT count(*) FROM gone) AS tracker_event,
    CASE WHEN EXISTS (SELECT FROM gone) THEN %(after)s  -- there may be more of the same
        ELSE (SELECT id FROM page ORDER BY id DESC LIMIT 1) END AS after
""",
    count=f"""
WITH talk AS ({_OLD_SESSIONS.format(talks="conversation")})
SELECT count(*) AS tracker_event FROM tracker_event AS event, talk WHERE {_OLD_EVENT}
""",
)

# Receipts that come for somebody who was erased bring the number back.
RETURNED = Step(
    name="receipts of people who were erased",
    start=0,
    batch="""
WITH gone AS (
    DELETE FROM receipt USING vendor_copy AS copy
    WHERE outbound_id IS NULL AND receipt.gateway = copy.gateway
        AND receipt.vendor_id = copy.vendor_id RETURNING 1)
SELECT count(*) AS receipt, NULL AS after FROM gone
""",
    count="""
SELECT count(*) AS receipt FROM receipt JOIN vendor_copy USING (gateway, vendor_id)
WHERE outbound_id IS NULL
""",
)

STEPS = (
    RETURNED,
    RAW,
    PICTURES,
    OUTBOUND,
    INBOUND,
    EVENTS,
    drain("long_text", "long_text", "token", "expires_at < %(now)s"),
    drain(
        "sent_body",
        "sent_body",
        "recipient, digest",
        """since < %(now)s - interval '1 hour' AND NOT EXISTS (
            SELECT FROM outbound_text AS text WHERE text.id = ANY(text_ids)
                AND text.state IN ('pending', 'sending', 'checking'))""",
    ),
    drain(
        "sender_cap",
        "sender_cap",
        "gateway, cap, starts_at",
        "starts_at < %(now)s - interval '3 days'",
    ),
    drain(
        "gateway_minute",
        "gateway_minute",
        "gateway, minute",
        "minute < %(now)s - interval '3 days'",
    ),
    drain("privacy_audit", "privacy_audit", "id", "at < %(audit_cutoff)s"),
    drain(
        "vendor_copy",
        "vendor_copy",
        "gateway, vendor_id",
        "erased_at < %(now)s - interval '30 days'",
    ),
    drain("gateway_health_change", "gateway_health_change", "id", "at < %(cutoff)s"),
    drain("reconciliation", "reconciliation", "id", "since < %(cutoff)s"),
    drain(
        "procrastinate_jobs",
        "procrastinate_jobs AS job",
        "id",
        """status IN ('succeeded', 'failed', 'cancelled', 'aborted') AND NOT EXISTS (
            SELECT FROM procrastinate_events AS event
            WHERE event.job_id = job.id AND event.at >= %(raw_cutoff)s)""",
    ),
)
