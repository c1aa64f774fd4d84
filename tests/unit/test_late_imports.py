import ast
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest

from nlu.late_imports import CHANNELS, LATE

ALL_OF_RASA = "import rasa.__main__, rasa.core.run, rasa.core.agent, rasa.server"


def _run(program: str, *paths: Path) -> str:
    """What a program prints in a process of its own, whose first import is ours."""
    head = f"import sys; sys.path[:0] = {list(map(str, paths))!r}; import nlu.late_imports\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", head + textwrap.dedent(program)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_rasa_starts_without_what_a_deployment_may_never_use():
    loaded = _run(f"{ALL_OF_RASA}\nprint(*sys.modules)").split()
    never = {"apscheduler", "boto3", "dask", "jwt", "matplotlib", "pymongo", "questionary",
             "redis", "sklearn", "slack_sdk", "twilio.rest", *CHANNELS}  # fmt: skip
    assert never.isdisjoint(loaded)
    assert "rasa.core.channels.rest" in loaded


def test_the_channels_have_the_names_that_rasa_gives_them():
    printed = _run(
        """
        from nlu.late_imports import Late
        from rasa.core.channels import BUILTIN_CHANNELS, input_channel_classes
        late = [channel for channel in input_channel_classes if issubclass(type(channel), Late)]
        print(len(late), len(BUILTIN_CHANNELS) == len(input_channel_classes))
        print(all(BUILTIN_CHANNELS[channel._real().name()] is channel for channel in late))
        """
    )
    assert printed.split() == [str(len(CHANNELS)), "True", "True"]


def test_a_channel_that_credentials_name_is_rasas_own():
    printed = _run(
        """
        from rasa.core.channels import BUILTIN_CHANNELS, InputChannel, TwilioInput as late
        credentials = {"account_sid": "AC1", "auth_token": "t", "twilio_number": "+1"}
        made = BUILTIN_CHANNELS["twilio"].from_credentials(credentials)
        from rasa.core.channels.twilio import TwilioInput
        class Mine(late): ...
        print(type(made) is TwilioInput, isinstance(made, late), Mine.__bases__ == (TwilioInput,))
        print(issubclass(Mine, late), issubclass(Mine, InputChannel))
        """
    )
    assert set(printed.split()) == {"True"}


@pytest.fixture
def two_modules(tmp_path: Path) -> Path:
    """A package, and a module that imports it late."""
    package = tmp_path / "heavy"
    package.mkdir()
    (package / "__init__.py").write_text("print('heavy is here')\nNAME = 'heavy'\n")
    (package / "errors.py").write_text("class Wrong(Exception): ...\n")
    (package / "kinds.py").write_text("class Kind:\n    def __init__(self, of): self.of = of\n")
    (tmp_path / "user.py").write_text(
        textwrap.dedent(
            """
            from typing import Optional
            import heavy.errors
            from heavy import kinds
            from heavy.kinds import Kind as K
            def annotated(k: Optional[K], e: Optional[heavy.errors.Wrong]) -> kinds.Kind: ...
            def caught():
                try:
                    raise heavy.errors.Wrong
                except heavy.errors.Wrong:
                    return "caught"
            """
        )
    )
    return tmp_path


DECLARED = "import nlu.late_imports\nnlu.late_imports.LATE['user'] = ('heavy',)\nimport user\n"


def test_the_real_package_comes_with_its_first_use(two_modules: Path):
    printed = _run(
        DECLARED + "print('not yet', 'heavy' in sys.modules)\n"
        "print(user.K(7).of, user.heavy.NAME, user.kinds.Kind is sys.modules['heavy.kinds'].Kind)\n"
        "print(user.caught())",
        two_modules,
    )
    assert printed.splitlines() == ["not yet False", "heavy is here", "7 heavy True", "caught"]


def test_everybody_else_imports_the_real_package(two_modules: Path):
    printed = _run(
        DECLARED + "import heavy.kinds; print(type(heavy), heavy.kinds.Kind)", two_modules
    )
    assert printed.splitlines() == [
        "heavy is here", "<class 'module'> <class 'heavy.kinds.Kind'>"
    ]  # fmt: skip


def test_a_package_that_is_not_installed_is_named_at_its_first_use(two_modules: Path):
    for file in (two_modules / "heavy").iterdir():
        file.unlink()
    (two_modules / "heavy").rmdir()
    printed = _run(
        DECLARED + "try:\n    user.K(7)\nexcept ModuleNotFoundError as error:\n    print(error)",
        two_modules,
    )
    assert printed == "No module named 'heavy'"


@pytest.mark.parametrize("importer", sorted(LATE))
def test_the_table_fits_the_modules_it_names(importer: str):
    """All that is in the table is imported there, and none of it stands in an ``except``."""
    spec = find_spec(importer)
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    imported, names = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            late = [entry for entry in LATE[importer] if f"{node.module}.".startswith(f"{entry}.")]
            imported |= set(late)
            names |= {alias.asname or alias.name for alias in node.names if late}
        elif isinstance(node, ast.Import):
            imported |= {entry for alias in node.names for entry in LATE[importer]
                         if f"{alias.name}.".startswith(f"{entry}.")}  # fmt: skip
    caught = {
        name.id
        for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.type
        for name in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])
        if isinstance(name, ast.Name)
    }  # fmt: skip
    assert imported == set(LATE[importer])
    assert not names & caught


def test_a_store_that_is_configured_works_and_its_errors_are_caught():
    printed = _run(
        """
        from rasa.core.tracker_store import TrackerStore
        from rasa.shared.exceptions import ConnectionException
        from rasa.utils.endpoints import EndpointConfig
        nobody = EndpointConfig("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50", type="mongod")
        try:
            TrackerStore.create(nobody)
        except ConnectionException as error:
            print(type(error.__cause__))
        """
    )
    assert printed == "<class 'pymongo.errors.ServerSelectionTimeoutError'>"
