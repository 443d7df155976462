"""The table of primitives (:mod:`smpcheck.kernel.table`) as definitions that the C reader expands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from smpcheck.kernel.table import rows
from smpcheck.readers.deffile import Body, Definitions
from smpcheck.readers.source import Source

_HELPERS = {
    "__bit_word": (("N", "X"), "(X)[(N) / (8 * sizeof(*X))]"),
    "__bit_mask": (("N", "X"), "(1UL << ((N) % (8 * sizeof(*X))))"),
}
"""A bit lies in the word of the type that the pointer has (``unsigned long`` in the kernel)."""

_SAME = ((re.compile(r"^(try_)?cmpxchg64"), r"\1cmpxchg"),)
"""Names that mean what another means."""


class _Table(Mapping[str, Body]):
    """The bodies of the table's rows; a row's parameters are read when it is asked for."""

    def __getitem__(self, name: str) -> Body:
        if name in _HELPERS:
            return (*_HELPERS[name], 0)
        row = rows()[name]
        return tuple(param.name for param in row.params), row.body, 0

    def __iter__(self) -> Iterator[str]:
        yield from rows()
        yield from _HELPERS

    def __len__(self) -> int:
        return len(rows()) + len(_HELPERS)


@cache
def builtin_definitions() -> Definitions:
    """Our own statement of what the kernel's primitives mean."""
    definitions = Definitions(_Table(), Source("", "smpcheck/kernel/table.py"))
    definitions.aliases = _SAME
    return definitions
