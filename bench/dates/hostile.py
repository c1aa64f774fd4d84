"""Texts that are meant to hurt a reader of dates."""

from __future__ import annotations

ORDINARY = "tomorrow at 3pm"

HOSTILE = {
    "two ranges with years": (
        "from 10.00am on Friday 15th April 2016 until 10.00am on Tuesday 19th April 2016"
    ),
    "adjacent ranges": "3-4pm " * 8,
    "many adjacent ranges": "3-4pm " * 800,
    "from 1 to 2 again and again": "from 1 to 2 " * 20,
    "between, again and again": "between 1 and 2 " * 20,
    "ranges of days": "june 5 - june 8 " * 12,
    "ranges of weekdays": "mon-wed " * 30,
    "from weekday to weekday": "from monday at 3pm to friday at 4pm " * 8,
    "a list of slots": ", ".join(f"{day}/5 at {hour}" for day in range(1, 13) for hour in (9, 2)),
    "many weekdays": "tuesday " * 40,
    "next, again and again": "next " * 1000 + "friday",
    "after after": "the day after " * 20 + "tomorrow",
    "before before": "before " * 40 + "friday",
    "last of last": "the last day of " * 15 + "june",
    "weeks from weeks": "2 weeks from " * 20 + "today",
    "halves and quarters": "quarter past half past " * 13,
    "number words": "twenty one " * 27,
    "5,000 letters": "x" * 5000,
    "5,000 characters of words": "can we do tuesday at three or maybe thursday " * 111,
    "5,000 digits": "7" * 5000,
    "digits with blanks": "1 " * 2500,
    "digits with dashes": "1-" * 2500,
    "digits with slashes": "1/2/" * 1250,
    "digits with colons": "12:" * 1600,
    "only a huge number": "9" * 300 + " weeks",
    "a far year": "june 5 99999999999999",
    "blanks": " " * 5000,
    "line breaks": "\r\n" * 2500,
    "NUL": "\0tomorrow\0 at 3\0",
    "control characters": "".join(chr(code) for code in range(32)) + "tomorrow",
    "only emoji": "\N{GRINNING FACE}" * 1000,
    "emoji between": "tom\N{GRINNING FACE}orrow \N{CALENDAR} 3\ufe0f\u20e3",
    "flags and joined emoji": "\U0001f1fa\U0001f1f8\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    "half of a surrogate pair": "\ud83d tomorrow",
    "right to left": "\u202etomorrow\u202c \u05de\u05d7\u05e8 \u063a\u062f\u0627",
    "other alphabets": (
        "\u660e\u5929\u4e0b\u5348\u4e09\u70b9 \u0437\u0430\u0432\u0442\u0440\u0430 "
        "\u0e1e\u0e23\u0e38\u0e48\u0e07\u0e19\u0e35\u0e49"
    ),
    "full-width digits": "\uff13\uff1a\uff13\uff10 tomorrow",
    "stacked accents": "t" + "\u0301" * 200 + "omorrow",
    "letters that grow in upper case": "\u00df\ufb03\u0130 tomorrow",
    "braces": "{" * 2000 + "tomorrow" + "}" * 2000,
    "a pattern": "(a+)+$ " * 50 + "monday",
    "a query": "tomorrow'; drop table appointments; --",
    "nothing": "",
}
