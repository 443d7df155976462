"""Headers of our own, for code that is read without a kernel tree: every ``#include <...>`` of it means these.

Types and macros are in ``headers/plain.h``; the primitives are made from :mod:`smpcheck.kernel.table`; what the kernel's own
headers make of them is in ``headers/environment.h``. A primitive that works on a place of any type is a macro around a function
without a prototype, whose name is that of the primitive behind ``__smpc_``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from smpcheck.kernel.table import GUARDS, Row, rows
from smpcheck.readers.clang.calls import PREFIX

FOLDER = Path(__file__).parent / "headers"
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<([^>\n]+)>", re.MULTILINE)
_OWN = re.compile(r"(?:^|[;}]\s*)(?:[A-Za-z_]\w*[\s*]+)+(\w+)\s*[(;=\[,]", re.MULTILINE)
"""A name that is declared at the beginning of a line, after a type."""
_QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"\n]+)"', re.MULTILINE)


@cache
def text(name: str) -> str:
    """A header of this package."""
    return (FOLDER / name).read_text(encoding="utf-8")


def includes(source: str) -> list[str]:
    """The names that ``source`` includes in angle brackets."""
    return list(dict.fromkeys(_INCLUDE.findall(source)))


def quoted(source: str) -> list[str]:
    """The names that ``source`` includes in quotes."""
    return list(dict.fromkeys(_QUOTED.findall(source)))


def with_included(path: str, source: str, known: Mapping[str, str]) -> list[str]:
    """The text of a file and of what it includes in quotes, as far as it is there; ``known``: the texts of some, by path."""
    texts, todo, seen = list[str](), [(path, source)], set[str]()
    while todo:
        file, content = todo.pop()
        texts.append(content)
        for name in quoted(content):
            found = os.path.abspath(os.path.join(os.path.dirname(file), name))
            if found not in seen and (found in known or os.path.isfile(found)):
                seen.add(found)
                todo.append(
                    (found, known[found] if found in known else Path(found).read_text(encoding="utf-8", errors="replace"))
                )
    return texts


def primitives(source: str = "") -> str:
    """Declarations of the table's primitives that neither ``plain.h`` nor ``source`` defines."""
    lines = _declarations()
    own = {name for name in _OWN.findall(source) if name in lines}
    guards = _guards() if "guard(" in source else ()
    return "\n".join([*(text for name, text in lines.items() if name not in own), *guards])


_DEFINED = re.compile(
    r"^[ \t]*#[ \t]*define[ \t]+(\w+)|^(?:struct|union|enum)\s+(\w+)\s*\{|^typedef\b[^;{}]*\b(\w+)\s*;|^\}\s*(\w+)\s*;"
    r"|^[A-Za-z_][\w \t*]*\b(\w+)\s*\([^;{}()]*(?:\([^()]*\)[^;{}()]*)*\)\s*\{",
    re.MULTILINE,
)
"""Macros, tags, types and functions that C code defines at the beginning of a line."""


def _names(source: str) -> set[str]:
    return {name for found in _DEFINED.findall(source) for name in found if name}


@cache
def _environment() -> tuple[tuple[str, frozenset[str]], ...]:
    """The blocks of ``environment.h``, each with the names that it defines."""
    blocks = re.split(r"\n\n(?=\S)", text("environment.h"))
    return tuple((block, frozenset(_names(block))) for block in blocks)


def environment(source: str) -> str:
    """``environment.h`` without the blocks of which ``source`` defines a name itself."""
    own = _names(source)
    return "\n".join(block for block, names in _environment() if own.isdisjoint(names))


def _guards() -> Iterator[str]:
    """``guard()`` and ``scoped_guard()``: what is taken is given back where the variable's scope ends."""
    yield "#define __SMPCHECK_UNIQUE_(n) __guard_##n"
    yield "#define __SMPCHECK_UNIQUE(n) __SMPCHECK_UNIQUE_(n)"
    yield "#define guard(name) __guard_##name"
    yield (
        "#define scoped_guard(name, ...) for (struct __guard_##name __scope __attribute__((cleanup(__guard_##name##_end))) = "
        "__guard_##name##_begin(__VA_ARGS__), *__done = NULL; !__done; __done = (void *)1)"
    )
    for name, (take, give) in GUARDS.items():
        params = rows()[take].params
        lock, argument = (f"{params[0].type} *lock", "lock") if params else ("void", "")
        saves = name.endswith("irqsave")
        taken = f"{take}_irqsave(lock, guard.flags)" if saves else f"{take}({argument})"
        given = f"{give}_irqrestore(guard->lock, guard->flags)" if saves else f"{give}({'guard->lock' if params else ''})"
        members = f"{lock if params else 'int nothing'}; unsigned long flags;"
        kind = f"struct __guard_{name}"
        yield f"{kind} {{ {members} }};"
        made = f"{kind} guard = {{ {argument or 0} }}"
        yield f"static inline {kind} __guard_{name}_begin({lock}) {{ {made}; {taken}; return guard; }}"
        yield f"static inline void __guard_{name}_end({kind} *guard) {{ {given}; }}"
        yield (
            f"#define __guard_{name}(...) {kind} __SMPCHECK_UNIQUE(__COUNTER__) __attribute__((cleanup(__guard_{name}_end))) = "
            f"__guard_{name}_begin(__VA_ARGS__)"
        )


