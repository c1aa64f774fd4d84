from __future__ import annotations

import pytest
import regex
import smsutil
from hypothesis import example, given
from hypothesis import strategies as st

from messaging.segments import (
    BASIC,
    EXTENSION,
    Encoding,
    encoding_of,
    fit,
    offending,
    parts,
    segment_count,
)

GSM = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=700)
# ESC is left out: smsutil takes it for a character of the alphabet.
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x1b"))
MIXED = st.text(alphabet=st.sampled_from("aé€^ 中👍\u200d\ufe0f🇫🇷ç"), max_size=400)

THUMB = "👍"
FAMILY = "👨\u200d👩\u200d👧\u200d👦"


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", Encoding.GSM7, 1),
        ("a", Encoding.GSM7, 1),
        ("a" * 160, Encoding.GSM7, 1),
        ("a" * 161, Encoding.GSM7, 2),
        ("a" * 306, Encoding.GSM7, 2),
        ("a" * 307, Encoding.GSM7, 3),
        ("€" * 80, Encoding.GSM7, 1),
        ("€" * 80 + "a", Encoding.GSM7, 2),
        ("a" * 159 + "€", Encoding.GSM7, 2),
        # 76 pairs and one septet that no pair can use: 153 hold 76, so 153 pairs need 3
        ("€" * 152, Encoding.GSM7, 2),
        ("€" * 153, Encoding.GSM7, 3),
        # 306 septets would fill two segments, but a pair stands on the border
        ("a" * 152 + "€" + "a" * 152, Encoding.GSM7, 3),
        ("é" * 70, Encoding.GSM7, 1),
        ("ç" * 70, Encoding.UCS2, 1),
        ("ç" * 71, Encoding.UCS2, 2),
        ("Ç" * 160, Encoding.GSM7, 1),
        ("`", Encoding.UCS2, 1),
        ("\x1b", Encoding.UCS2, 1),
        ("中" * 70, Encoding.UCS2, 1),
        ("中" * 71, Encoding.UCS2, 2),
        ("中" * 134, Encoding.UCS2, 2),
        ("中" * 135, Encoding.UCS2, 3),
        (THUMB * 35, Encoding.UCS2, 1),
        (THUMB * 36, Encoding.UCS2, 2),
        # 33 pairs and one unit that no pair can use
        (THUMB * 66, Encoding.UCS2, 2),
        (THUMB * 67, Encoding.UCS2, 3),
        (FAMILY * 6, Encoding.UCS2, 1),
        (FAMILY * 7, Encoding.UCS2, 2),
    ],
)
def test_encoding_and_count(text, encoding, count):
    assert encoding_of(text) is encoding
    assert segment_count(text) == count
    assert len(parts(text)) == count


def test_the_tables_have_the_size_of_the_standard():
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@given(GSM | ANY | MIXED)
@example("€" * 81)
@example("a" * 152 + "€" + "a" * 8)
@example(THUMB * 36)
def test_parts_agree_with_smsutil(text):
    theirs = smsutil.split(text)
    assert parts(text) == [part.content for part in theirs.parts]
    assert segment_count(text) == len(theirs.parts)
    if text:  # smsutil calls an empty text UCS-2
        assert (encoding_of(text) is Encoding.GSM7) == (theirs.encoding == "gsm0338")


def test_where_smsutil_is_not_followed():
    assert smsutil.split("").encoding == "utf_16_be"
    assert encoding_of("") is Encoding.GSM7
    assert smsutil.split("\x1b").encoding == "gsm0338"
    assert encoding_of("\x1b") is Encoding.UCS2


@given(GSM | ANY | MIXED)
def test_parts_lose_nothing_and_fit(text):
    found = parts(text)
    assert "".join(found) == text
    assert len(found) == segment_count(text)
    if len(found) > 1:
        for part in found:
            if encoding_of(text) is Encoding.GSM7:
                assert len(part) + sum(c in EXTENSION for c in part) <= 153
            else:
                assert len(part.encode("utf-16-le")) <= 2 * 67


