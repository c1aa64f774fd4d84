"""Native Duckling as it is. With `--latent` it also gives what it is less sure of."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import duckling


def main() -> None:
    """Answer until the input ends."""
    latent = "--latent" in sys.argv
    zones = duckling.load_time_zones(str(files("tzdata") / "zoneinfo"))
    locale = duckling.parse_locale("EN_US", duckling.default_locale_lang(duckling.parse_lang("EN")))
    dimensions = duckling.parse_dimensions(["time", "duration"])
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        local = datetime.fromisoformat(asked["reference"]).replace(tzinfo=ZoneInfo(asked["zone"]))
        moment = duckling.parse_ref_time(zones, asked["zone"], int(local.timestamp()))
        try:
            found = duckling.parse(
                asked["text"], duckling.Context(moment, locale), dimensions, latent
            )
        except BaseException:  # noqa: BLE001  (a panic in its native code derives from it)
            found = []
        print(json.dumps({"results": found}), flush=True)


if __name__ == "__main__":
    main()
