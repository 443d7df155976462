"""The scenarios with the kernel's own functions: what fails there fails in the model, and a line of the tree decides it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("clang.cindex", reason="libclang-ng is not installed: pip install 'smpcheck[c]'")

from smpcheck.errors import InputError
from smpcheck.mm.check import Answer, Case
from smpcheck.mm.kernel_source.cells import EVERYTHING, Cell, answer, invariant_of, known_kernel, known_models, scenarios
from smpcheck.mm.variants import find_variant
from smpcheck.readers.clang.kernel_tree import AUTOCONF, KernelTree
from tests import kernel

ASKED = ("I2", "I3", "I5", "I8")


def model(*failed: str) -> Answer:
    """What the model says."""
    return Answer(Case("munlock_drain", find_variant("V10")), ASKED, dict.fromkeys(failed, ("a check",)))


def test_a_check_belongs_to_the_invariant_that_its_name_begins_with() -> None:
    assert [
        invariant_of(check) for check in ("I3(&P)", "I5_on_a_list(&P)", "I13(&P)", "deadlock", "sleep-in-atomic", "BUG()")
    ] == [*("I3", "I5", "I13", "I8", "I8", "BUG()")]


def test_kernel_and_model_differ_where_one_alone_fails_and_are_undecided_where_nothing_is_known() -> None:
    both = Cell("munlock_drain", "6.12", ASKED, {"I3": ("I3(&P)",)}, model=model("I3"))
    assert (both.verdict, both.differs) == ("same", ())
    one = Cell("munlock_drain", "6.12", ASKED, {"I2": ("I2(&P)",), "BUG()": ("BUG()",)}, model=model("I3"))
    assert (one.verdict, one.differs) == ("DIFFERS", ("I2", "I3", "BUG()"))
    nothing = Cell("munlock_drain", "6.12", ASKED, undecided={EVERYTHING: "no time"}, model=model("I3"))
    assert (nothing.verdict, nothing.differs) == ("undecided", ())
    part = Cell("munlock_drain", "6.12", ASKED, {"I2": ("I2(&P)",)}, undecided={"I3": "no time"}, model=model("I3"))
    assert (part.verdict, part.differs) == ("DIFFERS", ("I2",))


def test_scenarios_and_kernels_that_are_not_known_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="there is no scenario 'truncate' with the kernel's own functions: choose from mlock_reclaim"
    ):
        scenarios(("truncate",))
    with pytest.raises(InputError, match="there is no model 'power' here: choose from sc, tso, lkmm"):
        known_models(("power",))
    with pytest.raises(InputError, match="is no kernel tree: it has no Makefile"):
        known_kernel(str(tmp_path))
    (tmp_path / "Makefile").write_text("VERSION = 5\nPATCHLEVEL = 10\n")
    with pytest.raises(InputError, match=r"is Linux 5\.10: the harness knows the names of 6\.1 and 6\.12"):
        known_kernel(str(tmp_path))


def configured(version: str) -> tuple[str, str]:
    """A tree and where it is configured; skipped where one is not there."""
    tree = str(kernel.needed(version))
    found = next((place for place in (tree, *KernelTree.installed(tree)) if (Path(place) / AUTOCONF).is_file()), None)
    if found is None:
        pytest.skip(f"no headers of Linux {version} beside the sources or in /usr/src")
    return tree, found


FAILS: dict[str, set[str]] = {
    "munlock_drain": {"I3"}, "munlock_putback": {"I3"}, "munlock_page_putback": {"I3"}, "munlock_munlock": {"I3", "I13"},
    "shm_unlock_drain": {"I3"}, "shm_unlock_putback": {"I3"}, "munmap_munlock": {"I3", "I13"},
    "munlock_late_count": {"I3", "I12", "I13"}, "munlock_migrate_pinned": {"I3", "I12", "I13"},
    "munlock_reclaim": {"I3"}, "munlock_lazy_reclaim": {"I3", "I13"}, "truncate_munlock": {"I1"},
    "truncate_mlock": set(), "truncate_lazy_munlock": set(), "mlock_reclaim": set(), "truncate_reclaim": set(),
}  # fmt: skip
"""What fails in Linux 6.1 and 6.12: pages are stranded (docs/stranded-pages.md), or stay mlocked (claims C20 and C21)."""


@pytest.mark.slow
@pytest.mark.parametrize("version", kernel.VERSIONS)
@pytest.mark.parametrize("scenario", FAILS)
def test_with_the_kernels_own_functions_the_same_fails_as_in_the_model(scenario: str, version: str) -> None:
    tree, headers = configured(version)
    found = answer(scenario, tree, headers)
    assert (found.verdict, set(found.failed)) == ("same", FAILS[scenario])
    assert set(found.runs) == FAILS[scenario]


def test_every_scenario_is_asked_about() -> None:
    assert set(scenarios()) == set(FAILS)


def copy_with(folder: Path, tree: str, file: str, old: str, new: str) -> str:
    """A copy of a tree (links to its files) in which one place of a file is changed."""
    name, _, rest = file.partition("/")
    copy = folder / "tree"
    (copy / name).mkdir(parents=True)
    for source in Path(tree).iterdir():
        if source.name != name:
            (copy / source.name).symlink_to(source)
    for source in (Path(tree) / name).iterdir():
        if source.name != rest:
            (copy / name / source.name).symlink_to(source)
    text = (Path(tree) / file).read_text()
    assert text.count(old) == 1
    (copy / file).write_text(text.replace(old, new))
    return str(copy)


RETURN = ("mm/mlock.c", "\t\tgoto munlock;\n", "\t\treturn lruvec;\n")
"""munlock() leaves alone what it cannot isolate: nothing is stranded, but PG_mlocked stays without a reason (I12)."""

ALWAYS = ("mm/internal.h", "\tif (unlikely(vma->vm_flags & VM_LOCKED))\n", "\tif (true)\n")
"""Who unmaps a page munlocks it, VM_LOCKED or not."""

NEVER = ("mm/internal.h", "\tif (unlikely(vma->vm_flags & VM_LOCKED))\n", "\tif (false)\n")
"""Who unmaps a page never munlocks it."""

CHANGED: dict[str, tuple[tuple[str, str, str], set[str]]] = {
    "munlock_drain": (RETURN, {"I12"}),
    "truncate_mlock": (NEVER, {"I1"}),
    "munlock_late_count": (("mm/mlock.c", "folio->mlock_count++;", "folio->mlock_count = 1;"), {"I3", "I13"}),
    "truncate_munlock": (ALWAYS, set()),
    "munlock_migrate_pinned": (ALWAYS, {"I3", "I13"}),
}  # fmt: skip
"""One line of 6.12 that decides a scenario, and what fails when it is changed."""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", CHANGED)
def test_one_line_of_the_tree_changes_the_verdict(scenario: str, tmp_path: Path) -> None:
    tree, headers = configured("6.12")
    (file, old, new), fails = CHANGED[scenario]
    found = answer(scenario, copy_with(tmp_path, tree, file, old, new), headers)
    assert not found.undecided
    assert set(found.failed) == fails
