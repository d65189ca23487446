"""What a project depends on, as lines of a file of requirements: from such a file, pyproject.toml, locks."""

from __future__ import annotations

import codecs
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.programs import find_uv
from jobs_jupyter.models.requirements import is_archive

EXPORT_S = 60.0
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before that of UTF-16, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"#.*?coding[:=]\s*([-\w.]+)")
_PYPI = re.compile(r"https://(pypi\.org|pypi\.python\.org)/.*")

_EXPORTS = {
    "poetry.lock": "poetry export -o requirements.txt",
    "pdm.lock": "pdm export -o requirements.txt",
    "pipfile": "pipenv requirements > requirements.txt",
    "pipfile.lock": "pipenv requirements > requirements.txt",
    "pixi.toml": "pixi list, whose PyPI packages go into a requirements.txt",
    "pixi.lock": "pixi list, whose PyPI packages go into a requirements.txt",
    "setup.py": "uv pip compile setup.py -o requirements.txt",
    "setup.cfg": "uv pip compile setup.cfg -o requirements.txt",
}
_OTHERS = (".ipynb", ".py", ".json", ".cfg", ".ini", ".xml", ".sh", ".csv")


def as_requirements(path: Path, content: bytes, asked: str) -> str:
    """Return what a file asks for in the form of a file of requirements.

    Args:
        path: where it lies; its name says what kind of file it is.
        content: what is in it.
        asked: who names it, for messages.

    Raises:
        PackageError: it is of no kind that can be read, or leaves open what is asked for.
    """
    name = path.name.lower()
    if name in _EXPORTS:
        raise PackageError(f"{asked}: {path.name} is not read; write requirements with: {_EXPORTS[name]}")
    if name.endswith((".yml", ".yaml")):
        raise PackageError(
            f"{asked}: {path.name} looks like a conda environment; list its packages as pip names them in a "
            "requirements.txt, or name that environment's Python with py_executable"
        )
    if name.endswith(_OTHERS):
        raise PackageError(f"{asked}: {path.name} is not a file of requirements; name a requirements.txt")
    text = _decoded(path, content, asked)
    if name == "uv.lock":
        return _of_uv_lock(path, text, asked)
    if name.endswith(".toml"):
        return "".join(f"{line}\n" for line in _of_toml(path, text, asked))
    return text


def _decoded(path: Path, content: bytes, asked: str) -> str:
    """Read text as pip does: by its byte order mark, else as one of its first two lines says."""
    encoding, start = "utf-8", 0
    for mark, marked in _BOMS:
        if content.startswith(mark):
            encoding, start = marked, len(mark)
            break
    else:
        said = (_CODING.match(line) for line in content.split(b"\n")[:2])
        encoding = next((match[1].decode("ascii", "replace") for match in said if match), encoding)
    try:
        text = content[start:].decode(encoding)
    except LookupError:
        raise PackageError(f"{asked}: {str(path)!r} has an encoding that is not known: {encoding}") from None
    except UnicodeDecodeError:
        hint = f"give it in a list: [{str(path)!r}]" if is_archive(path.name) else "write it as that"
        raise PackageError(f"{asked}: {str(path)!r} is not {encoding.upper()} text; {hint}") from None
    if "\0" in text:
        raise PackageError(f"{asked}: {str(path)!r} is not text: it has NUL characters")
    return text


def _of_toml(path: Path, text: str, asked: str) -> Iterator[str]:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise PackageError(f"{asked}: {str(path)!r} is not valid TOML: {problem}") from None
    if "lock-version" in found or path.name.startswith("pylock."):
        return _of_pylock(path, found, asked)
    return _of_project(path, found, asked)


def _of_project(path: Path, found: dict[str, Any], asked: str) -> Iterator[str]:
    """Yield the dependencies of a pyproject.toml, and the indices that it names for uv."""
    where, tools = f"{asked}: {path.name}", found.get("tool", {})
    project = found.get("project")
    if project is None or ("dependencies" not in project and "poetry" in tools):
        how = "poetry export" if "poetry" in tools else "uv pip compile"
        raise PackageError(
            f"{where} has no [project] table with dependencies; write them into a requirements.txt, "
            f"for example with {how}"
        )
    if "dependencies" in project.get("dynamic", ()):
        raise PackageError(
            f"{where}: its dependencies are dynamic, so only its build tool knows them; write them "
            "down with: uv pip compile pyproject.toml -o requirements.txt"
        )
    wanted = project.get("dependencies", [])
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise PackageError(f"{where}: project.dependencies is not a list of requirements")
    _check_sources(where, wanted, tools.get("uv", {}).get("sources", {}))
    for index in tools.get("uv", {}).get("index", []):
        if not index.get("explicit"):
            yield f"--{'' if index.get('default') else 'extra-'}index-url {index['url']}"
    yield from wanted


