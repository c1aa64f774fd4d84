"""Every text fits: one segment where possible, two at most, with the longest values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from actions.asking import ANY_PLACE, MOST_APPOINTMENTS
from actions.names import LONGEST
from actions.prompts import EXPIRED
from actions.search import OFFERS
from messaging.menus import render
from messaging.segments import Encoding, encoding_of, segment_count
from practice.requested_reminders import MOST_WAITING

ROOT = Path(__file__).parents[2]
DOMAIN = yaml.safe_load((ROOT / "domain.yml").read_text())
RESPONSES = DOMAIN["responses"]
HARBOR = yaml.safe_load((ROOT / "practice" / "harbor.yml").read_text())

WHEN = "Wed Nov 25 at 10:00am"
PLACE = max((one["name"] for one in HARBOR["locations"].values()), key=len)
SERVICE = max((one["name"] for one in HARBOR["services"].values()), key=len)
LINE = f"{SERVICE} {WHEN}, {PLACE} HEC-4K7Q"
VALUES = {
    "service_name": SERVICE,
    "when_text": WHEN,
    "new_when": WHEN,
    "said": "Wed Nov 25 10:00am-12:30pm or Thu Nov 26 10:00am-12:30pm",
    "place": PLACE,
    "whose": PLACE,
    "new_place": PLACE,
    "address": max((one["address"] for one in HARBOR["locations"].values()), key=len),
    "reference": "HEC-4K7Q",
    "day": "Wed Nov 25",
    "hours": "10:00am-12:30pm",
    "person": "W" * LONGEST,
    "count": str(MOST_WAITING),
    "lines": "\n".join([LINE] * MOST_APPOINTMENTS),
}
SLOT = "Wed Nov 25 10:00am"
MENUS = {
    "times": [SLOT] * OFFERS,
    "times at several places": [f"{SLOT} {PLACE}"] * OFFERS,
    "appointments": [f"{SERVICE} {SLOT}"] * MOST_APPOINTMENTS,
    "reminders": [SLOT] * MOST_WAITING,
    "whether to come": ["I will come", "Move it", "Cancel it"],
    "services": [one["name"] for one in HARBOR["services"].values()],
    "places": [*(one["name"] for one in HARBOR["locations"].values()), "Either one"],
}
OFFERED = sorted(
    name for name, texts in RESPONSES.items() if "number or another" in texts[0]["text"]
    or "number, or another" in texts[0]["text"]
)  # fmt: skip
ASKED_AGAIN = [
    ("utter_offer_again", "times at several places"),
    ("utter_which_service", "services"),
    ("utter_which_location", "places"),
    ("utter_which_name", None),
    ("utter_which_name_other", None),
]
INTERRUPTIONS = [
    "utter_help",
    "utter_bot_challenge",
    "utter_out_of_scope",
    "utter_other_language",
    "utter_greet",
    "utter_welcome",
    "utter_goodbye",
    "utter_fallback_in_form",
    "utter_fallback_third",
    "utter_your_appointment",
    "utter_no_appointment",
]

# Words that a carrier or the engine takes for consent or help (compliance rules of the engine).
KEYWORDS = ("CANCEL", "END", "QUIT", "INFO", "START", "STOP", "UNSUBSCRIBE", "HELP")


def filled(name: str) -> str:
    return re.sub(r"{(\w+)}", lambda match: VALUES[match[1]], RESPONSES[name][0]["text"])


@pytest.mark.parametrize("name", sorted(RESPONSES))
def test_fits_two_segments_at_the_longest(name):
    text = filled(name)
    assert encoding_of(text) is Encoding.GSM7
    assert segment_count(text) <= 2
    if set(re.findall(r"{(\w+)}", RESPONSES[name][0]["text"])) <= {"service_name"}:
        assert segment_count(text) == 1  # nothing in it can be long


@pytest.mark.parametrize("name", OFFERED)
@pytest.mark.parametrize("menu", ["times", "times at several places"])
def test_offers_fit_with_their_lines(name, menu):
    assert segment_count(render(filled(name), MENUS[menu])) <= 2


def test_an_ordinary_offer_is_one_segment():
    assert OFFERED
    assert segment_count(render(filled("utter_offer_times"), MENUS["times"])) == 1
    assert segment_count(render(filled("utter_time_taken"), MENUS["times"])) == 1


@pytest.mark.parametrize("name", [n for n in RESPONSES if n.startswith("utter_which_to_")])
def test_choosing_an_appointment_fits(name):
    assert segment_count(render(filled(name), MENUS["appointments"])) <= 2


@pytest.mark.parametrize(
    ("question", "menu"),
    [
        ("utter_which_reminder", "reminders"),
        ("utter_move_or_cancel", "whether to come"),
        ("utter_come_or_change", "whether to come"),
    ],
)
def test_questions_about_what_was_reminded_of_fit(question, menu):
    assert segment_count(render(filled(question), MENUS[menu])) <= 2


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
@pytest.mark.parametrize(("question", "menu"), ASKED_AGAIN)
def test_an_answer_and_the_question_again_fit_one_reply(interruption, question, menu):
    both = f"{filled(interruption)}\n{filled(question)}"
    assert segment_count(render(both, MENUS[menu] if menu else [])) <= 2


@pytest.mark.parametrize("text", [*EXPIRED.values()])
def test_expiry_fits_one_segment(text):
    assert segment_count(text) == 1


@pytest.mark.parametrize("name", sorted(RESPONSES))
def test_no_keyword_of_a_carrier_is_offered(name):
    words = re.findall(r"\b[A-Z]{3,}\b", RESPONSES[name][0]["text"])
    assert not set(words) & set(KEYWORDS)


def test_every_response_that_actions_send_exists():
    source = "".join(path.read_text() for path in (ROOT / "actions").glob("*.py"))
    named = set(re.findall(r'"(utter_\w+[a-z])"', source)) - {"utter_message", "utter_action"}
    families = re.findall(r'f"(utter_\w+_){', source)
    assert named <= set(RESPONSES)
    for family in families:
        assert [name for name in RESPONSES if name.startswith(family)], family


def test_a_summary_says_who_what_when_and_where():
    text = RESPONSES["utter_confirm_booking"][0]["text"]
    for value in ("service_name", "when_text", "place", "person"):
        assert f"{{{value}}}" in text
    for name in ("utter_booked", "utter_moved", "utter_confirmed"):
        for value in ("when_text", "place", "address", "reference"):
            assert f"{{{value}}}" in RESPONSES[name][0]["text"]


def test_either_place_is_no_location():
    assert ANY_PLACE not in HARBOR["locations"]
