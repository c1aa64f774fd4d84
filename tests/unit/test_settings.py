"""credentials.yml: what is read, what wins, and what an error tells the engineer."""

from __future__ import annotations

import copy
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.credentials import (
    GENERAL,
    KEYWORDS,
    PRICES,
    SECTION,
    VENDORS,
    WEIGHT,
    load_settings,
    settings_from,
)
from messaging.backlog import DelayNotice
from messaging.consent import ConsentPolicy, OptOutScope
from messaging.errors import SettingsError
from messaging.quiet_hours import Window
from messaging.retention_periods import RetentionPeriods
from messaging.segments import segment_count
from messaging.text_policy import Duplicates, Level, LongTexts, TextPolicy
from simulator import practice

ROOT = Path(__file__).resolve().parents[2]
TWILIO = {"account_sid": "AC1", "auth_token": "t1", "numbers": ["+12125550142"]}
INTELEPEER = {"token": "k1", "secret": "s1", "numbers": ["+12125550143"]}


def section(**changes: Any) -> dict[str, Any]:
    whole = {
        "public_url": "https://sms.example.com",
        "gateways": {"twilio": dict(TWILIO), "intelepeer": dict(INTELEPEER)},
        **changes,
    }
    return copy.deepcopy({key: value for key, value in whole.items() if value is not None})


def twilio(**changes: Any) -> dict[str, Any]:
    entries = {**TWILIO, **changes}
    return section(
        gateways={"twilio": {key: value for key, value in entries.items() if value is not None}}
    )


def intelepeer(**changes: Any) -> dict[str, Any]:
    entries = {**INTELEPEER, **changes}
    return section(
        gateways={"intelepeer": {key: value for key, value in entries.items() if value is not None}}
    )


def test_the_repository_s_file_fits_the_simulator():
    settings = load_settings(ROOT / "credentials.yml", {})
    assert settings.public_url == practice.PUBLIC_URL
    assert settings.gateways["twilio"].numbers == practice.TWILIO_NUMBERS
    assert settings.gateways["intelepeer"].numbers == practice.INTELEPEER_NUMBERS
    written = yaml.safe_load((ROOT / "credentials.yml").read_text())[SECTION]["gateways"]
    assert written["twilio"]["account_sid"] == practice.TWILIO_ACCOUNT_SID
    assert written["twilio"]["auth_token"] == practice.TWILIO_AUTH_TOKEN
    assert written["intelepeer"]["token"] == practice.INTELEPEER_TOKEN
    assert written["intelepeer"]["secret"] == practice.INTELEPEER_SECRET
    for gateway in written.values():
        assert gateway["base_url"] == f"http://localhost:{practice.PORT}"


def test_the_least_that_works():
    settings = settings_from(twilio(), {})
    assert settings.signature == "enforce"
    assert settings.burst_seconds == 1.2
    assert settings.failure_message
    assert list(settings.gateways) == ["twilio"]
    assert settings.company.failure_message == settings.failure_message
    assert settings.delay_notice == DelayNotice(timedelta(seconds=30), settings.delay_message)
    assert segment_count(settings.delay_message) == 1


def test_in_whose_name_rules_speak():
    company = settings_from(section(brand="Harbor", help_contact="212"), {}).company
    assert (company.brand, company.help_contact) == ("Harbor", "212")


@pytest.mark.parametrize(
    ("variable", "value", "read", "expected"),
    [
        ("LINNET_PUBLIC_URL", "http://x.test:81/", lambda s: s.public_url, "http://x.test:81"),
        ("LINNET_SIGNATURE", "observe", lambda s: s.signature, "observe"),
        ("LINNET_BURST_SECONDS", "0", lambda s: s.burst_seconds, 0.0),
        ("LINNET_DELIVERY", "worker", lambda s: s.delivery, "worker"),
        ("LINNET_BRAND", "Lake", lambda s: s.brand, "Lake"),
        ("LINNET_FAILURE_MESSAGE", "Oh.", lambda s: s.failure_message, "Oh."),
        ("LINNET_DELAY_AFTER", "90", lambda s: s.delay_notice.after, timedelta(seconds=90)),
        ("LINNET_DELAY_AFTER", "0", lambda s: s.delay_notice, None),
        ("LINNET_API_REQUESTS_PER_MINUTE", "60", lambda s: s.api_requests_per_minute, 60),
        ("LINNET_DELAY_MESSAGE", "Soon.", lambda s: s.delay_notice.body, "Soon."),
        (
            "TWILIO_NUMBERS",
            "+12125550150, +12125550151",
            lambda s: s.gateways["twilio"].numbers,
            ("+12125550150", "+12125550151"),
        ),
        (
            "TWILIO_AUTH_TOKEN",
            "a,b",
            lambda s: s.gateways["twilio"]._settings.auth_token,
            ("a", "b"),
        ),
        (
            "TWILIO_BASE_URL",
            "http://localhost:5083",
            lambda s: s.gateways["twilio"]._settings.base_url,
            "http://localhost:5083",
        ),
        (
            "TWILIO_PER_SECOND",
            "30",
            lambda s: s.gateways["twilio"].capabilities.per_second,
            30.0,
        ),
        (
            "INTELEPEER_SECRET",
            "other",
            lambda s: s.gateways["intelepeer"]._settings.secret,
            ("other",),
        ),
        (
            "INTELEPEER_MDR_METHOD",
            "get",
            lambda s: s.gateways["intelepeer"]._settings.mdr_method,
            "GET",
        ),
    ],
)
def test_the_environment_wins(variable, value, read, expected):
    assert read(settings_from(section(), {variable: value})) == expected
    assert read(settings_from(section(), {variable: ""})) == read(settings_from(section(), {}))


