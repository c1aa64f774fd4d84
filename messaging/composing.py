"""From the words of a reply to the texts that leave: cut or linked when too long, then encoded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from messaging.gsm7 import Transliterated, transliterate
from messaging.segments import fit, utf16_length
from messaging.text_policy import LongTexts, TextPolicy


@dataclass(frozen=True, slots=True)
class Composed:
    """What leaves.

    Attributes:
        bodies: in order, each with what was replaced in it; none where nothing was said.
        token: of the page with all the words, where the text links to one.
    """

    bodies: tuple[Transliterated, ...]
    token: str | None = None


def compose(words: str, policy: TextPolicy, new_token: Callable[[], str]) -> Composed:
    """The texts that say ``words``.

    Args:
        words: what is to be read.
        policy: how.
        new_token: for a page that nobody can guess.
    """
    words, token = words.strip(), None
    if utf16_length(words) <= policy.longest:
        bodies = [words] if words else []
    elif policy.long_texts is LongTexts.PARTS:
        bodies = _parts(words, policy.longest)
    else:
        token = new_token()
        link = policy.link(token)
        bodies = [fit(words, policy.longest - utf16_length(link))[0] + link]
    return Composed(tuple(_encoded(body, policy) for body in bodies), token)


def _parts(words: str, longest: int) -> list[str]:
    """Parts that say which they are (requirement R066).

    The label comes first, because phones may show texts in another order, and has its own line,
    so that the lines of a menu stay lines.
    """
    for digits in count(1):  # how long the labels are depends on how many there will be
        most = 10**digits - 1
        cut = fit(words, longest - len(f"Part {most} of {most}\n"))
        if len(cut) <= most:
            break
    return [f"Part {number} of {len(cut)}\n{part}" for number, part in enumerate(cut, 1)]


def _encoded(body: str, policy: TextPolicy) -> Transliterated:
    encoded = transliterate(body, policy.encoding)
    # An ellipsis becomes three dots: what would no longer fit stays as it was written.
    return encoded if utf16_length(encoded.text) <= policy.longest else Transliterated(body)
