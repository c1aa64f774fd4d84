"""Twilio's record of a text: what its status means, and whether it is a text of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.gateways.base import Outbound, Receipt, Status
from messaging.errors import LookUpFailed

STATUSES: Mapping[str, Status] = {
    "accepted": Status.QUEUED,
    "scheduled": Status.QUEUED,
    "queued": Status.QUEUED,
    "sending": Status.QUEUED,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.DELIVERED,
    "partially_delivered": Status.DELIVERED,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
"""What ``MessageStatus`` means. A status that is not here (Twilio adds some) changes nothing."""


RECORDED = ("status", "error_code", "error_message", "num_segments", "date_sent", "date_updated")
"""What is kept of a text as Twilio shows it: not its words and numbers, which we have."""


def is_this(row: Mapping[str, Any], message: Outbound, since: datetime | None) -> bool:
    """Whether a record is that of a text of ours, by its numbers, words and time.

    Args:
        row: of a list.
        message: that is looked for.
        since: when it can have been made at the earliest, UTC.

    Raises:
        LookUpFailed: the record has no time.
    """
    if row.get("sid") in message.known_ids or row.get("direction") == "inbound":
        return False
    if row.get("body") != message.body:
        return False
    if (row.get("to"), row.get("from")) != (message.recipient, message.sender):
        return False
    return since is None or date_of(row, "date_created") >= since


def receipt_of(row: Mapping[str, Any]) -> Receipt:
    """What a record says of its text, as if it were a receipt."""
    status, code = str(row.get("status")), row.get("error_code")
    return Receipt(
        vendor_id=str(row.get("sid")),
        status=STATUSES.get(status.lower(), Status.QUEUED),
        vendor_status=status,
        code=None if code is None else str(code),
        raw={name: row[name] for name in RECORDED if row.get(name) is not None},
    )


def date_of(row: Mapping[str, Any], name: str) -> datetime:
    """A time of a record.

    Raises:
        LookUpFailed: there is none.
    """
    try:
        return parsedate_to_datetime(str(row.get(name)))
    except ValueError as error:
        raise LookUpFailed("Twilio listed a text without its time") from error
