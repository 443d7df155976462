"""Parsing in a process of its own, with limits of time and memory, and what was parsed before.

libclang can crash, or grow without end, on strange input; then the worker ends, and its caller says so. What a file means is kept
in the cache folder (:func:`smpcheck.cat.cache.folder`) under the hash of the command, the versions and the text; an entry is used
while every file that was read still has the same content.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from msgspec import Struct

from smpcheck import __version__
from smpcheck.cat.cache import folder
from smpcheck.errors import InputError, LimitError, UnsupportedError
from smpcheck.program.ir import Position
from smpcheck.readers.clang import tree

SECONDS = 60
"""So much processor time a parse may take,"""
MEMORY = 2 << 30
"""and so many bytes of memory."""
CLASHING = ("clang", "libclang")
WHEEL = "libclang-ng"
GAVE_UP = f"clang gave up on this file: it takes more than {MEMORY >> 20} MiB, or is nested too deeply"
NESTED = "expressions or statements are nested too deeply in this function"
HOW_TO_INSTALL = "reading the kernel's C needs libclang: pip install 'smpcheck[c]'"


class Request(Struct, frozen=True):
    """What to parse: the ``file``, whose text is in ``unsaved`` unless it is on disk, with clang's ``arguments``. ``roots`` is a
    regular expression for the functions to begin with; ``stops`` are functions whose bodies are not wanted outside of the ``own``
    files."""

    file: str
    arguments: tuple[str, ...]
    unsaved: tuple[tuple[str, str], ...]
    roots: str
    stops: tuple[str, ...]
    own: tuple[str, ...]


def parse(request: Request) -> tree.Unit:
    """The unit of a file, from the cache or from a worker.

    :raises InputError: it does not compile: clang's own message
    :raises UnsupportedError: there is no libclang, or another package hides it; or it gave up
    :raises LimitError: it took too long or too much memory
    """
    version = _version()
    command = json.dumps(
        [
            __version__,
            version,
            _code(),
            request.arguments,
            request.file,
            request.unsaved,
            request.roots,
            request.stops,
            request.own,
        ]
    )
    key = hashlib.blake2b(command.encode(), digest_size=16).hexdigest()
    cached = _load(key)
    if cached is not None:
        return cached
    found = _ask(request)
    if found["error"] is not None:
        file, line, column, message = found["error"]
        kind = UnsupportedError if message in (GAVE_UP, NESTED) else InputError
        raise kind(message, Position(file, line, column) if file else None)
    unit = tree.decode(found["unit"])
    assert isinstance(unit, tree.Unit)
    _store(key, found["unit"], unit.files, dict(request.unsaved))
    return unit


def _version() -> str:
    """The version of libclang-ng."""
    for name in CLASHING:
        with contextlib.suppress(metadata.PackageNotFoundError):
            metadata.version(name)
            raise UnsupportedError(
                f"the package {name} hides {WHEEL}: pip uninstall {' '.join(CLASHING)}, then "
                f"pip install --force-reinstall {WHEEL}"
            )
    try:
        return metadata.version(WHEEL)
    except metadata.PackageNotFoundError:
        raise UnsupportedError(HOW_TO_INSTALL) from None


def _code() -> str:
    """This code's identity: an entry made by other code is not used."""
    here = Path(__file__).parent
    return " ".join(f"{name}:{(here / name).stat().st_mtime_ns}" for name in ("tree.py", "extract.py"))


def _ask(request: Request) -> Any:
    data = json.dumps(
        {
            "file": request.file,
            "arguments": request.arguments,
            "unsaved": request.unsaved,
            "roots": request.roots,
            "stops": request.stops,
            "own": request.own,
        }
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from smpcheck.readers.clang.worker import main; main()"],
            input=data,
            capture_output=True,
            text=True,
            timeout=4 * SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LimitError(f"parsing {request.file} took longer than {4 * SECONDS} s") from None
    answer: Any = None
    if not done.returncode:
        with contextlib.suppress(ValueError):
            answer = json.loads(done.stdout)
    if answer is None:
        lines = done.stderr.strip().splitlines()
        said = f": {lines[-1]}" if lines else ""
        if done.returncode < 0:
            said = f": {signal.Signals(-done.returncode).name}"
        raise LimitError(
            f"the process that parses {request.file} ended without an answer (at most {SECONDS} s and {MEMORY >> 20} MiB){said}"
        )
    return answer


# --- the cache ---


def _digest(file: str) -> str:
    return hashlib.blake2b(Path(file).read_bytes(), digest_size=16).hexdigest()


def _digest_of(text: str) -> str:
    """Of an entry's text: it stands in its first line."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _entry(key: str) -> Path | None:
    where = folder()
    return None if where is None else where / f"c-{key}.json"


def _load(key: str) -> tree.Unit | None:
    entry = _entry(key)
    if entry is None:
        return None
    try:
        digest, _, text = entry.read_text().partition("\n")
        if digest != _digest_of(text):
            return None  # damaged
        data = json.loads(text)
        if any(_digest(file) != digest for file, digest in data["files"].items()):
            return None
        unit = tree.decode(data["unit"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None
    return unit if isinstance(unit, tree.Unit) else None


def _store(key: str, unit: Any, files: tuple[str, ...], unsaved: dict[str, str]) -> None:
    entry = _entry(key)
    if entry is None:
        return
    with contextlib.suppress(OSError):
        digests = {file: _digest(file) for file in files if file not in unsaved}
        entry.parent.mkdir(parents=True, exist_ok=True)
        draft = entry.with_suffix(f".{os.getpid()}")
        text = json.dumps({"files": digests, "unit": unit}, separators=(",", ":"))
        draft.write_text(f"{_digest_of(text)}\n{text}")
        draft.replace(entry)


# --- in the worker ---


def main() -> None:
    """Read a request from standard input, write the answer to standard output."""
    request = json.load(sys.stdin)
    _limit()
    sys.setrecursionlimit(10_000)
    json.dump(answer(request), sys.stdout, separators=(",", ":"))


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Parse: the unit as :func:`smpcheck.readers.clang.tree.encode` has it, or clang's first error with its place."""
    from clang import cindex

    from smpcheck.readers.clang.extract import Extraction

    unsaved = [tuple(pair) for pair in request["unsaved"]]
    try:
        unit = cindex.Index.create().parse(request["file"], request["arguments"], unsaved)
    except cindex.TranslationUnitLoadError:
        return {"error": [request["file"], 1, 1, GAVE_UP], "unit": None}
    error = next((d for d in unit.diagnostics if d.severity >= cindex.Diagnostic.Error), None)
    if error is not None:
        where = error.location
        return {"error": [where.file.name if where.file else "", where.line, where.column, error.spelling], "unit": None}
    texts = {file: text.encode() for file, text in unsaved}
    extraction = Extraction(unit, frozenset(request["stops"]), frozenset(request["own"]), texts)
    try:
        found = tree.encode(extraction.run(re.compile(request["roots"])))
    except (RecursionError, MemoryError, ValueError):  # libclang says of what is nested too deeply that it is empty
        return {"error": [*extraction.last, NESTED], "unit": None}
    return {"error": None, "unit": found}


def _limit() -> None:
    try:
        import resource
    except ImportError:  # not a Unix: no limits there
        return
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