def test_a_key_may_stand_in_the_environment_only():
    environ = {"TWILIO_AUTH_TOKEN": "secret", "LINNET_PUBLIC_URL": "https://x.test"}
    written = twilio(auth_token=None)
    del written["public_url"]
    settings = settings_from(written, environ)
    assert settings.public_url == "https://x.test"


def test_variables_within_the_file():
    settings = settings_from(twilio(numbers=["${OURS}"]), {"OURS": "+12125550150"})
    assert settings.gateways["twilio"].numbers == ("+12125550150",)
    with pytest.raises(SettingsError, match="the environment has no OURS"):
        settings_from(twilio(numbers=["${OURS}"]), {})


def test_which_gateway_a_number_is_at():
    settings = settings_from(section(), {})
    assert settings.gateway_for_number("+12125550143").name == "intelepeer"
    with pytest.raises(SettingsError, match=r"\+12125550199 is none of .*\+12125550142"):
        settings.gateway_for_number("+12125550199")


@pytest.mark.parametrize("numbers", [["12345"], ["1-12345"], "+12125550142", ["+442079460000"]])
def test_numbers_that_are_good(numbers):
    assert settings_from(twilio(numbers=numbers), {}).gateways["twilio"].numbers


@pytest.mark.parametrize(
    ("written", "told"),
    [
        (None, "SMSInput: expected lines of 'key: value'"),
        ([], "SMSInput: expected lines of 'key: value'"),
        (section(public_url=None), "'public_url' is missing.*LINNET_PUBLIC_URL"),
        (section(public_url="sms.example.com"), "public_url: .*not an address"),
        (section(public_url="https://"), "public_url: .*not an address"),
        (section(public_url="https://x.test:99999"), "public_url: .*not an address"),
        (section(public_url="https://me:pw@x.test"), "leave out user name"),
        (section(public_url="https://x.test/?a=1"), "leave out"),
        (section(public_url=5), "public_url: expected a text, found a number; put it in quotes"),
        (section(public_ulr="x"), "no key 'public_ulr'; did you mean 'public_url'"),
        (section(gateway={}), "no key 'gateway'; did you mean 'gateways'"),
        (section(zzz=1), "no key 'zzz' .known: public_url"),
        (section(signature="off"), "signature: expected enforce or observe, found 'off'"),
        (section(signature=True), "signature: expected enforce or observe, found True"),
        (section(burst_seconds="soon"), "burst_seconds: expected a number, found 'soon'"),
        (section(burst_seconds=True), "burst_seconds: expected a number"),
        (section(burst_seconds=-1), "between 0 and 30"),
        (section(burst_seconds=float("nan")), "expected a number"),
        (section(failure_message=" "), "failure_message: this is empty"),
        (section(delay_after=-1), "delay_after: -1 is below zero"),
        (section(courtesy_hours="3-20"), "courtesy_hours: '3-20' is no window; it begins at 5"),
        (section(quiet_hours="never"), "quiet_hours: expected enforce or strict or off"),
        (section(gateways={}), "write at least one of twilio, intelepeer"),
        (section(gateways=None), "write at least one of twilio, intelepeer"),
        (section(gateways=["twilio"]), "gateways: expected lines of 'key: value'"),
        (section(gateways={"twillio": {}}), "no such gateway; did you mean 'twilio'"),
        (section(gateways={"twilio": None}), "gateways.twilio: expected lines"),
        (twilio(auth_token=None), "gateways.twilio: 'auth_token' is missing.*TWILIO_AUTH_TOKEN"),
        (twilio(auth_tokens=["x"]), "no key 'auth_tokens'; did you mean 'auth_token'"),
        (twilio(auth_token=[]), "auth_token: the list is empty"),
        (twilio(auth_token=7), "auth_token: expected a text or a list, found a number"),
        (twilio(account_sid=7), "account_sid: expected a text, found a number"),
        (twilio(numbers=[12125550142]), r'put 12125550142 in quotes.*"\+12125550142"'),
        (twilio(numbers=["2125550142"]), "'2125550142' is not E.164"),
        (twilio(numbers=["+1 212 555 0142"]), "is not E.164"),
        (twilio(numbers=[]), "numbers: expected a list"),
        (twilio(numbers=12125550142), "numbers: expected a list"),
        (twilio(numbers=["+12125550142"] * 2), r"\+12125550142 stands twice at twilio"),
        (twilio(per_second=0), "per_second: 0 is not above zero"),
        (twilio(base_url="api.twilio.com"), "base_url: .*not an address"),
        (intelepeer(token=None), "write 'token'.*'username' and 'password'"),
        (intelepeer(token=None, username="me"), "write 'token'.*'username' and 'password'"),
        (intelepeer(secret=None), "'secret' is missing"),
        (intelepeer(authorization="basic"), "authorization: expected bearer or bare"),
        (
            section(
                gateways={
                    "twilio": TWILIO,
                    "intelepeer": {**INTELEPEER, "numbers": "+12125550142"},
                }
            ),
            r"\+12125550142 stands at both twilio and intelepeer",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(written, told):
    with pytest.raises(SettingsError, match=told) as refused:
        settings_from(written, {})
    assert refused.value.detail.startswith("credentials.yml, connectors.sms.SMSInput")


def test_a_wrong_variable_is_named():
    with pytest.raises(SettingsError, match="environment variable TWILIO_NUMBERS: '123' is not"):
        settings_from(section(), {"TWILIO_NUMBERS": "123"})


def test_secrets_are_not_in_errors_or_repr():
    for written in (twilio(auth_token={"a": "hush"}), twilio(auth_token=["hush", 3])):
        with pytest.raises(SettingsError) as refused:
            settings_from(written, {})
        assert "hush" not in str(refused.value)
    assert "t1" not in repr(settings_from(section(), {}))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a: b: c\n", r"credentials.yml, line 1, column 5: "),
        ("x:\n  - 'open\n", r", line \d+, column \d+: "),
        ("", "has no section 'connectors.sms.SMSInput:'"),
        ("rest:\n", "has no section"),
        ("- a\n", "has no section"),
        (f"{SECTION}:\n", "expected lines of 'key: value'"),
        (f"{SECTION}:\n  gateways: {{}}\n", "'public_url' is missing"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, told):
    path = tmp_path / "credentials.yml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=told) as refused:
        load_settings(path, {})
    assert str(path) in refused.value.detail


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(SettingsError, match=r"there is no .*nowhere.yml"):
        load_settings(tmp_path / "nowhere.yml", {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path, {})
    (tmp_path / "latin.yml").write_bytes(b"x: \xff")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "latin.yml", {})


def test_how_words_become_texts():
    usual = settings_from(section(), {}).text_policies["twilio"]
    assert usual == TextPolicy(1600, Level.SMART, LongTexts.PARTS, "https://sms.example.com/t/")
    chosen = settings_from(section(encoding="all", long_texts="link", longest_text=300), {})
    assert chosen.text_policies["intelepeer"] == TextPolicy(
        300, Level.ALL, LongTexts.LINK, "https://sms.example.com/t/"
    )
    assert settings_from(section(longest_text=9999), {}).text_policies["twilio"].longest == 1600


@pytest.mark.parametrize("limit", Duplicates)
def test_which_repeated_texts_are_not_sent(limit):
    usual = settings_from(section(), {}).text_policies["twilio"]
    assert usual.limit_duplicates is Duplicates.NOTICES
    chosen = settings_from(section(), {"LINNET_LIMIT_DUPLICATES": limit}).text_policies
    assert {policy.limit_duplicates for policy in chosen.values()} == {limit}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"longest_text": 30}, "longest_text: 30 characters are too few: allow 34 or more"),
        (
            {"longest_text": 70, "long_texts": "link"},
            "longest_text: 70 characters are too few: allow 78 or more",
        ),
        ({"longest_text": 100.5}, "longest_text: 100.5 is not a whole number"),
        ({"encoding": "ascii"}, "encoding: expected keep or smart or all, found 'ascii'"),
        ({"long_texts": "cut"}, "long_texts: expected parts or link, found 'cut'"),
        (
            {"limit_duplicates": "some"},
            "limit_duplicates: expected notices or all or off, found 'some'",
        ),
    ],
)
def test_texts_that_cannot_be_made_are_told(changes, says):
    with pytest.raises(SettingsError, match=says):
        settings_from(section(**changes), {})


