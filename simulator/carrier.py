"""What the carrier knows: every text, what each phone shows, and who blocked whom.

State without I/O: time and ids are handed in, and changes are told to whoever listens.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from simulator.media import Medium
from simulator.text import Status, Text


class NoSuchNumber(LookupError):
    """No gateway owns the number that was texted."""


class IdTaken(ValueError):
    """The id belongs to another text."""


@dataclass(slots=True)
class _Phone:
    thread: list[Text] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _random_id() -> str:
    return secrets.token_hex(16)


class Carrier:
    """All texts and phones.

    Args:
        numbers: the assistant's numbers at each gateway.
        on_change: called with each text that appears on a phone or changes there.
        now: the clock, in UTC.
        clock: the same in seconds, from any beginning, never set back.
        new_id: 32 hexadecimal digits that were never given before, not by an earlier run either:
            the assistant's database remembers the ids of earlier runs.
    """

    def __init__(
        self,
        numbers: Mapping[str, Sequence[str]],
        on_change: Callable[[Text], None],
        *,
        now: Callable[[], datetime] = _utc_now,
        clock: Callable[[], float] = time.monotonic,
        new_id: Callable[[], str] = _random_id,
    ) -> None:
        self.numbers = {gateway: tuple(owned) for gateway, owned in numbers.items()}
        self.now = now
        self._clock = clock
        self._began = clock()
        self._new_id = new_id
        self._on_change = on_change
        self._owners = {number: name for name, owned in numbers.items() for number in owned}
        self._texts: dict[tuple[str, str], Text] = {}
        self._in_order: dict[str, list[Text]] = {gateway: [] for gateway in numbers}
        self._accepted: list[Text] = []
        self._shown: list[Text] = []
        self._phones: dict[str, _Phone] = {}
        self._blocked: set[tuple[str, str]] = set()

    def owner_of(self, number: str) -> str | None:
        """The gateway that owns ``number``, if it is one of the assistant's."""
        return self._owners.get(number)

    def text(self, gateway: str, text_id: str) -> Text | None:
        """The text with a vendor's id."""
        return self._texts.get((gateway, text_id))

    def texts(self, gateway: str, phone: str | None = None) -> Sequence[Text]:
        """All texts at a gateway in the order in which it accepted them.

        Args:
            gateway: whose.
            phone: only those from or to this customer.
        """
        if phone is None:
            return self._in_order[gateway]
        known = self._phones.get(phone)
        return [text for text in known.texts if text.gateway == gateway] if known else []

    def phones(self) -> list[str]:
        """Every phone that has texted or been texted."""
        return list(self._phones)

    def thread(self, phone: str) -> Sequence[Text]:
        """What a phone shows, oldest first."""
        known = self._phones.get(phone)
        return known.thread if known else ()

    def accepted(self, since: int = 0) -> Sequence[Text]:
        """What the assistant texted, at all gateways, in the order in which it was accepted.

        Args:
            since: how many to leave out.
        """
        return self._accepted[since:]

    def shown(self, since: int = 0) -> Sequence[Text]:
        """What appeared on all phones, in that order; see `accepted`."""
        return self._shown[since:]

    def accept_from_phone(
        self, phone: str, number: str, body: str, media: Sequence[Medium], text_id: str | None
    ) -> tuple[Text, bool]:
        """A customer texts the assistant.

        Args:
            phone: the customer's number.
            number: the number that is texted.
            body: what is written.
            media: what comes with it.
            text_id: the vendor's id to use; None for a new one.

        Returns:
            The text, and whether it is new: the id of an earlier text means that text again.

        Raises:
            NoSuchNumber: no gateway owns ``number``.
            IdTaken: the id belongs to a text that says something else.
        """
        gateway = self._owners.get(number)
        if gateway is None:
            raise NoSuchNumber(number)
        known = self._texts.get((gateway, text_id)) if text_id else None
        if known is not None:
            said = (known.from_phone, known.sender, known.recipient, known.body, known.media)
            if said != (True, phone, number, body, tuple(media)):
                raise IdTaken(text_id)
            return known, False
        now = self.now()
        text = Text(
            id=text_id or self._vendor_id(gateway, media, from_phone=True),
            gateway=gateway,
            from_phone=True,
            sender=phone,
            recipient=number,
            body=body,
            media=tuple(media),
            created_at=now,
            accepted_at=self._clock() - self._began,
            position=len(self._in_order[gateway]),
            changed_at=now,
            sent_at=now,
            status=Status.SENT,
        )
        self._keep(text)
        self._show(text)
        return text, True

    def accept_from_assistant(
        self,
        gateway: str,
        sender: str,
        recipient: str,
        body: str,
        media: Sequence[Medium] = (),
        *,
        callback: str | None = None,
        service: str | None = None,
        reference: str | None = None,
        wants_receipt: bool = False,
    ) -> Text:
        """The assistant texts a customer; see `Text` for the arguments."""
        now = self.now()
        text = Text(
            id=self._vendor_id(gateway, media, from_phone=False),
            gateway=gateway,
            from_phone=False,
            sender=sender,
            recipient=recipient,
            body=body,
            media=tuple(media),
            created_at=now,
            accepted_at=self._clock() - self._began,
            position=len(self._in_order[gateway]),
            changed_at=now,
            callback=callback,
            service=service,
            reference=reference,
            wants_receipt=wants_receipt,
        )
        self._keep(text)
        self._accepted.append(text)
        return text

    def advance(
        self, text: Text, status: Status, *, show: bool = False, error_code: int | None = None
    ) -> None:
        """``text`` has come further.

        Args:
            text: which.
            status: how far.
            show: it is on the handset now.
            error_code: the vendor's, where it failed.
        """
        text.status = status
        text.changed_at = self.now()
        text.error_code = error_code
        if status is Status.SENT:
            text.sent_at = text.changed_at
        if show and not text.shown:
            self._show(text)
        elif text.shown:
            self._on_change(text)

    def block(self, number: str, phone: str) -> None:
        """``phone`` wants no more texts from ``number``."""
        self._blocked.add((number, phone))

    def unblock(self, number: str, phone: str) -> None:
        """``phone`` wants texts from ``number`` again."""
        self._blocked.discard((number, phone))

    def is_blocked(self, number: str, phone: str) -> bool:
        """Whether ``phone`` wants no texts from ``number``."""
        return (number, phone) in self._blocked

    def forget(self) -> None:
        """As if nothing had ever been texted."""
        self._texts.clear()
        self._accepted.clear()
        self._shown.clear()
        self._phones.clear()
        self._blocked.clear()
        self._in_order = {gateway: [] for gateway in self.numbers}

    def _vendor_id(self, gateway: str, media: Sequence[Medium], *, from_phone: bool) -> str:
        digits = self._new_id()
        if gateway == "twilio":
            return f"{'MM' if media else 'SM'}{digits}"
        # IntelePeer's own examples: 32 characters, those of sent texts begin with SM.
        return digits.upper() if from_phone else f"SM{digits[:30].upper()}"

    def _keep(self, text: Text) -> None:
        self._texts[text.gateway, text.id] = text
        self._in_order[text.gateway].append(text)
        self._phones.setdefault(text.phone, _Phone()).texts.append(text)

    def _show(self, text: Text) -> None:
        text.shown = True
        phone = self._phones.get(text.phone)
        if phone is not None:
            phone.thread.append(text)
            self._shown.append(text)
            self._on_change(text)
