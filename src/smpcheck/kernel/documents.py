"""What is made from the table of primitives: Python's stubs and docs/primitives.md; run as a module, it writes both.

A test compares the files with what this module makes of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from smpcheck import kernel
from smpcheck.kernel.primitives import MODELS
from smpcheck.kernel.table import GROUPS, REFUSED, WIDE, Group, Param, Row, rows

INTRODUCTION = """\
The kernel's primitives that litmus tests in C and models in Python know: one table, from which both readers, the stubs of
`smpcheck.kernel` and this page are made (`python -m smpcheck.kernel.documents` writes it). Meanings are those of Linux 6.12.

In a prototype `T &X` is a place that is written as itself (`READ_ONCE(x->f)`), `T *X` a pointer to it, `local T *E` a pointer
to a variable of the thread, `any F` an argument that means nothing here, `condition C` a condition over `VAL`, the value read
(in Python a lambda), `until C` one that is evaluated again and again. In Python there is no `&`: where the kernel writes `&x->f`,
a model writes `x.f`.

The second column says what happens, in the language of the kernel's `tools/memory-model/linux-kernel.def`. `__load{once}(X)` is
a read with the tag `once`; `__rmw{acquire}(X, new, when)` an atomic read-modify-write of `X` that takes place where `when` holds
and is a read without ordering elsewhere (`old` is the value read); `__take` and `__give` take and release a lock, as an acquire
and a release. Names that begin with `atomic_` are there with `atomic_long_` and `atomic64_` as well.
"""

STUBS = Path(__file__).with_name("primitives.pyi")
VOCABULARY = Path(__file__).with_name("__init__.pyi")
PAGE = Path(__file__).parents[3] / "docs" / "primitives.md"

_SIGNATURES = {
    "check": "(name: str, cond: Any, message: str = ...) -> None",
    "assume": "(cond: Any) -> None",
    "nondet": "() -> bool",
    "ghost_add": "(counter: int, amount: int) -> None",
    "ghost_inc": "(counter: int) -> None",
    "ghost_dec": "(counter: int) -> None",
    "result": "(thread: Any) -> Any",
    "this_cpu_ptr": "(data: PerCpu[T]) -> T",
    "per_cpu_ptr": "(data: PerCpu[T], cpu: int) -> T",
    "cast": "(target: type[T], value: Any) -> T",
}
_NAMES = {
    "X": "place",
    "V": "value",
    "W": "new",
    "N": "nr",
    "E": "expected",
    "A": "a",
    "U": "u",
    "C": "cond",
    "F": "flags",
    "S": "seq",
}
_PLAIN = {"int", "long", "unsigned int", "unsigned long"}


def _python_type(type_: str) -> str:
    if type_ in ("T", "bool"):
        return type_
    if type_ == "void":
        return "None"
    return "int" if type_ in _PLAIN else type_.removeprefix("struct ").rstrip(" *")


def _python_parameter(param: Param, row: Row) -> str:
    kind = _python_type(param.type)
    if param.kind == "condition":
        kind = f"Callable[[{'T' if row.result == 'T' else 'int'}], Any]"
    elif param.kind in ("any", "until"):
        kind = "Any"
    elif param.kind == "array":
        kind = f"Array[{kind}]"
    name = "new" if param.name == "N" and not param.type.endswith(("long", "int")) else _NAMES.get(param.name, param.name.lower())
    return f"{name}: {kind}"


def stubs() -> str:
    """The text of ``primitives.pyi``."""
    cells = sorted(
        {_python_type(p.type) for row in rows().values() for p in row.params} - {"T", "int", "bool"} | {"Array", "PerCpu"}
    )
    results = {_python_type(row.result) for row in rows().values()} - {"T", "int", "bool", "None"}
    names = sorted({*cells, *results})
    lines = [
        "# fmt: off",
        '"""Made by smpcheck.kernel.documents from the table of primitives: change that."""',
        "",
        "from collections.abc import Callable",
        "from typing import Any, TypeVar",
        "",
        f"from smpcheck.kernel.types import {', '.join(names)}",
        "",
        'T = TypeVar("T")',
        "",
        "MODELS: dict[str, str]",
        _all(sorted([*MODELS, *rows()])),
        "",
        *(f"def {name}{_SIGNATURES[name]}: ..." for name in MODELS),
    ]
    for row in rows().values():
        params = ", ".join(_python_parameter(param, row) for param in row.params)
        lines.append(f"def {row.name}({params}) -> {_python_type(row.result)}: ...")
    return "\n".join(lines) + "\n"


def _all(names: Iterable[str]) -> str:
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"__all__ = [{quoted}]"


def vocabulary() -> str:
    """The text of ``__init__.pyi``: mypy takes no ``__all__`` that is computed."""
    own: dict[str, list[str]] = {}
    scenarios = vars(import_module("smpcheck.kernel.scenario"))
    types = vars(import_module("smpcheck.kernel.types"))
    for name in kernel.__all__:
        if name not in rows() and name not in MODELS:
            module = "types" if name in types or name not in scenarios else "scenario"
            own.setdefault(module, []).append(name)
    lines = [
        "# fmt: off",
        '"""Made by smpcheck.kernel.documents from the table of primitives: change that."""',
        "",
        "from smpcheck.kernel.primitives import *",
        *(f"from smpcheck.kernel.{module} import {', '.join(f'{n} as {n}' for n in names)}" for module, names in own.items()),
        "",
        _all(sorted(kernel.__all__)),
    ]
    return "\n".join(lines) + "\n"


def _shown(group: Group) -> list[Row]:
    wide = tuple(WIDE)
    return [row for row in rows().values() if row.group is group and not row.name.startswith(wide)]


def page() -> str:
    """The text of ``docs/primitives.md``."""
    lines = ["# Primitives", "", *INTRODUCTION.splitlines()]
    for group in GROUPS:
        lines += ["", f"## {group.title}", ""]
        lines += [group.note, ""] if group.note else []
        lines += [f"Source: {group.source}.", "", "| primitive | meaning |", "|---|---|"]
        lines += [f"| `{_cell(row.prototype)}` | `{_cell(row.body)}` |" for row in _shown(group)]
    lines += ["", "## Refused, with the reason", "", "| function | reason |", "|---|---|"]
    lines += [f"| `{name}` | {reason} |" for name, reason in REFUSED.items()]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write the stubs and, in a checkout, the page."""
    STUBS.write_text(stubs())
    VOCABULARY.write_text(vocabulary())
    if PAGE.parent.is_dir():
        PAGE.write_text(page())


if __name__ == "__main__":
    main()
