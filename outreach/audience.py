"""Who gets a campaign: recipients from a CSV file, or from any rows that have a phone.

A row that cannot be taken is reported with its line and never sent. Columns that speak of consent
are data like others: consent is what ``linnet consent import`` put into the ledger.
"""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import phonenumbers

from messaging.errors import LinnetError
from messaging.masking import mask_text

BATCH = 2_000
"""Recipients that are handed on together."""

KEPT_REJECTIONS = 100
"""Rejected rows whose lines are kept; all of them are counted."""

_ROUNDED = re.compile(r"[\d.,]+E\+?\d+", re.IGNORECASE)
_DELIMITERS = ",;\t"


class BadAudience(LinnetError):
    """Recipients cannot be read at all; the detail says what to write."""

    code = "campaign.audience"
    staff = "The list of recipients cannot be read."


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who gets it.

    Attributes:
        phone: E.164.
        variables: what the text needs of this recipient, by name.
    """

    phone: str
    variables: Mapping[str, str]


@dataclass(slots=True)
class Report:
    """What became of the rows.

    Attributes:
        taken: recipients.
        duplicates: rows whose phone stood before; the first one counts.
        rejected: rows that could not be taken.
        rejections: the first of these: line, and why, without what is in them.
    """

    taken: int = 0
    duplicates: int = 0
    rejected: int = 0
    rejections: list[tuple[int, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For the record of the campaign."""
        return {
            "taken": self.taken,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "rejections": self.rejections,
        }


class Audience(Protocol):
    """Where recipients come from.

    Attributes:
        report: complete when all batches are taken.
    """

    report: Report

    @property
    def source(self) -> Mapping[str, Any]:
        """Where from, for the record: names and parameters, no recipients."""

    def batches(self) -> AsyncIterator[list[Recipient]]:
        """The recipients, some at a time.

        Raises:
            BadAudience: they cannot be read.
        """


class Sieve:
    """Takes rows: one recipient for each phone, with what the text needs.

    Args:
        needed: names of the variables of the text.
        region: two letters of the country of numbers that name none.
    """

    def __init__(self, needed: Sequence[str], region: str) -> None:
        self.report = Report()
        self._needed = needed
        self._region = region
        self._phones: set[str] = set()

    def check(self, columns: Sequence[str], phone_column: str) -> None:
        """Whether there is all that is needed.

        Raises:
            BadAudience: a column is missing.
        """
        for name in (phone_column, *self._needed):
            if name not in columns:
                told = ", ".join(columns) or "none"
                raise BadAudience(f"there is no column {name!r}; the columns are {told}")

    def take(self, line: int, phone: str, values: Mapping[str, str]) -> Recipient | None:
        """The recipient in a row; None where it is reported instead.

        Args:
            line: of the row.
            phone: as it is written there.
            values: all columns.
        """
        found = self._read(phone, values)
        if isinstance(found, str):
            self.reject(line, found)
            return None
        if found.phone in self._phones:
            self.report.duplicates += 1
            return None
        self._phones.add(found.phone)
        self.report.taken += 1
        return found

    def reject(self, line: int, why: str) -> None:
        """Report a row that is not taken."""
        self.report.rejected += 1
        if len(self.report.rejections) < KEPT_REJECTIONS:
            self.report.rejections.append((line, why))

    def _read(self, phone: str, values: Mapping[str, str]) -> Recipient | str:
        written = phone.strip().lstrip("'")
        if not written:
            return "no phone"
        if _ROUNDED.fullmatch(written):
            return "a spreadsheet has rounded this number; format its column as text"
        try:
            number = phonenumbers.parse(written, self._region)
        except phonenumbers.NumberParseException:
            return "not a phone number"
        if not phonenumbers.is_valid_number(number):
            return "no phone can have this number"
        plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        return self._filled(plain, values)

    def _filled(self, phone: str, values: Mapping[str, str]) -> Recipient | str:
        variables = {name: values[name].strip() for name in self._needed}
        for name, value in variables.items():
            if not value:
                return f"no value for {name}"
            if "\x00" in value:
                return f"a character in {name} that no text can have"
        return Recipient(phone, variables)


class CsvAudience:
    """Recipients of a CSV file with a heading; it is read in pieces, whatever its length.

    Args:
        path: of the file: UTF-8, with commas, semicolons or tabs.
        needed: names of the variables of the text.
        phone_column: the column with the phones.
        region: two letters of the country of numbers that name none.
    """

    def __init__(
        self, path: Path, needed: Sequence[str], phone_column: str = "phone", region: str = "US"
    ) -> None:
        self._path = path
        self._phone_column = column_name(phone_column)
        self._sieve = Sieve(needed, region)
        self.report = self._sieve.report

    @property
    def source(self) -> Mapping[str, Any]:
        """The file's name, numbers of phones masked."""
        return {"csv": mask_text(self._path.name)}

    async def batches(self) -> AsyncIterator[list[Recipient]]:
        """As ``Audience``."""
        recipients = self._recipients()
        while batch := list(islice(recipients, BATCH)):
            yield batch

    def _recipients(self) -> Iterator[Recipient]:
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                delimiter = _delimiter(file.readline())
                file.seek(0)
                # Strict, so that a quote that is never closed is an error and not one long value.
                yield from self._rows(csv.reader(file, delimiter=delimiter, strict=True))
        except FileNotFoundError:
            raise BadAudience(f"there is no file {self._path}") from None
        except UnicodeDecodeError:
            raise BadAudience(f"{self._path.name} is not UTF-8; save it as CSV UTF-8") from None
        except OSError as error:
            raise BadAudience(f"{self._path} cannot be read: {error.strerror}") from error

    def _rows(self, rows: Any) -> Iterator[Recipient]:
        before = 0
        try:
            columns = [column_name(one) for one in next(rows, [])]
            twice = [name for name in columns if columns.count(name) > 1]
            if twice:
                raise BadAudience(f"the column {twice[0]!r} stands twice")
            self._sieve.check(columns, self._phone_column)
            before = rows.line_num
            for row in rows:
                line, before = before + 1, rows.line_num
                if not any(value.strip() for value in row):
                    continue
                if len(row) != len(columns):
                    self._sieve.reject(line, f"{len(row)} values for {len(columns)} columns")
                    continue
                values = dict(zip(columns, row, strict=True))
                taken = self._sieve.take(line, values[self._phone_column], values)
                if taken is not None:
                    yield taken
        except csv.Error as error:
            raise BadAudience(f"{self._path.name}, line {before + 1}: {error}") from error


def column_name(heading: str) -> str:
    """A heading as variables are written: ``First name`` is ``first_name``."""
    return re.sub(r"[^a-z0-9]+", "_", heading.strip().lower()).strip("_")


def _delimiter(heading: str) -> str:
    """The character that divides most of the heading; quoted names do not count."""
    bare = re.sub(r'"[^"]*"', "", heading)
    return max(_DELIMITERS, key=bare.count)
