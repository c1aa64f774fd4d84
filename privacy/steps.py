"""What is forgotten when of people who were texted unasked, as ``messaging/retention.py`` has it.

Openings and notifications go with the texts to which they belong.
"""

from __future__ import annotations

from events.records import KEPT_DAYS
from messaging.retention import Step, drain

# A campaign that waits, runs or is paused needs its recipients, however old it is.
_OVER = "campaign.state IN ('draft', 'done', 'aborted')"
_UNTOUCHED = """
campaign.created_at < {cutoff} AND NOT EXISTS (SELECT FROM campaign_event AS event
    WHERE event.campaign_id = campaign.id AND event.at >= {cutoff})
"""

RECIPIENTS = drain(
    "campaign_recipient",
    "campaign_recipient",
    "campaign_id, phone",
    f"""campaign_id IN (SELECT id FROM campaign
        WHERE {_OVER} AND {_UNTOUCHED.format(cutoff="%(cutoff)s")})""",
)

# Who let a campaign go is on record for as long as what was done for somebody's privacy. It goes
# behind its recipients, and with all that was done with it.
_OLD_CAMPAIGNS = f"""
SELECT id FROM campaign WHERE {_OVER}
    AND {_UNTOUCHED.format(cutoff="least(%(cutoff)s::timestamptz, %(audit_cutoff)s::timestamptz)")}
"""
CAMPAIGNS = Step(
    name="campaigns",
    start=0,
    batch=f"""
WITH old AS ({_OLD_CAMPAIGNS} ORDER BY id LIMIT %(batch)s), events AS (
    DELETE FROM campaign_event USING old WHERE campaign_id = old.id RETURNING 1
), approvals AS (
    DELETE FROM campaign_approval USING old WHERE campaign_id = old.id RETURNING 1
), campaigns AS (
    DELETE FROM campaign USING old WHERE campaign.id = old.id RETURNING 1
)
SELECT (SELECT count(*) FROM campaigns) AS campaign,
    (SELECT count(*) FROM events) AS campaign_event,
    (SELECT count(*) FROM approvals) AS campaign_approval,
    CASE WHEN (SELECT count(*) FROM campaigns) = %(batch)s THEN 0 END AS after
""",
    count=f"""
WITH old AS ({_OLD_CAMPAIGNS})
SELECT (SELECT count(*) FROM old) AS campaign,
    (SELECT count(*) FROM campaign_event
     WHERE campaign_id IN (SELECT id FROM old)) AS campaign_event,
    (SELECT count(*) FROM campaign_approval
     WHERE campaign_id IN (SELECT id FROM old)) AS campaign_approval
""",
)

# What was texted of an appointment is not texted again; a recall may be due for 30 days
# (outreach/reminder_times.py), so it is known for twice as long, whatever the texts are kept for.
_LONG_AGO = "least(%(cutoff)s::timestamptz, %(now)s - interval '60 days')"
REMINDERS = drain("reminder", "reminder", "id", f"made_at < {_LONG_AGO} AND start < {_LONG_AGO}")

REQUESTED = drain("requested_reminder", "requested_reminder", "key", "closed_at < %(cutoff)s")

EVENTS = drain(
    "outgoing_event",
    "outgoing_event",
    "id",
    f"at < greatest(%(cutoff)s::timestamptz, %(now)s - interval '{KEPT_DAYS} days')",
)
# A job of their own forgets them each hour; what is left here is what it could not.
REQUESTS = drain(
    "api_request", "api_request", "api_key_id, key", "created_at <= %(now)s - interval '24 hours'"
)

STEPS = (RECIPIENTS, CAMPAIGNS, REMINDERS, REQUESTED, EVENTS, REQUESTS)
