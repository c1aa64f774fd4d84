"""Records what vendors accepted, as many texts in one commit as there are meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from database.pool import Pool
from messaging.clock import Clock
from messaging.gathering import Gathering
from messaging.outcomes import AcceptedText, write_accepted


class Ledger:
    """Records accepted texts.

    Args:
        pool: of connections.
        clock: for the time at which receipts are applied.
    """

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._texts: Gathering[AcceptedText, None] = Gathering(self._write)

    async def accepted(self, text: AcceptedText) -> None:
        """Return once the text is recorded.

        Raises:
            psycopg.OperationalError: the database is away; the text will be looked up.
            PoolTimeout: likewise.
        """
        await self._texts.put(text)

    async def _write(self, texts: Sequence[AcceptedText]) -> Sequence[None]:
        await write_accepted(self._pool, texts, self._clock.now())
        return [None] * len(texts)
