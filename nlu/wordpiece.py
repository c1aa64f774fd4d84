"""Pieces of words as BERT's uncased vocabulary has them.

The same numbers as the library `tokenizers` gives (a test compares), without its 11 MB and the
hub client that it brings: Devlin et al. 2018, greedy longest match from the left.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache

LONGEST_WORD = 100
"""Characters; a longer word is unknown, as in the library that the model was trained with."""
_CHINESE = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
            (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF),
            (0x2F800, 0x2FA1F))  # fmt: skip


class WordPiece:
    """Turns texts into numbers of pieces.

    Args:
        vocabulary: from the piece ("##ing" continues a word) to its number.
        longest: most pieces of a text, its two ends included.
    """

    def __init__(self, vocabulary: Mapping[str, int], longest: int) -> None:
        self._vocabulary = vocabulary
        self._longest = longest
        self._unknown = vocabulary["[UNK]"]
        self._ends = (vocabulary["[CLS]"], vocabulary["[SEP]"])
        self._pieces = lru_cache(maxsize=8192)(self._split)

    def encode(self, text: str) -> list[int]:
        """Numbers of the pieces of a text between the two signs for its ends."""
        numbers = [self._ends[0]]
        for word in _words(text):
            numbers += self._pieces(word)
            if len(numbers) >= self._longest:
                break
        return [*numbers[: self._longest - 1], self._ends[1]]

    def _split(self, word: str) -> tuple[int, ...]:
        if len(word) > LONGEST_WORD:
            return (self._unknown,)
        pieces: list[int] = []
        start = 0
        while start < len(word):
            head = "##" if start else ""
            for stop in range(len(word), start, -1):
                number = self._vocabulary.get(head + word[start:stop])
                if number is not None:
                    pieces.append(number)
                    start = stop
                    break
            else:
                return (self._unknown,)
        return tuple(pieces)


def _words(text: str) -> Iterator[str]:
    for chunk in "".join(_spaced(text)).split():
        plain = unicodedata.normalize("NFD", chunk.lower())
        word = ""
        for char in plain:
            if unicodedata.category(char) == "Mn":  # an accent
                continue
            if _is_punctuation(char):
                if word:
                    yield word
                    word = ""
                yield char
            else:
                word += char
        if word:
            yield word


def _spaced(text: str) -> Iterator[str]:
    """Without control characters; Chinese characters stand alone."""
    for char in text:
        code = ord(char)
        if char.isspace():
            yield " "
        elif code in {0, 0xFFFD} or unicodedata.category(char).startswith("C"):
            continue
        elif code >= _CHINESE[1][0] and any(low <= code <= high for low, high in _CHINESE):
            yield f" {char} "
        else:
            yield char


def _is_punctuation(char: str) -> bool:
    code = ord(char)
    if code < 128:  # noqa: PLR2004  (in ASCII also signs like "$" and "+")
        return not char.isalnum() and not char.isspace()
    return unicodedata.category(char).startswith("P")
