"""A notice that is put into the outbox and taken out again, to see what would become of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from console import notification_table
from console.context import CONNECT_SECONDS, Context
from messaging.notices import Notice, NoticeDesk, Refused
from messaging.text_policy import Duplicates


async def trial(
    context: Context, notice: Notice, now: datetime
) -> list[notification_table.Row] | Refused:
    """What the desk would do with a notice; nothing of it stays.

    Args:
        context: with the desk.
        notice: to be tried.
        now: the time, aware.

    Returns:
        Its texts as they would be, or the refusal.

    Raises:
        UnknownSender: the number that it names is none of ours.
    """
    async with (
        context.pool.connection(timeout=CONNECT_SECONDS) as connection,
        connection.transaction(force_rollback=True),
    ):
        ids = await _unlimited(context.desk).enqueue(connection, notice, now)
        if isinstance(ids, Refused):
            return ids
        return await notification_table.texts(connection, ids, now)


def _unlimited(desk: NoticeDesk) -> NoticeDesk:
    """A trial meets no limit of duplicates, as it counts for none (docs/delivery.md)."""
    policies = {
        name: replace(policy, limit_duplicates=Duplicates.OFF)
        for name, policy in desk.text_policies.items()
    }
    return replace(desk, text_policies=policies)
