"""Installing requirements into a virtual environment, with uv, or with pip where uv is not there."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs_jupyter.models.errors import PackageError
from jobs_jupyter.models.requirements import FILE_OPTIONS, is_repository, lines, option
from jobs_jupyter.service import tools
from jobs_jupyter.service.builds import to_end
from jobs_jupyter.service.interpreters import Interpreter, normalised
from jobs_jupyter.service.stand_ins import write_stand_ins

_PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;]+)")
_BUSY = re.compile(rb"\s*(?:Downloading|Building|Collecting|Updating|Preparing packages:) (.+)")
_WHOLE = re.compile(rb"Installing collected packages: (.+)")
_ERROR = re.compile(r"(?:error|ERROR)\s*:\s*(?P<text>.+)|\s*\N{MULTIPLICATION SIGN}\s*(?P<cross>.+)")
_CAUSE = re.compile(r"\s*(?:cause:|╰─▶|├─▶|Caused by:)\s*(?P<text>.+)")
_UNREACHABLE = re.compile(
    r"error sending request|dns error|[Cc]onnection refused|timed out|Could not connect"
)
WANTED = "wanted.txt"
_OF_OURS = f"included file in `{WANTED}`"
"""What uv begins with where the file that it was given, which is ours, includes one that is wrong."""

LONGEST_REASON = 300
SHOWN = 3
TAIL = 65536


class InstallError(PackageError):
    """Requirements that can't be installed, in one line; all of it is in the log."""


@dataclass
class Build:
    """What an installer works with.

    `file` is the file of requirements, in a directory of its own that is deleted afterwards; `venv`
    is where the environment is to be. `write` gets what programs print, `say` what is being done;
    `hidden` takes secrets out of what a program says of why it failed.
    """

    interpreter: Interpreter
    venv: Path
    file: Path
    environment: dict[str, str]
    write: Callable[[bytes], None]
    say: Callable[[str], Awaitable[None]]
    hidden: Callable[[bytes], bytes]

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    async def run(self, *command: str | Path, quietly: bool = False) -> str | None:
        """Run a program; returns what it said last where it failed, None where it did not."""
        said = bytearray()

        def output(piece: bytes) -> None:
            said.extend(piece)
            del said[:-TAIL]
            if not quietly:
                self.write(piece)

        words = [str(word) for word in command]
        code = await tools.run(words, output, environment=self.environment, directory=self.file.parent)
        return self.hidden(bytes(said)).decode(errors="replace") or f"exit code {code}" if code else None

    def add_base(self) -> None:
        """Have the environment find what the interpreter has, after its own."""
        folder = next(self.venv.glob("lib/python*/site-packages"))
        calls = "".join(f"import site; site.addsitedir({path!a})\n" for path in self.interpreter.directories)
        (folder / "jobs_jupyter_base.pth").write_text(calls)


async def install(build: Build, uv: str | None) -> None:
    """Make the environment.

    Raises:
        InstallError: it can't be made; the log says all of it.
    """
    if any((found := option(line)) and found[0] in ("-i", "--index-url") for line in _given(build.file)):
        for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):  # for uv these would win over the file
            build.environment.pop(name, None)
    await build.say("building environment")
    await (_with_uv(build, uv) if uv else _with_pip(build))
    _mend_scripts(build.python)


def _mend_scripts(python: Path) -> None:
    """Have programs start where a tab or a line break in the path would end the line that names their Python.

    What comes instead is a string to Python, and a command to the shell.
    """
    if not re.search(r"[\t\n\v\f\r]", str(python)):
        return
    first = b"#!" + os.fsencode(python) + b"\n"
    instead = f"#!/bin/sh\n'''exec' {shlex.quote(str(python))} \"$0\" \"$@\"\n' '''\n"
    for script in python.parent.iterdir():
        if not script.is_symlink() and (content := script.read_bytes()).startswith(first):
            script.write_bytes(os.fsencode(instead) + content.removeprefix(first))


