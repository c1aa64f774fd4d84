"""What the simulator was told: whose webhooks, whose numbers, which secrets, how fast."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from simulator import practice
from simulator.numbers import is_phone_number

_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")


class BadSettings(ValueError):
    """A setting cannot be used; says which and what to write."""


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """The account at Twilio.

    Attributes:
        account_sid: names the account in every URL.
        auth_token: password of the API and key of the webhook signatures.
        numbers: owned by the account, E.164.
        webhook: posted to when a number is texted.
        answers_stop: Twilio's own opt-out handling is on: it blocks phones that text STOP and
            answers STOP, START and HELP by itself.
        requests_per_second: sends answered in one second before 429; 0 for no limit.
        segments_per_second: what leaves a number in one second, the rest waits; 0 for no limit.
    """

    account_sid: str = practice.TWILIO_ACCOUNT_SID
    auth_token: str = practice.TWILIO_AUTH_TOKEN
    numbers: tuple[str, ...] = practice.TWILIO_NUMBERS
    webhook: str = f"{practice.PUBLIC_URL}/webhooks/sms/twilio"
    answers_stop: bool = False
    requests_per_second: float = 0.0
    segments_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class IntelePeerSettings:
    """The account at IntelePeer.

    Attributes:
        token: the long-lived token of the portal.
        secret: put into each webhook as ``signature``.
        username: with ``password``, gets a token of 24 hours.
        password: see ``username``.
        numbers: owned by the account, E.164.
        webhook: posted to when a number is texted.
        seconds_per_text: a long code sends one text in this time, the rest waits.
        retry_seconds: between two attempts at a webhook.
    """

    token: str = practice.INTELEPEER_TOKEN
    secret: str = practice.INTELEPEER_SECRET
    username: str = practice.INTELEPEER_USERNAME
    password: str = practice.INTELEPEER_PASSWORD
    numbers: tuple[str, ...] = practice.INTELEPEER_NUMBERS
    webhook: str = f"{practice.PUBLIC_URL}/webhooks/sms/intelepeer"
    seconds_per_text: float = 2.0
    retry_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it.

    Attributes:
        twilio: the account there.
        intelepeer: the account there.
        shortest_delay: seconds that a step of a text (queued to sent, sent to delivered)
            takes at least.
        longest_delay: seconds that it takes at most.
        fetch_media: the files of a text are fetched before it leaves (Twilio).
        seed: of the dice for delays and faults; None for a different run each time.
    """

    twilio: TwilioSettings = field(default_factory=TwilioSettings)
    intelepeer: IntelePeerSettings = field(default_factory=IntelePeerSettings)
    shortest_delay: float = 0.05
    longest_delay: float = 0.2
    fetch_media: bool = True
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            BadSettings: says which setting and what to write.
        """
        if not _ACCOUNT_SID.fullmatch(self.twilio.account_sid):
            raise BadSettings("TWILIO_ACCOUNT_SID is AC and 32 digits from 0-9a-f")
        for name, numbers in (
            ("TWILIO_NUMBERS", self.twilio.numbers),
            ("INTELEPEER_NUMBERS", self.intelepeer.numbers),
        ):
            for number in numbers:
                if not is_phone_number(number):
                    raise BadSettings(f"{name}: {number!r} is not like +12125550142")
        both = set(self.twilio.numbers) & set(self.intelepeer.numbers)
        if both:
            raise BadSettings(f"{min(both)} cannot be a number of both gateways")
        for url in (self.twilio.webhook, self.intelepeer.webhook):
            try:
                parts = urlsplit(url)
                usable = parts.scheme in {"http", "https"} and parts.hostname
                _ = parts.port
            except ValueError:
                usable = None
            if not usable:
                raise BadSettings(f"{url!r} is not a URL like http://localhost:5080")
        if not 0 <= self.shortest_delay <= self.longest_delay:
            raise BadSettings("the shortest delay lies between 0 and the longest delay")


def number_list(text: str) -> tuple[str, ...]:
    """The numbers in a comma-separated list."""
    return tuple(number.strip() for number in text.split(",") if number.strip())


def from_environment(
    environment: Mapping[str, str],
    *,
    public_url: str | None = None,
    twilio_webhook: str | None = None,
    intelepeer_webhook: str | None = None,
    answers_stop: bool = False,
    requests_per_second: float = 0.0,
    segments_per_second: float = 0.0,
    seconds_per_text: float = 2.0,
    retry_seconds: float = 1.0,
    shortest_delay: float = 0.05,
    longest_delay: float = 0.2,
    fetch_media: bool = True,
    seed: int | None = None,
) -> Settings:
    """Settings from the environment, where the assistant finds the same names.

    Args:
        environment: LINNET_PUBLIC_URL, TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_NUMBERS,
            INTELEPEER_TOKEN, INTELEPEER_SECRET, INTELEPEER_USERNAME, INTELEPEER_PASSWORD and
            INTELEPEER_NUMBERS are read; practice values stand in for those that are not set.
        public_url: where the assistant's webhooks are, in place of LINNET_PUBLIC_URL.
        twilio_webhook: the whole URL, where it does not follow from ``public_url``.
        intelepeer_webhook: likewise.
        answers_stop: see `TwilioSettings`.
        requests_per_second: see `TwilioSettings`.
        segments_per_second: see `TwilioSettings`.
        seconds_per_text: see `IntelePeerSettings`.
        retry_seconds: see `IntelePeerSettings`.
        shortest_delay: see `Settings`.
        longest_delay: see `Settings`.
        fetch_media: see `Settings`.
        seed: see `Settings`.

    Raises:
        BadSettings: says which setting and what to write.
    """

    def value(name: str, default: str) -> str:
        return environment.get(name) or default

    base = (public_url or value("LINNET_PUBLIC_URL", practice.PUBLIC_URL)).rstrip("/")
    return Settings(
        twilio=TwilioSettings(
            account_sid=value("TWILIO_ACCOUNT_SID", practice.TWILIO_ACCOUNT_SID),
            auth_token=value("TWILIO_AUTH_TOKEN", practice.TWILIO_AUTH_TOKEN),
            numbers=number_list(value("TWILIO_NUMBERS", ",".join(practice.TWILIO_NUMBERS))),
            webhook=twilio_webhook or f"{base}/webhooks/sms/twilio",
            answers_stop=answers_stop,
            requests_per_second=requests_per_second,
            segments_per_second=segments_per_second,
        ),
        intelepeer=IntelePeerSettings(
            token=value("INTELEPEER_TOKEN", practice.INTELEPEER_TOKEN),
            secret=value("INTELEPEER_SECRET", practice.INTELEPEER_SECRET),
            username=value("INTELEPEER_USERNAME", practice.INTELEPEER_USERNAME),
            password=value("INTELEPEER_PASSWORD", practice.INTELEPEER_PASSWORD),
            numbers=number_list(value("INTELEPEER_NUMBERS", ",".join(practice.INTELEPEER_NUMBERS))),
            webhook=intelepeer_webhook or f"{base}/webhooks/sms/intelepeer",
            seconds_per_text=seconds_per_text,
            retry_seconds=retry_seconds,
        ),
        shortest_delay=shortest_delay,
        longest_delay=longest_delay,
        fetch_media=fetch_media,
        seed=seed,
    )
