"""Microsoft's recognizers for dates; runs in an environment of their own, without this project."""

from __future__ import annotations

import json
import sys
from datetime import datetime

from ms_recognizers_date_time import (  # type: ignore[import-not-found]
    Culture,
    DateTimeRecognizer,
)


def main() -> None:
    """Answer until the input ends."""
    model = DateTimeRecognizer(Culture.English).get_datetime_model()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            found = model.parse(asked["text"], datetime.fromisoformat(asked["reference"]))
        except Exception as error:  # noqa: BLE001  (whatever it raises for a text)
            print(json.dumps({"results": [], "error": repr(error)}), flush=True)
            continue
        results = [
            {"start": one.start, "end": one.end, "values": (one.resolution or {}).get("values")}
            for one in found
        ]
        print(json.dumps({"results": [one for one in results if one["values"]]}), flush=True)


if __name__ == "__main__":
    main()
