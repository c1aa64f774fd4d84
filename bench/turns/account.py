"""The account at the carrier that both stacks are given."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Account:
    """As a customer of Twilio has it; the values open nothing.

    Attributes:
        sid: names the account.
        token: password of the API and key of the webhooks' signatures.
        number: that customers text.
    """

    sid: str = "AC00000000000000000000000000000142"
    token: str = field(default="practice-twilio-auth-token", repr=False)
    number: str = "+12125550142"
