"""What a customer said, what must be answered, and whether phone and database agree on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from messaging.sealed import OUTBOUND_BODY
from tests.stack import Phone, Stack, until

HELLO = ("hello", r"Hi, this is Harbor Eye Care")
THANKS = ("thank you", r"You're welcome")
HELP = ("HELP", r"Harbor Eye Care: texts about your visits")
FAILURE = r"Sorry, something went wrong on our side"

IN_AND_OUT = """
SELECT text.external_id, turn.number, turn.state, turn.attempt, turn.failure ->> 'code' AS failure,
    (SELECT count(*) FROM outbound_text AS reply WHERE reply.turn_id = turn.id) AS replies
FROM conversation JOIN inbound_text AS text ON text.conversation_id = conversation.id
LEFT JOIN turn ON turn.id = text.turn_id
WHERE conversation.phone = %(phone)s AND conversation.number = %(ours)s
ORDER BY text.received_at, text.id
"""
OUT = """
SELECT reply.id, reply.body, reply.state, reply.vendor_id, reply.error_code, turn.number
FROM conversation JOIN outbound_text AS reply ON reply.conversation_id = conversation.id
JOIN turn ON turn.id = reply.turn_id
WHERE conversation.phone = %(phone)s AND conversation.number = %(ours)s ORDER BY reply.seq
"""
BOOKED = """
SELECT lower(appointment.during) AS start FROM appointment JOIN customer
    ON customer.id = appointment.customer_id WHERE customer.phone = %(phone)s
"""
CHANGES = """
SELECT count(*) AS count FROM practice_change JOIN appointment
    ON appointment.id = practice_change.appointment_id
JOIN customer ON customer.id = appointment.customer_id WHERE customer.phone = %(phone)s
"""


@dataclass(frozen=True, slots=True)
class Said:
    """A text of a customer's.

    Attributes:
        id: the vendor's.
        body: what was written.
        answer: how its answer begins, as a regular expression.
    """

    id: str
    body: str
    answer: str


@dataclass(slots=True)
class Talk:
    """A phone, and what it texted so far.

    Attributes:
        bookings: appointments that it must have in the end.
        unknown: replies whose outcome nobody can know, so that they may be missing.
    """

    phone: Phone
    said: list[Said] = field(default_factory=list)
    bookings: int = 0
    unknown: int = 0

    def say(self, body: str, answer: str, id: str | None = None) -> Said:
        """Text something that must be answered in a certain way."""
        said = Said(self.phone.text(body, id), body, answer)
        self.said.append(said)
        return said

    def repeat(self, said: Said) -> None:
        """The vendor posts a text once more."""
        assert self.phone.text(said.body, said.id) == said.id

    def status(self, said: Said) -> str:
        """What the phone shows below a text that it sent."""
        return str(next(item["status"] for item in self.phone.thread() if item["id"] == said.id))

    def await_status(self, said: Said, status: str, seconds: float = 10) -> None:
        """Wait until the carrier knows whether a text was acknowledged."""
        until(lambda: self.status(said) == status, seconds, f"{said.body!r} {status}")

    def await_answers(self, seconds: float = 30) -> None:
        """Wait until as many texts came as were sent."""
        self.phone.await_received(len(self.said), seconds)

    def await_reply_state(self, state: str, seconds: float = 10) -> None:
        """Wait until the newest reply is in a state."""

        def reached() -> bool:
            replies = self.rows(OUT)
            return len(replies) == len(self.said) and replies[-1]["state"] == state

        until(reached, seconds, f"reply {state}")

    def check(self) -> None:
        """Every text is answered once and in order, at the phone and in the database.

        What is said here of one text and one turn holds because a customer of these tests waits
        for the answer before the next text.
        """
        received = self.phone.received()
        texts, replies = self.rows(IN_AND_OUT), self.replies()
        story = {"said": self.said, "received": received, "texts": texts, "replies": replies}

        assert [row["external_id"] for row in texts] == [said.id for said in self.said], story
        assert [row["number"] for row in texts] == list(range(1, len(texts) + 1)), story
        assert all(row["replies"] == 1 for row in texts), story
        expected = ["failed" if said.answer == FAILURE else "done" for said in self.said]
        assert [row["state"] for row in texts] == expected, story

        assert [row["number"] for row in replies] == [row["number"] for row in texts], story
        for said, reply in zip(self.said, replies, strict=True):
            assert re.match(said.answer, reply["body"]), story
        known = [row for row in replies if row["state"] in {"sent", "delivered"}]
        assert len(replies) - len(known) == self.unknown, story
        shown = [item for item in self.phone.thread() if item["direction"] == "received"]
        if self.unknown:  # what nobody knows of may have come, but nothing came twice
            assert len({item["id"] for item in shown}) == len(shown) <= len(replies), story
            assert {row["vendor_id"] for row in known} <= {item["id"] for item in shown}, story
        else:
            assert [item["id"] for item in shown] == [row["vendor_id"] for row in replies], story
            assert received == [row["body"] for row in replies], story

        assert len(self.rows(BOOKED)) == self.bookings, story
        assert self.rows(CHANGES)[0]["count"] == self.bookings, story

    def replies(self) -> list[dict[str, Any]]:
        """What was said to this phone, as it was before it was sealed."""
        keys = self.phone.stack.cipher
        return [row | {"body": keys.unseal(row["body"], OUTBOUND_BODY)} for row in self.rows(OUT)]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Ask about this conversation."""
        phone = self.phone
        return phone.stack.rows(query, phone=phone.number, ours=phone.ours)


def check_all(talks: Iterable[Talk], seconds: float = 60) -> None:
    """Wait until every reply has come to its end, then check every talk."""
    talks = list(talks)
    for talk in talks:
        rest = "state IN ('pending', 'sending', 'checking')"
        query = (
            f"SELECT FROM outbound_text WHERE {rest} AND recipient = %(phone)s"
            " UNION ALL SELECT FROM conversation WHERE turn_due_at IS NOT NULL"
            " AND phone = %(phone)s"
        )
        stack, phone = talk.phone.stack, talk.phone.number
        until(
            lambda stack=stack, query=query, phone=phone: not stack.rows(query, phone=phone),
            seconds,
            f"nothing under way for {phone}",
        )
        if not talk.unknown:
            talk.await_answers(seconds)
    for talk in talks:
        talk.check()


def free_hours(stack: Stack) -> Iterator[tuple[str, str]]:
    """Free times of Lakeside, each as a customer writes it and as a reply does."""
    closed = {row["day"] for row in stack.rows("SELECT day FROM closure")}
    first = date.today() + timedelta(days=14)  # noqa: DTZ011  any day will do
    for later in range(200):
        day = first + timedelta(days=later)
        if day.weekday() > 4 or day in closed:
            continue
        for hour in (9, 10, 11, 13, 14, 15, 16):
            half = "am" if hour < 12 else "pm"
            clock = (hour - 1) % 12 + 1
            yield (
                f"{day:%B} {day.day} at {clock}{half}",
                f"{day:%a} {day:%b} {day.day} at {clock}:00{half}",
            )


def propose(talk: Talk, hours: Iterator[tuple[str, str]]) -> tuple[str, str]:
    """Ask for an appointment; what confirms it, and how that is acknowledged."""
    written, shown = next(hours)
    talk.say(
        f"Book an eye exam at Lakeside on {written}. My name is Ann Lee",
        rf"Book your eye exam on {shown}, Lakeside, for Ann Lee\? Reply YES",
    )
    talk.bookings += 1
    return "yes", rf"Booked: eye exam, {shown}, .* Reference HEC-"
