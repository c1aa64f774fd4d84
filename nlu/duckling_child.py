"""The process in which native Duckling runs, so that it can be killed.

Duckling's time can grow exponentially with the number of adjacent ranges in a text, and
native Duckling never lets another Python thread run meanwhile. :mod:`nlu.duckling` starts
this file as a program of its own and talks to it over its standard input and output, one
JSON object a line:

    {"text": "tomorrow at 3pm", "reference": 1773237600, "zone": "America/New_York"}

``reference`` is in Unix seconds. The answer is ``{"matches": [...]}`` with Duckling's own
objects, or ``{"error": "..."}``. The first line that it writes is ``{"ready": true}``.
The process ends when its input ends, which is also what happens when its parent dies.
"""

from __future__ import annotations

import json
import signal
import sys
from importlib.resources import files
from typing import Any

ALARM_SECONDS = 2.0
"""The kernel ends this process when one text takes longer (the parent is quicker, but may die)."""


def main() -> None:
    """Answer requests until the input ends."""
    import duckling  # noqa: PLC0415  (86 MB of native code: only in this process)

    # The default action of SIGALRM ends the process even while native code runs.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    zones = duckling.load_time_zones(str(files("tzdata") / "zoneinfo"))
    english = duckling.default_locale_lang(duckling.parse_lang("EN"))
    locale = duckling.parse_locale("EN_US", english)
    dimensions = duckling.parse_dimensions(["time", "duration"])
    _write({"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)
        try:
            reference = duckling.parse_ref_time(zones, request["zone"], request["reference"])
            context = duckling.Context(reference, locale)
            matches = duckling.parse(request["text"], context, dimensions, False)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  (Rust panics derive from BaseException)
            _write({"error": type(error).__name__})
        else:
            _write({"matches": matches})
        signal.setitimer(signal.ITIMER_REAL, 0)


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
