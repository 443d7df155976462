"""What is planted: one change each, in the place it says, and nothing else moves."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from smpcheck.mm import mlock, rmap, swap, vmscan
from tests.mm.mutants.generator import Mutant, mutants
from tests.optional import the

TEXT = '''\
def isolate(page, zone):
    """Docstring."""
    if not TestClearPageLRU(page) or page == NULL:
        return False
    spin_lock(zone.lru_lock)
    list_del(page)
    SetPageActive(page)
    for i in range(2):
        if i > 0:
            continue
    count(PGCULLED, 1)
    check("I5", page.lru)
    spin_unlock(zone.lru_lock)
    if V.barrier:
        smp_mb()
    return True


def other():
    set_bit(PG_lru, page.flags)
'''


def planted(*functions: str) -> dict[str, str]:
    return {m.name.removeprefix("a.py isolate: "): m.text for m in mutants("a.py", TEXT, functions or ("isolate",))}


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("drop list_del(page)", "    list_del(page)\n", "    pass\n"),
        ("drop continue", "            continue\n", "            pass\n"),
        ("drop smp_mb()", "        smp_mb()\n", "        pass\n"),
        ("condition i > 0 -> False", "        if i > 0:\n", "        if False:\n"),
        ("compare i > 0 -> >=", "        if i > 0:\n", "        if i >= 0:\n"),
        ("condition not TestClearPageLRU(page) or page == NULL -> without page == NULL", "page == NULL:", "False:"),
        ("return return True -> False", "    return True\n", "    return False\n"),
        ("event count(PGCULLED, 1) -> PGRESCUED", "count(PGCULLED, 1)", "count(PGRESCUED, 1)"),
        ("negate count(PGCULLED, 1) -> -(1)", "count(PGCULLED, 1)", "count(PGCULLED, -(1))"),
        ("swap list_del(page) -> SetPageActive(page)", "    list_del(page)\n    SetPageActive(page)\n",
         "    SetPageActive(page)\n    list_del(page)\n"),
    ],
)  # fmt: skip
def test_one_thing_is_changed(name: str, before: str, after: str) -> None:
    assert planted()[name] == TEXT.replace(before, after)


def test_a_lock_is_dropped_with_its_unlock() -> None:
    text = planted()["unlocked spin_lock(zone.lru_lock)"]
    assert text == TEXT.replace("spin_lock(zone.lru_lock)", "pass").replace("spin_unlock(zone.lru_lock)", "pass")
    assert not [name for name in planted() if name.startswith("drop spin_")]


def test_a_primitive_is_weakened() -> None:
    (name,) = [name for name in planted("other") if "weaken" in name]
    assert planted("other")[name] == TEXT.replace("set_bit(", "__set_bit(")


def test_what_must_hold_is_no_step_and_a_switch_is_no_condition() -> None:
    assert not [name for name in planted() if "check(" in name or "V.barrier" in name.split("swap")[0]]


def test_nothing_is_planted_elsewhere() -> None:
    assert {m.function for m in mutants("a.py", TEXT, ("isolate",))} == {"isolate"}


def of_model() -> list[Mutant]:
    found = []
    for module in (mlock, rmap, swap, vmscan):
        file = the(module.__file__)
        text = Path(file).read_text("utf-8")
        functions = [node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
        found += mutants(file, text, functions)
    return found


def test_every_mutant_of_the_model_is_python_with_its_functions_where_they_were() -> None:
    for mutant in of_model():
        text = Path(mutant.file).read_text("utf-8")
        assert mutant.text != text
        where = {n.name: n.lineno for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}
        assert {n.name: n.lineno for n in ast.parse(mutant.text).body if isinstance(n, ast.FunctionDef)} == where, mutant.name


def test_names_are_unique_and_have_no_line_numbers() -> None:
    names = [mutant.name for mutant in of_model()]
    assert len(names) == len(set(names)) > 300
