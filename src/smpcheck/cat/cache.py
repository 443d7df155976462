"""Finished models on disk, so that a start of the program need not import lark and build parsing tables.

One JSON file per model in ``$XDG_CACHE_HOME/smpcheck`` (by default ``~/.cache/smpcheck``). ``SMPCHECK_CACHE`` names another
folder; set to nothing, it switches the cache off. An entry is used only if it is whole (checksum), was written by this very code
(size and time of every source file), and every file that the model was read from has the content that is kept in it (the files
are small: to load a library of hash functions takes longer than to compare them). Whatever goes wrong here, the model is simply
read again. Entries appear by renaming, so readers never see half of one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, json

from smpcheck.cat.graph import recursive_first, roots
from smpcheck.cat.nodes import Axiom, Model, Node, define_rec, forget, make, rec_variable

FORMAT = 1
VARIABLE = "SMPCHECK_CACHE"


def folder() -> Path | None:
    """Where models are kept, or None if nowhere."""
    own = os.environ.get(VARIABLE)
    if own is not None:
        return Path(own) if own else None
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "smpcheck" if os.path.isabs(home) else None


@cache
def _code() -> str:
    """This code's identity: an entry written by other code is not used."""
    here = Path(__file__).parent
    files = [entry for entry in os.scandir(here) if entry.name.endswith((".py", ".lark"))]
    entries = sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return f"{FORMAT} {sys.version_info[:2]} {entries}"


def _entry(path: str) -> Path | None:
    """Where the model that is read from ``path`` is kept; two paths may share an entry, which says whose it is."""
    where = folder()
    return None if where is None else where / f"{zlib.crc32(os.fsencode(os.path.abspath(path))):08x}.json"


def _text(data: bytes) -> str:
    """Any bytes as text."""
    return data.decode("latin-1")


def load(path: str, name: str) -> tuple[Model, list[str]] | None:
    """The model read from ``path`` earlier, if nothing changed since, and the files that it was read from; called ``name``."""
    try:
        entry = _entry(path)
        if entry is None:
            return None
        checksum, _, body = entry.read_bytes().partition(b"\n")
        if int(checksum) != zlib.crc32(body):
            return None
        data = json.decode(body)
        if data["code"] != _code() or data["name"] != name or data["path"] != _text(os.fsencode(os.path.abspath(path))):
            return None
        for file, content in data["files"].items():
            if _text(Path(file).read_bytes()) != content:
                return None
        forget()
        return _decode(data), list(data["files"])
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError, MsgspecError):
        return None


def store(path: str, model: Model, files: Mapping[str, bytes]) -> None:
    """Keep ``model``, which was read from ``path`` by way of ``files`` (name and content)."""
    with contextlib.suppress(OSError, RuntimeError, ValueError, MsgspecError):
        entry = _entry(path)
        if entry is None:
            return
        read = {name: _text(content) for name, content in files.items()}
        data = _encode(model) | {"code": _code(), "path": _text(os.fsencode(os.path.abspath(path))), "files": read}
        body = json.encode(data)
        entry.parent.mkdir(parents=True, exist_ok=True)
        partial = entry.with_suffix(f".{os.getpid()}.tmp")
        try:
            partial.write_bytes(b"%d\n" % zlib.crc32(body) + body)
            os.replace(partial, entry)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _encode(model: Model) -> dict[str, object]:
    order = {node: i for i, node in enumerate(recursive_first(roots(model)))}
    recursive = [node for node in order if node.op == "rec"]
    nodes = [[n.kind, n.op, [order[a] for a in n.args] if n.op != "rec" else [], n.name, n.label, n.where] for n in order]
    return {
        "name": model.name,
        "nodes": nodes,
        "rec": [[order[n], order[n.args[0]]] for n in recursive],
        "axioms": [[a.kind, order[a.node], a.name, a.negated, a.flag, a.where] for a in model.axioms],
        "shows": [[name, order[n]] for name, n in model.shows],
        "definitions": model.definitions_file,
        "languages": model.languages,
        "annotations": {kind: sorted(tags) for kind, tags in model.annotations.items()},
    }


def _decode(data: dict[str, object]) -> Model:
    nodes: list[Node] = []
    for kind, op, args, name, label, where in data["nodes"]:  # type: ignore[attr-defined]
        node = rec_variable(kind, name) if op == "rec" else make(kind, op, tuple(nodes[i] for i in args), name)
        if label is not None:
            node.label, node.where = label, where
        nodes.append(node)
    for variable, body in data["rec"]:  # type: ignore[attr-defined]
        define_rec(nodes[variable], nodes[body])
    axioms = tuple(
        Axiom(kind, nodes[i], name, negated, flag, where)
        for kind, i, name, negated, flag, where in data["axioms"]  # type: ignore[attr-defined]
    )
    shows = tuple((name, nodes[i]) for name, i in data["shows"])  # type: ignore[attr-defined]
    annotations = {kind: frozenset(tags) for kind, tags in data["annotations"].items()}  # type: ignore[attr-defined]
    spoken: Any = data["languages"]
    languages = None if spoken is None else (*spoken,)
    return Model(data["name"], axioms, shows, data["definitions"], annotations, languages)  # type: ignore[arg-type]
