"""What the API takes, checked: numbers, words, and what an answer means."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

import phonenumbers
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)

from console.model import Model
from console.problems import Invalid
from messaging.media import Attachment
from messaging.notices import Notice
from messaging.openings import Opening
from outreach.template_check import warnings_of_words
from outreach.templates import NoticeClass, Templates

LONGEST_TEXT = 5_000
LONGEST_VALUE = 1_000
LONGEST_NAME = 100
MOST_FILES = 10
THREE_DAYS = 3 * 24 * 3_600
LONGEST_CONVERSATION = 30 * 24 * 3_600

_ADDRESS = re.compile(r"https?://[^\s/]+\S*")
_ANSWER = re.compile(r"\S(?:.{0,38}\S)?")
_PAYLOAD = re.compile(r"\S.{0,498}")


def phone(written: str) -> str:
    """A phone number as it was written, where that is E.164.

    Args:
        written: by whoever calls.

    Raises:
        ValueError: it is not; says how it is written, where that can be seen.
    """
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise ValueError("this is no phone number; write one as +12125550100")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if written != e164:
        raise ValueError("write the number in E.164, without spaces and signs, as +12125550100")
    return e164


def _like(pattern: re.Pattern[str], said: str) -> Callable[[str], str]:
    def check(written: str) -> str:
        if not pattern.fullmatch(written):
            raise ValueError(said)
        return written

    return check


def _not_blank(written: str) -> str:
    if not written.strip():
        raise ValueError("this is empty")
    return written


def _lower(written: str) -> str:
    if written != written.lower() or not _ANSWER.fullmatch(written):
        raise ValueError("write the words of an answer in lower case, 40 characters at most")
    return written


PhoneNumber = Annotated[str, Field(max_length=40), AfterValidator(phone)]
Address = Annotated[
    str,
    Field(max_length=2_000),
    AfterValidator(_like(_ADDRESS, "write an address as https://example.com/map.png")),
]
Words = Annotated[str, Field(max_length=LONGEST_TEXT), AfterValidator(_not_blank)]
Value = Annotated[str, Field(max_length=LONGEST_VALUE)]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
AnswerWords = Annotated[str, AfterValidator(_lower)]
Payload = Annotated[
    str, AfterValidator(_like(_PAYLOAD, "write what the assistant is given, as /affirm"))
]


def written_time(written: Any) -> Any:
    """A time that is written as text, not counted in seconds.

    Raises:
        ValueError: it is not; says how it is written.
    """
    if not isinstance(written, str):
        said = "write a time with its offset, as 2026-12-01T09:00:00-05:00"
        raise ValueError(said)  # noqa: TRY004  what pydantic takes for an answer
    return written


Moment = Annotated[AwareDatetime, BeforeValidator(written_time)]


class Checked(Model):
    """What the API takes; a field that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ConversationOrder(Checked):
    """What an answer means, where the text begins a conversation."""

    answers: dict[AnswerWords, Payload] = Field(default_factory=dict, max_length=20)
    """What the assistant is given in place of an answer of these words."""
    slots: dict[Name, Any] = Field(default_factory=dict, max_length=50)
    """Of the assistant, as they are before it reads the answer."""
    expires_in: StrictInt = Field(default=THREE_DAYS, ge=60, le=LONGEST_CONVERSATION)
    """Seconds for which an answer is understood as one to this text, from `send_at` on."""


