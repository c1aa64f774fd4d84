"""Puts off what Rasa imports at its start and a deployment may never use.

Rasa 3.6 imports the libraries of all its channels, stores and training tools when it starts:
half of its memory and of its start. Python loads this module at start (through a ``.pth`` file
of the installed project). Where a module named in :data:`LATE` imports what is named beside it,
it gets a :class:`Late` in its place, which imports the real one when it is first used. Nothing
is faked, and nobody else sees anything of it: ``sys.modules`` holds real modules only.
"""

from __future__ import annotations

import sys

# Every Python process of the environment runs this, so it imports next to nothing.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

CHANNELS: Mapping[str, str] = {
    "rasa.core.channels.botframework": "botframework",
    "rasa.core.channels.facebook": "facebook",
    "rasa.core.channels.hangouts": "hangouts",
    "rasa.core.channels.mattermost": "mattermost",
    "rasa.core.channels.rasa_chat": "rasa",
    "rasa.core.channels.rocketchat": "rocketchat",
    "rasa.core.channels.slack": "slack",
    "rasa.core.channels.socketio": "socketio",
    "rasa.core.channels.telegram": "telegram",
    "rasa.core.channels.twilio": "twilio",
    "rasa.core.channels.twilio_voice": "twilio_voice",
    "rasa.core.channels.webexteams": "webexteams",
}
"""Rasa's own channels, with the names by which credentials.yml calls them."""

LATE: Mapping[str, tuple[str, ...]] = {
    "dask.highlevelgraph": ("dask.widgets",),
    "rasa.core.brokers.broker": ("aio_pika", "aiormq"),
    "rasa.core.brokers.pika": ("aio_pika",),
    "rasa.core.channels": tuple(CHANNELS),
    "rasa.core.channels.channel": ("jwt",),
    "rasa.core.channels.console": ("questionary", "prompt_toolkit"),
    "rasa.core.jobs": ("apscheduler",),
    "rasa.core.tracker_store": ("boto3", "pymongo"),
    "rasa.engine.runner.dask": ("dask",),
    "rasa.engine.training.fingerprinting": ("pkg_resources",),
    "rasa.nlu.classifiers.logistic_regression_classifier": ("sklearn",),
    "rasa.nlu.extractors.duckling_entity_extractor": ("requests",),
    "rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer": ("sklearn",),
    "rasa.server": ("sanic_jwt",),
    "rasa.shared.utils.io": ("portalocker",),
    "rasa.telemetry": ("requests", "terminaltables"),
    "rasa.utils.plotting": ("matplotlib",),
    "rasa.utils.tensorflow.model_data": ("sklearn",),
    "structlog.dev": ("rich",),
}
"""What is imported late, with all below it, by the module that imports it."""


class Late:
    """A module, or something in one, that is imported when it is first used.

    It can be called, asked for attributes, derived from, used in ``isinstance`` and written in
    annotations. Only in an ``except`` clause it cannot stand, as Python admits classes alone;
    an attribute of it can.

    Args:
        importer: the module that imports it.
        imported: the dotted name in the import statement.
        names: empty after ``import a.b``, which stands for ``a``. After ``from a.b import c``
            (c,); behind it the attributes that lead to what this stands for.
        chosen: whether the first of the names stood in the import statement.
    """

    def __init__(
        self, importer: ModuleSpec, imported: str, names: tuple[str, ...], *, chosen: bool
    ) -> None:
        self._late = importer, imported, names, chosen

    def _real(self) -> Any:
        _, imported, names, chosen = self._late
        found: Any = __import__(imported, fromlist=names[:1] if chosen else ())
        for name in names:
            found = getattr(found, name)
        return found

    def __getattr__(self, name: str) -> Any:
        importer, imported, names, chosen = self._late
        # While its importer runs, an attribute is wanted for an annotation or to be handed on.
        if getattr(importer, "_initializing", False) and not name.startswith("__"):
            return Late(importer, imported, (*names, name), chosen=chosen)
        if name == "__parameters__" or name.startswith("__typing_"):
            raise AttributeError(name)  # `Optional[...]` looks for them, to write an annotation
        return getattr(self._real(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the real one."""
        return self._real()(*args, **kwargs)

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._real(),)

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._real())

    def __subclasscheck__(self, subclass: type) -> bool:
        return issubclass(subclass, self._real())


class _LateChannel(Late):
    """A channel that knows its name, because Rasa enters all channels into a table by name."""

    def name(self) -> str:
        return CHANNELS[self._late[1]]


class _From:
    """What ``from module import name`` takes names from."""

    def __init__(self, importer: ModuleSpec, imported: str) -> None:
        self._from = importer, imported

    def __getattr__(self, name: str) -> Late:
        importer, imported = self._from
        kind = _LateChannel if imported in CHANNELS else Late
        return kind(importer, imported, (name,), chosen=True)


class _Finder:
    """Finds the modules that import late, where Python finds them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec, but its import statements ask here; None for other modules."""
        late = LATE.get(fullname)
        if late is None:
            return None
        from importlib.machinery import PathFinder, SourceFileLoader  # noqa: PLC0415

        spec = PathFinder.find_spec(fullname, path)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return spec
        its_builtins = _builtins(spec, late)

        class Loader(SourceFileLoader):
            def exec_module(self, module: ModuleType) -> None:
                vars(module)["__builtins__"] = its_builtins
                super().exec_module(module)

        spec.loader = Loader(fullname, spec.loader.path)
        return spec


def _builtins(importer: ModuleSpec, late: tuple[str, ...]) -> dict[str, Any]:
    """Python's builtins for one module, with ``__import__``, which import statements call."""
    import builtins  # noqa: PLC0415

    below = tuple(f"{name}." for name in late)

    def import_late(
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if level == 0 and (name in late or name.startswith(below)):
            return _From(importer, name) if fromlist else Late(importer, name, (), chosen=False)
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    return {**vars(builtins), "__import__": import_late}


def install() -> None:
    """Import late from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


install()
