"""``linnet story``: all that happened to one text of ours."""

from __future__ import annotations

from uuid import UUID

from rich.console import Console
from rich.table import Table

from cli.failure import Failure
from database.pool import Connection, make_pool
from messaging.masking import mask_body, mask_number
from messaging.text_ids import matching
from messaging.text_story import Story, read_story


async def text_id(connection: Connection, beginning: str) -> UUID:
    """The id of the one text whose id begins so.

    Args:
        connection: to the database.
        beginning: the first characters of an id.

    Raises:
        Failure: there is none, or there are several.
    """
    try:
        found = await matching(connection, beginning)
    except ValueError as error:
        raise Failure(f"{error}; `linnet failed` lists ids.") from error
    if not found:
        raise Failure(f"No text has an id that begins with {beginning}.")
    if len(found) > 1:
        raise Failure(f"Several texts have ids that begin with {beginning}; write more of it.")
    return found[0]


async def show_story(*, url: str, beginning: str, show_numbers: bool, console: Console) -> None:
    """Print the life of a text.

    Args:
        url: of the database.
        beginning: the first characters of its id.
        show_numbers: whether phone numbers are shown in full.
        console: to print to.

    Raises:
        Failure: the id is not clear.
    """
    async with make_pool(url, max_size=1) as pool, pool.connection() as connection:
        story = await read_story(connection, await text_id(connection, beginning))
    if story is None:
        raise Failure("The text is gone from the database.")
    phone = str if show_numbers else mask_number
    part = f", part {story.part} of {story.parts}" if story.parts > 1 else ""
    console.print(
        f"{story.id}\n{story.kind} to {phone(story.recipient)} from {phone(story.sender)} by "
        f"{story.gateway}{part}; {mask_body(story.body)}, {story.segments} segment(s), "
        f"lane {story.lane.name.lower()}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, show_header=False)
    for moment in story.moments:
        table.add_row(
            f"{moment.at.astimezone():%Y-%m-%d %H:%M:%S.%f}"[:-3],
            moment.what,
            moment.code or "",
            moment.detail,
        )
    console.print(table, highlight=False, markup=False)
    console.print(now(story), highlight=False, markup=False, soft_wrap=True)


def now(story: Story) -> str:
    """Where a text is, in one sentence or two."""
    tried = f"{story.attempts} attempt(s)" + (f", {story.resends} resend(s)" * bool(story.resends))
    code = f" ({story.code})" if story.code else ""
    told = f"Now {story.state}{code} after {tried}."
    if story.state == "pending":
        due, until = story.next_attempt_at.astimezone(), story.expires_at.astimezone()
        told += (
            f" It leaves at {due:%b %d %H:%M:%S} or later, or not at all after {until:%b %d %H:%M}."
        )
    return f"{told} {story.staff}" if story.staff else told
