"""Phone numbers as the carrier takes them, and as it writes them in its log."""

from __future__ import annotations

import re

# E.164: a plus, a country code and at most 15 digits in all. Numbers of the North American
# plan have exactly ten digits behind the 1, the first of them 2 to 9.
_E164 = re.compile(r"\+(?:1[2-9]\d{9}|[2-9]\d{6,14})", re.ASCII)


def is_phone_number(number: str) -> bool:
    """Whether ``number`` is a whole phone number in E.164, such as ``+12125550100``."""
    return _E164.fullmatch(number) is not None


def masked(number: str) -> str:
    """``number`` for a log: enough to follow a conversation, not enough to call it."""
    return f"{number[:-7]}***{number[-4:]}" if len(number) > 8 else "***"  # noqa: PLR2004
