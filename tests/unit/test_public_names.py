"""What other code may import is a promise: a change here is a change for everybody."""

from __future__ import annotations

import doctest
import importlib

import pytest

NAMES = {
    "events.emitting": "EMIT emit",
    "events.schedule": (
        "BUSY BUSY_SECONDS DELAYS JITTER LONGEST_WAIT_SECONDS asked_wait next_delay"
    ),
    "events.signing": "PREFIX SECRET_BYTES new_secret signed_headers",
    "events.types": "APPOINTMENT CONSENT CONVERSATION MESSAGE OUTBOUND PING matching",
    "messaging.assistant": "Answer Assistant Option Prompt Reply TurnInput",
    "messaging.area_codes": "KnownPlace NOT_CONTIGUOUS Source is_state place_of",
    "messaging.attachments": "KEPT_MOST KEPT_SECONDS MediaCheck",
    "messaging.clock": "Clock SystemClock TimeOrderedIds",
    "messaging.composing": "Composed compose",
    "messaging.consent": (
        "ALL BUSINESS_DAYS ConsentChange ConsentEvent ConsentPolicy ConsentState Direction"
        " MARKETING Method OptOutScope Refusal TRANSACTIONAL Wanted due_by refusal_of"
        " silenced state_of"
    ),
    "messaging.consent_chain": "ChainCheck Entry PERSONAL commit digest",
    "messaging.cost": "Cost cost_of",
    "messaging.duplicates": "Claim digest_of is_limited",
    "messaging.errors": (
        "ActionServerFailed AssistantFailed AssistantTimedOut DamagedCiphertext DatabaseUnavailable"
        " DuplicateText Forbidden LinnetError LookUpFailed MalformedRequest MediaRefused"
        " SettingsError TooLarge TurnLost UnknownGateway UnknownKey UnknownSender Unreadable"
        " WebhookRefused WrongMethod"
    ),
    "messaging.gsm7": "Change Transliterated names transliterate",
    "messaging.health": (
        "ERRORS_STEP FULL IN_A_ROW Judgement LEAST RISE SHARE SLOW_SECONDS SLOW_STEP Seen Sends"
        " choose draw judge well"
    ),
    "messaging.holidays": "Holiday Holidays SATURDAY SUNDAY",
    "messaging.logs": "configure_logging",
    "messaging.masking": "SECRET hiding mask mask_body mask_number mask_sensitive mask_text",
    "messaging.media": "Attachment LARGEST MediaFile",
    "messaging.media_limits": (
        "Fitted Found NotCarried fit hindrance largest room_for_links with_link without_files"
    ),
    "messaging.media_types": "type_of",
    "messaging.menus": "answer_of choose render",
    "messaging.openings": "Begun Opening Taken taken",
    "messaging.quiet_hours": (
        "Cap Decision HORIZON_DAYS Held MessageClass Place Rule Rules Window decide"
    ),
    "messaging.retry": (
        "AFTER_BLOCK CHECK_DELAYS LATER NEXT_DAY ONCE_LATER POLL_DELAYS SOON STALE_DELAYS"
        " Schedule ask_delay check_delay next_delay until_next_day"
    ),
    "messaging.rule_files": (
        "HOLIDAYS HOURS courtesy parse_window parse_zone read_holidays read_rules"
    ),
    "messaging.scheduling": "WrongTime leaves_at scheduled",
    "messaging.sealed": (
        "ANSWERS EVENT FAILURE FILE INBOUND_BODY MENU OUTBOUND_BODY PAGE_BODY PROMPT SLOTS SPOOLED"
        " is_session_start seal_event unseal_event"
    ),
    "messaging.segments": (
        "BASIC EXTENSION Encoding encoding_of fit offending parts segment_count unit_count"
        " units_left utf16_length"
    ),
    "messaging.states": "TextState after_receipt rank ranks word worst worst_first",
    "messaging.text_ids": "BETWEEN SHORT matching short span",
    "messaging.text_policy": (
        "Duplicates LEAST_WORDS LONGEST_LABEL Level LongTexts TOKEN_LENGTH TextPolicy"
    ),
    "messaging.tracing": "INSTALL Span Tracer current span start stop",
    "messaging.wordings": "Certainty LONGEST Wish opt_out_wish",
    "messaging.words": (
        "Said Word agrees classify folded gateway_answers has_two_meanings is_autoreply is_tapback"
        " language_of reply_for"
    ),
    "outreach.alerts": "APPROVALS missing_approvals objection",
    "outreach.audience": (
        "Audience BATCH BadAudience CsvAudience KEPT_REJECTIONS Recipient Report Sieve column_name"
    ),
    "outreach.campaign_brief": "Brief",
    "outreach.campaigns": (
        "BadCampaign CLASSES Campaign CampaignState Plan UnknownCampaign WrongStep moment_in"
    ),
    "outreach.template_check": "MOST_SEGMENTS VARIABLE_LENGTH warnings_of warnings_of_words",
    "outreach.templates": (
        "NoticeClass Template Templates UnknownTemplate WrongVariables load_templates"
    ),
    "outreach.reminder_times": (
        "Due is_missed_due is_recall_due missed_due plan due recall_due together"
    ),
    "practice.leads": "Lead MOST_MONTHS months_after parse_lead parse_leads parse_recall",
}

CONSTANTS = (str, int, float, tuple, frozenset)


@pytest.mark.parametrize("module", NAMES)
def test_public_names(module):
    loaded = importlib.import_module(module)
    own = {
        name
        for name, value in vars(loaded).items()
        if not name.startswith("_")
        and (
            getattr(value, "__module__", None) == module
            or (name.isupper() and isinstance(value, CONSTANTS))
        )
    }
    assert sorted(own) == sorted(NAMES[module].split())


@pytest.mark.parametrize("module", NAMES)
def test_public_names_are_documented(module):
    loaded = importlib.import_module(module)
    assert loaded.__doc__
    undocumented = [
        name
        for name in NAMES[module].split()
        if not name.isupper() and not getattr(loaded, name).__doc__
    ]
    assert undocumented == []


@pytest.mark.parametrize("module", NAMES)
def test_examples_in_docstrings_are_true(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0