class WordsOrder(Checked):
    """What is to be said to whom: a template, or words of one's own with their class."""

    to: PhoneNumber
    template: Name | None = None
    variables: dict[str, Value] = Field(default_factory=dict, max_length=50)
    text: Words | None = None
    kind: NoticeClass | None = Field(default=None, alias="class")
    sender: Name | None = Field(default=None, alias="from")
    """A number of ours; by default the one that the customer knows."""
    media: list[Address] = Field(default_factory=list, max_length=MOST_FILES)
    send_at: Moment | None = None
    """When it leaves at the earliest, 30 days ahead at most; by default at once."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.template is None) == (self.text is None):
            raise ValueError("write either template or text")
        if self.text is not None and self.kind is None:
            raise ValueError("a text needs its class: transactional, reminder or marketing")
        if self.text is not None and self.variables:
            raise ValueError("only a template has variables")
        if self.template is not None and self.kind is not None:
            raise ValueError("a template has its class in notices.yml; leave class out")
        return self

    def words(self, templates: Templates) -> str:
        """What is to be said.

        Raises:
            UnknownTemplate: there is none of this name.
            WrongVariables: a value is missing, or there is one for nothing.
        """
        if self.template is not None:
            return templates.render(self.template, self.variables)
        return self.text or ""

    def warnings(self, templates: Templates) -> list[str]:
        """What is better said otherwise.

        Args:
            templates: by name.
        """
        waits = self.template is not None and templates[self.template].conversation
        return list(warnings_of_words(self.words(templates), conversation=waits))

    def notice(self, templates: Templates) -> Notice:
        """As the desk takes it.

        Raises:
            UnknownTemplate: there is none of this name.
            WrongVariables: a value is missing, or there is one for nothing.
            Invalid: it is an emergency.
        """
        template = None if self.template is None else templates[self.template]
        kind = template.notice_class if template else self.kind
        if kind is None or kind is NoticeClass.EMERGENCY:
            raise NeedsRelease("two people release an emergency, which no request can do")
        return Notice(
            phone=self.to,
            body=self.words(templates),
            lane=kind.lane,
            subject=template.subject if template else None,
            not_before=self.send_at and self.send_at.astimezone(UTC),
            media=tuple(Attachment(address) for address in self.media),
            number=self.sender,
        )


class NotificationOrder(WordsOrder):
    """A text that nobody asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "to": "+12125550100",
                    "template": "order_ready",
                    "variables": {"item": "glasses", "location": "Lakeside", "order": "A-7"},
                },
                {
                    "to": "+12125550100",
                    "class": "reminder",
                    "text": "Harbor Eye Care: shall we call you about new lenses? Reply C.",
                    "conversation": {"answers": {"c": "/affirm"}, "expires_in": 86400},
                    "send_at": "2029-12-31T09:00:00-05:00",
                    "not_after": "2030-01-01T12:00:00Z",
                },
            ]
        }
    )

    subject: Name | None = None
    """What it is about, as caps count; by default that of the template."""
    not_after: Moment | None = None
    """When it is of no use any more, however long it was held."""
    conversation: ConversationOrder | None = None
    dry_run: StrictBool = False
    """Whether to do all of it and undo it."""

    def warnings(self, templates: Templates) -> list[str]:
        """What is better said otherwise, where it begins no conversation."""
        waits = self.conversation is not None
        return list(warnings_of_words(self.words(templates), conversation=waits))

    def notice_at(self, templates: Templates, now: datetime) -> Notice:
        """As the desk takes it now.

        Args:
            templates: by name.
            now: the time, aware.

        Raises:
            UnknownTemplate: there is none of this name.
            WrongVariables: a value is missing, or there is one for nothing.
            Invalid: it comes too late, is an emergency, or asks for an answer that means nothing.
        """
        if self.not_after is not None and self.not_after <= now:
            raise Invalid("not_after is over")
        asks = self.template is not None and templates[self.template].conversation
        if asks and self.conversation is None:
            raise Invalid("this template asks for an answer; say in conversation what it means")
        notice = self.notice(templates)
        talk = self.conversation
        opening = None
        if talk is not None:
            until = (self.send_at or now) + timedelta(seconds=talk.expires_in)
            opening = Opening(until, talk.slots, talk.answers)
        return Notice(
            phone=notice.phone,
            body=notice.body,
            lane=notice.lane,
            subject=self.subject or notice.subject,
            not_before=notice.not_before,
            not_after=self.not_after,
            opening=opening,
            media=notice.media,
            number=notice.number,
        )


class NeedsRelease(Invalid):
    """An emergency is not sent by one machine's word."""

    code = "notice.needs-release"
    staff = "An alert must be released by two people."
