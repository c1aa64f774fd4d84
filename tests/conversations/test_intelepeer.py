"""The main conversations over IntelePeer, whose number sends one text in two seconds."""

from __future__ import annotations

import pytest

from tests.conversations.talk import DOWNTOWN, Practice, at, converse, said, together, typed

pytestmark = pytest.mark.stack


def test_book_move_and_cancel(practice: Practice) -> None:
    day = practice.day()
    start = at(day, 13)
    book, move = practice.phone("intelepeer"), practice.phone("intelepeer")
    practice.booked(move, start)
    together(
        lambda: converse(
            book,
            (f"eye exam {typed(day)} at 1pm, this is Ola Nye", r"\n1 Downtown\n2 Lakeside"),
            ("1", f"^Book your eye exam on {said(start)}, Downtown, for Ola Nye"),
            ("yes", f"^Booked: eye exam, {said(start)}, {DOWNTOWN}"),
            ("confirm", "^Confirmed: eye exam"),
        ),
        lambda: converse(
            move,
            ("when is my appointment?", said(start)),
            ("move it to 3pm", f"to {said(at(day, 15))}"),
            ("YES", "^Moved: eye exam"),
            ("cancel my appointment", "^Shall I cancel"),
            ("yes", "(?i)cancelled"),
        ),
    )
    assert [made["state"] for made in practice.appointments(book)] == ["confirmed"]
    assert [made["state"] for made in practice.appointments(move)] == ["cancelled"]
