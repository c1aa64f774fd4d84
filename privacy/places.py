"""Where personal data lie: every table and column of the database, and what becomes of each.

Export and erasure read this map and nothing else. A test compares it with the database, so a new
table or column fails it until somebody says here what it holds: one line of ``PLACES``, before
the tables that its foreign keys name.

Conditions are about ``%(phone)s`` (E.164) and ``%(digits)s`` (the same without its plus).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from messaging.consent_chain import PERSONAL

TALKS = "(SELECT id FROM conversation WHERE phone = %(phone)s)"
TEXTS = f"(SELECT id FROM inbound_text WHERE conversation_id IN {TALKS})"
SENT = f"(SELECT id FROM outbound_text WHERE conversation_id IN {TALKS})"
CUSTOMERS = "(SELECT id FROM customer WHERE phone = %(phone)s)"
VISITS = f"(SELECT id FROM appointment WHERE customer_id IN {CUSTOMERS})"
IN_TALK = f"conversation_id IN {TALKS}"
# Numbers that nothing else leads to: in what a vendor posted, in a job, in an answer of the API.
NAMED = "strpos({column}::text, %(digits)s) > 0"

ERASED = "Erased"
"""Stands for the name of somebody who was erased."""


class Keep(StrEnum):
    """Classes of retention: for how long rows are kept (docs/privacy.md)."""

    TEXTS = "retention_days"
    RAW = "raw_days"
    PEOPLE = "people_days"
    AUDIT = "audit_days"
    EVENTS = "30 days"
    BRIEFLY = "as long as it is of use"
    COPIES = "30 days after the gateway deleted its copy"
    FOR_EVER = "for ever"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table, and what its columns hold; names are divided by blanks.

    Attributes:
        table: its name.
        rows: which of its rows are about a person, as a condition; empty where none are.
        identifier: columns that say who it is.
        content: columns with what somebody said, or was told.
        derived: columns with what was concluded from that.
        other: columns that say nothing of anybody without the others.
        change: what erasure writes into the rows; empty where it deletes them.
        order: of the rows in an export.
        keep: for how long its rows are kept; None where they are not about what people do.
    """

    table: str
    rows: str = ""
    identifier: str = ""
    content: str = ""
    derived: str = ""
    other: str = ""
    change: str = ""
    order: str = "1"
    keep: Keep | None = None

    @property
    def columns(self) -> list[str]:
        """All of them."""
        return f"{self.other} {self.identifier} {self.content} {self.derived}".split()


_FACTS = (
    f"(source = 'inbound_text' AND source_id IN"
    f" (SELECT id::text FROM inbound_text WHERE {IN_TALK}))"
    f" OR (source = 'outbound_text' AND source_id IN"
    f" (SELECT id::text FROM outbound_text WHERE {IN_TALK}))"
    f" OR (source = 'conversation' AND source_id IN (SELECT id::text FROM conversation"
    f" WHERE phone = %(phone)s))"
    f" OR (source = 'consent_event' AND source_id IN (SELECT id::text FROM consent_event"
    f" WHERE phone = %(phone)s))"
    f" OR (source = 'appointment' AND source_id IN (SELECT id::text FROM appointment"
    f" WHERE customer_id IN {CUSTOMERS}))"
)  # fmt: skip
_DELIVERED = f"(SELECT id FROM outgoing_event WHERE {_FACTS})"

