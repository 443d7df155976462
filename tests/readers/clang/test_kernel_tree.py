"""Files of a kernel tree, unmodified: the gallery in examples/kernel/linux answers as its files say, for both kernels."""

from __future__ import annotations

import os
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from smpcheck.machines.mapping import mappings
from smpcheck.program.flow import statements
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.questions.explain import Limits
from smpcheck.questions.machines import OnMachine, by_machine
from smpcheck.readers.clang.kernel_tree import KernelTree
from tests import kernel
from tests.readers.clang.common import LKMM, read

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "examples" / "kernel" / "linux"
QUICK = ("refcount", "seqlock", "kfifo")
SEVERAL = (
    *("qspinlock", "qspinlock-three-cpus", "osq_lock", "lockref"),
    *("futex", "rcu_sync", "task_work", "waitqueue_active", "waitqueue_active-without-barrier", "percpu-rwsem"),
)
"""What the solver alone does not answer; the others it does, on a slow machine too."""
ROUNDS = {"llist-two-consumers": 1, **dict.fromkeys(SEVERAL, 2), "futex": 1}


def settings(version: str) -> tuple[str, ...]:
    """The tree of a version as a setting; skipped where it, or its configuration, is not there."""
    tree = str(kernel.needed(version))
    if not KernelTree.installed(tree) and not os.path.exists(f"{tree}/include/generated/autoconf.h"):
        pytest.skip(f"no headers of Linux {version} (Debian's linux-headers-{version}.*-amd64) beside the sources or in /usr/src")
    return (f"kernel={tree}",)


def answers(name: str, version: str) -> None:
    path = FOLDER / f"{name}.c"
    program = read(path.read_text(), str(path), settings(version))
    result = check_program(program, LKMM, CheckOptions(unroll=ROUNDS.get(name, 3), timeout=None if name in SEVERAL else 300))
    expected = program.expected_failures or frozenset()
    assert frozenset(result.failures) == expected
    assert result.status == "ok" or (expected and result.status == "bound")  # a failure counts whatever else is beyond a bound


@pytest.mark.parametrize("name", QUICK)
def test_a_function_of_the_tree_answers_as_the_gallery_says(name: str) -> None:
    answers(name, "6.1")


@pytest.mark.slow
@pytest.mark.parametrize("version", kernel.VERSIONS)
@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.c")))
def test_the_whole_gallery_answers_as_its_files_say(name: str, version: str) -> None:
    answers(name, version)


