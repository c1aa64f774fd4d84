"""The normal form of each word of a text, with its place in the original.

"cud u resched 4 tmrw" is "could you reschedule for tomorrow".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import yaml

from nlu.spelling import Speller
from nlu.words import Word, split_words

MOST_PARTS = 3
"""Words and signs that an abbreviation may consist of ("w/o")."""
_LONG_RUN = re.compile(r"([^\W\d_])\1{2,}")
_DIGIT_WORDS = {"2": "to", "4": "for"}
# A digit is a number beside one of these, and a word ("to", "for") between two other words.
_AFTER_NUMBER = frozenset(
    "am pm o'clock day days hour hours week weeks month months minute minutes year years people "
    "person kids times degrees percent dollars or and works work ok okay please if instead then "
    "is would".split()
)
_BEFORE_NUMBER = frozenset(
    "at by after before until till around about past number chapter page channel level volume "
    "episode room option or and between monday tuesday wednesday thursday friday saturday sunday "
    "today tomorrow".split()
)


@lru_cache(maxsize=1)
def common_abbreviations() -> dict[str, str]:
    """From abbreviations to what they stand for, as in `nlu/abbreviations.yml`."""
    text = files("nlu").joinpath("abbreviations.yml").read_text(encoding="utf-8")
    return {
        short: long for long, shorts in yaml.safe_load(text).items() for short in shorts.split()
    }


class Normaliser:
    """Gives words their normal form.

    Args:
        abbreviations: from the short to the long form, both in lower case.
        speller: finds what a misspelt word was meant to be; None to leave words as they are.
    """

    def __init__(self, abbreviations: Mapping[str, str], speller: Speller | None) -> None:
        self._abbreviations = abbreviations
        self._speller = speller

    def words(self, text: str) -> list[Word]:
        """The words of a text in their normal form, with offsets in the original.

        Args:
            text: of any length and content; what goes beyond 600 characters is not read.

        Returns:
            One `Word` each; its text may be several words ("gonna" is "going to").
        """
        plain = [
            Word(unicodedata.normalize("NFKC", word.text).casefold().replace("\u2019", "'"),
                 word.start, word.end)
            for word in split_words(text)
        ]  # fmt: skip
        normal: list[Word] = []
        index = 0
        while index < len(plain):
            size = self._abbreviated(plain, index)
            start, end = plain[index].start, plain[index + max(size, 1) - 1].end
            if size > 1:
                joined = "".join(word.text for word in plain[index : index + size])
                normal.append(Word(self._abbreviations[joined], start, end))
            else:
                before = normal[-1].text.rpartition(" ")[2] if normal else ""
                normal.append(Word(self._normal(plain, index, before), start, end))
            index += max(size, 1)
        return normal

    def _abbreviated(self, words: list[Word], index: int) -> int:
        """How many words from here are one abbreviation when written together ("w/o")."""
        joined, size = words[index].text, 1
        found = 0
        for word in words[index + 1 : index + MOST_PARTS]:
            if word.start != words[index + size - 1].end:
                break
            joined += word.text
            size += 1
            found = size if joined in self._abbreviations else found
        return found

    def _normal(self, words: list[Word], index: int, before: str) -> str:
        word = words[index].text
        after = words[index + 1].text if index + 1 < len(words) else ""
        if word in _DIGIT_WORDS:
            return _DIGIT_WORDS[word] if _is_between_words(before, after) else word
        return self._known(word, before, after)

    def _known(self, word: str, before: str, after: str) -> str:
        if word in self._abbreviations:
            return self._abbreviations[word]
        if self._speller is None:
            return _LONG_RUN.sub(r"\1\1", word)
        # "soooo" and "pleaaase": once or twice, whichever is a word
        if _LONG_RUN.search(word):
            for shorter in (_LONG_RUN.sub(r"\1\1", word), _LONG_RUN.sub(r"\1", word)):
                if shorter in self._abbreviations:
                    return self._abbreviations[shorter]
                if shorter in self._speller.known:
                    return shorter
        return self._speller.correct(_LONG_RUN.sub(r"\1\1", word), before, after)


def _is_between_words(before: str, after: str) -> bool:
    return (
        before[-1:].isalpha()
        and after[:1].isalpha()
        and before not in _BEFORE_NUMBER
        and after not in _AFTER_NUMBER
    )
