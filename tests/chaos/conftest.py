"""One stack for all chaos tests: two Rasa processes, and paces that do not hold tests up."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.chaos.talks import Talk, free_hours
from tests.stack import Stack, free_port_base


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """It outlives every test, as a real one outlives its crashes."""
    folder = tmp_path_factory.mktemp("chaos")
    started = Stack(
        folder,
        free_port_base(),
        *("--rasa", "2"),
        LINNET_BURST_SECONDS="0.3",
        TWILIO_PER_SECOND="50",
        INTELEPEER_PER_SECOND="50",
        # Then a reply that comes twice is a fault; tests/chaos/test_scenarios.py has the other way.
        LINNET_UNKNOWN_REPLIES="leave",
    )
    with started:
        yield started


@pytest.fixture(scope="session")
def hours(stack: Stack) -> Iterator[tuple[str, str]]:
    """Times for appointments; each is handed out once."""
    return free_hours(stack)


class Customers:
    """Makes phones that nobody used before."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._serial = count(1)

    def talk(self, gateway: str = "twilio") -> Talk:
        """With a new customer."""
        return Talk(self._stack.phone(gateway, f"+1917555{next(self._serial):04}"))


@pytest.fixture(scope="session")
def customers(stack: Stack) -> Customers:
    """New customers for every test."""
    return Customers(stack)
