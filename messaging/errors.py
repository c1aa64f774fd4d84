"""Everything that can go wrong, as data.

LinnetError
├── WebhookRefused            a request from outside is not accepted
│   ├── Forbidden             403  not from the vendor, or not for a number of ours
│   ├── MalformedRequest      400  cannot be read
│   ├── UnknownGateway        404  no gateway of this name is configured
│   ├── WrongMethod           405  not the HTTP method that the vendor uses
│   └── TooLarge              413  longer than any text can be
├── SettingsError             credentials.yml or the environment is wrong
├── Unreadable                what is stored encrypted cannot be read
│   ├── UnknownKey            its key is not among those that are configured
│   └── DamagedCiphertext     it was changed, or is not sealed with this key
├── UnknownSender             a text is to leave from a number that is not ours
├── LookUpFailed              a vendor could not be asked what it has
├── MediaRefused              a file that comes with a text cannot be taken or sent
├── AssistantFailed           no answer from the assistant
│   ├── ActionServerFailed    the action server is down or raised
│   └── AssistantTimedOut     it took too long
├── DuplicateText             the phone was told the same a moment ago
├── TurnLost                  another worker holds this turn now
└── DatabaseUnavailable       PostgreSQL does not answer
"""

from __future__ import annotations

from typing import ClassVar


class LinnetError(Exception):
    """The root. A subclass carries what there is to say about it.

    Attributes:
        code: stable, for dashboards and documentation.
        staff: one sentence for the front desk.
        retry: whether trying the same thing again can help.
        detail: one sentence for engineers.
    """

    code: ClassVar[str] = "error"
    staff: ClassVar[str] = "Something went wrong."
    retry: ClassVar[bool] = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class WebhookRefused(LinnetError):
    """A request from outside is not accepted; nothing of it is stored.

    Attributes:
        reason: which check failed, a word or two with hyphens, counted as a metric.
        status: the HTTP status of the answer.
    """

    code = "webhook.refused"
    staff = "A request that is not from the gateway was turned away."
    status: ClassVar[int] = 400
    reason: str = "refused"

    def __init__(self, detail: str, reason: str | None = None) -> None:
        super().__init__(detail)
        if reason is not None:
            self.reason = reason


class Forbidden(WebhookRefused):
    """Not from the vendor, or not for a number of ours."""

    code = "webhook.forbidden"
    status = 403
    reason = "signature"


class MalformedRequest(WebhookRefused):
    """It cannot be read as what the vendor documents."""

    code = "webhook.malformed"
    reason = "malformed"


class UnknownGateway(WebhookRefused):
    """The URL names a gateway that is not configured."""

    code = "webhook.unknown-gateway"
    status = 404
    reason = "unknown-gateway"


class WrongMethod(WebhookRefused):
    """Not the HTTP method that the vendor uses; somebody else's request."""

    code = "webhook.method"
    status = 405
    reason = "method"


class TooLarge(WebhookRefused):
    """Longer than any text can be."""

    code = "webhook.too-large"
    status = 413
    reason = "too-large"


class SettingsError(LinnetError):
    """credentials.yml or the environment is wrong; the detail says what to write where."""

    code = "settings"
    staff = "Linnet is not configured correctly."


class Unreadable(LinnetError):
    """What is stored encrypted cannot be read; it stays as it is."""

    code = "encryption.unreadable"
    staff = "A text is encrypted and cannot be read at the moment; tell whoever runs Linnet."


class UnknownKey(Unreadable):
    """Its key is not among those that are configured.

    Attributes:
        key_id: the id of the key that is missing.
    """

    code = "encryption.unknown-key"
    retry = True

    def __init__(self, detail: str, key_id: str) -> None:
        super().__init__(detail)
        self.key_id = key_id


class DamagedCiphertext(Unreadable):
    """It was changed, was sealed for another column, or with another key of the same id."""

    code = "encryption.damaged"


class UnknownSender(LinnetError):
    """A text is to leave from a number that is not ours."""

    code = "notice.unknown-sender"
    staff = "The number that this text should come from is not one of ours."


class LookUpFailed(LinnetError):
    """The vendor could not be asked what it has; nothing is known.

    Attributes:
        retry_after: seconds for which the vendor does not want to be asked, where it said so.
    """

    code = "gateway.look-up-failed"
    staff = "The gateway cannot be asked at the moment."
    retry = True

    def __init__(self, detail: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class MediaRefused(LinnetError):
    """A file that comes with a text cannot be taken, or cannot be sent.

    Attributes:
        reason: why, a word or two with hyphens; docs/media.md lists them.
    """

    code = "media.refused"
    staff = "A picture or another file could not be taken."

    def __init__(self, detail: str, reason: str = "refused") -> None:
        super().__init__(detail)
        self.reason = reason


class AssistantFailed(LinnetError):
    """There is no answer from the assistant."""

    code = "assistant.failed"
    staff = "The assistant could not answer this text; please answer it yourself."
    retry = True


class ActionServerFailed(AssistantFailed):
    """The action server is down or raised."""

    code = "assistant.action-server"
    staff = "The assistant could not reach the appointment book; please answer this text."


class AssistantTimedOut(AssistantFailed):
    """The assistant took too long."""

    code = "assistant.timed-out"


class DuplicateText(LinnetError):
    """The same words went to the same phone within half an hour; this copy is not sent."""

    code = "error.platform.message-limiter.duplicate-message-sent"
    staff = (
        "The same words went to this phone less than 30 minutes earlier, so this copy was not sent."
    )


class TurnLost(LinnetError):
    """The lease ran out and another worker holds this turn now; nothing was written."""

    code = "turn.lost"
    staff = "Another worker answers this text."


class DatabaseUnavailable(LinnetError):
    """PostgreSQL does not answer."""

    code = "database.unavailable"
    staff = "The database does not answer."
    retry = True
