"""The Rasa project in the current folder: its files, whether they can be read, its model."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.failure import Failure

TRAINED_FROM = ("config.yml", "domain.yml")
CONFIGURED_BY = ("credentials.yml", "endpoints.yml")
# A model holds pickled objects of these, so that another release wants another model.
TRAINED_WITH = ("rasa", "scikit-learn", "numpy", "python-crfsuite")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder that ``rasa train`` works in."""

    root: Path

    def yaml_files(self) -> list[Path]:
        """All YAML that Rasa reads, in a steady order."""
        named = [self.root / name for name in (*TRAINED_FROM, *CONFIGURED_BY)]
        return named + sorted(
            path for path in (self.root / "data").rglob("*") if path.suffix in {".yml", ".yaml"}
        )

    def check(self) -> None:
        """See that every YAML file is there and can be parsed.

        Raises:
            Failure: naming the file, and the line where there is one.
        """
        for path in self.yaml_files():
            check_yaml(path, path.relative_to(self.root))

    def fingerprint(self) -> str:
        """Changes when anything changes that a model is trained from."""
        digest = hashlib.sha256()
        for name in TRAINED_WITH:
            digest.update(f"{name}=={importlib.metadata.version(name)}\n".encode())
        for path in self._trained_from():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(self.root).as_posix()} {len(content)}\n".encode())
            digest.update(content)
        return digest.hexdigest()[:12]

    def model_path(self) -> Path:
        """Where the model of the project as it stands is, or will be."""
        return self.root / "models" / f"linnet-{self.fingerprint()}.tar.gz"

    def newest_model(self) -> Path | None:
        """The model that was trained last, from whatever data."""
        models = (self.root / "models").glob("*.tar.gz")
        return max(models, key=lambda path: path.stat().st_mtime, default=None)

    def _trained_from(self) -> Iterator[Path]:
        for name in TRAINED_FROM:
            yield self.root / name
        for folder, pattern in (
            ("data", "*"), ("nlu", "*.py"), ("nlu", "*.yml"), ("dialogue", "*.py"),
        ):  # fmt: skip
            yield from sorted(
                path for path in (self.root / folder).rglob(pattern) if path.is_file()
            )


def here() -> Project:
    """The project in the current folder."""
    return Project(Path.cwd())


def check_yaml(path: Path, called: Path) -> None:
    """See that a YAML file can be parsed.

    Args:
        path: the file.
        called: what to call it in the message.

    Raises:
        Failure: it is absent or broken.
    """
    import yaml  # noqa: PLC0415

    try:
        # Parsed, not constructed: this is about form, and ten times faster.
        for _ in yaml.parse(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            pass
    except FileNotFoundError:
        raise Failure(
            f"{called} is missing; run linnet in the folder that holds config.yml and domain.yml."
        ) from None
    except UnicodeDecodeError as error:
        raise Failure(f"{called} is not UTF-8: {error.reason} at byte {error.start}.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{called}:{mark.line + 1}" if mark else str(called)
        raise Failure(f"{where}: broken YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise Failure(f"{called}: broken YAML: {str(error).splitlines()[0]}.") from None
