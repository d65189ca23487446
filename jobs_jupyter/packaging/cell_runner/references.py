"""What a pickle names by reference, and so can be loaded only where that name is."""

from __future__ import annotations

import io
import pickle
from contextlib import suppress
from typing import Any

_MAIN = "__main__"


def main_names(content: bytes) -> list[str]:
    """Return the names that a pickle looks for in `__main__`, which is another where it is loaded.

    Functions under `lru_cache` are pickled so even by cloudpickle, and by pickle all functions and classes.
    """
    if _MAIN.encode() not in content:
        return []
    return [name for module, name in references(content) if module == _MAIN]


def references(content: bytes) -> list[tuple[str, str]]:
    """Return module and name of all that a pickle refers to, in order, pickles within it included.

    Nothing is imported: stand-ins take the place of what is named, and lists, numbers and the like are
    unpickled as they are.
    """
    found: dict[tuple[str, str], None] = {}
    _read(content, found)
    return list(found)


def _read(content: bytes, found: dict[tuple[str, str], None]) -> None:
    with suppress(Exception):  # whatever stand-ins can't stand in for: as far as it went
        _Reader(content, found).load()


class _Reader(pickle.Unpickler):
    """Notes what a pickle refers to."""

    def __init__(self, content: bytes, found: dict[tuple[str, str], None]) -> None:
        super().__init__(io.BytesIO(content))
        self._found = found
        self._stand_in = type("StandIn", (_StandIn,), {"found": found})

    def find_class(self, module: str, name: str) -> Any:
        self._found[module, name] = None
        return self._stand_in

    def persistent_load(self, _: Any) -> Any:
        return self._stand_in()


class _StandIn:
    """Whatever it is that a pickle makes, calls and fills."""

    found: dict[tuple[str, str], None]

    def __new__(cls, *arguments: Any, **_: Any) -> Any:
        for part in arguments:
            cls._look(part)
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        return type(self)(*arguments)

    def __setstate__(self, state: Any) -> None:
        self._look(state)

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    extend = update = add = append

    @classmethod
    def _look(cls, part: Any) -> None:
        """Read a pickle that is handed to something which may load it."""
        if isinstance(part, bytes) and part.startswith(b"\x80") and part.endswith(b"."):
            _read(part, cls.found)
