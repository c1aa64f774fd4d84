"""All that is known of a person, as JSON and files (GDPR Art. 15 and 20; requirement R168)."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from psycopg.types.range import Range

from database.encryption import cipher
from database.pool import Connection, Pool
from messaging.suppression import suppressions_of
from privacy.audit import write_audit
from privacy.places import PERSONAL_PLACES, TEXTS, Place

VERSION = 1
"""Of the export's shape, which docs/privacy.md describes; another number, another shape."""

FILES = f"""
SELECT id, content_type, content FROM media_file
WHERE inbound_id IN {TEXTS} AND content IS NOT NULL ORDER BY created_at
"""


async def export(pool: Pool, phone: str, actor: str, now: datetime) -> dict[str, Any]:
    """All rows about a person, as they were at one moment; who asked for them is on record.

    Args:
        pool: of connections; one is used.
        phone: E.164.
        actor: who does it, for the audit.
        now: the time, UTC.

    Returns:
        What docs/privacy.md describes.

    Raises:
        Unreadable: something is sealed with a key that is not here.
    """
    async with pool.connection() as connection:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            tables = {}
            for place in PERSONAL_PLACES:
                if rows := await _rows(connection, place, phone):
                    tables[place.table] = rows
            left = (await suppressions_of(connection, [phone])).get(phone)
        counts = {table: len(rows) for table, rows in tables.items()}
        await write_audit(connection, "export", actor, counts, phone=phone)
    before = left and {"scope": left.scope, "since": _json(left.captured_at)}
    return {
        "version": VERSION,
        "phone": phone,
        "exported_at": now.isoformat(),
        "opted_out_before_erasure": before,
        "tables": tables,
    }


async def write_files(pool: Pool, phone: str, told: Mapping[str, Any], path: Path) -> int:
    """Write an export with the files that the person sent, as a zip.

    Args:
        pool: of connections.
        phone: E.164.
        told: what ``export`` gave.
        path: of the archive; nobody else can read it.

    Returns:
        How many files of the person's are in it.
    """
    count = 0
    with write_private(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export.json", as_text(told))
        async with pool.connection() as connection:
            cursor = await connection.execute(FILES, {"phone": phone})
            async for row in cursor:
                ending = row["content_type"].rpartition("/")[2]
                content = cipher().unseal_bytes(bytes(row["content"]), "media_file.content")
                archive.writestr(f"media/{row['id']}.{ending}", content)
                count += 1
    return count


def write_private(path: Path) -> BinaryIO:
    """A new file that nobody else can read, open to be written.

    Raises:
        FileExistsError: there is one already.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def as_text(told: Mapping[str, Any]) -> str:
    """An export as it is written."""
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


async def _rows(connection: Connection, place: Place, phone: str) -> list[dict[str, Any]]:
    query = f"SELECT {', '.join(place.columns)} FROM {place.table} WHERE {place.rows}"
    given = {"phone": phone, "digits": phone.removeprefix("+")}
    cursor = await connection.execute(f"{query} ORDER BY {place.order}", given)
    return [
        {
            name: _json(_plain(value, f"{place.table}.{name}"))
            for name, value in row.items()
            # Contents of files and digests: files are in the archive, digests say nothing.
            if value is not None and not isinstance(value, bytes)
        }
        for row in await cursor.fetchall()
    ]


def _plain(value: object, purpose: str) -> object:
    if isinstance(value, str):
        return cipher().unseal(value, purpose)
    return cipher().unseal_json(value, purpose) if isinstance(value, dict) else value


def _json(value: object) -> object:
    if isinstance(value, Range):
        return {"from": _json(value.lower), "until": _json(value.upper)}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds():.0f}S"
    if isinstance(value, list):
        return [_json(one) for one in value]
    return str(value) if isinstance(value, UUID) else value
