"""What a text costs: what it is charged as, why, and exactly how much."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.preview import preview
from connectors.credentials import settings_from
from messaging.cost import Cost, cost_of
from messaging.errors import SettingsError
from messaging.prices import Prices
from messaging.segments import Encoding, segment_count, unit_count, units_left

USD = Prices(per_segment=Decimal("0.0079"), per_media=Decimal("0.02"))
THUMB = "\N{THUMBS UP SIGN}"


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ("", Cost(Encoding.GSM7, 0, 160, 1, (), Decimal("0.0079"))),
        ("x" * 160, Cost(Encoding.GSM7, 160, 0, 1, (), Decimal("0.0079"))),
        ("x" * 161, Cost(Encoding.GSM7, 161, 145, 2, (), Decimal("0.0158"))),
        ("€" * 81, Cost(Encoding.GSM7, 162, 143, 2, (), Decimal("0.0158"))),
        (THUMB * 35, Cost(Encoding.UCS2, 70, 0, 1, (THUMB,), Decimal("0.0079"))),
        (THUMB * 36, Cost(Encoding.UCS2, 72, 61, 2, (THUMB,), Decimal("0.0158"))),
        ("ã" + "[" * 70, Cost(Encoding.UCS2, 71, 63, 2, ("ã",), Decimal("0.0158"))),
        ("x" * 1530, Cost(Encoding.GSM7, 1530, 0, 10, (), Decimal("0.0790"))),
    ],
)
def test_cost(body, cost):
    assert cost_of(body, USD) == cost


def test_files_make_it_one_mms_whatever_it_says():
    cost = cost_of("x" * 500, USD, media=True)
    assert (cost.segments, cost.price) == (1, Decimal("0.02"))


def test_without_prices_the_rest_is_known():
    assert cost_of("x" * 161, Prices()).segments == 2
    assert cost_of("x", Prices(per_media=Decimal(1))).price is None


def test_all_that_offends_is_named_once():
    assert cost_of("ã—ã", USD).offending == ("ã", "—")


@given(st.text(min_size=1, max_size=500))
def test_what_is_left_can_be_used_and_no_more(body):
    # By a letter that is in both alphabets and takes one unit.
    full = body + "x" * units_left(body)
    assert segment_count(full) == segment_count(body)
    assert segment_count(full + "x") == segment_count(body) + 1
    assert unit_count(full) == unit_count(body) + units_left(body)


# -- in the settings and on the command line ------------------------------------------------


def settings(twilio: dict | None = None, **general):
    gateway = {"account_sid": "AC1", "auth_token": "t1", "numbers": ["+12125550142"]}
    return settings_from(
        {
            "public_url": "https://sms.example.com",
            **general,
            "gateways": {"twilio": {**gateway, **(twilio or {})}},
        },
        {},
    )


def test_prices_are_read_as_they_are_written():
    read = settings({"price_per_segment": 0.0079, "price_per_media": "0.020"}, currency="EUR")
    assert read.prices["twilio"] == Prices(Decimal("0.0079"), Decimal("0.020"), "EUR")
    assert settings().prices["twilio"] == Prices(None, None, "USD")


@pytest.mark.parametrize(
    ("twilio", "general", "says"),
    [
        ({"price_per_segment": "cheap"}, {}, "price_per_segment: expected a number"),
        ({"price_per_segment": -1}, {}, "price_per_segment: -1 is below zero"),
        ({}, {"currency": "dollars"}, "currency: 'dollars' is not a code such as USD"),
    ],
)
def test_a_price_that_is_none_is_told(twilio, general, says):
    with pytest.raises(SettingsError, match=says):
        settings(twilio, **general)


def shown(body: str, read, media: str | None = None) -> list[str]:
    out = io.StringIO()
    preview(
        read,
        to="+12125550100",
        body=body,
        sender=None,
        media=media,
        console=Console(file=out, width=80),
    )
    return out.getvalue().splitlines()


def test_a_preview_shows_what_leaves_and_what_it_costs():
    priced = settings({"price_per_segment": "0.0079"}, longest_text=160)
    body = "x" * 120 + ".\nIt\N{RIGHT SINGLE QUOTATION MARK}s " + "y" * 100
    assert shown(body, priced) == [
        "From +12125550142 (twilio) to +12125550100. Nothing is sent.",
        "",
        "Text 1 of 2: GSM-7, 133 units used, 27 left, 1 segment, 0.0079 USD",
        "Part 1 of 2",
        "x" * 120 + ".",
        "",
        "Text 2 of 2: GSM-7, 117 units used, 43 left, 1 segment, 0.0079 USD",
        'replaced: 1 x RIGHT SINGLE QUOTATION MARK (U+2019) -> "\'"',
        "Part 2 of 2",
        "It's " + "y" * 100,
        "",
        "Together: 2 segments, 0.0158 USD",
    ]


def test_a_preview_names_what_makes_it_dear():
    assert shown(f"Hi {THUMB}", settings())[2:] == [
        "UCS-2, 5 units used, 65 left, 1 segment (its price is not configured)",
        f"UCS-2 because of '{THUMB}', THUMBS UP SIGN",
        f"Hi {THUMB}",
    ]


def test_a_preview_of_files_and_of_a_link():
    priced = settings({"price_per_media": "0.02"}, longest_text=160, long_texts="link")
    assert shown("Map", priced, "https://example.com/map.png")[2:] == [
        "one MMS, 1 segment, 0.02 USD",
        "Map",
    ]
    lines = shown("word " * 100, priced)
    assert "links to a page with all of it; this page is not kept" in lines
    assert lines[-1].startswith("Read on: https://sms.example.com/t/")
