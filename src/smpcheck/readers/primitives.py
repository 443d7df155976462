"""The table of primitives (:mod:`smpcheck.kernel.table`) as definitions that the C reader expands."""

from __future__ import annotations

import re
from functools import cache

from smpcheck.kernel.table import rows
from smpcheck.readers.deffile import Definitions
from smpcheck.readers.source import Source

_HELPERS = {
    "__bit_word": (("N", "X"), "(X)[(N) / (8 * sizeof(*X))]"),
    "__bit_mask": (("N", "X"), "(1UL << ((N) % (8 * sizeof(*X))))"),
}
"""A bit lies in the word of the type that the pointer has (``unsigned long`` in the kernel)."""

_SAME = ((re.compile(r"^(try_)?cmpxchg64"), r"\1cmpxchg"),)
"""Names that mean what another means."""


@cache
def builtin_definitions() -> Definitions:
    """Our own statement of what the kernel's primitives mean."""
    bodies = {row.name: (tuple(p.name for p in row.params), row.body, 0) for row in rows().values()}
    bodies |= {name: (params, body, 0) for name, (params, body) in _HELPERS.items()}
    definitions = Definitions(bodies, Source("", "smpcheck/kernel/table.py"))
    definitions.aliases = _SAME
    return definitions
