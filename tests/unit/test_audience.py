"""Lists of recipients, as spreadsheets and people write them."""

from __future__ import annotations

import asyncio
import json
import tracemalloc

import pytest

from outreach.audience import BadAudience, CsvAudience
from outreach.audience_query import Query, QueryAudience
from outreach.campaign_results import harmless

ONE, TWO = "+12125550100", "+12125550101"


def read(tmp_path, content: str | bytes, needed=("name",), **more):
    path = tmp_path / "list.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    audience = CsvAudience(path, needed, **more)

    async def all_of_it():
        return [one async for batch in audience.batches() for one in batch]

    return asyncio.run(all_of_it()), audience.report


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("phone,name\n+12125550100,Ann\n", [(ONE, "Ann")]),
        (b"\xef\xbb\xbfphone,name\r\n+12125550100,Ann\r\n", [(ONE, "Ann")]),
        ("Phone;Name\n(212) 555-0100;Ann\n", [(ONE, "Ann")]),
        ("phone\tname\n212-555-0100\tAnn\n", [(ONE, "Ann")]),
        ('phone,name\n+12125550100,"Ann\nLee"\n', [(ONE, "Ann\nLee")]),
        ('"phone","name"\n"+12125550100","Lee, Ann"\n', [(ONE, "Lee, Ann")]),
        ("name,phone\nAnn,'+12125550100\n\n,\n", [(ONE, "Ann")]),
        ("phone,name\n+12125550100,=HYPERLINK(1)\n", [(ONE, "=HYPERLINK(1)")]),
        ("phone,name\n+442079460958,Ann", [("+442079460958", "Ann")]),
    ],
    ids=["plain", "bom-crlf", "semicolons", "tabs", "newline", "quotes", "blank", "formula", "uk"],
)
def test_what_is_read(tmp_path, content, expected):
    found, report = read(tmp_path, content)
    assert [(one.phone, one.variables["name"]) for one in found] == expected
    assert (report.taken, report.rejected) == (len(expected), 0)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("nobody,Ann", "not a phone number"),
        (",Ann", "no phone"),
        ("+1212555,Ann", "no phone can have this number"),
        ("1.21256E+10,Ann", "a spreadsheet has rounded this number"),
        ("+12125550101,", "no value for name"),
        ("+12125550101,Ann,more", "3 values for 2 columns"),
        ("+12125550101", "1 values for 2 columns"),
        ("+12125550101,A\x00n", "a character in name"),
    ],
)
def test_a_bad_row_is_reported_with_its_line_and_not_sent(tmp_path, row, why):
    text = f'phone,name\n+12125550100,"Ann\nLee"\n{row}\n+12125550102,Bo\n'
    found, report = read(tmp_path, text)
    assert [one.phone for one in found] == [ONE, "+12125550102"]
    assert report.rejected == 1
    line, told = report.rejections[0]
    assert (line, told[: len(why)]) == (4, why)


def test_who_stands_twice_gets_it_once(tmp_path):
    found, report = read(tmp_path, "phone,name\n+12125550100,Ann\n2125550100,Anna\n")
    assert [one.variables["name"] for one in found] == ["Ann"]
    assert report.duplicates == 1


def test_only_what_the_text_needs_is_kept(tmp_path):
    found, _ = read(tmp_path, "phone,name,consent\n+12125550100,Ann,yes\n")
    assert found[0].variables == {"name": "Ann"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("number,name\n1,2\n", "no column 'phone'"),
        ("phone,first\n1,2\n", "no column 'name'"),
        ("phone,phone,name\n1,2,3\n", "'phone' stands twice"),
        ('phone,name\n+12125550100,"Ann\n', "line 2: unexpected end of data"),
        (b"phone,name\n+12125550100,Andr\xe9\n", "is not UTF-8"),
        ("", "no column 'phone'"),
    ],
)
def test_a_list_that_cannot_be_read(tmp_path, content, why):
    with pytest.raises(BadAudience, match=why):
        read(tmp_path, content)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadAudience, match=r"there is no file .*none\.csv"):
        asyncio.run(anext(CsvAudience(tmp_path / "none.csv", ()).batches()))


def test_a_long_list_is_not_read_at_once(tmp_path):
    path = tmp_path / "list.csv"
    filler = "x" * 1000
    with path.open("w") as file:
        file.write("phone,name,notes\n")
        file.writelines(f"+1212{2000000 + n},Ann,{filler}\n" for n in range(10_000))
    audience = CsvAudience(path, ("name",))

    async def count():
        return [len(batch) async for batch in audience.batches()]

    tracemalloc.start()
    sizes = asyncio.run(count())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(sizes) == 10_000
    assert max(sizes) <= 2_000
    assert peak < path.stat().st_size / 2


def test_the_record_of_an_audience_has_no_numbers(tmp_path):
    path = tmp_path / "for +12125550100.csv"
    path.write_text("phone,name\n+12125550100,\n212555010,Ann\n+12125550101,Bo\n")
    audience = CsvAudience(path, ("name",))
    asyncio.run(anext(audience.batches()))
    assert audience.report.rejected == 2
    query = Query("q", "", "SELECT 1", ("day", "phone"))
    values = {"day": "2026-12-24", "phone": "+12125550100"}
    by_query = QueryAudience(None, query, values, ())
    record = json.dumps([audience.source, audience.report.as_json(), by_query.source])
    assert "2026-12-24" in record
    assert "55501" not in record


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start):
    assert harmless(f"{start}1") == f"'{start}1"
