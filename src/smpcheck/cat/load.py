"""From the name of a model to its nodes: shipped models, ``.cat`` files, and a kernel tree's ``tools/memory-model``.

Reading a model takes the grammar's tables (0.2 s with the import of lark) and the text (20 ms), so the finished graph is kept in
the user's cache folder; see :mod:`smpcheck.cat.cache`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, TypeAlias

from smpcheck.cat import build, cache
from smpcheck.cat.graph import depth, reachable, roots
from smpcheck.cat.names import UNKNOWN_PAIRS, languages
from smpcheck.cat.nodes import Axiom, Model, forget
from smpcheck.errors import InputError, LimitError, UnsupportedError
from smpcheck.models import LANGUAGES
from smpcheck.program.ir import Position

if TYPE_CHECKING:
    from smpcheck.cat.syntax import File

MODELS = Path(__file__).parent.parent / "models"
LIBRARY = Path(__file__).parent / "library"

SHIPPED = tuple(LANGUAGES)
"""The models that are known by name."""

NATIVE = {
    "stdlib.cat": "empty.cat", "cross.cat": "empty.cat", "ncross.cat": "empty.cat", "enumerations.cat": "enumerations.cat",
    "coherence.cat": "cos.cat", "cos.cat": "cos.cat", "cos-opt.cat": "cos.cat", "cos-no-opt.cat": "cos.cat",
    "ncos.cat": "cos.cat", "lock.cat": "lock.cat", "filters.cat": "filters.cat", "x86fences.cat": "x86fences.cat",
    "aarch64deps.cat": "aarch64deps.cat",
}  # fmt: skip
"""Files that are provided here: including one never reads a copy of another tool's or the kernel's."""

MAX_GRAPH_DEPTH = 150
"""Terms nested deeper than this (through definitions) are refused; the kernel's model has 45."""
MAX_FILE_SIZE = 1 << 20

CONFIG = "linux-kernel.cfg"
KERNEL_CAT = "linux-kernel.cat"


def load_model(name_or_path: str | os.PathLike[str]) -> Model:
    """A memory model, by its name (of :data:`SHIPPED`), as a ``.cat`` file, or as a kernel tree's ``tools/memory-model``.

    Of a folder, ``linux-kernel.cfg`` names the bell file, the model and the macros (``Model.definitions_file``). The same model
    is read once per process, unless one of its files changes.

    :raises InputError: there is no such model, or a file of it is not well formed; says where and what is accepted
    :raises UnsupportedError: it uses a construct that smpcheck does not support, which is named
    """
    name = os.fspath(name_or_path)
    path = str(_find(name))
    with _reading:
        known = _loaded.get((name, path))
        if known is not None and known[1] == _stamps(known[1]):
            return known[0]
        try:
            model, files = _load(name, path)
        except RecursionError:
            raise UnsupportedError(f"the model {name} is nested too deeply") from None
        _loaded[name, path] = model, _stamps(files)
        return model


_reading = RLock()
"""Models are read one at a time: terms made meanwhile are shared within one model only (:func:`smpcheck.cat.nodes.forget`)."""


Stamps: TypeAlias = dict[str, tuple[int, int] | None]
"""Files, each with its time and size, or None if it is not there."""

_loaded: dict[tuple[str, str], tuple[Model, Stamps]] = {}
"""The models read by this process, by name and path."""


def _stamps(files: Iterable[str]) -> Stamps:
    stamps: Stamps = {}
    for file in files:
        try:
            status = os.stat(file)
        except OSError:
            stamps[file] = None
        else:
            stamps[file] = status.st_mtime_ns, status.st_size
    return stamps


def _find(name: str) -> Path:
    if name in SHIPPED:
        return MODELS / f"{name}.cat"
    path = Path(name)
    try:
        if path.is_dir():
            for folder in (path, path / "tools" / "memory-model"):
                if (folder / CONFIG).is_file():
                    return folder / CONFIG
            raise InputError(f"{name} is a folder without {CONFIG}; a kernel tree's tools/memory-model has one")
        if path.is_file():
            config = path.parent / CONFIG
            # the kernel's .cat file alone does not declare its tags: its configuration says what does
            return config if path.name == KERNEL_CAT and config.is_file() else path
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {name}: {error}") from None
    shipped = ", ".join(SHIPPED)
    raise InputError(f"there is no model {name}: accepted are {shipped}, a .cat file, a kernel tree's tools/memory-model")


def _load(name: str, path: str) -> tuple[Model, Iterable[str]]:
    kept = cache.load(path, name)
    if kept is not None:
        return kept
    forget()
    reader = _Reader()
    model = reader.read(name, Path(path))
    cache.store(path, model, reader.read_files)
    return model, reader.read_files


