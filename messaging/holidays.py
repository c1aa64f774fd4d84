"""Holidays of the United States and of single states, by rule. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day that comes once a year.

    Attributes:
        name: for people.
        month: 1 to 12.
        day: of the month; None where the weekday counts.
        weekday: 0 for Monday.
        nth: of these weekdays in the month; -1 for the last.
        observed: whether one at a weekend is kept on the nearest working day as well.
        states: where it is one; empty for everywhere.
    """

    name: str
    month: int
    day: int | None = None
    weekday: int = 0
    nth: int = 0
    observed: bool = False
    states: frozenset[str] = frozenset()

    def dates(self, year: int) -> Iterator[date]:
        """The day itself, and the one on which it is kept; the latter may be in December before.

        >>> [str(day) for day in Holiday("New Year's Day", 1, 1, observed=True).dates(2028)]
        ['2028-01-01', '2027-12-31']
        """
        day = self._falls_on(year)
        yield day
        if self.observed and day.weekday() == SATURDAY:
            yield day - timedelta(days=1)
        elif self.observed and day.weekday() == SUNDAY:
            yield day + timedelta(days=1)

    def _falls_on(self, year: int) -> date:
        if self.day is not None:
            return date(year, self.month, self.day)
        if self.nth < 0:
            after = date(year + self.month // 12, self.month % 12 + 1, 1)
            last = after - timedelta(days=1)
            return last - timedelta(days=(last.weekday() - self.weekday) % 7 - 7 * (self.nth + 1))
        first = date(year, self.month, 1)
        return first + timedelta(days=(self.weekday - first.weekday()) % 7 + 7 * (self.nth - 1))


class Holidays:
    """All days on which somebody's rule is closed.

    Args:
        yearly: that follow a rule.
        days: single ones, with the states where they count; no state for everywhere.
    """

    def __init__(
        self, yearly: Sequence[Holiday], days: Mapping[date, frozenset[str]] | None = None
    ) -> None:
        self._yearly = tuple(yearly)
        self._days = dict(days or {})
        self._of_year = lru_cache(maxsize=64)(self._find)

    def is_one(self, day: date, state: str = "") -> bool:
        """Whether a day is a holiday in a state, or everywhere.

        Args:
            day: on the clock of the place.
            state: two letters; without one only what is a holiday everywhere.
        """
        states = self._of_year(day.year).get(day)
        return states is not None and (not states or state in states)

    def everywhere(self, year: int) -> list[date]:
        """The days of a year that are holidays everywhere by rule, in order."""
        return sorted(
            day for day, states in self._of_year(year).items() if not states and day.year == year
        )

    def _find(self, year: int) -> dict[date, frozenset[str]]:
        found = {day: states for day, states in self._days.items() if day.year == year}
        for holiday in self._yearly:
            for day in (*holiday.dates(year), *holiday.dates(year + 1)):
                before = found.get(day)
                everywhere = not holiday.states or before == frozenset()
                found[day] = frozenset() if everywhere else holiday.states | (before or frozenset())
        return found
