"""Every metric of Linnet's, for Prometheus: what is counted and timed, under which labels.

A label has few values: a gateway, a kind, a state. Never a phone number, an id or words. What
each metric means, and when to worry, is in docs/observability.md.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 15)
_SLOW = (0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86400)

# -- in: the ingress, and Rasa where gateways post to it -------------------------------------

WEBHOOKS = Counter(
    "linnet_webhooks_total",
    "Requests of gateways: stored, spooled, or why they were refused.",
    ["gateway", "kind", "outcome"],
)
UNSIGNED = Counter(
    "linnet_webhooks_observed_total",
    "Requests that were taken although their signature is wrong (signature: observe).",
    ["gateway", "reason"],
)
WEBHOOK_SECONDS = Histogram(
    "linnet_webhook_seconds",
    "From a gateway's request to our answer, when all of it is kept.",
    ["gateway", "kind"],
    buckets=_QUICK,
)
SPOOLED = Gauge("linnet_spool_pending", "Texts and receipts on disk that wait for the database.")

# -- turns: Rasa -----------------------------------------------------------------------------

TURNS = Counter("linnet_turns_total", "Turns by how they ended", ["handled_by", "outcome"])
SECONDS = Histogram("linnet_turn_seconds", "From claim to commit", ["handled_by"])

# -- out: whoever puts texts into the outbox, and the worker -----------------------------------

HELD = Counter(
    "linnet_texts_held_total",
    "How often texts that nobody asked for had to wait, by what they wait for.",
    ["code"],
)
DUPLICATES = Counter(
    "linnet_duplicates_blocked_total",
    "Texts that were not sent because they repeat another (parts of a long one counted singly).",
)

SENDS = Counter("linnet_sends_total", "Requests to send by outcome", ["gateway", "outcome", "code"])
SEND_SECONDS = Histogram(
    "linnet_send_seconds", "From a request to send to its answer.", ["gateway"]
)
REPLY_SECONDS = Histogram(
    "linnet_reply_seconds",
    "From the oldest text of a turn to the gateway's taking the first reply.",
    ["gateway", "lane"],
    buckets=_SLOW,
)
RECEIPT_LAG_SECONDS = Histogram(
    "linnet_receipt_lag_seconds",
    "From the gateway's taking a text to its word that the phone has it.",
    ["gateway"],
    buckets=_SLOW,
)

GATEWAY_WEIGHT = Gauge(
    "linnet_gateway_weight",
    "Percent of its share of new conversations that a gateway gets, by its health.",
    ["gateway"],
)

# -- outreach: the worker, or Rasa where it delivers -------------------------------------------

REMINDERS = Counter(
    "linnet_reminders_total",
    "Texts about appointments that were put into the outbox, or refused.",
    ["kind", "outcome"],
)

CAMPAIGN_TEXTS = Counter(
    "linnet_campaign_texts_total",
    "Recipients of campaigns whose text was put into the outbox, or refused, by the code of that.",
    ["kind", "outcome"],
)

# -- queues: read from the database by each worker (messaging/queue_metrics.py) --------------

# Registered by whoever sets them: a process that never looks must not say that nothing waits.
CONVERSATIONS_WAITING = Gauge(
    "linnet_conversations_waiting", "Conversations with a text to answer.", registry=None
)
INBOUND_OLDEST = Gauge(
    "linnet_inbound_oldest_seconds", "Age of the oldest text without an answer.", registry=None
)
OUTBOUND_OPEN = Gauge(
    "linnet_outbound_open",
    "Texts of ours that are not sent yet.",
    ["state", "lane"],
    registry=None,
)
OUTBOUND_OLDEST = Gauge(
    "linnet_outbound_oldest_seconds",
    "For how long the text that waits longest has been due.",
    ["lane"],
    registry=None,
)
OUTBOUND_DEAD = Gauge(
    "linnet_outbound_dead",
    "Texts that failed or became unknown within the last hour.",
    ["state"],
    registry=None,
)
RECEIPTS_PARKED = Gauge(
    "linnet_receipts_parked",
    "Receipts of the last hour whose text is not known.",
    registry=None,
)
SENDER_BUSY = Gauge(
    "linnet_sender_busy_seconds",
    "Traffic that a number has parked at its gateway.",
    ["gateway", "number"],
    registry=None,
)
CAP_USED = Gauge(
    "linnet_cap_used_ratio",
    "Share of a gateway's cap that this minute or day has used.",
    ["gateway", "cap"],
    registry=None,
)
QUEUES_READ = Gauge(
    "linnet_queues_read_timestamp_seconds",
    "When the gauges of queues were last read from the database.",
    registry=None,
)

QUEUES = (
    CONVERSATIONS_WAITING,
    INBOUND_OLDEST,
    OUTBOUND_OPEN,
    OUTBOUND_OLDEST,
    OUTBOUND_DEAD,
    RECEIPTS_PARKED,
    SENDER_BUSY,
    CAP_USED,
    QUEUES_READ,
)
