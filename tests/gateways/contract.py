"""What every gateway must do, whatever its vendor; its test class inherits all of this.

A subclass says how its vendor signs and answers. What is common to all is asserted here through
the webhook handler, so that a gateway is tested as it is used.
"""

from __future__ import annotations

import asyncio
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest
from prometheus_client import REGISTRY

from connectors.gateways.base import (
    Accepted,
    Gateway,
    Outbound,
    Receipt,
    Refused,
    Unknown,
    WebhookRequest,
    WebhookResponse,
)
from connectors.webhooks import LONGEST_BODY, WebhookHandler
from messaging.errors import LookUpFailed
from messaging.retry import SOON
from tests.gateways.inbox import NOW, FixedClock, Inbox, settings_for

CUSTOMER = "+12125550100"
STRANGER = "+12125550199"
SENTENCE = "can i come tuesday? my eyes hurt"

NOTHING_LEFT = [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout]
PERHAPS_LEFT = [
    httpx.ReadTimeout,
    httpx.ReadError,
    httpx.WriteTimeout,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
]


def count(gateway: str, outcome: str) -> float:
    labels = {"gateway": gateway, "kind": "inbound", "outcome": outcome}
    return REGISTRY.get_sample_value("linnet_webhooks_total", labels) or 0.0


class GatewayContract(ABC):
    """Inherit as ``Test...`` and answer for the vendor."""

    secrets: tuple[str, ...]
    number: str

    @abstractmethod
    def gateway(self, base_url: str | None = None) -> Gateway:
        """With ``number`` and ``secrets``, and where ``base_url`` says if it says so."""

    @abstractmethod
    def text(self, **changes: str | None) -> WebhookRequest:
        """A text as the vendor posts and signs it; ``changes`` to id, sender, recipient, body."""

    @abstractmethod
    def forgeries(self) -> Mapping[str, WebhookRequest]:
        """Requests that somebody else made, by what is wrong with them."""

    @abstractmethod
    def accepting(self, vendor_id: str) -> httpx.Response:
        """The vendor's answer where it takes a text."""

    # -- receiving -----------------------------------------------------------------------

    async def take(
        self, request: WebhookRequest, inbox: Inbox, signature: str = "enforce"
    ) -> WebhookResponse:
        gateway = self.gateway()
        handler = WebhookHandler(
            settings_for(gateway, signature=signature), inbox.store, None, FixedClock()
        )
        return await handler.handle(gateway.name, request, "inbound")

    async def refused(self, request: WebhookRequest, *statuses: int) -> dict[str, str]:
        inbox = Inbox()
        answer = await self.take(request, inbox)
        assert answer.status in statuses, answer.body
        assert inbox.calls == 0
        said: dict[str, str] = json.loads(answer.body)
        assert said["error"].startswith("webhook.")
        assert said["reason"]
        return said

    async def test_a_signed_text_is_stored(self):
        inbox, name = Inbox(), self.gateway().name
        before = count(name, "stored")
        answer = await self.take(self.text(id="T1", body=SENTENCE), inbox)
        assert answer.status == 200
        stored = inbox.texts[name, "T1"]
        assert (stored.sender, stored.recipient) == (CUSTOMER, self.number)
        assert stored.body == SENTENCE
        assert count(name, "stored") == before + 1

    @pytest.mark.parametrize(
        "body",
        [
            "",
            " leading and trailing ",
            "a&b=c+d%20e",
            "ñ ¿qué? 你好 👩‍👩‍👧 €^{}",
            "line\r\nline",
            "=",
            "&&",
        ],
    )
    async def test_words_arrive_as_they_were_written(self, body):
        inbox = Inbox()
        assert (await self.take(self.text(id="T1", body=body), inbox)).status == 200
        assert inbox.texts[self.gateway().name, "T1"].body == body

    async def test_a_text_without_a_body_field_is_empty(self):
        inbox = Inbox()
        assert (await self.take(self.text(id="T1", body=None), inbox)).status == 200
        assert inbox.texts[self.gateway().name, "T1"].body == ""

    async def test_nul_does_not_reach_the_database(self):
        inbox = Inbox()
        await self.take(self.text(id="T1", body="a\x00b"), inbox)
        assert inbox.texts[self.gateway().name, "T1"].body == "ab"
        said = await self.refused(self.text(id="T\x001"), 400)
        assert said["reason"] == "malformed"

    async def test_a_repeated_request_is_acknowledged_and_stored_once(self):
        inbox, request = Inbox(), self.text(id="T1")
        answers = [await self.take(request, inbox) for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        assert len(inbox.texts) == 1

    async def test_forgeries_are_refused(self):
        name = self.gateway().name
        for what, request in self.forgeries().items():
            said = await self.refused(request, 401, 403)
            assert count(name, said["reason"]) >= 1, what

    async def test_observing_takes_forgeries_and_counts_them(self):
        name = self.gateway().name
        for what, request in self.forgeries().items():
            inbox = Inbox()
            before = self.observed(name)
            answer = await self.take(request, inbox, signature="observe")
            assert answer.status == 200, what
            assert inbox.calls == 1, what
            assert self.observed(name) == before + 1, what

    def observed(self, name: str) -> float:
        return sum(
            sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
            if sample.name == "linnet_webhooks_observed_total" and sample.labels["gateway"] == name
        )

    @pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.9, 0.99])
    async def test_a_truncated_request_is_refused(self, part):
        request = self.text(body=SENTENCE)
        cut = replace(request, body=request.body[: int(len(request.body) * part)])
        await self.refused(cut, 400, 403)

    async def test_an_oversized_request_is_refused(self):
        said = await self.refused(self.text(body="x" * (LONGEST_BODY + 1)), 413)
        assert said["reason"] == "too-large"

    @pytest.mark.parametrize(
        "junk", [b"\xff\xfe\x00", b"\x80Body=", b"{", b"[]", b"null", b"%", b"["]
    )
    async def test_what_cannot_be_read_is_refused(self, junk):
        await self.refused(replace(self.text(), body=junk), 400, 403)

    async def test_deep_nesting_is_refused(self):
        await self.refused(replace(self.text(), body=b"[" * 60_000), 400, 403)

    @pytest.mark.parametrize("lacking", ["id", "sender", "recipient"])
    @pytest.mark.parametrize("value", ["", " ", None])
    async def test_a_text_without_its_parts_is_malformed(self, lacking, value):
        said = await self.refused(self.text(**{lacking: value}), 400)
        assert said["reason"] == "malformed"

    async def test_a_text_for_another_number_is_refused_by_name(self):
        said = await self.refused(self.text(recipient=STRANGER), 403)
        assert said["reason"] == "number"
        assert STRANGER in said["detail"]
        assert self.number in said["detail"]
        assert CUSTOMER not in said["detail"]

    async def test_other_methods_prove_nothing(self):
        await self.refused(replace(self.text(), method="GET"), 403, 405)

    # -- sending -------------------------------------------------------------------------

    def message(self, **changes) -> Outbound:
        return replace(
            Outbound("0b1c", self.number, CUSTOMER, SENTENCE, first_attempt_at=NOW), **changes
        )

    async def test_accepted(self, wire):
        over = wire(self.accepting("V1"))
        assert await self.gateway().send(self.message(), over.http) == Accepted("V1")

    @pytest.mark.parametrize("error", NOTHING_LEFT)
    async def test_without_a_connection_nothing_left(self, wire, error):
        outcome = await self.gateway().send(self.message(), wire(error("no")).http)
        assert isinstance(outcome, Refused)
        assert (outcome.code, outcome.retry, outcome.suppress) == ("connection", SOON, None)
        assert outcome.unhealthy

    @pytest.mark.parametrize("error", PERHAPS_LEFT)
    async def test_a_connection_that_breaks_leaves_the_outcome_unknown(self, wire, error):
        outcome = await self.gateway().send(self.message(), wire(error("no")).http)
        assert isinstance(outcome, Unknown)

    @pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 201 Created\r\nContent-Le"])
    async def test_a_vendor_that_hangs_up_over_a_real_socket(self, answer):
        async def hang_up(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            gateway = self.gateway(f"http://127.0.0.1:{port}")
            async with httpx.AsyncClient() as http:
                assert isinstance(await gateway.send(self.message(), http), Unknown)
        async with httpx.AsyncClient() as http:  # nobody listens there any more
            outcome = await gateway.send(self.message(), http)
            assert isinstance(outcome, Refused)
            assert outcome.code == "connection"

    @pytest.mark.parametrize("status", [200, 201, 202, 301, 408, 500, 502, 503, 504])
    async def test_an_answer_that_settles_nothing_is_unknown(self, wire, status):
        over = wire(httpx.Response(status, text="<html>proxy</html>"))
        assert isinstance(await self.gateway().send(self.message(), over.http), Unknown)

    @pytest.mark.parametrize(
        ("written", "seconds"),
        [("7", 7.0), ("0", 0.0), (None, None), ("soon", None), ("-1", None), ("NaN", None)],
    )
    async def test_throttling_says_when_to_come_back(self, wire, written, seconds):
        headers = {} if written is None else {"Retry-After": written}
        over = wire(httpx.Response(429, headers=headers))
        outcome = await self.gateway().send(self.message(), over.http)
        assert isinstance(outcome, Refused)
        assert outcome.retry
        assert outcome.retry_after == seconds

    @pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
    async def test_a_refusal_without_a_code_is_final_and_explained(self, wire, status):
        over = wire(httpx.Response(status, text="no"))
        outcome = await self.gateway().send(self.message(), over.http)
        assert isinstance(outcome, Refused)
        assert outcome.code == f"http-{status}"
        assert not outcome.retry
        assert not outcome.suppress
        assert outcome.staff.endswith(".")

    async def test_a_failed_look_up_is_not_an_answer(self, wire):
        gateway = self.gateway()
        answers = [httpx.Response(500), httpx.ReadTimeout("no"), httpx.ConnectError("no")]
        for answer in answers if gateway.capabilities.look_up else []:
            with pytest.raises(LookUpFailed):
                await gateway.find(self.message(), wire(answer).http)
        if not gateway.capabilities.look_up:
            with pytest.raises(LookUpFailed):
                await gateway.find(self.message(), wire().http)

    async def test_asking_for_a_text_that_the_vendor_does_not_know(self, wire):
        over = wire(httpx.Response(404, text="no"))
        assert await self.gateway().ask("V1", over.http) is None

    async def test_a_failed_question_is_not_an_answer(self, wire):
        answers = [httpx.Response(500), httpx.ReadTimeout("no"), httpx.ConnectError("no")]
        for answer in answers:
            with pytest.raises(LookUpFailed) as failed:
                await self.gateway().ask("V1", wire(answer).http)
            assert failed.value.retry_after is None
        busy = httpx.Response(429, headers={"Retry-After": "7"})
        with pytest.raises(LookUpFailed) as failed:
            await self.gateway().ask("V1", wire(busy).http)
        assert failed.value.retry_after == 7

    async def test_nonsense_is_no_receipt(self, wire):
        for answer in (httpx.Response(200, text="no json"), httpx.Response(200, json=[])):
            with suppress(LookUpFailed):
                assert await self.gateway().ask("V1", wire(answer).http) is None

    # -- secrets -------------------------------------------------------------------------

    async def test_no_secret_number_or_word_in_logs_answers_or_repr(self, wire, caplog):
        caplog.set_level(logging.DEBUG)
        gateway, said = self.gateway(), []
        requests = [self.text(body=SENTENCE), self.text(recipient=STRANGER)]
        for request in [*requests, *self.forgeries().values()]:
            answers = [await self.take(request, Inbox(), way) for way in ("enforce", "observe")]
            said += [answer.body.decode() for answer in answers]
        for step in (self.accepting("V1"), httpx.Response(403), httpx.ReadTimeout("no")):
            outcome = await gateway.send(self.message(), wire(step).http)
            said.append(repr(outcome))
        said += [repr(gateway), repr(vars(gateway)["_settings"])]
        assert caplog.records
        for secret in self.secrets:
            assert not any(secret in one for one in [*said, caplog.text])
        assert CUSTOMER not in caplog.text
        assert CUSTOMER.removeprefix("+") not in caplog.text
        assert SENTENCE not in caplog.text

    async def test_receipts_keep_no_secret(self, wire):
        gateway = self.gateway()
        for event in gateway.parse(self.text()):
            raw = event.raw if isinstance(event, Receipt) else {}
            assert not any(secret in str(raw) for secret in self.secrets)

    def test_capabilities_are_possible(self):
        gateway = self.gateway()
        assert self.number in gateway.numbers
        assert gateway.capabilities.per_second > 0
        assert gateway.capabilities.longest_body >= 160
