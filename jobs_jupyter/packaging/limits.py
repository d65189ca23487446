"""How large a package may be, and what to say when it is larger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.limits import BYTES, BYTES_VARIABLE, FILES, FILES_VARIABLE, limit
from jobs_jupyter.models.sizes import human
from jobs_jupyter.packaging.walk import Found

_LOOK_AHEAD = 200_000  # entries looked at beyond the limit, to name the biggest paths
_MOST = 0.8  # a directory whose biggest part has this share of it is named by that part


@dataclass(frozen=True)
class Limits:
    """The largest package that is accepted; `leave_out` says how a path is left out of it."""

    bytes: int = field(default_factory=lambda: limit(BYTES_VARIABLE, BYTES))
    files: int = field(default_factory=lambda: limit(FILES_VARIABLE, FILES))
    leave_out: str = "with -x '{0}' or excludes=['{0}']"

    def allow(self, files: int, size: int) -> bool:
        """Whether a package of so many entries and bytes is accepted."""
        return files <= self.files and size <= self.bytes

    def within(self, root: str, found: Iterable[Found]) -> list[Found]:
        """Return what was found, or raise a `PackageError` that names the biggest paths."""
        taken: list[Found] = []
        size = 0
        stream = iter(found)
        for item in stream:
            taken.append(item)
            size += item.size
            if size > self.bytes or len(taken) > self.files:
                raise self._over(root, taken, stream, by_size=size > self.bytes)
        return taken

    def _over(self, root: str, taken: list[Found], rest: Iterator[Found], *, by_size: bool) -> PackageError:
        taken.extend(islice(rest, _LOOK_AHEAD))
        more = "more than " if next(rest, None) else ""
        total = sum(item.size for item in taken)
        paths = biggest(taken, by_size=by_size)
        named = ", ".join(f"{path} ({human(n) if by_size else f'{n:,}'})" for path, n in paths)
        is_, allowed = (
            (human(total), human(self.bytes)) if by_size else (f"{len(taken):,} files", f"{self.files:,}")
        )
        example = paths[0][0]
        return PackageError(
            f"The directory {root!r} has {more}{is_}; a package may have {allowed}. The biggest: {named}. "
            f"Leave out what the job does not need, {self.leave_out.format(example)}, "
            f"or raise {BYTES_VARIABLE if by_size else FILES_VARIABLE}"
        )


def biggest(found: Iterable[Found], *, by_size: bool, count: int = 5) -> list[tuple[str, int]]:
    """Return the paths that weigh most, each with its bytes (or its number of files).

    A directory stands for what is in it, but for one that owes its weight to one part of it: then
    that part is named.
    """
    weights: dict[str, int] = defaultdict(int)
    children: dict[str, set[str]] = defaultdict(set)
    for item in found:
        weight = item.size if by_size else 1
        path = item.path
        weights[path] += weight
        while path:
            parent = path.rpartition("/")[0]
            children[parent].add(path)
            if parent:
                weights[parent] += weight
            path = parent
    tops = sorted(children[""], key=lambda path: (-weights[path], path))[:count]
    return [(path, weights[path]) for path in (_most_telling(top, weights, children) for top in tops)]


def _most_telling(path: str, weights: dict[str, int], children: dict[str, set[str]]) -> str:
    while parts := children.get(path):
        part = max(parts, key=lambda child: weights[child])
        if weights[part] < _MOST * weights[path]:
            break
        path = part
    return path