BARRIER_A = "smp_mb(); /* A matches D */"
"""What percpu-rwsem.c has between the reader's increment and its look at ``sem->block``."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "by"),
    [
        (BARRIER_A, ""),
        ("rcu_sync_enter(&sem->rss);", "smp_mb();"),
        ("smp_mb(); /* C matches B */", ""),
    ],
)
@pytest.mark.parametrize("version", kernel.VERSIONS)
def test_each_barrier_of_percpu_rwsem_is_missed(version: str, changed: str, by: str, tmp_path: Path) -> None:
    given = settings(version)
    text = (kernel.needed(version) / "kernel/locking/percpu-rwsem.c").read_text()
    assert text.count(changed) == 1
    copy = tmp_path / "percpu-rwsem.c"
    copy.write_text(text.replace(changed, by))
    path = FOLDER / "percpu-rwsem.c"
    harness = path.read_text().replace('kernel/locking/percpu-rwsem.c"', f'{copy}"')
    assert str(copy) in harness
    assert check_program(read(harness, str(path), given), LKMM, CheckOptions(unroll=2)).failures


PAGE = ROOT / "docs" / "kernel-c.md"
HEAD = "| harness | ordering | kernel's model |"


def orderings() -> dict[str, list[tuple[str, ...]]]:
    """The table of orderings in docs/kernel-c.md: for each harness its rows; and under "" the names of the machines."""
    head, _, *rows = PAGE.read_text().partition(HEAD)[2].partition("\n\n")[0].splitlines()
    found: dict[str, list[tuple[str, ...]]] = {"": [(name.strip(),) for name in head.strip(" |").split("|")]}
    for row in rows:
        harness, *cells = (cell.strip() for cell in row.strip("|").split(" | "))
        found.setdefault(harness.strip("`").removesuffix(".c"), []).append(tuple(cells))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in orderings() if name])
def test_the_page_says_which_orderings_are_needed_under_the_kernels_model_and_on_each_machine(name: str) -> None:
    table, machines = orderings(), mappings("all")
    assert [(mapping.name,) for mapping in machines] == table[""]
    path = FOLDER / f"{name}.c"
    program = read(path.read_text(), str(path), settings("6.12"))
    found = by_machine(program, LKMM, machines, Limits(unroll=2), dependencies=False)
    rows = [row for row in found.rows if not row.element.text.startswith("barrier()")]
    assert [(f"`{row.element.text}`", row.contract, *map(shown, row.cells)) for row in rows] == table[name]


def shown(cell: OnMachine) -> str:
    """A cell of that table."""
    return cell.need + (f" (`{', '.join(cell.instructions)}`)" if cell.instructions else "")


@pytest.mark.slow
def test_the_question_in_the_readme_fails_as_it_says_and_without_the_entry_put_back_it_holds() -> None:
    (line,) = (line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("$ smpcheck check lib/llist.c"))
    _, _, _, path, *options = shlex.split(line)
    tree = kernel.needed("6.12")
    asked = [
        f"{name.removeprefix('--')}={value}" for name, value in pairwise(options) if name.startswith("--") and name != "--kernel"
    ]
    without = [setting.replace("; llist_add(first, &list)", "") for setting in asked]
    assert without != asked
    text, quick = (tree / path).read_text(), CheckOptions(unroll=2)
    for setting, failures in ((asked, ("!mine || list.first != mine",)), (without, ())):
        program = read(text, str(tree / path), (*settings("6.12"), *setting))
        assert check_program(program, LKMM, quick).failures == failures


def test_positions_are_those_of_the_tree() -> None:
    path = FOLDER / "refcount.c"
    program = read(path.read_text(), str(path), settings("6.12"))
    files = {stmt.pos.file for thread in program.threads for stmt in statements(thread.body) if stmt.pos is not None}
    assert files == {str(path), "include/linux/refcount.h", "lib/refcount.c"}


@pytest.mark.slow
def test_without_its_acquire_the_queued_spinlock_loses_an_update(tmp_path: Path) -> None:
    """The first waiter's wait for the holder is relaxed in a copy of the file."""
    folder = kernel.needed("6.12") / "kernel" / "locking"
    for header in folder.glob("*.h"):
        (tmp_path / header.name).symlink_to(header)
    text = (folder / "qspinlock.c").read_text()
    wait = "smp_cond_load_acquire(&lock->locked, !VAL)"
    assert text.count(wait) == 1
    (tmp_path / "changed.c").write_text(text.replace(wait, wait.replace("acquire", "relaxed")))
    harness = (FOLDER / "qspinlock.c").read_text().replace('kernel/locking/qspinlock.c"', f'{tmp_path}/changed.c"')
    program = read(harness, str(tmp_path / "qspinlock.c"), settings("6.12"))
    assert check_program(program, LKMM, CheckOptions(unroll=2)).failures == ("x == 2",)


def test_a_change_of_the_tree_changes_the_answer(tmp_path: Path) -> None:
    """The bodies come from the tree: in a copy of one of its headers the writer's barriers are left out."""
    text = (FOLDER / "seqlock.c").read_text()
    header = (kernel.needed("6.12") / "include/linux/seqlock.h").read_text()
    assert header.count("smp_wmb();") > 2
    (tmp_path / "changed.h").write_text(header.replace("smp_wmb();", ""))
    changed = text.replace('"linux/seqlock.h"', '"changed.h"')
    program = read(changed, str(tmp_path / "seqlock.c"), settings("6.12"))
    assert check_program(program, LKMM, CheckOptions(unroll=3)).failures == ("a == b",)