class _Reader:
    """Reads the files of one model; remembers which, for the cache."""

    def __init__(self) -> None:
        from smpcheck.cat.evaluate import Evaluator

        self.read_files: dict[str, bytes] = {}
        self.evaluator = Evaluator(self.include)
        self.folders: dict[str, Path] = {}
        """Where the includes of a file are looked for first: beside it; of one that is provided here, beside its includer."""

    def text(self, path: Path, shown: str) -> str:
        try:
            if path.stat().st_size > MAX_FILE_SIZE:
                raise LimitError(f"{shown} is larger than {MAX_FILE_SIZE >> 20} MiB")
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise InputError(f"cannot read {shown}: {getattr(error, 'strerror', None) or error}") from None
        self.read_files[str(path.resolve())] = data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            where = Position(shown, data.count(b"\n", 0, error.start) + 1, 1)
            raise InputError("this is not text in UTF-8", where) from None

    def run(self, path: Path, shown: str) -> None:
        from smpcheck.cat.parser import parse

        self.folders[shown] = path.parent
        self.evaluator.run_file(shown, parse(self.text(path, shown), shown))

    def include(self, wanted: str, includer: str) -> tuple[str, File] | None:
        """Find and parse ``include "wanted"`` in the file shown as ``includer``."""
        from smpcheck.cat.parser import parse

        folder = self.folders[includer]
        if wanted in NATIVE:
            path, shown = LIBRARY / NATIVE[wanted], wanted
        else:
            found = [p for p in (folder / wanted, MODELS / wanted) if _is_file(p)]
            if not found:
                return None
            path = found[0]
            shown, folder = path.name if path.parent == MODELS else str(path), path.parent
        self.folders[shown] = folder
        return shown, parse(self.text(path, shown), shown)

    def read(self, name: str, path: Path) -> Model:
        definitions: str | None = None
        if path.name == CONFIG:
            files = self.config(path)
            self.evaluator.variants = frozenset(files.pop("variant", "").replace(",", " ").split())
            definitions = str(path.parent / files["macros"]) if "macros" in files else None
            if definitions is not None and "__srcu{srcu-lock}" in self.text(Path(definitions), definitions):
                from smpcheck.cat.build import EMPTY_SET
                from smpcheck.cat.values import SRCU_EVENTS

                self.evaluator.env = {**self.evaluator.env, SRCU_EVENTS: EMPTY_SET}
            for key in ("bell", "model"):
                if key in files:
                    self.run(path.parent / files[key], str(path.parent / files[key]))
        else:
            self.run(path, path.name if path.parent == MODELS else str(path))
        evaluator = self.evaluator
        model = Model(
            name if name in SHIPPED or path.name == CONFIG else path.stem,
            tuple(evaluator.axioms),
            tuple((name, node) for name, node in evaluator.shows.items() if not build.is_empty(node)),
            definitions,
            evaluator.annotations,
            self.languages(path),
        )
        for axiom in model.axioms:
            self.check_known(axiom)
        if depth(roots(model)) > MAX_GRAPH_DEPTH:
            what = f"definitions that nest more than {MAX_GRAPH_DEPTH} deep"
            raise UnsupportedError(f"not supported in a model: {what}", Position(name, 1))
        return model

    def languages(self, path: Path) -> tuple[str, ...] | None:
        """What the model's programs are written in: of ours it is known, of others the events that requirements name show it."""
        if path.parent == MODELS and path.stem in LANGUAGES:
            return LANGUAGES[path.stem]
        axioms = [axiom.node for axiom in self.evaluator.axioms if not axiom.flag]
        return languages(node.name for node in reachable(axioms) if node.op == "base" and node.kind == "set")

    def check_known(self, axiom: Axiom) -> None:
        unknown = next((node.name for node in reachable([axiom.node]) if node.op == "base" and node.name in UNKNOWN_PAIRS), None)
        if unknown is not None:
            file, _, line = (axiom.where or "").rpartition(":")
            what = f"{unknown} ({UNKNOWN_PAIRS[unknown]}), on which {axiom.name} depends"
            raise UnsupportedError(f"not supported in a model: {what}", Position(file, int(line)))

    def config(self, path: Path) -> dict[str, str]:
        """The files and variants that a herd7 configuration names; its other lines are about pictures."""
        files: dict[str, str] = {}
        for line in self.text(path, str(path)).splitlines():
            key, _, value = line.partition(" ")
            if key in ("macros", "bell", "model", "variant") and value.strip():
                files[key] = value.strip()
        if "model" not in files:
            raise InputError(f"{path} names no model (a line like: model linux-kernel.cat)")
        return files


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
