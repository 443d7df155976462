"""Litmus files: the entry of the readers. The dialects are C (the kernel's) and LISA; others are refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from smpcheck.errors import BeyondReaderError, InputError, NotParsedError, UnsupportedError
from smpcheck.program.ir import Program
from smpcheck.program.pieces import cut
from smpcheck.program.wellformed import check
from smpcheck.readers.sections import split
from smpcheck.readers.source import Source

ARCHITECTURES = ("AArch64", "X86", "X86_64", "PPC", "RISCV", "ARM")
"""The machines whose assembly is read."""

if TYPE_CHECKING:
    from smpcheck.readers.deffile import Definitions


def read_litmus_file(path: str | Path, definitions: Definitions | None = None) -> Program:
    """Read the litmus test in the file ``path``. Errors as :func:`read_litmus`; an unreadable file is an InputError."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return read_litmus(text, str(path), definitions)


def read_litmus(
    text: str,
    file: str = "<string>",
    definitions: Definitions | None = None,
    annotations: Mapping[str, frozenset[str]] | None = None,
) -> Program:
    """Read a litmus test. C that the reader of litmus tests does not have is read by clang, if that is there.

    ``definitions`` are a kernel tree's own macros, which take precedence over ours; ``annotations`` the tags that the memory
    model declares (see :class:`~smpcheck.readers.registry.Vocabulary`). Raises InputError where the text is not a
    litmus test, UnsupportedError where it uses what smpcheck does not support; both say where.
    """
    source = Source(text, file)
    sections = split(source)
    try:
        if sections.arch == "C":
            from smpcheck.readers.ctest import read_c

            try:
                program = read_c(source, sections, definitions)
            except (BeyondReaderError, NotParsedError) as refused:
                if definitions is not None:  # clang's part knows our own primitives only
                    raise
                from smpcheck.readers.clang.litmus import read_by_clang

                program = read_by_clang(source, sections, refused)
        elif sections.arch == "LISA":
            from smpcheck.readers.lisa import read_lisa

            program = read_lisa(source, sections, annotations or {})
        elif sections.arch in ARCHITECTURES:
            from smpcheck.readers.asm.test import read_asm

            program = read_asm(source, sections)
        else:
            known = ", ".join(("C", "LISA", *ARCHITECTURES))
            raise UnsupportedError(f"litmus tests for '{sections.arch}' are not supported; those for {known} are", source.pos(0))
        program = cut(program)
        check(program)
    except RecursionError:
        raise UnsupportedError("the test is nested too deeply", source.pos(0)) from None
    return program
