"""Texts that nobody asked for, by name: ``notices.yml``, which people edit who write no code.

A text may have variables, as responses of the assistant do: ``{name}``. What is filled in is
never read for variables again, so a customer who is called ``{brand}`` is called that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import cast

import yaml

from messaging.errors import LinnetError, SettingsError
from messaging.lanes import Lane

NOTICES = Path("notices.yml")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BRACE = re.compile(r"[{}]")


class UnknownTemplate(LinnetError):
    """There is no text of this name in notices.yml."""

    code = "notice.unknown-template"
    staff = "There is no text of this name."


class WrongVariables(LinnetError):
    """A text lacks values that it needs, or was given some that it does not know.

    Attributes:
        missing: names of those that it lacks.
        unknown: names of those that it does not know.
    """

    code = "notice.wrong-variables"
    staff = "What is to be filled into this text does not fit it."

    def __init__(self, name: str, missing: list[str], unknown: list[str]) -> None:
        said = [
            f"{verb} {', '.join(names)}"
            for verb, names in (("needs", missing), ("does not know", unknown))
            if names
        ]
        super().__init__(f"template {name} {' and '.join(said)}")
        self.missing, self.unknown = missing, unknown


class NoticeClass(StrEnum):
    """What kind of text it is; it decides when and to whom it may go (docs/consent.md).

    Attributes:
        TRANSACTIONAL: about something that the customer did or ordered.
        REMINDER: about something of the customer's own that is due.
        MARKETING: whatever many get, and whatever sells.
        EMERGENCY: safety.
    """

    TRANSACTIONAL = "transactional"
    REMINDER = "reminder"
    MARKETING = "marketing"
    EMERGENCY = "emergency"

    @property
    def lane(self) -> Lane:
        """In which it leaves."""
        return _LANES[self]


_LANES = {
    NoticeClass.TRANSACTIONAL: Lane.REMINDER,
    NoticeClass.REMINDER: Lane.REMINDER,
    NoticeClass.MARKETING: Lane.BULK,
    NoticeClass.EMERGENCY: Lane.EMERGENCY,
}


@dataclass(frozen=True, slots=True)
class Template:
    """A text with variables.

    Attributes:
        name: in notices.yml.
        text: with ``{variables}``.
        notice_class: what kind of text it is.
        subject: what it is about, as caps count; its name where nothing else is written.
        conversation: whether an answer is wanted, and whoever sends it says what it means.
        line: where it begins in its file.
    """

    name: str
    text: str
    notice_class: NoticeClass
    subject: str
    conversation: bool = False
    line: int = 0

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names, each once, in the order of the text."""
        return tuple(dict.fromkeys(_VARIABLE.findall(self.text)))


@dataclass(frozen=True, slots=True)
class Templates:
    """All texts of a file.

    Attributes:
        by_name: each of them.
        common: values that every text may use without being given them, as ``brand``.
    """

    by_name: Mapping[str, Template]
    common: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Template:
        """The text of this name.

        Raises:
            UnknownTemplate: there is none.
        """
        if name not in self.by_name:
            near = get_close_matches(name, self.by_name, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UnknownTemplate(f"there is no template {name!r}{hint}")
        return self.by_name[name]

    def __iter__(self) -> Iterator[Template]:
        """In the order of the file."""
        return iter(self.by_name.values())

    def needed(self, name: str) -> tuple[str, ...]:
        """The variables that whoever sends the text must give a value.

        Raises:
            UnknownTemplate: there is no such text.
        """
        return tuple(one for one in self[name].variables if one not in self.common)

    def render(self, name: str, variables: Mapping[str, str]) -> str:
        """The words of a text.

        Args:
            name: of the text.
            variables: a value for each variable; one that is also common replaces that.

        Raises:
            UnknownTemplate: there is no such text.
            WrongVariables: one lacks a value, or there is a value for none.
        """
        template = self[name]
        values = {**self.common, **variables}
        missing = [one for one in template.variables if one not in values]
        unknown = [one for one in variables if one not in template.variables]
        if missing or unknown:
            raise WrongVariables(name, missing, unknown)
        return _VARIABLE.sub(lambda match: str(values[match[1]]), template.text)


def load_templates(path: Path = NOTICES, common: Mapping[str, str] | None = None) -> Templates:
    """The texts in a file.

    Args:
        path: of notices.yml.
        common: values that every text may use without being given them.

    Raises:
        SettingsError: the file is wrong; with its line, and what to write there.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError as error:
        raise SettingsError(
            f"there is no {path}; start in the project's folder or name the file"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{where}: {getattr(error, 'problem', error)}") from error
    entries = {} if root is None else _entries(root, path.name)
    templates = {
        name: _template(name, node, f"{path.name}, line {line}", line)
        for name, (node, line) in entries.items()
    }
    return Templates(templates, common or {})


def _template(name: str, node: yaml.Node, where: str, line: int) -> Template:
    if not _NAME.fullmatch(name):
        raise SettingsError(f"{where}: write the name {name!r} with a-z, 0-9 and _ alone")
    values = {}
    for key, (value, at) in _entries(node, where).items():
        place = f"{where.rpartition(' ')[0]} {at}"
        if key not in _KEYS:
            raise SettingsError(f"{place}: there is no key {key!r} (known: {', '.join(_KEYS)})")
        if not isinstance(value, yaml.ScalarNode) or not value.value.strip():
            raise SettingsError(f"{place}: expected a word or a text as {key!r}")
        values[key] = (value.value.strip(), place)
    for key in ("class", "text"):
        if key not in values:
            raise SettingsError(f"{where}: {name} has no {key!r}")
    text, place = values["text"]
    if _BRACE.search(_VARIABLE.sub("", text)):
        raise SettingsError(
            f"{place}: a brace stands for itself; variables are written as {{first_name}}"
        )
    kind, place = values["class"]
    if kind not in set(NoticeClass):
        raise SettingsError(f"{place}: write {', '.join(NoticeClass)}, not {kind!r}")
    talks, place = values.get("conversation", ("false", where))
    if talks not in {"true", "false"}:
        raise SettingsError(f"{place}: write true or false, not {talks!r}")
    subject, _ = values.get("subject", (name, where))
    return Template(name, text, NoticeClass(kind), subject, talks == "true", line)


_KEYS = ("class", "subject", "conversation", "text")


def _entries(node: yaml.Node, where: str) -> dict[str, tuple[yaml.Node, int]]:
    """What stands behind each key of a mapping, with the key's line."""
    if not isinstance(node, yaml.MappingNode):
        raise SettingsError(f"{where}: expected lines of 'key: value' here")
    entries: dict[str, tuple[yaml.Node, int]] = {}
    for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
        line = key.start_mark.line + 1
        name = str(key.value)
        if name in entries:
            raise SettingsError(f"{where.partition(',')[0]}, line {line}: {name!r} stands twice")
        entries[name] = (value, line)
    return entries