def test_new_conversations_are_shared_equally_unless_weights_say_otherwise():
    assert settings_from(section(), {}).shares == {"twilio": 100, "intelepeer": 100}
    environ = {"TWILIO_WEIGHT": "30", "INTELEPEER_WEIGHT": "0"}
    settings = settings_from(section(), environ)
    assert settings.shares == {"twilio": 30, "intelepeer": 0}
    assert [(one.gateway, one.share) for one in settings.candidates] == [
        ("twilio", 30),
        ("intelepeer", 0),
    ]


@pytest.mark.parametrize(
    ("weight", "says"),
    [
        (101, "weight: 101 is not a whole number from 0 to 100"),
        (-1, "weight: -1 is not a whole number from 0 to 100"),
        (0.5, "weight: 0.5 is not a whole number from 0 to 100"),
        ("much", "weight: expected a number, found 'much'"),
        (0, "every weight is 0, so no new phone could be texted"),
    ],
)
def test_weights_that_cannot_be_are_told(weight, says):
    with pytest.raises(SettingsError, match=says):
        settings_from(twilio(weight=weight), {})


def test_texts_are_kept_longer_than_webhooks_are_repeated():
    assert settings_from(twilio(), {}).retention_days == 400
    assert settings_from(twilio(), {"LINNET_RETENTION_DAYS": "2"}).retention_days == 2
    with pytest.raises(SettingsError, match="write 2 days or more"):
        settings_from(twilio(), {"LINNET_RETENTION_DAYS": "1"})


