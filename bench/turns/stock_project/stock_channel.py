"""Rasa's own Twilio channel with its replies sent to another address than Twilio's.

Runs in the stock environment. Receiving, handling and sending are Rasa's code. Twilio's client
has no setting for its address, so the one that Rasa makes is told afterwards.
"""

from __future__ import annotations

from typing import Any

from rasa.core.channels.channel import InputChannel, OutputChannel
from rasa.core.channels.twilio import TwilioInput, TwilioOutput
from sanic.request import Request


class RedirectedOutput(TwilioOutput):
    """Sends to a given address."""

    def __init__(self, account_sid: str, auth_token: str, number: str, base_url: str) -> None:
        super().__init__(account_sid, auth_token, number)
        self.api.base_url = base_url

    async def send_custom_json(
        self, recipient_id: str, json_message: dict[str, Any], **kwargs: Any
    ) -> None:
        """Nothing: what our actions say beside a text is for our channel, and no text."""


class RedirectedInput(TwilioInput):
    """Answers through ``RedirectedOutput`` and tells the actions whose phone it is."""

    base_url = ""

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> InputChannel:
        """Rasa's own, with ``base_url`` besides."""
        channel = super().from_credentials(credentials)
        channel.base_url = (credentials or {})["base_url"]
        return channel

    def get_output_channel(self) -> OutputChannel:
        """For one text, as Rasa makes it."""
        return RedirectedOutput(
            self.account_sid, self.auth_token, self.twilio_number, self.base_url
        )

    def get_metadata(self, request: Request) -> dict[str, Any]:
        """What our actions read of a customer."""
        return {"phone": request.form.get("From")}