@cache
def _declarations() -> dict[str, str]:
    defined = set(re.findall(r"^#define (\w+)", text("plain.h"), re.MULTILINE))
    return {row.name: "\n".join(_declared(row)) for row in rows().values() if row.name not in defined}


def _declared(row: Row) -> Iterator[str]:
    kinds = {param.kind for param in row.params}
    if kinds & {"condition", "until", "array"}:
        return
    if kinds <= {"pointer", "value", "local"} and all(param.type != "T" for param in row.params) and row.result != "T":
        params = ", ".join(f"{param.type} {'*' if param.kind != 'value' else ''}{param.name}" for param in row.params)
        yield f"{row.result} {row.name}({params or 'void'});"
        return
    saves, restores = row.name.endswith(("irqsave", "irq_save")), row.name.endswith(("irqrestore", "irq_restore"))
    meant = [param for param in row.params if param.kind != "any" or restores]
    arguments = ", ".join(f"&({param.name})" if param.kind == "place" else f"({param.name})" for param in meant)
    call = f"{PREFIX}{row.name}({arguments})"
    if saves:
        yield f"unsigned long {PREFIX}{row.name}();"
        yield f"#define {row.name}({', '.join(param.name for param in row.params)}) ((void)(({row.params[-1].name}) = {call}))"
        return
    place = next((param for param in meant if param.type == "T" and param.kind in ("place", "pointer")), None)
    if row.result == "T" and place is not None:
        of = place.name if place.kind == "place" else f"*({place.name})"
        call = f"__SMPCHECK_AS(typeof({of}), {of}, {call})"
    result = "unsigned long" if row.result == "T" else row.result
    yield f"{result} {PREFIX}{row.name}();"
    yield f"#define {row.name}({', '.join(param.name for param in row.params)}) {call}"


BARRIER_GROUPS = ("Accesses", "Barriers")


@cache
def barriers() -> str:
    """The macros that take the place of those of a tree's ``asm/barrier.h``."""
    return _instead(row for row in rows().values() if row.group.title in BARRIER_GROUPS and row.name not in _OF_COMPILER)


_OF_COMPILER = (
    *("READ_ONCE", "WRITE_ONCE", "data_race", "likely", "unlikely", "barrier", "cpu_relax"),
    "smp_mb__after_srcu_read_unlock",
)
"""What the tree's headers make of volatile accesses, or declare as functions."""


@cache
def exchanges() -> str:
    """The macros that take the place of those of a tree's ``asm/cmpxchg.h``: ``arch_xchg_acquire`` and so on."""
    found = []
    for row in rows().values():
        if row.group.title == "Exchange":
            for stem, name in ((row.name, row.name), (row.name.replace("cmpxchg", "cmpxchg64"), row.name)):
                (*_, macro) = _declared(rows()[name])
                found.append(f"#undef arch_{stem}\n" + macro.replace(f"#define {name}(", f"#define arch_{stem}(", 1))
            found.append(next(iter(_declared(row))))
    for name in ("xchg", "cmpxchg", "try_cmpxchg", "cmpxchg64", "try_cmpxchg64"):
        for suffix in ("_local", "_sync", "_sync_local"):
            found.append(f"#undef {name}{suffix}\n#undef arch_{name}{suffix}\n#define arch_{name}{suffix} arch_{name}")
    return "\n".join(found) + "\n"


def _instead(wanted: Iterator[Row]) -> str:
    lines = []
    for row in wanted:
        declared = list(_declared(row))
        if len(declared) == 1:  # a function, which a macro hides
            declared = [f"{row.result} {PREFIX}{row.name}(void);", f"#define {row.name}() {PREFIX}{row.name}()"]
        lines += [f"#undef {row.name}", *declared]
    return "\n".join(lines) + "\n"
