"""The map: whole, and of functions that there are."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import smpcheck.mm
from smpcheck.mm.kernel_map.entries import Entry, Place, kernel_map
from smpcheck.mm.kernel_map.model_order import function_of

NOT_THE_SYSTEM = {
    "check", "claims", "claim_scenarios", "machines", "meeting_points", "scenarios", "invariants", "variants", "mm_types",
    "predict", "weak", "page_flags",
}  # fmt: skip


def test_every_function_of_the_model_is_in_the_map_or_said_to_be_part_of_one() -> None:
    known = kernel_map()
    mapped = {(each.file, each.name) for each in known.entries}
    files = [path for path in Path(smpcheck.mm.__file__).parent.glob("*.py") if path.stem not in NOT_THE_SYSTEM]
    functions = {
        (f.name, node.name) for f in files for node in ast.parse(f.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    }
    assert functions - mapped == {(file, name) for file, name in functions if name in known.parts}
    assert mapped <= functions


def test_entries_are_of_functions_and_their_kernel_functions_are_in_order() -> None:
    for entry in kernel_map().entries:
        assert function_of(entry).__name__ == entry.name
        since = [place.since for place in entry.places]
        assert since == sorted(set(since)), entry.name
        assert entry.until is None or entry.until > since[-1], entry.name
        assert all(each.because for each in entry.differences)


@pytest.mark.parametrize(("of", "name"), [((2, 6, 32), "a"), ((3, 12), "a"), ((4, 4), "b"), ((5, 18), None), ((2, 6, 27), None)])
def test_a_version_has_the_newest_function_that_is_not_newer(of: tuple[int, ...], name: str | None) -> None:
    places = (Place((2, 6, 28), "mm/x.c", "a"), Place((4, 1), "mm/x.c", "b"))
    found = Entry("x.py", "x", places, until=(5, 18)).place(of)
    assert (found and found.name) == name


@pytest.mark.parametrize(
    ("variant", "version"),
    [("V0", (2, 6, 28)), ("V4", (2, 6, 32)), ("V2", (2, 6, 28)), ("V9b", (5, 8)), ("V10c", (5, 18)), ("V8:barrier=none", (4, 4))],
)
def test_each_variant_stands_for_a_version(variant: str, version: tuple[int, ...]) -> None:
    assert kernel_map().version_of(variant) == version


def test_names_of_either_side_are_one_primitive() -> None:
    known = kernel_map()
    for written in ("TestClearPageLRU(page)", "folio_test_clear_lru(folio)", "test_and_clear_bit(PG_lru)"):
        assert known.primitive(written) == "test and clear lru"
    assert known.primitive("frobnicate(page)") is None
    assert known.reason_to_leave_out("mem_cgroup_uncharge") == "memory cgroups"