def test_each_class_of_data_is_kept_for_its_own_time():
    assert settings_from(twilio(), {}).retention == RetentionPeriods()
    given = {"MEDIA": "30", "RAW": "7", "PEOPLE": "1462", "AUDIT": "2000", "RETENTION": "90"}
    environ = {f"LINNET_{name}_DAYS": days for name, days in given.items()}
    expected = RetentionPeriods(texts=90, media=30, raw=7, people=1462, audit=2000)
    assert settings_from(twilio(), environ).retention == expected


@pytest.mark.parametrize("name", ["people_days", "audit_days"])
def test_consent_and_audit_are_not_kept_for_less_than_the_law_wants(name):
    with pytest.raises(SettingsError, match=f"{name.upper()}: write 1462 days or more"):
        settings_from(twilio(), {f"LINNET_{name.upper()}": "1461"})


def test_quiet_hours_are_kept_unless_they_are_switched_off():
    hours = settings_from(twilio(), {}).hours
    assert hours is not None
    assert hours.rules.strict is None
    assert hours.rules.courtesy.windows[0] == Window(8 * 60, 21 * 60)
    strict = settings_from(section(quiet_hours="strict", courtesy_hours="9-18"), {}).hours
    assert strict is not None
    assert strict.rules.strict is not None
    assert strict.rules.courtesy.windows[6] == Window(9 * 60, 18 * 60)
    assert settings_from(section(quiet_hours=False), {}).hours is None  # YAML's off
    assert settings_from(twilio(), {"LINNET_QUIET_HOURS": "off"}).hours is None
    assert settings_from(twilio(), {"LINNET_QUIET_HOURS": "off"}).worker_plan.hours is None


def test_consent_goes_by_the_settings():
    usual = settings_from(section(), {})
    assert usual.company.opt_out_scope is OptOutScope.ALL
    assert usual.company.answering == frozenset()
    assert not usual.company.double_opt_in
    assert usual.consent == ConsentPolicy(OptOutScope.ALL, None)
    environ = {
        "LINNET_OPT_OUT_SCOPE": "number",
        "LINNET_DOUBLE_OPT_IN": "true",
        "LINNET_PRIVACY_URL": "https://x.example/privacy",
        "LINNET_BRAND": "Harbor Eye Care",
        "TWILIO_ANSWERS_KEYWORDS": "gateway",
    }
    given = settings_from(section(), environ)
    assert given.company.opt_out_scope is OptOutScope.NUMBER
    assert given.company.answering == frozenset({"twilio"})
    assert given.company.double_opt_in
    assert given.consent.introduction == (
        "Harbor Eye Care, privacy: https://x.example/privacy Reply HELP for help, STOP to end."
    )
    for wrong in ({"double_opt_in": "maybe"}, {"opt_out_scope": "topic"}):
        with pytest.raises(SettingsError, match="expected"):
            settings_from(section(**wrong), {})


def test_every_setting_is_told_of():
    told = (ROOT / "docs/gateways.md").read_text(encoding="utf-8").split("## Settings")[1]
    table = told.split("\n## ")[0]
    own = [name for vendor in VENDORS.values() for name in vendor.keys]
    for name in (*GENERAL, *PRICES, *WEIGHT, *KEYWORDS, *own):
        assert f"`{name}`" in table, f"docs/gateways.md does not tell of {name}"