# Erased from the first line to the last. The ledger is the last of all that anybody locks.
PLACES = (
    # -- what is about a text of ours or of theirs
    Place(
        table="webhook_attempt", keep=Keep.EVENTS,
        rows=f"delivery_id IN (SELECT id FROM webhook_delivery WHERE event_id IN {_DELIVERED})",
        content="answer", other="id delivery_id at outcome status milliseconds",
    ),
    Place(
        table="webhook_delivery", keep=Keep.EVENTS, rows=f"event_id IN {_DELIVERED}",
        other="id endpoint_id event_id order_key state attempts replayed next_attempt_at"
        " finished_at",
    ),
    Place(
        table="outgoing_event", keep=Keep.EVENTS, rows=_FACTS,
        content="facts", other="id type at source source_id", order="at",
    ),
    Place(
        table="opening", keep=Keep.TEXTS, rows=f"outbound_id IN {SENT}",
        identifier="recipient", content="slots answers",
        other="outbound_id text_ids expires_at turn_id taken_up_at answers_closed_at",
    ),
    Place(
        table="notification", keep=Keep.TEXTS, rows=f"text_id IN {SENT}",
        other="text_id id api_key_id template",
    ),
    Place(
        table="campaign_recipient", keep=Keep.TEXTS, rows="phone = %(phone)s",
        identifier="phone", content="variables",
        other="campaign_id due_at state code text_ids enqueued_at",
    ),
    Place(
        table="api_request", keep=Keep.BRIEFLY, rows=NAMED.format(column="answer"),
        content="answer", other="api_key_id key digest status created_at",
    ),
    Place(
        table="media_file", keep=Keep.TEXTS, rows=f"inbound_id IN {TEXTS}",
        identifier="url sha256", content="content",
        derived="claimed_type content_type bytes refused",
        other="id inbound_id place created_at", order="created_at",
    ),
    Place(
        table="receipt", keep=Keep.TEXTS,
        rows=f"outbound_id IN {SENT} OR (outbound_id IS NULL AND {NAMED.format(column='raw')})",
        identifier="vendor_id raw",
        other="id gateway status vendor_status code received_at outbound_id",
    ),
    Place(
        table="text_event", keep=Keep.TEXTS, rows=f"outbound_id IN {SENT}",
        content="detail", other="id outbound_id at kind code",
    ),
    Place(
        table="sent_body", keep=Keep.BRIEFLY, rows="recipient = %(phone)s",
        identifier="recipient", derived="digest", other="text_ids since",
    ),
    Place(
        table="outbound_text", keep=Keep.TEXTS, rows=IN_TALK,
        identifier="recipient vendor_id", content="body media subject",
        derived="segments error_code error_staff",
        other="id seq conversation_id turn_id position kind gateway sender state attempts checks"
        " created_at next_attempt_at expires_at first_attempt_at lease_until ask_at asks"
        " vendor_status updated_at lane part parts resends accepted_at trace not_after not_before"
        " counted_at",
        order="seq",
    ),
    Place(
        table="inbound_text", keep=Keep.TEXTS, rows=IN_TALK,
        identifier="external_id", content="body media", derived="opt_out_type",
        other="id conversation_id gateway received_at turn_id trace",
    ),
    Place(
        table="turn", keep=Keep.TEXTS, rows=IN_TALK,
        content="failure", derived="intent confidence policy rule",
        other="id conversation_id number state attempt handled_by started_at finished_at timings",
        order="started_at",
    ),
    Place(
        table="tracker_event", keep=Keep.PEOPLE, rows=IN_TALK,
        content="event", other="conversation_id position turn_id session_start",
        order="conversation_id, position",
    ),
    Place(
        table="long_text", keep=Keep.BRIEFLY, rows=IN_TALK,
        identifier="token", content="body", other="conversation_id created_at expires_at",
    ),
    Place(table="phone_place", keep=Keep.PEOPLE, rows="phone = %(phone)s",
        identifier="phone", derived="zone state", other="source verified_at"),
    Place(
        table="procrastinate_jobs", keep=Keep.RAW,
        rows=f"{NAMED.format(column='args')} AND status <> 'doing'",
        content="args",
        other="id queue_name task_name lock status scheduled_at attempts queueing_lock priority"
        " abort_requested worker_id",
    ),
    Place(
        table="conversation", keep=Keep.PEOPLE, rows="phone = %(phone)s",
        identifier="phone consent_request_id", content="menu prompt_expired",
        derived="opted_out_at unreachable_code consent_question",
        other="id gateway number created_at owner waiting_since turn_due_at lease_until"
        " prompt_expires_at delay_told_at last_text_at consent_question_at",
    ),
    # -- the business: times of its staff stay taken, and nobody knows by whom
    Place(table="reminder", keep=Keep.TEXTS, rows=f"appointment_id IN {VISITS}",
        other="id appointment_id kind location_id start due_at made_at text_ids refusal"
        " withdrawn_at"),
    Place(
        table="requested_reminder", keep=Keep.TEXTS, rows="phone = %(phone)s",
        identifier="phone key", content="words",
        other="due_at zone appointment_id before state created_at closed_at", order="created_at",
    ),
    Place(
        table="practice_change", keep=Keep.PEOPLE, rows=f"appointment_id IN {VISITS}",
        identifier="key", content="result", other="kind appointment_id created_at",
        order="created_at",
        # A key may be made of the number; nobody repeats this change any more.
        change="key = 'erased-' || gen_random_uuid(), "
        " result = result || jsonb_build_object('phone',"
        f" 'erased-' || (SELECT customer_id FROM appointment WHERE id = appointment_id),"
        f" 'customer_name', '{ERASED}')",
    ),
    Place(
        table="appointment", keep=Keep.PEOPLE, rows=f"customer_id IN {CUSTOMERS}",
        identifier="customer_name reference",
        other="id customer_id service_id location_id staff_id during state created_at updated_at",
        change=f"customer_name = '{ERASED}'",
    ),
    Place(
        table="customer", keep=Keep.PEOPLE, rows="phone = %(phone)s",
        identifier="phone name", other="id",
        change=f"phone = 'erased-' || id, name = '{ERASED}'",
    ),
    Place(
        table="consent_event", keep=Keep.PEOPLE, rows="phone = %(phone)s",
        identifier="phone vendor_id request_id ip user_agent subject",
        content="body disclosure source", derived="direction scope proof",
        other="id recorded_at number method actor captured_at zone disclosure_version gateway"
        " seller not_condition_of_purchase due_by salt commitment hash",
        change=", ".join(f"{name} = NULL" for name in (*sorted(PERSONAL), "salt")),
    ),
    # -- nobody's
    Place(table="alembic_version", other="version_num"),
    Place(table="api_key", other="id prefix name digest scopes created_by created_at expires_at"
        " revoked_by revoked_at last_used_at busy_until"),
    Place(table="campaign", keep=Keep.AUDIT,
        other="id name class text subject audience starts_at starts_on_clock"
        " expires_at per_minute also_opted_out state version created_by created_at edited_by"
        " paced_until"),
    Place(table="campaign_approval", keep=Keep.AUDIT, other="campaign_id version actor at"),
    Place(table="campaign_event", keep=Keep.AUDIT,
        other="id campaign_id at actor action version detail"),
    Place(table="closure", other="location_id day reason"),
    Place(table="consent_chain", other="single last_id hash"),
    Place(table="gateway_health", other="gateway weight changed_at trouble_at failures_in_row"
        " reason"),
    Place(table="gateway_health_change", other="id gateway at before after reason"),
    Place(table="gateway_minute", other="gateway minute sends errors slow"),
    Place(table="location", other="id key name address timezone"),
    Place(table="opening_hours", other="location_id weekday opens closes"),
    Place(table="procrastinate_events", keep=Keep.RAW, other="id job_id type at"),
    Place(table="procrastinate_periodic_defers", other="id task_name defer_timestamp job_id"
        " periodic_id"),
    Place(table="procrastinate_workers", other="id last_heartbeat"),
    Place(table="reconciliation", other="id gateway since until finished_at listed corrected"
        " missing strange"),
    Place(table="sender_cap", other="gateway cap starts_at used"),
    Place(table="sender_pace", other="gateway number free_at passed"),
    Place(table="service", other="id key name minutes reminders recall_months"),
    Place(table="staff", other="id location_id name"),
    Place(table="staff_service", other="staff_id service_id"),
    Place(table="webhook_endpoint", other="id url types conditions includes allow_private state"
        " reason created_at failing_since not_before"),
    Place(table="webhook_secret", other="id endpoint_id secret retires_at"),
    # -- what erasure itself leaves: keyed hashes, and vendors' ids until their copies are gone
    Place(table="suppression", keep=Keep.FOR_EVER, other="phone_hash scope since key_id"),
    Place(table="vendor_copy", keep=Keep.COPIES,
        other="gateway vendor_id noted_at asked_by erased_at"),
    Place(table="privacy_audit", keep=Keep.AUDIT, other="id at action actor phone_hash rows"),
)  # fmt: skip

PERSONAL_PLACES = tuple(place for place in PLACES if place.rows)
"""Those that hold something of people, in the order in which they are erased."""
