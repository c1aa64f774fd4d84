"""What credentials.yml and the environment say.

The section ``connectors.sms.SMSInput`` of credentials.yml is read both by the processes that
know nothing of Rasa and, through Rasa, by its channel; both come out here as ``Settings``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import yaml

from connectors.gateways.base import Gateway
from connectors.gateways.intelepeer import IntelepeerGateway, IntelepeerSettings
from connectors.gateways.twilio import TwilioGateway, TwilioSettings
from connectors.setting_values import (
    LARGEST_SHARE,
    Reader,
    address,
    choice,
    currency,
    hours,
    kept_days,
    limitation_days,
    not_negative,
    positive,
    price,
    seconds,
    sender_numbers,
    share,
    switch,
    text,
    texts,
    whole,
)
from connectors.settings import PAGES, Settings
from database.encryption import DIGEST_KEY, KEYS, read_keys
from database.encryption import DIGEST_KEY, KEYS, read_keys
from messaging.consent import OptOutScope
from messaging.errors import SettingsError
from messaging.prices import Prices
from messaging.text_policy import Duplicates, Level, LongTexts, TextPolicy

SECTION = "connectors.sms.SMSInput"
VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Key:
    read: Reader
    required: bool = False


@dataclass(frozen=True, slots=True)
class _Vendor:
    keys: Mapping[str, _Key]
    make: Callable[[_Section], Gateway]


@dataclass(frozen=True, slots=True)
class _Section:
    where: str
    public_url: str
    values: Mapping[str, Any]


def _twilio(section: _Section) -> Gateway:
    return TwilioGateway(TwilioSettings(public_url=section.public_url, **section.values))


def _intelepeer(section: _Section) -> Gateway:
    given = section.values.keys()
    if "token" not in given and not {"username", "password"} <= given:
        raise SettingsError(
            f"{section.where}: write 'token' (copied from the portal), or 'username' and "
            "'password' (then tokens are fetched and renewed)"
        )
    return IntelepeerGateway(IntelepeerSettings(**section.values))


VENDORS: Mapping[str, _Vendor] = {
    "twilio": _Vendor(
        {
            "account_sid": _Key(text, required=True),
            "auth_token": _Key(texts, required=True),
            "numbers": _Key(sender_numbers, required=True),
            "base_url": _Key(address),
            "per_second": _Key(positive),
            "per_minute": _Key(whole),
            "per_day": _Key(whole),
        },
        _twilio,
    ),
    "intelepeer": _Vendor(
        {
            "secret": _Key(texts, required=True),
            "numbers": _Key(sender_numbers, required=True),
            "token": _Key(text),
            "username": _Key(text),
            "password": _Key(text),
            "base_url": _Key(address),
            "login_url": _Key(address),
            "authorization": _Key(choice("bearer", "bare")),
            "mdr_method": _Key(choice("POST", "GET")),
            "per_second": _Key(positive),
        },
        _intelepeer,
    ),
}

GENERAL: Mapping[str, _Key] = {
    "public_url": _Key(address, required=True),
    "signature": _Key(choice("enforce", "observe")),
    "burst_seconds": _Key(seconds),
    "delivery": _Key(choice("rasa", "worker")),
    "brand": _Key(text),
    "help_contact": _Key(text),
    "failure_message": _Key(text),
    "send_timeout": _Key(positive),
    "unknown_replies": _Key(choice("resend", "leave")),
    "unknown_notices": _Key(choice("resend", "leave")),
    "delay_after": _Key(not_negative),
    "delay_message": _Key(text),
    "retention_days": _Key(kept_days),
    "media_days": _Key(kept_days),
    "raw_days": _Key(kept_days),
    "people_days": _Key(limitation_days),
    "audit_days": _Key(limitation_days),
    "opt_out_scope": _Key(choice(*OptOutScope)),
    "double_opt_in": _Key(switch),
    "privacy_url": _Key(address),
    "quiet_hours": _Key(choice("enforce", "strict", "off")),
    "courtesy_hours": _Key(hours),
    "api_requests_per_minute": _Key(whole),
    "encoding": _Key(choice(*Level)),
    "long_texts": _Key(choice(*LongTexts)),
    "longest_text": _Key(whole),
    "limit_duplicates": _Key(choice(*Duplicates)),
    "currency": _Key(currency),
}

PRICES: Mapping[str, _Key] = {
    "price_per_segment": _Key(price),
    "price_per_media": _Key(price),
}

WEIGHT: Mapping[str, _Key] = {"weight": _Key(share)}

KEYWORDS: Mapping[str, _Key] = {"answers_keywords": _Key(choice("us", "gateway"))}


def load_settings(
    path: Path = Path("credentials.yml"), environ: Mapping[str, str] = os.environ
) -> Settings:
    """The settings in a file, with the environment's values before the file's.

    Args:
        path: of credentials.yml.
        environ: ``LINNET_<KEY>`` and ``<GATEWAY>_<KEY>`` win over the file.

    Raises:
        SettingsError: with the place and what to write there.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no {path}; start in the project's folder or name the file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}{_place(error)}") from error
    if not isinstance(content, dict) or SECTION not in content:
        raise SettingsError(f"{path} has no section '{SECTION}:'")
    return settings_from(content[SECTION], environ, source=str(path))


