"""docs/language.md names what the readers accept: all of it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smpcheck.cat import load, names
from smpcheck.cat.values import PRIMITIVES
from smpcheck.errors import UnsupportedError
from smpcheck.program.values import CType
from smpcheck.readers.layout import NAMED, TypeTable
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.primitives import REFUSED, builtin_definitions
from tests.readers.common import litmus

PAGE = (Path(__file__).parent.parent / "docs" / "language.md").read_text()
ARGUMENTS = {"x": "*x", "p": "{p}", "q": "&{local}", "v": "1", "w": "2", "n": "3", "c": "1", "f": "flags", "l": "s"}
"""What stands for the page's letters. Which pointer ``p`` is depends on the primitive."""
PARAMS = "int *x, int *y, atomic_t *a, unsigned long *bits, spinlock_t *s, struct srcu_struct *d"


def section(title: str, level: str = "##") -> str:
    """The text under a heading, up to the next one of its level."""
    match = re.search(rf"^{level} {re.escape(title)}\n(.*?)(?=^{level} |\Z)", PAGE, re.M | re.S)
    assert match is not None, title
    return match[1]


def codes(text: str) -> list[str]:
    """What stands between backquotes."""
    return re.findall(r"`([^`\n]+)`", text)


def spelled_out(head: str) -> list[str]:
    """``{a,b}_c`` is ``a_c`` and ``b_c``."""
    match = re.search(r"\{([^{}]*)\}", head)
    if match is None:
        return [head]
    return [full for part in match[1].split(",") for full in spelled_out(head[: match.start()] + part + head[match.end() :])]


def primitives() -> dict[str, tuple[str, ...]]:
    """Name -> parameters of every primitive that the tables show in their first column."""
    rows = re.findall(r"^\| (`.*?) \|", section("Primitives"), re.M)
    found: dict[str, tuple[str, ...]] = {}
    for row in rows:
        for head in (full for code in codes(row) for full in spelled_out(code)):
            name, _, params = head.rstrip(")").partition("(")
            assert name not in found, f"{name} is there twice"
            found[name] = tuple(params.split(", ")) if params else ()
    return found


SHOWN = primitives()


def test_the_tables_are_the_readers_table() -> None:
    internal = {"__bit_word", "__bit_mask"}
    assert sorted(SHOWN) == sorted(builtin_definitions().names() - internal)


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_every_primitive_is_accepted(name: str) -> None:
    macro = builtin_definitions().get(name)
    assert macro is not None and len(macro.params) == len(SHOWN[name])
    pointer = "bits" if "_bit" in name else "d" if "srcu" in name else "a" if "atomic" in name or "refcount" in name else "x"
    arguments = [ARGUMENTS[p].format(p=pointer, local="local") for p in SHOWN[name]]
    if "dereference" in name and len(arguments) > 1 and name.startswith("srcu"):
        arguments[1] = "d"
    litmus(f"int local; unsigned long flags; {name}({', '.join(arguments)});", params=PARAMS)


def test_refused_primitives() -> None:
    assert codes(section("Refused, with the reason", "###").partition("##")[0]) == list(REFUSED)
    for name in REFUSED:
        with pytest.raises(UnsupportedError, match=name):
            litmus(f"{name}();")


def test_types() -> None:
    shown: dict[str, int] = {}
    for bits, types in re.findall(r"^\| (\d+) \| (.*?) \|$", section("Types", "###"), re.M):
        shown |= dict.fromkeys(codes(types), int(bits))
    table = TypeTable()
    table.define("enum e", table.scalar(CType("int", 32)))
    for name, bits in shown.items():
        found = table.lookup(tuple(name.split()))
        assert isinstance(found, CType) and found.bits == bits, name
    rows = re.findall(r"^\| one location each \| (.*) \|$", section("Types", "###"), re.M)
    one_location = {name for row in rows for name in codes(row)} - {"int", "long"}
    assert set(NAMED) - {"void", "srcu_struct"} <= shown.keys() | one_location
    assert all(isinstance(table.lookup(tuple(name.split())), CType) for name in one_location)


def test_the_example_is_a_test() -> None:
    example = re.search(r"^```\n(C MP.*?)^```", PAGE, re.M | re.S)
    assert example is not None
    program = read_litmus(example[1], "example.litmus")
    assert program.name == "MP+wmb+rmb" and program.filter is not None
    assert [str(term) for term in program.observed]


def test_names_that_models_find_defined() -> None:
    text = section("Memory models: the cat language")
    predefined = text.split("Predefined are")[1].split("Provided here")[0]
    parts = re.split(r"^- ", predefined, flags=re.M)[1:]
    relations, sets, functions = ([name for code in codes(part) for name in spelled_out(code)] for part in parts)
    assert set(relations) | set(sets) == {*names.BASE_RELATIONS, *names.BASE_SETS, *names.TAGS, *names.DEFINED}
    assert set(functions) == {primitive.name for primitive in PRIMITIVES}
    assert codes(text.split("Provided here")[1].split("Reads-from")[0]) and set(load.NATIVE) == set(
        codes(text.split("Provided here")[1].split("Reads-from")[0])
    )
