"""What the assistant makes of a text, for a person to look at."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nlu.understand import Understood

BAR = 24
INTENTS = 5


def show(found: Understood, console: Console) -> None:
    """Print a picture of what was understood.

    Args:
        found: what the model made of it.
        console: where to.
    """
    console.print(
        Panel(
            Group(*(part for part in (
                _words(found), _intents(found), _nearest(found), _entities(found),
                _dates(found), _times(found)) if part)),
            title=Text(found.text), title_align="left", padding=(1, 2),
        )
    )  # fmt: skip


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    for head in heads:
        table.add_column(head)
    return table


def _row(table: Table, *cells: str) -> None:
    """Customers' words are words and no markup."""
    table.add_row(*(Text(cell) for cell in cells))


def _words(found: Understood) -> Text:
    line = Text("words     ", style="dim")
    for word in found.words:
        written = found.text[word.start : word.end]
        changed = written.casefold() != word.text
        line.append(f"{written}\u2192" if changed else "", style="dim")
        line.append(f"{word.text} ", style="bold green" if changed else "none")
    line.append("\n")
    return line


def _intents(found: Understood) -> Table:
    table = _table("intent", "", "")
    for intent in found.parsed.get("intent_ranking", [])[:INTENTS]:
        share = intent["confidence"]
        _row(table, intent["name"], "\u2588" * round(share * BAR), f"{share:.0%}")
    for also in found.parsed.get("also", []):
        intent = also["intent"]
        _row(table, f"+ {intent['name']}", also["text"], f"{intent['confidence']:.0%}")
    scope = found.parsed.get("scope")
    if scope:
        strange = f"{scope['as_strange']:.0%} of the examples look as strange"
        _row(table, "scope", strange, f"{scope['score']:+.1f}")
    _row(table, "", "", "")
    return table


def _nearest(found: Understood) -> Table | None:
    if not found.nearest:
        return None
    table = _table("nearest examples", "intent", "cosine")
    for text, intent, cosine in found.nearest:
        _row(table, text, intent, f"{cosine:.2f}")
    _row(table, "", "", "")
    return table


def _entities(found: Understood) -> Table | None:
    others = [one for one in found.parsed["entities"] if one["entity"] != "time"]
    if not others:
        return None
    table = _table("entity", "words", "value")
    for one in others:
        _row(table, one["entity"], found.text[one["start"] : one["end"]], str(one["value"]))
    _row(table, "", "", "")
    return table


def _dates(found: Understood) -> Table | None:
    times = [one for one in found.parsed["entities"] if one["entity"] == "time"]
    if not times:
        return None
    table = _table("date", "words", "role", "when")
    for one in times:
        value = one["value"]
        asks = one.get("additional_info", {}).get("ask", False)
        _row(table, value["grain"], found.text[one["start"] : one["end"]], value["role"],
             _when(value) + (" \u2014 to be confirmed" if asks else ""))  # fmt: skip
    _row(table, "", "", "", "")
    return table


def _when(value: dict[str, Any]) -> str:
    format_ = "%a %b %-d, %Y" if value["grain"] in {"day", "week", "month", "weekend"} else (
        "%a %b %-d, %Y %-I:%M%p")  # fmt: skip
    start, end = (
        datetime.fromisoformat(value[key]).strftime(format_) if value[key] else None
        for key in ("start", "end")
    )
    if start and end:
        return f"{start} to {end}"
    return f"before {end}" if end else (f"after {start}" if value["open"] else str(start))


def _times(found: Understood) -> Table:
    table = _table("component", "", "ms")
    longest = max([*found.milliseconds.values(), 0.001])
    for name, took in found.milliseconds.items():
        _row(table, name, "\u2588" * max(1, round(took / longest * BAR)), f"{took:.1f}")
    return table
