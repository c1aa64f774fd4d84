"""The chain that binds events of consent, and what they come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.consent import (
    QUESTION_OPEN,
    ConsentEvent,
    Direction,
    Method,
    Refusal,
    Wanted,
    due_by,
    refusal_of,
    silenced,
    state_of,
)
from messaging.consent_chain import GENESIS, PERSONAL, ChainCheck, Entry, commit, digest

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
PHONE, OURS, OURS_TOO = "+12125550100", "+12125550142", "+12125550143"
TEXT = "I agree to get offers by text. Consent is not a condition of purchase."


def event(direction: Direction, **given) -> ConsentEvent:
    known = {
        "phone": PHONE,
        "direction": direction,
        "scope": "all",
        "method": Method.KEYWORD,
        "actor": "customer",
        "recorded_at": NOW,
        "captured_at": NOW,
        "body": "STOP",
        "vendor_id": "SM1",
    }
    return ConsentEvent(**known | given)


def web(**given) -> ConsentEvent:
    shown = {"scope": "marketing", "method": Method.WEB, "disclosure": TEXT, "body": None}
    return event(Direction.GRANT, **shown | given)


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
events = st.builds(
    ConsentEvent,
    phone=st.sampled_from([PHONE, "+12125550101"]),
    direction=st.sampled_from(Direction),
    scope=st.sampled_from(["all", "marketing", "program/recall"]),
    method=st.sampled_from(Method),
    actor=st.just("customer"),
    recorded_at=st.datetimes(timezones=st.just(UTC)),
    captured_at=st.none() | st.datetimes(timezones=st.timezones()),
    disclosure=texts,
    body=texts,
    not_condition_of_purchase=st.none() | st.booleans(),
    due_by=st.none() | st.dates(),
)


SALT = bytes(32)


def entry_of(previous: bytes, id: int, content: dict[str, object]) -> Entry:
    commitment = commit(SALT, content)
    return Entry(id, content, commitment, SALT, digest(previous, id, content, commitment))


def chain(given: list[ConsentEvent]) -> list[Entry]:
    entries, head = [], GENESIS
    for id, one in enumerate(given, 1):
        entries.append(entry_of(head, id, one.content()))
        head = entries[-1].hash
    return entries


def faults(entries: list[Entry], end: Entry) -> list[str]:
    check = ChainCheck()
    for entry in entries:
        check.add(entry)
    check.end(end.id, end.hash)
    return check.faults


@given(st.lists(events, min_size=1, max_size=6))
def test_a_chain_as_it_was_written_has_no_fault(given):
    entries = chain(given)
    assert faults(entries, entries[-1]) == []


@given(st.lists(events, min_size=2, max_size=6), st.data())
def test_a_change_is_found(given, data):
    entries = chain(given)
    place = data.draw(st.integers(0, len(entries) - 1))
    old = entries[place]
    changed = [*entries]
    changed[place] = replace(old, content={**old.content, "phone": "+12125559999"})
    assert faults(changed, entries[-1])
    rehashed = [*entries]
    previous = entries[place - 1].hash if place else GENESIS
    rehashed[place] = entry_of(previous, old.id, changed[place].content)
    assert faults(rehashed, entries[-1])


@given(st.lists(events, min_size=1, max_size=6), st.data())
def test_a_removal_is_found_also_of_the_last(given, data):
    entries = chain(given)
    place = data.draw(st.integers(0, len(entries) - 1))
    assert faults(entries[:place] + entries[place + 1 :], entries[-1])


@given(st.lists(events, min_size=2, max_size=6, unique_by=lambda one: one.recorded_at), st.data())
def test_a_new_order_is_found(given, data):
    entries = chain(given)
    first = data.draw(st.integers(0, len(entries) - 2))
    one, two = entries[first], entries[first + 1]
    swapped = [*entries]
    swapped[first], swapped[first + 1] = replace(two, id=one.id), replace(one, id=two.id)
    assert faults(swapped, entries[-1])


@given(st.lists(events, min_size=1, max_size=5), events, st.data())
def test_an_insertion_is_found(given, new, data):
    entries = chain(given)
    place = data.draw(st.integers(0, len(entries)))
    pushed = [replace(entry, id=entry.id + 1) for entry in entries[place:]]
    previous = entries[place - 1].hash if place else GENESIS
    forged = entry_of(previous, place + 1, new.content())
    assert faults([*entries[:place], forged, *pushed], entries[-1])


def test_the_hash_does_not_depend_on_the_zone_in_which_a_time_is_written():
    there = NOW.astimezone(datetime.now().astimezone().tzinfo)
    assert event(Direction.GRANT, captured_at=there) == event(Direction.GRANT)
    given = [event(Direction.GRANT, captured_at=at).content() for at in (NOW, there)]
    assert entry_of(GENESIS, 1, given[0]).hash == entry_of(GENESIS, 1, given[1]).hash


def redacted(entry: Entry) -> Entry:
    public = {name: value for name, value in entry.content.items() if name not in PERSONAL}
    return replace(entry, content=public, salt=None)


@given(st.lists(events, min_size=2, max_size=6), st.data())
def test_a_chain_stays_whole_where_entries_are_redacted_and_only_there(given, data):
    entries = chain(given)
    place = data.draw(st.integers(0, len(entries) - 1))
    entries[place] = redacted(entries[place])
    assert faults(entries, entries[-1]) == []
    half = replace(entries[place], content={**entries[place].content, "body": "STOP"})
    assert faults([*entries[:place], half, *entries[place + 1 :]], entries[-1])
    turned = {**entries[place].content, "direction": Direction.GRANT, "scope": "program/x"}
    other = replace(entries[place], content=turned)
    assert faults([*entries[:place], other, *entries[place + 1 :]], entries[-1])


STOP, START = event(Direction.REVOKE), event(Direction.GRANT, body="START")
LATER = NOW + timedelta(hours=1)
YES, ASKED, NO = Wanted


@pytest.mark.parametrize(
    ("said", "opted_out", "notices", "marketing"),
    [
        ([], False, YES, NO),
        ([STOP], True, NO, NO),
        ([STOP, START], False, YES, NO),
        ([START, STOP], True, NO, NO),
        ([web()], False, YES, YES),
        ([web(), STOP], True, NO, NO),
        ([web(), STOP, START], False, YES, YES),
        ([web(captured_at=None)], False, YES, NO),
        ([web(method=Method.IMPORT)], False, YES, NO),
        ([web(disclosure=None)], False, YES, NO),
        ([web(scope="transactional")], False, YES, NO),
        ([web(scope="program/recall")], False, YES, NO),
        ([web(), event(Direction.PENDING)], False, ASKED, ASKED),
        ([web(), event(Direction.PENDING), event(Direction.RECONFIRM)], False, YES, YES),
        ([web(), event(Direction.PENDING), STOP], True, NO, NO),
        ([event(Direction.PENDING), event(Direction.REQUESTED)], False, ASKED, NO),
        ([event(Direction.REQUESTED)], False, YES, NO),
        ([STOP, event(Direction.RECONFIRM)], True, NO, NO),
        ([web(), event(Direction.REVOKE, scope="marketing")], False, YES, NO),
        ([web(), event(Direction.REVOKE, scope="program/recall")], False, YES, NO),
        ([web(), event(Direction.REVOKE, scope="transactional")], False, NO, YES),
        # a list brings nobody back who has opted out since it was written
        ([STOP, web(scope="all")], True, NO, NO),
        ([STOP, web(scope="all", captured_at=NOW - timedelta(days=9))], True, NO, NO),
        ([STOP, web(scope="all", captured_at=None)], True, NO, NO),
        ([STOP, web(scope="all", captured_at=LATER)], False, YES, YES),
    ],
)
def test_what_events_come_to(said, opted_out, notices, marketing):
    state = state_of(said, LATER)
    assert (state.opted_out, state.notices, state.marketing) == (opted_out, notices, marketing)


@pytest.mark.parametrize(
    ("after", "notices"),
    [
        (QUESTION_OPEN - timedelta(microseconds=1), ASKED),
        (QUESTION_OPEN, YES),
        (timedelta(days=400), YES),
    ],
)
def test_notices_go_again_when_a_question_has_lapsed_and_marketing_does_not(after, notices):
    said = [web(), event(Direction.PENDING)]
    state = state_of(said, NOW + after)
    assert (state.notices, state.marketing) == (notices, ASKED)
    again = [*said, event(Direction.PENDING, recorded_at=NOW + after)]
    assert state_of(again, NOW + after).notices is ASKED
    settled = [*said, event(Direction.RECONFIRM, recorded_at=NOW + after)]
    assert state_of(settled, NOW + after).marketing is YES


def test_a_stop_counts_for_its_number_or_for_all():
    said = [event(Direction.REVOKE, number=OURS)]
    assert state_of(said, NOW, OURS).opted_out
    assert not state_of(said, NOW, OURS_TOO).opted_out
    assert state_of(said, NOW).opted_out
    assert state_of([event(Direction.REVOKE)], NOW, OURS_TOO).opted_out


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        (date(2026, 11, 25), date(2026, 12, 9)),
        (date(2026, 11, 27), date(2026, 12, 11)),
        (date(2026, 11, 28), date(2026, 12, 11)),
        (date(2026, 11, 30), date(2026, 12, 14)),
    ],
)
def test_ten_business_days(asked, due):
    assert due_by(asked) == due


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ([], None),
        ([START], None),
        ([STOP], Refusal("all", NOW)),
        ([STOP, START], None),
        ([event(Direction.REVOKE, scope="program/recall")], Refusal("marketing", NOW)),
        ([event(Direction.REVOKE, scope="transactional")], Refusal("transactional", NOW)),
        ([STOP, event(Direction.REVOKE, scope="marketing", captured_at=LATER)],
            Refusal("all", LATER)),
        # Nobody can answer the question any more, so it is taken for answered.
        ([event(Direction.PENDING)], Refusal("all", NOW)),
        ([event(Direction.PENDING), event(Direction.RECONFIRM)], None),
    ],
)  # fmt: skip
def test_what_is_remembered_of_who_is_forgotten(said, kept):
    assert refusal_of(said) == kept


def test_who_was_forgotten_is_silenced_at_each_number_until_start():
    left = event(Direction.REVOKE, method=Method.ERASURE)
    later = NOW + timedelta(days=30)
    assert silenced([left], OURS, later)
    assert not silenced([left, event(Direction.GRANT, recorded_at=later)], OURS, later)
    listed = event(
        Direction.GRANT, method=Method.WEB, disclosure=TEXT, captured_at=NOW - timedelta(days=1)
    )
    assert silenced([left, listed], OURS, later)
