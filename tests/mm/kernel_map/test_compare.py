"""The order of primitives: model and kernel side by side, on a small tree that is no kernel, and on kernels where they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smpcheck.errors import InputError
from smpcheck.mm.kernel_map.compare import Comparison, compare
from smpcheck.mm.kernel_map.entries import Entry, kernel_map
from smpcheck.mm.kernel_map.kernel_order import Tree
from smpcheck.mm.kernel_map.model_order import model_order
from tests import kernel

SMALL = Path(__file__).parent / "tree"


def entry(name: str) -> Entry:
    (found,) = [each for each in kernel_map().entries if each.name == name]
    return found


def compared(name: str, tree: Path = SMALL) -> Comparison:
    return compare(entry(name), Tree(tree), kernel_map())


def changed(folder: Path, file: str, before: str, after: str, of: Path = SMALL) -> Path:
    """A copy of a tree in which one line is otherwise."""
    (folder / "mm").mkdir()
    for each in ("Makefile", "mm/mlock.c", "mm/swap.c", "mm/vmscan.c", "mm/internal.h", "include/linux/mm_inline.h"):
        if (of / each).is_file():
            (folder / each).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(of / each, folder / each)
    text = (folder / file).read_text("utf-8")
    assert before in text
    (folder / file).write_text(text.replace(before, after, 1), "utf-8")
    return folder


def unexplained(found: Comparison) -> tuple[list[str], list[str]]:
    """What only the model and only the kernel has, without a reason."""
    left = [run for run in found.runs if not run.same and not run.because]
    return [s.token for run in left for s in run.model], [s.token for run in left for s in run.kernel]


def test_the_same_order() -> None:
    found = compared("isolate_lru_page")
    assert found.verdict == "same"
    assert [step.token for run in found.runs for step in run.kernel] == [
        "test and clear lru", "take a reference", "lock lru_lock", "delete from list", "unlock lru_lock",
    ]  # fmt: skip
    assert found.line == 8


def test_a_difference_that_the_map_knows_has_its_reason() -> None:
    found = compared("page_evictable")
    assert found.verdict == "differs as said"
    assert {run.because for run in found.runs if not run.same} == {"a mapping cannot be freed in the model"}


@pytest.mark.parametrize(
    ("before", "after", "model", "kernel_has"),
    [
        ("\tfolio_get(f);\n", "", ["take a reference"], []),
        ("\tlruvec_del_folio(vec, f);\n", "\tsmp_mb();\n\tlruvec_del_folio(vec, f);\n", [], ["smp_mb"]),
        ("\treturn 0;\n", "\tfrobnicate(f);\n\treturn 0;\n", [], ["unknown call frobnicate"]),
        ("folio_test_clear_lru(f)", "folio_test_lru(f)", ["test and clear lru"], ["test lru"]),
        ("\tfolio_get(f);\n\tvec = folio_lruvec_lock_irq(f);\n", "\tvec = folio_lruvec_lock_irq(f);\n\tfolio_get(f);\n",
         ["take a reference"], ["take a reference"]),
    ],
)  # fmt: skip
def test_one_line_of_the_kernel_changed_is_reported(
    tmp_path: Path, before: str, after: str, model: list[str], kernel_has: list[str]
) -> None:
    found = compared("isolate_lru_page", changed(tmp_path, "mm/vmscan.c", before, after))
    assert found.verdict == "DIFFERS"
    assert unexplained(found) == (model, kernel_has)


def test_a_difference_that_is_gone_is_reported(tmp_path: Path) -> None:
    found = compared("page_evictable", changed(tmp_path, "mm/internal.h", "\trcu_read_lock();\n", ""))
    assert found.verdict == "DIFFERS"
    assert [each.kernel for each in found.stale] == [("rcu_read_lock",)]


def test_events_in_another_order_are_a_difference() -> None:
    """The small tree counts PGSTRANDED first."""
    found = compared("__munlock_page")
    assert found.verdict == "DIFFERS"
    assert unexplained(found) == (["count pgmunlocked"], ["count pgmunlocked"])


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert compared("mlock_page").why == f"{SMALL / 'mm/mlock.c'} has no function mlock_folio"
    assert compared("zap_page_range").verdict == "not compared"
    assert compared("clear_page_mlock").verdict == "not in this version"
    with pytest.raises(InputError, match=r"is no kernel tree: .*Makefile cannot be read"):
        Tree(tmp_path)
    broken = changed(tmp_path, "mm/vmscan.c", "folio_get(f);", "folio_get(f;")
    assert "this C is not understood" in compared("isolate_lru_page", broken).why


def test_a_variant_decides_what_the_model_does() -> None:
    def order(name: str, variant: str) -> list[str]:
        return [step.token for step in model_order(entry(name), variant, kernel_map())]

    assert order("isolate_lru_page", "V4") == [
        "test lru", "lock lru_lock", "test lru", "take a reference unless zero", "clear lru", "delete from list",
        "unlock lru_lock",
    ]  # fmt: skip
    assert "smp_mb" in order("pagevec_lru_add_fn", "V9") and "smp_mb" not in order("pagevec_lru_add_fn", "V10")
    assert order("__munlock_page", "V10c")[:3] == ["test and clear lru", "lock lru_lock", "test and clear lru"]


@pytest.mark.parametrize("version", kernel.VERSIONS)
def test_the_map_knows_every_difference_from_a_kernel(version: str) -> None:
    tree = Tree(mm_of(version))
    found = [compare(each, tree, kernel_map()) for each in kernel_map().entries]
    assert [each.entry.name for each in found if each.verdict == "DIFFERS"] == []
    assert sum(each.verdict in ("same", "differs as said") for each in found) > 25


def test_one_line_of_a_kernel_changed_is_reported(tmp_path: Path) -> None:
    tree = changed(
        tmp_path,
        "mm/mlock.c",
        "\tif (!TestClearPageLRU(page))\n\t\tgoto munlock;",
        "\tif (!PageLRU(page))\n\t\tgoto munlock;",
        mm_of("6.1"),
    )
    found = compared("__munlock_page", tree)
    assert (found.verdict, unexplained(found)) == ("DIFFERS", (["test and clear lru"], ["test lru"]))


def mm_of(version: str) -> Path:
    """A kernel's tree with its mm folder, or this test is skipped."""
    tree = kernel.needed(version)
    if not (tree / "mm" / "mlock.c").is_file():
        pytest.skip(f"{tree} has no mm folder")
    return tree
