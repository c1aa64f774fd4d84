"""What the commands of both benchmarks of understanding share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

FOLDER = Path(".linnet/bench")


def some(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Reads an option that lists some of these names, with commas between them."""

    def read(given: str) -> list[str]:
        names = given.split(",")
        unknown = sorted(set(names) - set(allowed))
        if unknown:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown)} unknown; there are {', '.join(allowed)}"
            )
        return names

    return read
