"""Look-alikes in GSM-7: replaced only where that saves, never in addresses, always on record."""

# ruff: noqa: RUF001  look-alikes are what this is about
from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from messaging import gsm7
from messaging.gsm7 import Change, Level, Transliterated, transliterate
from messaging.segments import BASIC, EXTENSION, Encoding, encoding_of, segment_count

RULES = yaml.safe_load((Path(gsm7.__file__).parent / "rules" / "gsm7.yml").read_text())
LONG = "x" * 80  # two segments in UCS-2, one in GSM-7
LEVELS = st.sampled_from([Level.SMART, Level.ALL])
GSM = st.text(alphabet=st.sampled_from(sorted(BASIC | EXTENSION)), max_size=400)
# What can be replaced, what cannot, accents that stand alone, and the makings of addresses.
PIECES = st.sampled_from(
    [
        *("a", " ", "\n", "x" * 60, "é", "e\u0301", "\u0301", "ã", "ﬁ", "½", "²", "1", "€", "["),
        *("’", "“", "—", "…", "\u00a0", "\u200b", "•", "`", "ł", "™"),
        *("www.", "https://", "a.b/", "@", ".", "/"),
    ]
)
NASTY = st.one_of(
    st.lists(PIECES, max_size=40).map("".join),
    st.lists(st.one_of(PIECES, st.characters(codec="utf-8")), max_size=40).map("".join),
)


@pytest.mark.parametrize(
    ("written", "level", "becomes"),
    [
        ("O’Neil said “yes” — twice…", Level.SMART, 'O\'Neil said "yes" - twice...'),
        ("• one\u2028• two", Level.SMART, "- one\n- two"),
        ("10\u00a0am\u2009–\u20092\u202fpm", Level.SMART, "10 am - 2 pm"),
        ("soft\u00adhy\u200bphen\ufeff", Level.SMART, "softhyphen"),
        ("tab\tand `tick`", Level.SMART, "tab and 'tick'"),
        ("cafe\u0301 n\u0303 A\u030a", Level.SMART, "café ñ Å"),  # an accent of its own, as macOS
        ("São João, Łódź, Þór, coração", Level.ALL, "Sao Joao, Lodz, Thor, coracao"),
        ("ﬁne œuvre Ĳ ẞ", Level.ALL, "fine oeuvre IJ SS"),
        ("Ｆｕｌｌ １２ 𝐛𝐨𝐥𝐝 №", Level.ALL, "Full 12 bold No"),
        ("₹500 ₪ 5¢ ™ © x → y", Level.ALL, "Rs500 ILS 5c TM (C) x -> y"),
        ("a\u0304 e\u0323", Level.ALL, "a e"),
    ],
)
def test_replaced(written, level, becomes):
    given = transliterate(f"{written} {LONG}", level)
    assert given.text == f"{becomes} {LONG}"
    assert given.changes


@pytest.mark.parametrize(
    ("text", "level"),
    [
        (f"It’s {LONG}", Level.KEEP),
        ("It’s short", Level.SMART),  # one segment in either case
        (f"São {LONG}", Level.SMART),  # needs the level above
        (f"It’s \N{THUMBS UP SIGN} {LONG}", Level.ALL),  # UCS-2 all the same
        (f"“Привет” {LONG}", Level.ALL),
        (f"“你好” {LONG}", Level.ALL),
        (f"“½ of 10²” {LONG}", Level.ALL),  # would read 1/2, 102
        (f"see https://example.com/caf\u00e3 {LONG}", Level.ALL),
        (f"see www.example.com/a—b {LONG}", Level.ALL),
        (f"see m\u0169nchen.example/a {LONG}", Level.ALL),
        (f"write to jo\u00e3o@example.com {LONG}", Level.ALL),
    ],
)
def test_untouched(text, level):
    assert transliterate(text, level) == Transliterated(text)


def test_what_stands_around_an_address_is_replaced_all_the_same():
    given = transliterate(f"“https://example.com/a?b=1” {LONG}", Level.SMART)
    assert given.text == f'"https://example.com/a?b=1" {LONG}'


def test_what_changed_is_named_and_counted():
    given = transliterate(f"’’— cafe\u0301 {LONG}", Level.SMART)
    assert given.changes == (Change("’", "'", 2), Change("—", "-", 1), Change("e\u0301", "é", 1))
    assert [str(change) for change in given.changes] == [
        '2 x RIGHT SINGLE QUOTATION MARK (U+2019) -> "\'"',
        "1 x EM DASH (U+2014) -> '-'",
        "1 x LATIN SMALL LETTER E + COMBINING ACUTE ACCENT (U+0065 U+0301) -> 'é'",
    ]
    assert Change("\x85", "\n", 1).name == "U+0085"  # has no name


@given(GSM, LEVELS)
def test_gsm_is_left_alone(text, level):
    assert transliterate(text, level) == Transliterated(text)


@given(NASTY, LEVELS)
def test_it_saves_or_does_nothing(text, level):
    given = transliterate(text, level)
    if given.text == text:
        assert given.changes == ()
    else:
        assert given.changes
        assert encoding_of(given.text) is Encoding.GSM7
        assert segment_count(given.text) < segment_count(text)
    assert transliterate(given.text, level) == Transliterated(given.text)


@given(NASTY, LEVELS)
def test_the_changes_are_all_that_changed(text, level):
    given = transliterate(text, level)
    kept = sum(len(change.character) * change.count for change in given.changes)
    put = sum(len(change.replacement) * change.count for change in given.changes)
    assert len(given.text) - put == len(text) - kept
    assert all(encoding_of(change.character) is Encoding.UCS2 for change in given.changes)


@given(st.text(alphabet="abcé—’@/.-_ã", min_size=1), LEVELS)
def test_an_address_is_never_changed(path, level):
    address = f"https://example.com/{path}x"
    assert address in transliterate(f"“see” {address} {LONG}", level).text


@pytest.mark.parametrize("level", ["smart", "all"])
def test_the_table_leads_from_ucs2_to_gsm(level):
    characters = "".join(RULES[level].values())
    assert len(set(characters)) == len(characters)
    assert {encoding_of(one) for one in characters} == {Encoding.UCS2}
    assert {encoding_of(replacement) for replacement in RULES[level]} == {Encoding.GSM7}


def test_every_accented_latin_letter_is_known():
    accented = [
        one
        for one in map(chr, range(0x00C0, 0x0180))
        if unicodedata.decomposition(one) and one != "\u0149"  # an n after an apostrophe
    ]
    for one in accented:
        assert transliterate(f"{one}{LONG}", Level.ALL).text.isascii() or one in BASIC, one
