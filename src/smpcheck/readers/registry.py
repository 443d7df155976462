"""Which reader reads which file: by suffix, imported only when a file of that kind comes up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, cast

from msgspec import Struct, field

from smpcheck.errors import InputError
from smpcheck.program.ir import Position, Program

if TYPE_CHECKING:
    from smpcheck.cat.nodes import Model

STDIN = "-"
STDIN_NAME = "<stdin>"

PYTHON_SUFFIX = ".py"
C_SUFFIX = ".c"
"""The kernel's own C, with a harness. Litmus tests have another suffix, whatever they are written in."""
C_OPTIONS = ("kernel", "kernel-headers", "object", "init", "thread", "assert")
"""Settings for files in C: what they are compiled against, and a harness in a few words."""

NOT_TESTS = {
    ".cat": "a memory model, not a test: give it with --model",
    ".bell": "a part of a memory model, not a test: give the .cat file with --model",
    ".def": "the kernel's table of primitives, not a test: it comes with its memory model",
    ".cfg": "herd7's options for a memory model, not a test: give the .cat file or its folder with --model",
}


def decode(data: bytes) -> str:
    """The text of a source file: UTF-8, or Latin-1 where it is not (old libraries have names in comments). A byte order mark
    is dropped.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


MAX_SIZE = 16 << 20
"""Larger files are refused: no test is so large, and a device may have no end."""
MOST_FILES = 1 << 16
"""Most are smaller than this."""


def read_bounded(file: BinaryIO, name: str) -> str:
    """The text of an open file. :raises InputError: it is larger than :data:`MAX_SIZE`"""
    data = file.read(MOST_FILES)
    if len(data) == MOST_FILES:
        data += file.read(MAX_SIZE + 1 - MOST_FILES)  # room is made for all that is asked for
        if len(data) > MAX_SIZE:
            raise InputError(f"{name} is larger than {MAX_SIZE >> 20} MiB")
    return decode(data)


def read_stdin() -> str:
    """The text of standard input. :raises InputError: if it cannot be read, or has no end"""
    try:
        return read_bounded(sys.stdin.buffer, STDIN_NAME)
    except OSError as error:
        raise InputError(f"cannot read {STDIN_NAME}: {error.strerror or error}") from None


def read_text(path: str) -> str:
    """The text of the file at ``path``. :raises InputError: if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return read_bounded(file, path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


class Vocabulary(Struct, frozen=True):
    """What a memory model says about the programs that it is for. ``definitions``: its own table of primitives, for C (see
    :mod:`smpcheck.readers.deffile`), if it brings one along. ``annotations``: the tags that its bell file declares, for LISA (see
    :class:`~smpcheck.cat.nodes.Model`)."""

    definitions: object = None
    annotations: Mapping[str, frozenset[str]] = field(default_factory=dict)


@lru_cache(maxsize=16)
def _definitions(path: str, _changed: int) -> object:
    from smpcheck.readers.deffile import read_definitions

    return read_definitions(read_text(path), path)


def vocabulary_of(model: Model) -> Vocabulary:
    """What ``model`` says about programs: its table of primitives (a kernel tree's ``linux-kernel.def``) and its tags."""
    path = model.definitions_file
    return Vocabulary(_definitions(path, os.stat(path).st_mtime_ns) if path else None, model.annotations)


def read_programs(
    path: str,
    text: str | None = None,
    vocabulary: Vocabulary | None = None,
    scenario: str | None = None,
    settings: Sequence[str] = (),
) -> Sequence[Program]:
    """All programs of a file: one for a litmus test, any number for a Python file.

    ``text`` is the file's text where it is known already (standard input, a test sent to another machine). ``vocabulary`` is that
    of the memory model; without one, primitives are those of the kernel and LISA's tags are free. ``scenario``: only the program
    of this name. ``settings``: ``NAME=VALUE`` for the parameters of a Python model.

    :raises InputError: unreadable, not well formed, or of a kind that is no test; no such scenario, parameter or value
    :raises UnsupportedError: something in it is not supported
    """
    suffix = os.path.splitext(path)[1]
    if suffix in NOT_TESTS:
        raise InputError(f"{path} is {NOT_TESTS[suffix]}")
    if suffix == PYTHON_SUFFIX:
        if text is not None:
            raise InputError("a Python model is read from a file of its own, not from text", Position(path, 1))
        reader = cast(Callable[..., Sequence[Program]], _reader("smpcheck.readers.python", "read_python_file"))
        return reader(path, scenario, settings)
    if settings and suffix != C_SUFFIX:
        raise InputError(f"{_option(settings[0])}: {path} is a litmus test, and only Python models have parameters")
    if text is None:
        text = read_text(path)
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise InputError(
            "this is not a text file: it has a NUL character", Position(path, text[: text.index("\0")].count("\n") + 1)
        )
    if suffix == C_SUFFIX:
        kernel = cast(Callable[..., Program], _reader("smpcheck.readers.clang.program", "read_kernel_c"))
        program = kernel(path, text, settings)
    else:
        litmus = cast(Callable[..., Program], _reader("smpcheck.readers.litmus", "read_litmus"))
        known = vocabulary or Vocabulary()
        program = litmus(text, path, known.definitions, known.annotations)
    if scenario not in (None, program.name):
        raise InputError(f"{path} has no program {scenario!r}: it has {program.name}")
    return [program]


def _option(setting: str) -> str:
    """How a setting was given on the command line."""
    name, _, value = setting.partition("=")
    return f"--{name} {value}" if name in C_OPTIONS else f"--set {setting}"


def _reader(module: str, name: str) -> object:
    return getattr(import_module(module), name)
