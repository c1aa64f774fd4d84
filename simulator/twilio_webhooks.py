"""What Twilio posts to the assistant: texts and receipts, signed."""

from __future__ import annotations

import base64
import hmac
import uuid
from collections.abc import Callable, Iterable
from functools import lru_cache
from urllib.parse import quote_plus
from xml.etree import ElementTree as ET

from simulator.carrier import Carrier
from simulator.posting import Answer, Webhook
from simulator.settings import TwilioSettings
from simulator.text import Status, Text
from simulator.twilio_opt_out import Wish, wish
from simulator.twilio_resource import API, error_message, media_sid, status_word
from simulator.twilio_retry import retry_rule

# Most values of a form are the same in the next one.
_quoted = lru_cache(maxsize=1024)(quote_plus)


def signature(auth_token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """The value of ``X-Twilio-Signature`` for a form.

    The URL as the account knows it (with query, without fragment), then each field's name
    and value, sorted by name, blank values included and repeated ones once each in order;
    HMAC-SHA1 with the auth token, in base64
    (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
    """
    signed = url.partition("#")[0] + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.digest(auth_token.encode(), signed.encode(), "sha1")
    return base64.b64encode(digest).decode()


class TwilioLine:
    """Twilio as the assistant's webhooks see it.

    Args:
        settings: the account.
        own_url: where the simulator is reached; it serves the files of texts.
        carrier: for the clock.
        text_back: sends a text of Twilio's own making or one that the answer asked for.
    """

    def __init__(
        self,
        settings: TwilioSettings,
        own_url: str,
        carrier: Carrier,
        text_back: Callable[[Text, str], None],
    ) -> None:
        self._settings = settings
        self._media = f"{own_url}{API}/Accounts/{settings.account_sid}/Messages"
        self._carrier = carrier
        self._text_back = text_back

    def received(self, text: Text) -> None:
        """Heed STOP, START and HELP where that is switched on."""
        asked = wish(text.body) if self._settings.answers_stop else None
        if asked is Wish.START and not self._carrier.is_blocked(text.number, text.phone):
            # YES is a word of START, and mostly means something else.
            return
        if asked is Wish.STOP:
            self._carrier.block(text.number, text.phone)
        elif asked is Wish.START:
            self._carrier.unblock(text.number, text.phone)
        if asked is not None:
            self._text_back(text, asked.answer)

    def inbound(self, text: Text) -> Webhook:
        """The request that carries ``text``."""
        fields = [
            ("ToCountry", "US"),
            ("ToState", "NY"),
            ("ToCity", "NEW YORK"),
            ("ToZip", ""),
            ("FromCountry", "US"),
            ("FromState", "NY"),
            ("FromCity", ""),
            ("FromZip", ""),
            ("SmsMessageSid", text.id),
            ("SmsSid", text.id),
            ("MessageSid", text.id),
            ("SmsStatus", "received"),
            ("AccountSid", self._settings.account_sid),
            ("From", text.sender),
            ("To", text.recipient),
            ("Body", text.body),
            ("NumSegments", str(text.segments)),
            ("NumMedia", str(len(text.media))),
            ("ApiVersion", "2010-04-01"),
        ]
        for position, medium in enumerate(text.media):
            url = f"{self._media}/{text.id}/Media/{media_sid(text.id, position)}"
            fields.append((f"MediaContentType{position}", medium.content_type))
            fields.append((f"MediaUrl{position}", url))
        if self._settings.answers_stop and (asked := wish(text.body)):
            fields.append(("OptOutType", asked.value))
        return self._signed(self._settings.webhook, fields)

    def receipt(self, text: Text, status: Status) -> Webhook | None:
        """The request that reports ``status``; None where no URL was given for it."""
        if text.callback is None:
            return None
        word = status_word(status)
        fields = [
            ("SmsSid", text.id),
            ("SmsStatus", word),
            ("MessageStatus", word),
            ("MessageSid", text.id),
            ("To", text.recipient),
            ("From", text.sender),
            ("AccountSid", self._settings.account_sid),
            ("ApiVersion", "2010-04-01"),
        ]
        if text.service is not None:
            fields.append(("MessagingServiceSid", text.service))
        if status in {Status.DELIVERED, Status.UNDELIVERABLE}:
            fields.append(("RawDlrDoneDate", self._carrier.now().strftime("%y%m%d%H%M")))
        if status in {Status.UNDELIVERABLE, Status.FAILED}:
            fields.append(("ErrorCode", str(text.error_code)))
            fields.append(("ErrorMessage", error_message(text.error_code) or ""))
        return self._signed(text.callback, fields)

    def acknowledged(self, answer: Answer) -> bool:
        """Any 2xx."""
        return answer.ok

    def repeat_after(self, webhook: Webhook, attempt: int, answer: Answer) -> float | None:
        """At once, where the URL's rule says so."""
        return 0.0 if retry_rule(webhook.url).repeats(attempt, answer) else None

    def read_answer(self, text: Text, answer: Answer) -> None:
        """Text back what the answer says, unless the phone has opted out meanwhile."""
        for body in replies(answer):
            if not self._carrier.is_blocked(text.number, text.phone):
                self._text_back(text, body)

    def _signed(self, url: str, fields: list[tuple[str, str]]) -> Webhook:
        return Webhook(
            url=url,
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
                "X-Twilio-Signature": signature(self._settings.auth_token, url, fields),
                "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
                "User-Agent": "TwilioProxy/1.1",
                "Accept": "*/*",
            },
            body="&".join(f"{name}={_quoted(value)}" for name, value in fields).encode(),
        )


def replies(answer: Answer) -> list[str]:
    """The texts that a webhook's answer asks Twilio to send.

    TwiML names them in ``<Message>``; plain text is itself a text to send, a trap for who
    answers "OK".
    """
    written = answer.body.decode(errors="replace").strip()
    if not written:
        return []
    if answer.content_type == "text/plain":
        return [written]
    if answer.content_type not in {"text/xml", "application/xml", "text/html"}:
        return []
    try:
        # The assistant on the same machine wrote it: no hostile XML to fear.
        document = ET.fromstring(written)  # noqa: S314
    except ET.ParseError:
        return []
    found = []
    for message in document.iter("Message"):
        body = message.find("Body")
        said = "".join((message if body is None else body).itertext()).strip()
        if said:
            found.append(said)
    return found
