"""Answers Rasa's TensorFlow imports where TensorFlow is not installed.

Rasa 3.6 imports TensorFlow when it starts, even for a pipeline that never uses it; the
import alone costs about 14 CPU seconds and 350 MB. Python loads this module at start
(through a ``.pth`` file of the installed project). It puts a finder at the *end* of
``sys.meta_path``: where TensorFlow is installed (``uv sync --extra diet``) Python finds it
first and this module does nothing.

Importing is answered with empty modules. Using a component that needs TensorFlow raises
:class:`TensorFlowMissing`, which says what to install.
"""

from __future__ import annotations

import sys

# Every Python process of the environment runs this, so it imports next to nothing: with
# typing and importlib.abc it would cost each of them 30 ms.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any
else:
    Loader, ModuleType = object, type(sys)

ANSWERED = frozenset({"tensorflow", "keras", "tensorflow_hub", "tensorflow_text"})


class TensorFlowMissing(ImportError):
    """A component that needs TensorFlow was used, and TensorFlow is not installed."""

    def __init__(self, component: str) -> None:
        super().__init__(
            f"{component} needs TensorFlow, which is not installed: this component needs the "
            "`diet` extra. Run `uv sync --extra diet`, or take the component out of config.yml."
        )


class _StandInType(type):
    """Any attribute of a stand-in class is the class itself, so annotations evaluate."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn

    def __getitem__(cls, _: object) -> type[StandIn]:
        return StandIn

    def __or__(cls, _: object) -> type[StandIn]:
        return StandIn

    __ror__ = __or__


class StandIn(metaclass=_StandInType):
    """In the place of every TensorFlow class, function and decorator."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """What a decorator, a decorator factory or a derived component's constructor gives."""
        if cls is not StandIn:  # a component of Rasa's, derived from a TensorFlow class
            raise TensorFlowMissing(cls.__name__)
        if len(args) == 1 and not kwargs and callable(args[0]):
            return args[0]  # used as a bare decorator
        return _decorate  # used as a decorator factory


def _decorate(function: Any) -> Any:
    return function


def _never(*_: Any, **__: Any) -> bool:
    return False


class _StandInModule(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "is_tensor":  # asked by matplotlib about ordinary arrays
            return _never
        return StandIn


class _Finder(Loader):
    """A finder, and the loader of what it finds."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answer for TensorFlow's packages and for nothing else."""
        if fullname.partition(".")[0] not in ANSWERED:
            return None
        from importlib.machinery import ModuleSpec  # noqa: PLC0415

        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module."""
        return _StandInModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: every attribute is answered on demand."""


def install() -> None:
    """Answer TensorFlow imports from now on, unless they can be answered for real."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


install()
