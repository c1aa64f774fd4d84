"""Phone numbers as vendors write them, in the one form that is compared and stored."""

from __future__ import annotations

import re

NORTH_AMERICAN = re.compile(r"\+1[2-9]\d{9}")
SHORT_CODE = re.compile(r"(\d{1,3}-)?\d{4,6}")
DIALLABLE = re.compile(r"\+?[\d\s().-]{7,}")
HOME_REGION = "US"


def e164(number: str, ours: str) -> str:
    """A customer's or our own number in E.164.

    Vendors write E.164 almost always. IntelePeer's documentation also shows ``+7708675309``,
    ten digits behind a plus, which is a number of the country that was texted: a number that
    is not valid as it stands is read as a national one. Short codes and names stay.

    Args:
        number: as the vendor wrote it.
        ours: our number in the same text, which says of what country a national number is.

    Returns:
        ``+`` and the digits, or ``number`` where it cannot be read as a phone number.
    """
    number = number.strip()
    if NORTH_AMERICAN.fullmatch(number) or SHORT_CODE.fullmatch(number):
        return number
    if not DIALLABLE.fullmatch(number):
        return number
    # Loaded on the first number that needs it: the tables cost 70 ms at start.
    import phonenumbers  # noqa: PLC0415

    region = _region(ours)
    readings = []
    for text in (number, re.sub(r"\D", "", number)):
        try:
            readings.append(phonenumbers.parse(text, region))
        except phonenumbers.NumberParseException:
            continue
    for check in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
        for reading in readings:
            if check(reading):
                return phonenumbers.format_number(reading, phonenumbers.PhoneNumberFormat.E164)
    return number


def _region(ours: str) -> str:
    import phonenumbers  # noqa: PLC0415

    try:
        parsed = phonenumbers.parse(ours)
    except phonenumbers.NumberParseException:
        return HOME_REGION
    return phonenumbers.region_code_for_number(parsed) or HOME_REGION
