"""How the assistant is reached, in whose name it speaks, and how it sends; checked and frozen.

What is usual stands here. ``connectors/credentials.py`` reads the rest from credentials.yml.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from connectors.gateways.base import Gateway
from messaging.clock import TimeOrderedIds
from messaging.consent import ConsentPolicy, OptOutScope
from messaging.errors import SettingsError
from messaging.prices import Prices
from messaging.retention_periods import RetentionPeriods
from messaging.text_policy import TextPolicy

if TYPE_CHECKING:
    from messaging.backlog import DelayNotice
    from messaging.notices import NoticeDesk
    from messaging.phone_hours import QuietHours
    from messaging.routing import Candidate
    from messaging.screening import Company
    from messaging.worker import WorkerPlan

PAGES = "/t/"
"""Where the ingress serves words that are too long for a text, below the public address."""

_KEPT = RetentionPeriods()


@dataclass(frozen=True, slots=True)
class Settings:
    """How the assistant is reached and in whose name it speaks.

    Attributes:
        public_url: under which the gateways reach the webhooks, without a slash at its end.
        signature: ``observe`` logs and counts webhooks that are not signed as they should be,
            and takes them all the same.
        burst_seconds: texts that come within this time of each other are one turn.
        delivery: who sends replies: ``rasa`` beside the model, so that ``rasa run`` alone is a
            working assistant, or only ``worker``.
        brand: the business as customers know it, for answers that a rule gives.
        help_contact: where people help, for the same.
        failure_message: texted once where there is no answer.
        send_timeout: seconds that a vendor may take to answer a request to send.
        unknown_replies: what is done with a reply whose fate nobody can tell: ``resend`` once,
            or ``leave``.
        unknown_notices: the same for what nobody waits for.
        delay_after: seconds that a text waits for its answer before its sender is told; 0: never.
        delay_message: what they are told, once.
        retention_days: for how many days texts, turns and events are kept.
        media_days: the same for what is in files of customers; at most as long.
        raw_days: the same for all fields of receipts.
        people_days: the same for what else is known of a phone that is heard of no more.
        audit_days: the same for who exported or erased whom.
        opt_out_scope: where a STOP counts: at the ``number`` that was texted, or at ``all``.
        double_opt_in: whether START from a phone that never consented needs a YES besides.
        privacy_url: of the privacy policy, linked in the first text that a phone gets from us.
        quiet_hours: whether texts wait for the hours of their phones: ``enforce``, ``strict``
            (marketing also only Monday to Friday from 10 to 18) or ``off``.
        courtesy_hours: hours for reminders, like ``9-20``; None for those of the rules.
        api_requests_per_minute: that a key of the API may make.
        gateways: by name.
        shares: of new conversations, 0 to 100, by gateway; at 0 only who names it sends over it.
        text_policies: how words become texts at each gateway, by its name.
        prices: what each gateway charges, by its name.
        answering: gateways that answer STOP, START and HELP by themselves.
    """

    public_url: str
    gateways: Mapping[str, Gateway]
    signature: Literal["enforce", "observe"] = "enforce"
    burst_seconds: float = 1.2
    delivery: Literal["rasa", "worker"] = "rasa"
    brand: str = "Our office"
    help_contact: str = "call our office"
    failure_message: str = (
        "Sorry, something went wrong on our side. Please try again in a few minutes."
    )
    send_timeout: float = 15.0
    unknown_replies: Literal["resend", "leave"] = "resend"
    unknown_notices: Literal["resend", "leave"] = "leave"
    delay_after: float = 30.0
    delay_message: str = (
        "We have your text. Answers take longer than usual at the moment; "
        "you need not send it again."
    )
    retention_days: int = _KEPT.texts
    media_days: int = _KEPT.media
    raw_days: int = _KEPT.raw
    people_days: int = _KEPT.people
    audit_days: int = _KEPT.audit
    opt_out_scope: Literal["number", "all"] = "all"
    double_opt_in: bool = False
    privacy_url: str | None = None
    quiet_hours: Literal["enforce", "strict", "off"] = "enforce"
    courtesy_hours: str | None = None
    api_requests_per_minute: int = 600
    shares: Mapping[str, int] = field(default_factory=dict)
    text_policies: Mapping[str, TextPolicy] = field(default_factory=dict)
    prices: Mapping[str, Prices] = field(default_factory=dict)
    answering: frozenset[str] = frozenset()

    @property
    def company(self) -> Company:
        """In whose name rules speak."""
        # The engine's tables come with it, which a process that only receives does without.
        from messaging.screening import Company  # noqa: PLC0415

        return Company(
            self.brand,
            self.help_contact,
            self.failure_message,
            opt_out_scope=OptOutScope(self.opt_out_scope),
            double_opt_in=self.double_opt_in,
            answering=self.answering,
        )

    @property
    def consent(self) -> ConsentPolicy:
        """What must hold before a text leaves that nobody asked for, and what it must say."""
        return ConsentPolicy(
            OptOutScope(self.opt_out_scope),
            f"{self.brand}, privacy: {self.privacy_url} Reply HELP for help, STOP to end."
            if self.privacy_url
            else None,
        )

    @property
    def common(self) -> Mapping[str, str]:
        """Values that every text of notices.yml may use without being given them."""
        return {"brand": self.brand, "help_contact": self.help_contact}

    @property
    def retention(self) -> RetentionPeriods:
        """For how many days each class of data is kept."""
        return RetentionPeriods(
            texts=self.retention_days,
            media=self.media_days,
            raw=self.raw_days,
            people=self.people_days,
            audit=self.audit_days,
        )

    @property
    def delay_notice(self) -> DelayNotice | None:
        """What customers are told who wait for an answer; None where they are not."""
        from messaging.backlog import DelayNotice  # noqa: PLC0415

        if self.delay_after == 0:
            return None
        return DelayNotice(timedelta(seconds=self.delay_after), self.delay_message)

    @property
    def hours(self) -> QuietHours | None:
        """When phones may be texted unasked; None where they may at any."""
        # Zones of all area codes come with it, which a process that only receives does without.
        from messaging.phone_hours import QuietHours  # noqa: PLC0415
        from messaging.rule_files import courtesy, parse_window, read_rules  # noqa: PLC0415

        if self.quiet_hours == "off":
            return None
        rules = read_rules(strict=self.quiet_hours == "strict")
        if self.courtesy_hours is not None:
            window = parse_window(self.courtesy_hours, "courtesy_hours")
            rules = replace(rules, courtesy=courtesy(window))
        return QuietHours(rules)

    @property
    def candidates(self) -> list[Candidate]:
        """The gateways among which new conversations are divided."""
        from messaging.routing import candidates_of  # noqa: PLC0415

        return candidates_of(self.gateways, self.shares)

    @property
    def notices(self) -> NoticeDesk:
        """Takes texts that nobody asked for, with everything that they must comply with."""
        from messaging.notices import NoticeDesk  # noqa: PLC0415

        return NoticeDesk(
            self.text_policies,
            self.candidates,
            self.consent,
            self.hours,
            TimeOrderedIds().new_id,
            random.random,
        )

    @property
    def worker_plan(self) -> WorkerPlan:
        """What a worker is to do."""
        import console.jobs  # noqa: PLC0415
        import events.jobs  # noqa: PLC0415
        import outreach.jobs  # noqa: PLC0415
        import privacy.jobs  # noqa: PLC0415
        from messaging.sending import DeliveryPolicy, request_timeout  # noqa: PLC0415
        from messaging.worker import WorkerPlan  # noqa: PLC0415

        return WorkerPlan(
            gateways=self.gateways,
            text_policies=self.text_policies,
            candidates=self.candidates,
            delivery=DeliveryPolicy.answering_within(
                self.send_timeout,
                resend_replies=self.unknown_replies == "resend",
                resend_notices=self.unknown_notices == "resend",
            ),
            timeout=request_timeout(self.send_timeout),
            delay=self.delay_notice,
            retention=self.retention,
            hours=self.hours,
            consent=self.consent,
            notices=self.notices,
            common=self.common,
            jobs=(
                outreach.jobs.register,
                events.jobs.register,
                privacy.jobs.register,
                console.jobs.register,
            ),
            rounds=(outreach.jobs.hand_over,),
        )

    def gateway_for_number(self, number: str) -> Gateway:
        """The gateway that one of our numbers is at.

        Raises:
            SettingsError: it is none of ours.
        """
        for gateway in self.gateways.values():
            if number in gateway.numbers:
                return gateway
        known = [ours for gateway in self.gateways.values() for ours in gateway.numbers]
        raise SettingsError(f"{number} is none of our numbers ({', '.join(known)})")
