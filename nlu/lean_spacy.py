"""spaCy without its command line.

`import spacy` also loads what stands behind the command `spacy`: typer, weasel, httpx and twenty
modules of subcommands. They take 6 MB and a third of the time that the import needs, in every
process that only wants to split words. Here an empty module answers for `spacy.cli` until the
import is done; then it is gone, and whoever wants the real one gets it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

_COMMANDS = ("spacy.cli", "spacy.cli.info")


def load_spacy() -> Any:
    """The module `spacy`, imported without its subcommands when nobody has imported it yet."""
    if "spacy" not in sys.modules:
        for name in _COMMANDS:
            module = ModuleType(name)
            module.__path__ = []
            module.info = None  # type: ignore[attr-defined]
            sys.modules[name] = module
    try:
        import spacy  # noqa: PLC0415
        import spacy.pipeline  # noqa: PLC0415
    finally:
        for name in _COMMANDS:
            if not getattr(sys.modules.get(name), "__file__", None):
                sys.modules.pop(name, None)
    return spacy
