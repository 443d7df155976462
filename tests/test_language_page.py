"""docs/language.md names what the readers accept: all of it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smpcheck.cat import load, names
from smpcheck.cat.values import PRIMITIVES
from smpcheck.errors import UnsupportedError
from smpcheck.kernel.table import REFUSED
from smpcheck.program.values import CType
from smpcheck.readers.layout import NAMED, TypeTable
from smpcheck.readers.litmus import read_litmus
from tests.readers.common import litmus

PAGE = (Path(__file__).parent.parent / "docs" / "language.md").read_text()


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


def test_refused_primitives() -> None:
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
    (structs,) = re.findall(r"^\| structs \| (.*) \|$", section("Types", "###"), re.M)
    assert set(NAMED) - {"void", "srcu_struct", "__auto_type"} == shown.keys() & NAMED.keys() | one_location | {*codes(structs)}
    assert all(isinstance(table.lookup(tuple(name.split())), CType) for name in one_location)


def test_the_example_is_a_test() -> None:
    example = re.search(r"^```\n(C MP.*?)^```", PAGE, re.M | re.S)
    assert example is not None
    program = read_litmus(example[1], "example.litmus")
    assert program.name == "MP+wmb+rmb" and program.filter is not None
    assert [str(term) for term in program.observed]


def test_names_that_models_find_defined() -> None:
    text = section("Memory models: the cat language")
    predefined = text.split("Predefined are")[1].split("provided here, ")[0]
    parts = re.split(r"^- ", predefined, flags=re.M)[1:]
    relations, sets, functions = ([name for code in codes(part) for name in spelled_out(code)] for part in parts)
    assert set(relations) | set(sets) == {*names.BASE_RELATIONS, *names.BASE_SETS, *names.TAGS, *names.DEFINED}
    assert set(functions) == {primitive.name for primitive in PRIMITIVES}
    assert codes(text.split("provided here, ")[1].split("Reads-from")[0]) and set(load.NATIVE) == set(
        codes(text.split("provided here, ")[1].split("Reads-from")[0])
    )
