"""When Twilio repeats a webhook: connection overrides in the fragment of its URL.

``#rc=3&rp=5xx,ct,rt`` asks for up to three repeats after a 5xx, a failed connection or a read
time-out; without a fragment it is one repeat after a failed connection
(https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from simulator.posting import Answer, Trouble

_MOST: Final = 5
_POLICIES: Final = frozenset({"ct", "rt", "4xx", "5xx"})


@dataclass(frozen=True, slots=True)
class RetryRule:
    """How often and after what a request is repeated.

    Attributes:
        count: repeats at most.
        after: of ``ct`` (no connection), ``rt`` (no answer), ``4xx`` and ``5xx``.
    """

    count: int = 1
    after: frozenset[str] = frozenset({"ct"})

    def repeats(self, attempt: int, answer: Answer) -> bool:
        """Whether the request is repeated after its ``attempt``-th failure."""
        return attempt <= self.count and _failure(answer) in self.after


@lru_cache(maxsize=64)
def retry_rule(url: str) -> RetryRule:
    """The rule in the fragment of ``url``; what cannot be read there stays at its default."""
    asked = parse_qs(urlsplit(url).fragment)
    default = RetryRule()
    count = asked.get("rc", [""])[-1]
    named = frozenset(asked.get("rp", [""])[-1].split(","))
    after = _POLICIES if "all" in named else named & _POLICIES
    return RetryRule(
        count=min(int(count), _MOST) if count.isdecimal() else default.count,
        after=after or default.after,
    )


def _failure(answer: Answer) -> str:
    if answer.trouble is Trouble.CONNECT:
        return "ct"
    if answer.trouble is not None or answer.status is None:
        return "rt"
    return f"{answer.status // 100}xx"
