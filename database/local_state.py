"""Where the local state of this folder's assistant is: database, disk, keys, logs."""

from __future__ import annotations

import os
from pathlib import Path

DATA_DIR = ".linnet"


def data_dir() -> Path:
    """The folder of all local state: ``LINNET_DATA_DIR``, else ``.linnet`` in this folder."""
    return Path(os.environ.get("LINNET_DATA_DIR") or DATA_DIR).absolute()
