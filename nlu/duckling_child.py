"""The process in which native Duckling runs, so that it can be killed.

Duckling's time can grow exponentially with the number of adjacent ranges in a text, and
native Duckling never lets another Python thread run meanwhile. :mod:`nlu.duckling` starts
this file as a program of its own and talks to it over its standard input and output, one
JSON object a line:

    {"text": "tomorrow at 3pm", "reference": 1773223200}

``reference`` is what a clock on the wall shows, in Unix seconds as if it hung in Greenwich, and
so are the times in the answer: with zones Duckling would get the winter wrong, because it passes
over the rule at the end of today's zone files. The answer is ``{"matches": [...]}`` with
Duckling's own objects, or ``{"error": "..."}``. The first line is ``{"ready": true}``.
The process ends when its input ends, which is also what happens when its parent dies.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from typing import Any

ALARM_SECONDS = 2.0
"""The kernel ends this process when one text takes longer (the parent is quicker, but may die)."""


def main() -> None:
    """Answer requests until the input ends."""
    import duckling  # noqa: PLC0415  (86 MB of native code: only in this process)

    # The default action of SIGALRM ends the process even while native code runs.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    english = duckling.default_locale_lang(duckling.parse_lang("EN"))
    locale = duckling.parse_locale("EN_US", english)
    dimensions = duckling.parse_dimensions(["time", "duration"])

    # Without any zone it takes UTC. Reading those of a machine would cost 0.4 s and 13 MB.
    with tempfile.TemporaryDirectory() as empty:
        zones = duckling.load_time_zones(empty)

    def parse(text: str, reference: int) -> Any:
        moment = duckling.parse_ref_time(zones, "UTC", reference)
        return duckling.parse(text, duckling.Context(moment, locale), dimensions, False)

    parse("tomorrow", 0)  # the first text reads 20 MB of code from disk
    _write({"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        signal.setitimer(signal.ITIMER_REAL, ALARM_SECONDS)
        try:
            matches = parse(request["text"], request["reference"])
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
