"""Texts on disk while the database is away: written before they are acknowledged, stored later.

Each process appends to a file of its own, one line an entry, sealed where there are keys
(``database/encryption.py``), and holds a lock on it as long as it lives. A file that nobody has
locked was left by a process that died; the next one that looks adopts it, if it has its key. What
is stored twice does no harm, because the database knows each text's id, so nothing is struck out:
a file is deleted when all of it is stored.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from connectors.gateways.base import Inbound, Media, Receipt, Status
from database.encryption import cipher
from messaging import tracing
from messaging.cancellation import cancelled
from messaging.errors import DatabaseUnavailable, UnknownKey, Unreadable
from messaging.sealed import SPOOLED

log = logging.getLogger(__name__)

Store = Callable[[str, Sequence[Inbound | Receipt], datetime], Awaitable[None]]

CHUNK = 64
"""Entries that are stored side by side, so that a spool is emptied faster than it fills."""

DRAIN_SECONDS = 1.0
ENDING = ".jsonl"
ASIDE = ".aside"
PRIVATE = 0o600


class Spool:
    """Entries that wait for the database, in the order in which they came.

    Args:
        directory: made where it is not there; on a disk that outlives the process.
        name: of the process, for people who look into the directory.
    """

    def __init__(self, directory: Path, name: str = "ingress") -> None:
        self._directory = directory
        self._name = name
        self._own: _File | None = None
        self._adopted: list[_File] = []
        self._unreadable: set[Path] = set()
        self._lock = asyncio.Lock()
        self._draining = asyncio.Lock()
        self._gathered: list[tuple[bytes, asyncio.Future[None]]] = []
        self._appending: asyncio.Task[None] | None = None

    def pending(self) -> int:
        """Entries that are not stored yet, as far as this process knows of them."""
        return sum(file.entries for file in self._files())

    async def append(
        self, gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime
    ) -> None:
        """Put an entry on disk; when this returns it survives the process and the machine.

        Entries that come while the disk works on earlier ones reach it together: it takes as
        long over many as over one.

        Args:
            gateway: the name of the gateway that brought the events.
            events: what its request says.
            received_at: when, UTC.

        Raises:
            OSError: the disk does not take it; nothing of the entry is kept.
        """
        line = _line(gateway, events, received_at)
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._gathered.append((line, kept))
        if self._appending is None or self._appending.done():
            self._appending = asyncio.create_task(self._append_gathered())
        await kept

    async def _append_gathered(self) -> None:
        while self._gathered:
            batch, self._gathered = self._gathered, []
            failure: OSError | None = None
            try:
                async with self._lock:
                    if self._own is None:
                        self._own = await asyncio.to_thread(
                            _File.create, self._directory, self._name
                        )
                    await asyncio.to_thread(self._own.append, [line for line, _ in batch])
            except OSError as error:
                failure = error
            for _, kept in batch:
                if kept.done():  # nobody waits for it any more
                    continue
                if failure is None:
                    kept.set_result(None)
                else:
                    kept.set_exception(failure)

    async def adopt(self) -> int:
        """Take over the files of processes that died.

        Returns:
            How many entries they have.
        """
        async with self._lock:
            found = await asyncio.to_thread(self._orphans)
            self._adopted += found
        return sum(file.entries for file in found)

    async def drain(self, store: Store) -> int:
        """Store what is pending, oldest file first and each in order.

        An entry that can never be stored (the database refuses its contents) is set aside in a
        file of its own, so that it does not hold up the others.

        Args:
            store: puts events into the database.

        Returns:
            How many entries were stored.

        Raises:
            Exception: what ``store`` raised; the entry and those behind it stay.
        """
        stored = 0
        async with self._draining:
            while file := next(iter(self._files()), None):
                while lines := file.next_lines(CHUNK):
                    stored += await _store_lines(file, lines, store)
                    file.mark_stored(lines)
                async with self._lock:
                    if await asyncio.to_thread(file.delete_if_stored):
                        self._adopted = [other for other in self._adopted if other is not file]
                        self._own = None if self._own is file else self._own
        return stored

    async def keep_draining(self, store: Store, seconds: float = DRAIN_SECONDS) -> None:
        """Adopt and drain until cancelled.

        Args:
            store: puts events into the database.
            seconds: between two attempts.
        """
        reported = 0
        while not cancelled():
            try:
                await self.adopt()
                if self.pending():
                    log.info("spool.stored", extra={"entries": await self.drain(store)})
                reported = 0
            except Exception as error:  # noqa: BLE001 - whatever it is, the texts stay on disk
                if self.pending() != reported:
                    reported = self.pending()
                    log.warning(
                        "spool.database-away",
                        extra={"entries": reported, "error": type(error).__name__},
                    )
            await asyncio.sleep(seconds)

    def close(self) -> None:
        """Let go of the files; what is in them is adopted by the next process."""
        for file in self._files():
            file.close()
        self._adopted, self._own = [], None

    def _files(self) -> list[_File]:
        return [*self._adopted, *([self._own] if self._own else [])]

    def _orphans(self) -> list[_File]:
        adopted = [_File.adopt(path) for path in self._directory.glob(f"*{ENDING}")]
        found = [file for file in adopted if file and not self._left_alone(file)]
        return sorted(found, key=lambda file: file.changed_at)

    def _left_alone(self, file: _File) -> bool:
        """Let go of a file that another process can read, or this one when it has the key."""
        missing = file.missing_key()
        if missing is None:
            return False
        file.close()
        if file.path not in self._unreadable:
            self._unreadable.add(file.path)
            log.error("spool.unknown-key", extra={"file": file.path.name, "key_id": missing})
        return True


class _File:
    """A file of entries that this process has locked.

    One thread at a time appends to it; only the event loop reads it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.changed_at = os.fstat(descriptor).st_mtime_ns
        self._descriptor = descriptor
        self._appending = threading.Lock()
        self._closed = False
        self._appended = 0
        self._stored = 0
        self._offset = 0

    @classmethod
    def create(cls, directory: Path, name: str) -> _File:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = directory / f"{name}-{os.getpid()}-{secrets.token_hex(4)}{ENDING}"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            descriptor = os.open(path, flags, PRIVATE)
            # Somebody who adopts may have been faster than we with the lock.
            if _locked(descriptor) and os.fstat(descriptor).st_nlink:
                _sync_directory(directory)
                return cls(path, descriptor)
            os.close(descriptor)

    @classmethod
    def adopt(cls, path: Path) -> _File | None:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        if not _locked(descriptor) or not os.fstat(descriptor).st_nlink:
            os.close(descriptor)
            return None
        file = cls(path, descriptor)
        file._count()
        return file

    @property
    def entries(self) -> int:
        """How many are not stored."""
        return self._appended - self._stored

    def missing_key(self) -> str | None:
        """The id of the key that its lines need and that is not here; one process wrote them."""
        try:
            if self.entries:
                _text(self._line_at(0))
        except UnknownKey as error:
            return error.key_id
        except (ValueError, Unreadable):  # told when it is to be stored
            return None
        return None

    def append(self, lines: Sequence[bytes]) -> None:
        with self._appending:
            if self._closed:
                raise OSError(f"{self.path} is closed")
            before = os.fstat(self._descriptor).st_size
            try:
                _write_all(self._descriptor, b"".join(lines))
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, before)  # half a line would spoil the next one
                raise
            self._appended += len(lines)

    def next_lines(self, most: int) -> list[bytes]:
        """The first lines that are not stored."""
        lines: list[bytes] = []
        offset = self._offset
        for _ in range(min(most, self.entries)):
            lines.append(self._line_at(offset))
            offset += len(lines[-1])
        return lines

    def mark_stored(self, lines: Sequence[bytes]) -> None:
        """The first lines that were not stored are."""
        self._offset += sum(map(len, lines))
        self._stored += len(lines)

    def set_aside(self, line: bytes) -> None:
        path = self.path.with_suffix(ASIDE)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
        try:
            _write_all(descriptor, line if line.endswith(b"\n") else line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def delete_if_stored(self) -> bool:
        with self._appending:
            if self.entries:
                return False
            self.path.unlink(missing_ok=True)
            self._close()
            return True

    def close(self) -> None:
        with self._appending:
            self._close()

    def _close(self) -> None:
        self._closed = True
        os.close(self._descriptor)

    def _count(self) -> None:
        """Count the lines, and set aside half a line at the end: its writer died in it."""
        content = self.path.read_bytes()
        whole, _, half = content.rpartition(b"\n")
        self._appended = content.count(b"\n")
        if half:
            self.set_aside(half)
            os.ftruncate(self._descriptor, len(whole) + 1 if self._appended else 0)
            log.warning("spool.half-written-set-aside", extra={"file": self.path.name})

    def _line_at(self, offset: int) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            chunk = os.pread(self._descriptor, 1 << 16, offset + len(line))
            if not chunk:
                raise OSError(f"{self.path} is shorter than it was")
            line += chunk.partition(b"\n")[0] + (b"\n" if b"\n" in chunk else b"")
        return line


async def _store_lines(file: _File, lines: Sequence[bytes], store: Store) -> int:
    """Store lines, those of a phone in their order, of different phones side by side.

    Returns:
        How many were stored; the others can never be, and are set aside.

    Raises:
        Exception: what ``store`` raised; some may be stored, and will be again.
    """
    lanes: dict[object, list[bytes]] = {}
    for line in lines:
        lanes.setdefault(_lane(line), []).append(line)
    results = await asyncio.gather(
        *(_store_lane(lane, store) for lane in lanes.values()), return_exceptions=True
    )
    broken: list[tuple[bytes, str]] = []
    for result in results:  # all of them have ended, so that none goes on behind the next attempt
        if isinstance(result, BaseException):
            raise result
        broken += result
    for line, error in broken:
        await asyncio.to_thread(file.set_aside, line)
        # Not the error's words: they quote the entry. Who mends it reads the file.
        log.error("spool.set-aside", extra={"file": file.path.name, "error": error})
    return len(lines) - len(broken)


async def _store_lane(lines: Sequence[bytes], store: Store) -> list[tuple[bytes, str]]:
    """Store lines one after the other; those that can never be stored, and why."""
    broken: list[tuple[bytes, str]] = []
    for line in lines:
        try:
            gateway, events, received_at, trace = _entry(line)
            with tracing.span("spool.store", {"gateway": gateway}, parent=trace):
                await store(gateway, events, received_at)
        except Exception as error:
            if _may_pass(error):
                raise
            broken.append((line, type(error).__name__))
    return broken


def _lane(line: bytes) -> object:
    """What must stay in order: the texts of one phone. A receipt may come whenever it likes."""
    try:
        _, events, _, _ = _entry(line)
    except (ValueError, KeyError, TypeError, Unreadable):
        return object()  # it is told when it is to be stored
    texts = [event for event in events if isinstance(event, Inbound)]
    return (texts[0].recipient, texts[0].sender) if texts else object()


def _may_pass(error: Exception) -> bool:
    """Whether the same entry may be stored later: the fault is the database's, not its own."""
    # Loaded with the first error: receiving texts must start at once, without the database.
    import psycopg  # noqa: PLC0415

    if isinstance(error, (psycopg.DataError, psycopg.IntegrityError)):
        return False
    return isinstance(error, (psycopg.Error, DatabaseUnavailable, OSError, TimeoutError))


def _line(gateway: str, events: Sequence[Inbound | Receipt], received_at: datetime) -> bytes:
    entry = {
        "gateway": gateway,
        "received_at": received_at.isoformat(),
        "trace": tracing.current(),
        "events": [{"type": type(event).__name__, **asdict(event)} for event in events],
    }
    text = json.dumps(entry, default=str)  # an id of ours as its text
    return cipher().seal(text, SPOOLED).encode() + b"\n"


def _entry(line: bytes) -> tuple[str, list[Inbound | Receipt], datetime, str | None]:
    entry: dict[str, Any] = json.loads(_text(line))
    events = [_event(dict(written)) for written in entry["events"]]
    received_at = datetime.fromisoformat(entry["received_at"])
    return entry["gateway"], events, received_at, entry.get("trace")


def _text(line: bytes) -> str:
    return cipher().unseal(line.decode().rstrip("\n"), SPOOLED)


def _event(written: dict[str, Any]) -> Inbound | Receipt:
    if written.pop("type") == "Inbound":
        media = tuple(Media(**one) for one in written.pop("media"))
        return Inbound(**written, media=media)
    reference = written.pop("reference", None)  # files of an earlier release have none
    return Receipt(
        **{**written, "status": Status(written["status"])},
        reference=UUID(reference) if reference else None,
    )


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
