"""Messages as Twilio's REST API shows and lists them."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Any, Final
from urllib.parse import urlencode

from simulator.text import Status, Text
from simulator.twilio_errors import Refused

API: Final = "/2010-04-01"
_DEFAULT_PAGE: Final = 50
_LONGEST_PAGE: Final = 1000

_position = attrgetter("position")

_WORDS: Final = {
    Status.QUEUED: "queued",
    Status.SENT: "sent",
    Status.DELIVERED: "delivered",
    Status.UNDELIVERABLE: "undelivered",
    Status.FAILED: "failed",
}
_ERROR_MESSAGES: Final = {
    11200: "A media URL could not be fetched",
    11751: "The media are larger than 5 MB",
    12300: "A media URL gives a content type that is not accepted",
    30001: "The queue overflowed",
    30003: "The handset cannot be reached",
    30004: "The message was blocked",
    30005: "The handset is unknown",
    30006: "A landline, or a carrier that cannot be reached",
    30007: "The carrier took the message for spam",
    30008: "Unknown error",
    30036: "The validity period ended before the message could leave",
}


def _date(moment: datetime) -> str:
    return _date_of_second(moment.replace(microsecond=0))


# Many texts are accepted in the same second, and writing a date takes as long as signing a text.
_date_of_second = lru_cache(maxsize=256)(format_datetime)


def status_word(status: Status, *, in_service: bool = False) -> str:
    """Twilio's word for the status of a text of the assistant."""
    if status is Status.QUEUED and in_service:
        return "accepted"
    return _WORDS[status]


def error_message(code: int | None) -> str | None:
    """What Twilio says of a failed text."""
    return None if code is None else _ERROR_MESSAGES.get(code, "Unknown error")


def media_sid(message_sid: str, position: int) -> str:
    """The id of a file that came with a message."""
    return f"ME{hashlib.sha256(f'{message_sid}/{position}'.encode()).hexdigest()[:32]}"


def message_resource(text: Text, account_sid: str) -> dict[str, Any]:
    """A text as the API shows it."""
    uri = f"{API}/Accounts/{account_sid}/Messages/{text.id}"
    in_service = text.service is not None
    word = "received" if text.from_phone else status_word(text.status, in_service=in_service)
    # A service chooses the sender later, so at first neither cost nor time is known.
    undecided = in_service and text.status is Status.QUEUED
    return {
        "account_sid": account_sid,
        "api_version": "2010-04-01",
        "body": text.body,
        "date_created": _date(text.created_at),
        "date_sent": _date(text.sent_at) if text.sent_at else None,
        "date_updated": _date(text.changed_at),
        "direction": "inbound" if text.from_phone else "outbound-api",
        "error_code": text.error_code,
        "error_message": error_message(text.error_code),
        "from": text.sender,
        "messaging_service_sid": text.service,
        "num_media": str(len(text.media)),
        "num_segments": "0" if undecided else str(text.segments),
        "price": None,
        "price_unit": "USD",
        "sid": text.id,
        "status": word,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": text.recipient,
        "uri": f"{uri}.json",
    }


def list_page(
    texts: Sequence[Text], query: Sequence[tuple[str, str]], last: Text | None, account_sid: str
) -> dict[str, Any]:
    """One page of a list of messages, newest first.

    Args:
        texts: in the order in which they were accepted.
        query: ``To``, ``From``, ``DateSent``, ``DateSent<``, ``DateSent>``, ``PageSize``,
            ``Page`` and ``PageToken``; a page token names the last text of the page before, so
            that texts that come meanwhile do not shift the pages.
        last: the text that the page token names.
        account_sid: for the URIs.

    Raises:
        Refused: a field cannot be read.
    """
    fields = dict(query)
    size = min(max(_whole_number(fields, "PageSize", _DEFAULT_PAGE), 1), _LONGEST_PAGE)
    page = _whole_number(fields, "Page", 0)
    # By position, as a client that pages through everything would else search for ever longer.
    end = bisect_left(texts, last.position, key=_position) if last else len(texts)
    older = (texts[index] for index in range(end - 1, -1, -1))
    shown = list(islice(_matching(older, fields), size + 1))
    more, shown = len(shown) > size, shown[:size]
    path = f"{API}/Accounts/{account_sid}/Messages.json"
    kept = [(name, value) for name, value in query if name not in {"Page", "PageToken", "PageSize"}]

    def uri(number: int, token: str | None = None) -> str:
        fields = [*kept, ("PageSize", str(size)), ("Page", str(number))]
        return f"{path}?{urlencode([*fields, ('PageToken', token)] if token else fields)}"

    return {
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1, f"PA{shown[-1].id}") if more else None,
        "previous_page_uri": None,
        "uri": uri(page, fields.get("PageToken")),
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "messages": [message_resource(text, account_sid) for text in shown],
    }


def _whole_number(fields: dict[str, str], name: str, default: int) -> int:
    try:
        return max(0, int(fields.get(name, default)))
    except ValueError:
        return default


def _matching(texts: Iterable[Text], fields: Mapping[str, str]) -> Iterable[Text]:
    to, sender = fields.get("To"), fields.get("From")
    window = _window(fields)
    for text in texts:
        if text.deleted or (to and text.recipient != to) or (sender and text.sender != sender):
            continue
        # A text that has not left has no date, so no date matches it.
        if window is None or (text.sent_at is not None and window[0] <= text.sent_at < window[1]):
            yield text


def _window(fields: Mapping[str, str]) -> tuple[datetime, datetime] | None:
    """The times of sending that are asked for, without the last one; None for all.

    Times count in whole seconds, and a date alone means its midnight; without a relation it is
    the day that counts, whatever the time (Twilio's own client writes a date as its midnight).
    """
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    dates = [(name, value) for name, value in fields.items() if name[:8] == "DateSent" and value]
    for name, value in dates:
        moment = _moment(value)
        if "<" in name:
            last = min(last, moment + timedelta(seconds=1))
        elif ">" in name:
            first = max(first, moment)
        else:
            day = moment.replace(hour=0, minute=0, second=0)
            first, last = max(first, day), min(last, day + timedelta(days=1))
    return (first, last) if dates else None


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value).replace(microsecond=0)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        _ = moment + timedelta(days=1)
    except (ValueError, OverflowError):
        raise Refused(20001) from None
    return moment
