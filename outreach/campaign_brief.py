"""What somebody says of a campaign that they want, made into its plan. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from outreach.campaigns import BadCampaign, Plan
from outreach.templates import NoticeClass, Templates


@dataclass(frozen=True, slots=True)
class Brief:
    """What is wanted; empty where nothing is said.

    Attributes:
        text: what to say, with ``{variables}``.
        template: name of a text of notices.yml instead.
        kind: marketing, transactional or emergency; a template has its own.
        subject: what it is about, as caps count.
        starts: when; naive for the clock of each recipient.
        expires_at: from when on nobody gets it.
        per_minute: texts at most.
        also_opted_out: why phones get it that opted out.
    """

    text: str = ""
    template: str = ""
    kind: str = ""
    subject: str = ""
    starts: datetime | None = None
    expires_at: datetime | None = None
    per_minute: int | None = None
    also_opted_out: str = ""

    def plan(self, name: str, templates: Templates, old: Plan | None = None) -> Plan:
        """What the campaign is to be; what is not said is as it was.

        Args:
            name: of the campaign.
            templates: texts by name, with the values that all texts may use.
            old: what it was; None for a new one.

        Raises:
            BadCampaign: it does not fit together, or something is missing.
            UnknownTemplate: there is no text of this name.
        """
        text, kind, subject = self._words(templates)
        if old is None and not (text and kind):
            raise BadCampaign("say what to text: a text and its class, or a template")
        if kind and kind not in set(NoticeClass):
            raise BadCampaign("a campaign is marketing, transactional or emergency")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise BadCampaign("its end has no offset; write it like 2026-12-01T20:00Z")
        base = old or Plan(name, NoticeClass(kind), text, subject or name)
        plan = replace(
            base,
            notice_class=NoticeClass(kind) if kind else base.notice_class,
            text=text or base.text,
            subject=subject or base.subject,
            expires_at=self.expires_at or base.expires_at,
            per_minute=self.per_minute or base.per_minute,
            also_opted_out=self.also_opted_out or base.also_opted_out,
        )
        if self.starts is None:
            return plan
        here = self.starts.tzinfo is None
        return replace(
            plan,
            starts_at=None if here else self.starts,
            starts_on_clock=self.starts if here else None,
        )

    def _words(self, templates: Templates) -> tuple[str, str, str]:
        text, kind, subject = self.text, self.kind, self.subject
        if text and self.template:
            raise BadCampaign("name a text or a template, not both")
        if self.template:
            template = templates[self.template]
            text, subject = template.text, subject or template.subject
            usual = template.notice_class
            own = NoticeClass.TRANSACTIONAL if usual is NoticeClass.REMINDER else usual
            if kind and kind != own:
                raise BadCampaign(f"{self.template} is {own} in notices.yml; leave the class out")
            kind = own
        # What is approved is exactly what will be said, so that these are filled in here.
        for variable, value in templates.common.items():
            text = text.replace(f"{{{variable}}}", value)
        return text, kind, subject