async def _with_uv(build: Build, uv: str) -> None:
    base, missing = build.interpreter.executable, build.file.with_name("missing.txt")
    making = build.run(uv, "venv", "--quiet", "--no-project", "--python", base, build.venv)
    if any("--hash" in line for line in _given(build.file)):
        # hashes are for exactly what the file lists: nothing of it is left to the interpreter
        missing, names = build.file, ["what the file lists"]
        # a repository's commit is a hash by itself, and has no other
        how = "--verify-hashes" if any(map(is_repository, _given(build.file))) else "--require-hashes"
        _check(await making)
    else:
        await build.say("building environment: resolving")
        async with asyncio.TaskGroup() as both:  # which sees the end of both, also where it is cancelled
            made = both.create_task(making)
            resolved = both.create_task(_resolve(build, uv, missing))
        _check(made.result())
        _check(resolved.result())
        how, names = "--no-deps", _names(missing)
    if names:
        await build.say(f"building environment: installing {_few(names)}")
        install = [uv, "pip", "install", "--python", str(build.python), "--compile-bytecode", how]
        _check(await _online_or_not(build, *install, "-r", missing))
    build.add_base()


async def _resolve(build: Build, uv: str, missing: Path) -> str | None:
    """Write down what the interpreter lacks, with the file's options; returns what uv says if it can't."""
    pins, wanted = build.file.with_name("pins.txt"), build.file.with_name(WANTED)
    there = await to_end(_offer_what_is_there, build, pins, wanted)
    compiled = [uv, "pip", "compile", "--python", build.interpreter.executable, "--quiet", "--no-header"]
    how = ["--no-annotate", "--no-strip-extras", "-o", str(pins)]
    failed = await _online_or_not(build, *compiled, *how, wanted)
    if not failed:
        _write_missing(build, pins, missing, there)
    return failed


def _offer_what_is_there(build: Build, pins: Path, wanted: Path) -> dict[str, str]:
    """Have a resolver prefer what the interpreter has, and return that.

    What the output file holds already is preferred by uv, and gives way where it contradicts.
    """
    folder = build.file.with_name("stand-ins")
    there = write_stand_ins(build.interpreter.directories, folder)
    pins.write_text("".join(f"{name}=={version}\n" for name, version in there.items()))
    wanted.write_text(f"--find-links {folder.name}\n-r {build.file.name}\n")  # beside it: no path to quote
    return there


def _write_missing(build: Build, pins: Path, missing: Path, there: Mapping[str, str]) -> None:
    wanted = [line for _, line in lines(pins.read_text()) if option(line) is None]
    options = [line for line in _given(build.file) if option(line) is not None]
    kept = [line for line in wanted if not _is_there(line, there)]
    missing.write_text("".join(f"{line}\n" for line in [*options, *kept]))


def _names(file: Path) -> list[str]:
    """Return what a file asks for, by name."""
    wanted = (line for _, line in lines(file.read_text()) if option(line) is None)
    return [re.split(r"[=@ \[;]", line, maxsplit=1)[0] for line in wanted]


async def _online_or_not(build: Build, *command: str | Path) -> str | None:
    """Run uv; where an index can't be reached, with what its cache has."""
    failed = await build.run(*command)
    if failed and _UNREACHABLE.search(failed):
        build.write(b"Trying with what is in uv's cache.\n")
        return failed if await build.run(*command, "--offline", quietly=True) else None
    return failed


def _is_there(line: str, there: Mapping[str, str]) -> bool:
    match = _PIN.match(line)
    return match is not None and there.get(normalised(match["name"])) == match["version"]


def _given(file: Path, above: tuple[Path, ...] = ()) -> Iterator[str]:
    """Yield all lines of a file of requirements and of those that it includes, of limits only options."""
    for _, line in lines(file.read_text()):
        found = option(line)
        if found is None or found[0] not in FILE_OPTIONS:
            yield line
        elif "://" not in found[1] and (place := file.parent / found[1]) not in above:
            included = _given(place, (*above, file))
            is_whole = FILE_OPTIONS[found[0]] == "-r"
            yield from (line for line in included if is_whole or option(line) is not None)


async def _with_pip(build: Build) -> None:
    python = build.interpreter.executable
    _check(await build.run(python, "-m", "venv", "--without-pip", build.venv))
    build.add_base()
    if await build.run(build.python, "-m", "pip", "--version", quietly=True):
        await build.say("building environment: installing pip")
        if await build.run(build.python, "-m", "ensurepip", quietly=True):
            raise InstallError(
                f"requirements can't be installed: there is no uv here, and {python} has neither pip nor "
                "ensurepip; install uv beside jobs-jupyter (pip install uv)"
            )
    await build.say("building environment: installing with pip")
    # with the base on its path, pip itself finds what is there already, and leaves that alone
    _check(await build.run(build.python, "-m", "pip", "install", "--compile", "-r", build.file.name))


def _check(failed: str | None) -> None:
    if failed is not None:
        raise InstallError(f"requirements can't be installed: {reason(failed)}")