def _check_sources(where: str, wanted: list[str], sources: dict[str, Any]) -> None:
    """Refuse what uv would take from elsewhere: an index may have another package of that name."""
    own = {_normalised(name) for name in sources}
    for requirement in wanted:
        name = re.match(r"[A-Za-z0-9._-]*", requirement.strip())
        if name and _normalised(name[0]) in own:
            raise PackageError(
                f"{where} takes {name[0]} from a source of tool.uv.sources; write that down with: "
                "uv export --no-emit-project -o requirements.txt"
            )


def _of_pylock(path: Path, found: dict[str, Any], asked: str) -> Iterator[str]:
    """Yield the packages of a pylock.toml (https://packaging.python.org/specifications/pylock-toml/)."""
    packages = found.get("packages", [])
    indices = dict.fromkeys(each["index"] for each in packages if "index" in each)
    yield from (f"--extra-index-url {url}" for url in indices if not _PYPI.fullmatch(url))
    for each in packages:
        marker = each.get("marker", "")
        if re.search(r"\b(extras|dependency_groups)\b", marker):
            raise PackageError(
                f"{asked}: {path.name} has {each.get('name')} for some extras or groups only; export "
                "those that are meant to a requirements.txt"
            )
        yield _locked(path, each, asked) + (f" ; {marker}" if marker else "") + _hashes(each)


def _locked(path: Path, package: dict[str, Any], asked: str) -> str:
    """Return what a package of a lock is, without its hashes."""
    name = package.get("name", "")
    if vcs := package.get("vcs"):
        if "url" in vcs:
            below = f"#subdirectory={vcs['subdirectory']}" if "subdirectory" in vcs else ""
            return f"{name} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}{below}"
    elif archive := package.get("archive"):
        place = archive.get("url") or (path.parent / archive["path"]).resolve().as_uri()
        return f"{name} @ {place}"
    elif "version" in package and "directory" not in package:
        return f"{name}=={package['version']}"
    raise PackageError(
        f"{asked}: {path.name} has {name or 'a package'} from a directory, which the job would not have as "
        "it is now; build a wheel of it, or give the directory with py_modules"
    )


def _hashes(package: dict[str, Any]) -> str:
    if "vcs" in package or "directory" in package:
        return ""
    files = [*package.get("wheels", []), *filter(None, (package.get("sdist"), package.get("archive")))]
    found = {(kind, value) for each in files for kind, value in each.get("hashes", {}).items()}
    return "".join(f" --hash={kind}:{value}" for kind, value in sorted(found))


def _of_uv_lock(path: Path, text: str, asked: str) -> str:
    """Return what uv makes of its lock; it needs the pyproject.toml beside it."""
    uv = find_uv()
    if uv is None or not path.with_name("pyproject.toml").is_file():
        lack = "uv" if uv is None else "the pyproject.toml beside it"
        raise PackageError(f"{asked}: reading {path.name} needs {lack}, which is not there")
    how = ["--frozen", "--offline", "--no-emit-project", "--no-header", "--no-annotate", "--quiet"]
    try:
        done = subprocess.run(
            [uv, "export", *how],
            cwd=path.parent,
            capture_output=True,
            text=True,
            timeout=EXPORT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise PackageError(f"{asked}: uv can't read {path.name}: {problem}") from None
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise PackageError(f"{asked}: uv can't read {path.name}: {said.removeprefix('error: ')}")
    sources = [each.get("source", {}) for each in tomllib.loads(text).get("package", [])]
    urls = dict.fromkeys(each["registry"] for each in sources if "registry" in each)
    return "".join(f"--extra-index-url {url}\n" for url in urls if not _PYPI.fullmatch(url)) + done.stdout


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