@pytest.mark.parametrize(
    ("text", "characters"),
    [
        ("", ()),
        ("plain", ()),
        ("10 € [x] {y}", ()),
        ("it\u2019s", ("\u2019",)),
        ("a \u2013 b \u2014 c \u2013 d", ("\u2013", "\u2014")),
        ("garçon", ("ç",)),
        (f"ok {THUMB}", (THUMB,)),
    ],
)
def test_offending(text, characters):
    assert offending(text) == characters


@given(ANY)
def test_nothing_offends_exactly_in_gsm(text):
    assert (not offending(text)) == (encoding_of(text) is Encoding.GSM7)


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("", 10, [""]),
        ("fits", 4, ["fits"]),
        ("  kept as it is ", 20, ["  kept as it is "]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("first line\nsecond", 12, ["first line", "second"]),
        # the end of a sentence is better than one more word
        ("See you at 9. Bring your glasses.", 20, ["See you at 9.", "Bring your glasses."]),
        ('He said "Come." Then he left us.', 20, ['He said "Come."', "Then he left us."]),
        # but not where it would leave less than half a part
        ("Yes. The doctor is in all day long", 20, ["Yes. The doctor is", "in all day long"]),
        ("9.30 is free and 10.15 too", 10, ["9.30 is", "free and", "10.15 too"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("今天有空。明天没有空。", 8, ["今天有空。", "明天没有空。"]),
        # the address moves to the next part whole
        (
            "Map and directions: https://harbor.example/map/downtown ok",
            38,
            ["Map and directions:", "https://harbor.example/map/downtown ok"],
        ),
        ("请点击https://a.example/b查看", 20, ["请点击", "https://a.example/b查", "看"]),
        ("看harbor.example/abc", 18, ["看", "harbor.example/abc"]),
        # longer than a part: nothing can be helped
        ("https://a.example/bcdef", 12, ["https://a.ex", "ample/bcdef"]),
        (f"ab{FAMILY}cd", 12, ["ab", f"{FAMILY}c", "d"]),
        (FAMILY, 4, ["👨\u200d", "👩\u200d", "👧\u200d", "👦"]),
        ("cafe\u0301s", 4, ["caf", "e\u0301s"]),
        (" " * 30, 10, [""]),
        ("a" + " " * 30 + "b", 10, ["a", "b"]),
    ],
)
def test_fit(text, longest, expected):
    assert fit(text, longest) == expected


WORDS = st.lists(
    st.sampled_from(
        [
            "a",
            "eye.",
            "exam?",
            "appointment",
            "中文",
            "好。",
            THUMB,
            FAMILY,
            "e\u0301",
            "\n",
            "\r\n",
            "  ",
            "https://harbor.example/x?y=1",
            "(212)",
        ]
    ),
    max_size=60,
)


@given(WORDS | st.lists(ANY, max_size=5), st.sampled_from(["", " "]), st.integers(2, 80))
def test_fit_keeps_all_and_fits(words, glue, longest):
    text = glue.join(words)
    found = fit(text, longest)
    assert [c for c in "".join(found) if not c.isspace()] == [c for c in text if not c.isspace()]
    for part in found:
        assert len(part.encode("utf-16-le")) <= 2 * longest
    if len(found) > 1:
        assert all(part.strip() for part in found)


@given(WORDS, st.integers(30, 80))
def test_fit_cuts_no_grapheme_and_no_address(words, longest):
    text = " ".join(words)
    whole = {*regex.findall(r"\X", text)}
    for part in fit(text, longest):
        assert {*regex.findall(r"\X", part)} <= whole
        assert part.count("https://") == part.count("https://harbor.example/x?y=1")


def test_fit_refuses_a_part_too_short_for_a_character():
    with pytest.raises(ValueError, match="use 2 or more"):
        fit(THUMB, 1)