def settings_from(
    section: object, environ: Mapping[str, str] = os.environ, *, source: str = "credentials.yml"
) -> Settings:
    """The settings in a section of credentials.yml that somebody else has read.

    Args:
        section: what stands below ``connectors.sms.SMSInput``.
        environ: ``LINNET_<KEY>`` and ``<GATEWAY>_<KEY>`` win over the section.
        source: the file, for what an error says.

    Raises:
        SettingsError: with the place and what to write there.
    """
    read_keys(
        environ.get(KEYS, ""), environ.get(DIGEST_KEY, "")
    )  # a wrong one is told at the start
    # Whoever has wrong keys is told before the first text.
    read_keys(environ.get(KEYS, ""), environ.get(DIGEST_KEY, ""))
    where = f"{source}, {SECTION}"
    entries = dict(_mapping(section, where))
    sections = _mapping(entries.pop("gateways", {}), f"{where}.gateways")
    general = _read(where, entries, GENERAL, "LINNET", environ, also=["gateways"])
    if not sections:
        raise SettingsError(f"{where}.gateways: write at least one of {', '.join(VENDORS)}")
    gateways, shares, prices, answering = {}, {}, {}, set()
    for name, written in sections.items():
        place = f"{where}.gateways.{name}"
        vendor = VENDORS.get(name)
        if vendor is None:
            raise SettingsError(f"{place}: there is no such gateway{_nearest(name, VENDORS)}")
        keys = {**vendor.keys, **PRICES, **WEIGHT, **KEYWORDS}
        values = _read(place, _mapping(written, place), keys, name.upper(), environ)
        if values.pop("answers_keywords", "us") == "gateway":
            answering.add(name)
        shares[name] = values.pop("weight", LARGEST_SHARE)
        prices[name] = Prices(
            per_segment=values.pop("price_per_segment", None),
            per_media=values.pop("price_per_media", None),
            currency=general.get("currency", "USD"),
        )
        gateways[name] = vendor.make(_Section(place, general["public_url"], values))
    _each_number_once(gateways, f"{where}.gateways")
    if not any(shares.values()):
        raise SettingsError(
            f"{where}.gateways: every weight is 0, so no new phone could be texted; "
            "give one gateway a weight above 0"
        )
    known = {one.name for one in fields(Settings)}
    own = {name: value for name, value in general.items() if name in known}
    return Settings(
        **own,
        gateways=gateways,
        shares=shares,
        text_policies={
            name: _text_policy(general, gateway.capabilities.longest_body, where)
            for name, gateway in gateways.items()
        },
        prices=prices,
        answering=frozenset(answering),
    )


def _text_policy(general: Mapping[str, Any], longest_body: int, where: str) -> TextPolicy:
    try:
        return TextPolicy(
            longest=min(longest_body, general.get("longest_text", longest_body)),
            encoding=Level(general.get("encoding", Level.SMART)),
            long_texts=LongTexts(general.get("long_texts", LongTexts.PARTS)),
            page_url=f"{general['public_url']}{PAGES}",
            limit_duplicates=Duplicates(general.get("limit_duplicates", Duplicates.NOTICES)),
        )
    except ValueError as error:
        raise SettingsError(f"{where}.longest_text: {error}") from error


def _read(
    where: str,
    written: Mapping[str, object],
    keys: Mapping[str, _Key],
    prefix: str,
    environ: Mapping[str, str],
    also: list[str] | None = None,
) -> dict[str, Any]:
    for name in written:
        if name not in keys:
            raise SettingsError(
                f"{where}: there is no key '{name}'{_nearest(name, [*keys, *(also or [])])}"
            )
    values = {}
    for name, key in keys.items():
        variable = f"{prefix}_{name.upper()}"
        if environ.get(variable):
            values[name] = key.read(environ[variable], f"environment variable {variable}")
        elif written.get(name) is not None:
            place = f"{where}.{name}"
            values[name] = key.read(_expanded(written[name], environ, place), place)
        elif key.required:
            raise SettingsError(f"{where}: '{name}' is missing; write it there or set {variable}")
    return values


def _expanded(value: object, environ: Mapping[str, str], where: str) -> object:
    """``${NAME}`` in a text replaced, as Rasa does when it reads the same file."""
    if isinstance(value, list):
        return [_expanded(one, environ, where) for one in value]
    if not isinstance(value, str):
        return value

    def named(match: re.Match[str]) -> str:
        if match[1] not in environ:
            raise SettingsError(f"{where}: the environment has no {match[1]}")
        return environ[match[1]]

    return VARIABLE.sub(named, value)


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where}: expected lines of 'key: value' here")
    return {str(name): entry for name, entry in cast("Mapping[object, object]", value).items()}


def _nearest(name: str, known: Mapping[str, object] | list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f" (known: {', '.join(known)})"


def _each_number_once(gateways: Mapping[str, Gateway], where: str) -> None:
    owners: dict[str, str] = {}
    for name, gateway in gateways.items():
        for number in gateway.numbers:
            if number in owners:
                both = (
                    f"twice at {name}"
                    if owners[number] == name
                    else (f"at both {owners[number]} and {name}")
                )
                raise SettingsError(f"{where}: {number} stands {both}; a number is at one gateway")
            owners[number] = name


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "this is not YAML"
    return (
        f", line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else f": {problem}"
    )