def reason(said: str) -> str:
    """Return in one line what an installer's last words say is wrong."""
    shown = [line for line in said.splitlines() if line.strip()]
    for at, line in enumerate(shown):
        if match := _ERROR.match(line):
            text = (match["text"] or match["cross"]).strip().removesuffix(":")
            said_why = [text, *_causes(shown[at + 1 :])]
            if _OF_OURS in text and said_why[1:]:
                del said_why[0]
            return ": ".join(said_why[:2])[:LONGEST_REASON]
    return shown[-1].strip()[:LONGEST_REASON] if shown else "the installer says nothing"


def _causes(following: list[str]) -> Iterator[str]:
    """Yield an error's causes, the first one first; their lines were wrapped."""
    while following and (match := _CAUSE.match(following[0])):
        wrapped = list(
            itertools.takewhile(lambda line: line.startswith("   ") and not _CAUSE.match(line), following[1:])
        )
        following = following[1 + len(wrapped) :]
        words = (line.strip() for line in wrapped)
        yield " ".join([match["text"], *(text for text in words if text.strip("^"))])


def activity(line: bytes) -> str | None:
    """Return what an installer's line says that it is working on; None where it says nothing of that."""
    if match := _WHOLE.match(line):
        return f"building environment: installing {_few(match[1].decode(errors='replace').split(', '))}"
    if match := _BUSY.match(line):
        return f"building environment: {line.decode(errors='replace').strip().partition(' (from')[0][:100]}"
    return None


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name.strip() for name in names[:SHOWN]) + more


def index_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables say of where packages come from, in uv's words, pip's where uv has none."""
    found = {name: environment[name] for name in _UV_INDEX if environment.get(name)}
    own_default = "UV_INDEX_URL" in found or "UV_DEFAULT_INDEX" in found
    for name, uv_name in _PIP_INDEX.items():
        value = environment.get(name)
        if value and not (own_default and uv_name == "UV_DEFAULT_INDEX"):
            found.setdefault(uv_name, _joined(uv_name, value))
    return found


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the same in words that pip and uv both read; what pip has no word for is left out for it."""
    found = {name: environment[name] for name in _OF_PIP if environment.get(name)}
    settings = index_settings(environment)
    for name, pip_name in _OF_UV.items():
        if value := settings.get(name):
            words = (
                word.rpartition("=")[2] if name == "UV_INDEX" else word for word in re.split(r"[ ,]+", value)
            )
            found.setdefault(pip_name, " ".join(words))
    return {**settings, **found}


def _joined(uv_name: str, value: str) -> str:
    return ",".join(value.split()) if uv_name == "UV_FIND_LINKS" else value


_PIP_INDEX = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_NO_INDEX": "UV_NO_INDEX",
}
_OF_PIP = (*_PIP_INDEX, "PIP_TRUSTED_HOST", "PIP_PRE", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_RETRIES")
_OF_UV = {
    "UV_DEFAULT_INDEX": "PIP_INDEX_URL",
    "UV_INDEX_URL": "PIP_INDEX_URL",
    "UV_INDEX": "PIP_EXTRA_INDEX_URL",
    "UV_EXTRA_INDEX_URL": "PIP_EXTRA_INDEX_URL",
    "UV_FIND_LINKS": "PIP_FIND_LINKS",
    "UV_NO_INDEX": "PIP_NO_INDEX",
}
_UV_INDEX = (
    "UV_INDEX",
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_NO_INDEX",
    "UV_INDEX_STRATEGY",
    "UV_PRERELEASE",
    "UV_RESOLUTION",
    "UV_EXCLUDE_NEWER",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_TORCH_BACKEND",
    "UV_NO_BINARY",
    "UV_ONLY_BINARY",
    "UV_NO_BUILD",
)
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "PIP_CERT")
_ELSEWHERE = (
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME", "PYTHONPATH", "UV_PYTHON", "UV_SYSTEM_PYTHON",
    "UV_BREAK_SYSTEM_PACKAGES", "UV_PROJECT_ENVIRONMENT", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON",
)  # fmt: skip


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for an installer: the job's, less what says where to install.

    The service's certificates go for those that the job has none of.
    """
    kept = {name: value for name, value in environment.items() if name not in _ELSEWHERE}
    certificates = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
    fixed = {
        "NO_COLOR": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_PROGRESS_BAR": "off",
    }
    return {**certificates, **kept, **index_settings(kept), **fixed}
