"""`linnet understand`: shows what the assistant makes of a text.

A program of its own because it imports Rasa, which the rest of the command does without.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from pathlib import Path

import structlog
from rich.console import Console


def main() -> int:
    """Understand the text that is given, or each line of standard input."""
    parser = argparse.ArgumentParser(
        prog="linnet understand", description="Show what the assistant makes of a text."
    )
    parser.add_argument("text", nargs="*", help="what a customer might write")
    parser.add_argument("--model", type=Path, default=Path("models"), help="file or folder")
    parser.add_argument("--jsonl", action="store_true", help=(
        'read lines {"text", "reference", "tz", "context"} from standard input and write one '
        "line of JSON for each"))  # fmt: skip
    parser.add_argument("--appointment", help="the customer's appointment, like 2026-03-12T15:00")
    parser.add_argument("--asked", choices=["time"], help="what the assistant has just asked")
    options = parser.parse_args()
    if bool(options.text) == options.jsonl:
        parser.error("give a text, or --jsonl and texts on standard input")
    logging.disable(logging.WARNING)
    # Rasa logs each text to standard output, where the answers go.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    warnings.simplefilter("ignore")
    status = Console(stderr=True)
    with status.status("Loading the model\u2026"):
        from rasa.exceptions import ModelNotFound  # noqa: PLC0415

        from nlu.understand import (  # noqa: PLC0415
            ModelBroken,
            Question,
            Understander,
            WrongLine,
        )

        try:
            understander = Understander(options.model)
        except ModelNotFound:
            status.print(f"linnet: There is no model in {options.model}; run `linnet train`.")
            return 1
        except ModelBroken as error:
            status.print(f"linnet: {error}", style="red", markup=False)
            return 1
    if options.jsonl:
        try:
            for line in understander.lines(sys.stdin):
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
                sys.stdout.flush()
        except WrongLine as error:
            status.print(f"linnet: {error}", style="red", markup=False)
            return 1
        return 0
    from nlu.understood_table import show  # noqa: PLC0415

    question = Question(" ".join(options.text), appointment=options.appointment,
                        asked=options.asked)  # fmt: skip
    show(understander.understand(question), Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
