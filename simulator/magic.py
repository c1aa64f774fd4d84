"""Recipients with a fixed fate, so that a case can be tried from any client without a switch.

Nobody owns numbers that begin with +1500555. Twilio's own test numbers are among them and
mean here what they mean there; the others follow their pattern: the last digits are the code.
"""

from __future__ import annotations

from typing import Final

from simulator.faults import Kind

REFUSED: Final[dict[str, int]] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""Not accepted at all, with this code of Twilio's."""

UNDELIVERED: Final[dict[str, int]] = {
    "+15005553003": 30003,
    "+15005553004": 30004,
    "+15005553005": 30005,
    "+15005553006": 30006,
    "+15005553007": 30007,
    "+15005553008": 30008,
}
"""Accepted, sent, and then not delivered, with this code of Twilio's."""

FAULTY: Final[dict[str, Kind]] = {
    "+15005550429": Kind.TOO_MANY,
    "+15005550500": Kind.ERROR,
    "+15005550104": Kind.RESET,
    "+15005550110": Kind.LATENCY,
    "+15005550200": Kind.ACCEPT_HANG,
    "+15005550201": Kind.ACCEPT_ERROR,
    "+15005550202": Kind.ACCEPT_RESET,
    "+15005550601": Kind.RECEIPTS_LATE,
    "+15005550602": Kind.RECEIPTS_DOUBLED,
    "+15005550603": Kind.RECEIPTS_REVERSED,
    "+15005550604": Kind.RECEIPTS_MISSING,
    "+15005550605": Kind.WEBHOOK_TWICE,
}
"""A fault on the first attempt at each text to this number; the second attempt succeeds."""
