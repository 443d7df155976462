"""Workloads on many pages: what holds, what is found, and that the same seed makes the same run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from smpcheck.errors import InputError
from smpcheck.mm.invariants import ABOUT
from smpcheck.mm.mm_types import (
    LRU_INACTIVE_ANON,
    LRU_UNEVICTABLE,
    NOT_LISTED,
    NR_MLOCK,
    NR_UNEVICTABLE,
    PGCULLED,
    PGMLOCKED,
    PGMUNLOCKED,
    PGRESCUED,
    PTE_SWAP,
    VM_LOCKED,
    PG_lru,
    PG_mlocked,
    PG_unevictable,
)  # fmt: skip
from smpcheck.mm.simulator import Options, Result, Workload, campaign, find_workload, op, parse, repeat, run
from smpcheck.mm.simulator.recorded import load_run, save
from smpcheck.mm.simulator.report import balances, command
from smpcheck.mm.simulator.run import _Run
from smpcheck.mm.variants import VARIANTS

SHORT = 30_000

GOOD = "V8 V9 V9b"
"""Where mlock, truncation and reclaim agree on every page."""

SMALL = """\
pages 24
file data 4
mmap copy private data
mmap heap anon 4
"""


def once(text: str, **options: object) -> Result:
    return run(parse(SMALL + text, "w"), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", GOOD.split())
@pytest.mark.parametrize("name", ["race", "churn", "swap", "lazy"])
def test_good_variants_run_clean(name: str, variant: str) -> None:
    result = run(find_workload(name), Options(variant, steps=60_000, seed=3))
    assert (result.status, result.failure) == ("ok", None)
    assert result.steps >= 60_000
    assert result.checks >= 2


@pytest.mark.parametrize("flags", ["one-word", "separate"])
@pytest.mark.parametrize("freeing", ["at-once", "at-the-end"])
def test_neither_the_layout_of_flags_nor_when_pages_are_freed_makes_a_good_variant_fail(flags: str, freeing: str) -> None:
    result = run(find_workload("churn"), Options("V9", flags, freeing, steps=SHORT))
    assert result.status == "ok"


@pytest.mark.parametrize("scheduler", ["pct", "pct:5", "round-robin", "round-robin:7"])
def test_every_scheduler_comes_to_an_end(scheduler: str) -> None:
    result = run(find_workload("swap"), Options("V9", scheduler=scheduler, steps=SHORT))
    assert (result.status, result.failure) == ("ok", None)
    assert result.steps >= SHORT


@pytest.mark.parametrize("variant", sorted(VARIANTS))
def test_every_variant_runs(variant: str) -> None:
    result = run(find_workload("swap"), Options(variant, steps=SHORT))
    assert result.status == "ok"
    assert result.counters["unevictable_pgs_mlocked"] > 0


@pytest.mark.parametrize(
    ("name", "variant", "found"),
    [
        ("race", "V0", "I1"),
        ("race", "V3", "I1"),
        ("race", "V4", "I1"),
        ("race", "V1", "I8"),
        ("lazy", "V5", "I1"),
        ("lazy", "V6", "I1"),
        ("lazy", "V7", "I1"),
        ("race", "V10", "I1"),
    ],
)
def test_what_was_wrong_with_the_others_is_found(name: str, variant: str, found: str) -> None:
    ignore = () if found == "I1" else ("I1",)
    last = campaign(find_workload(name), Options(variant, steps=300_000, ignore=ignore), seeds=8)[-1]
    assert (last.status, last.invariant, last.about) == ("failed", found, ABOUT[found])


def test_a_failure_says_what_where_and_who() -> None:
    result = run(find_workload("race"), Options("V0"))
    failure = result.failure
    assert failure is not None
    assert failure.site is not None
    assert failure.site.pos.file.endswith("mm/page_alloc.py")
    assert failure.site.function == "free_hot_cold_page"
    assert failure.task in result.tasks
    (page,) = failure.objects
    assert repr(page).startswith("page[")
    last = result.history[-1]
    assert last.what.startswith(f"{page!r}.flags")
    assert "mlocked" in last.what
    assert {entry.task for entry in result.history} >= {failure.task}
    assert [entry.step for entry in result.history] == sorted(entry.step for entry in result.history)
    assert all(entry.site.pos.line > 0 for entry in result.history)


def facts(result: Result) -> tuple[object, ...]:
    """What must be the same in the same run."""
    failure = result.failure
    found = (failure.name, failure.step, failure.task, str(failure.site)) if failure else None
    return result.status, result.steps, result.turns, result.counters, result.events, found, result.schedule


@pytest.mark.parametrize("scheduler", ["random", "pct", "round-robin:3"])
@pytest.mark.parametrize("variant", ["V0", "V9"])
def test_the_same_seed_makes_the_same_run(scheduler: str, variant: str) -> None:
    options = Options(variant, scheduler=scheduler, seed=11, steps=SHORT)
    first, second = (run(find_workload("churn"), options, record=True) for _ in range(2))
    assert facts(first) == facts(second)


def test_another_seed_makes_another_run() -> None:
    first, second = (run(find_workload("churn"), Options("V9", seed=seed, steps=SHORT), record=True) for seed in (1, 2))
    assert first.schedule != second.schedule
    assert first.counters != second.counters


def test_a_recorded_schedule_is_replayed(tmp_path: Path) -> None:
    result = run(find_workload("race"), Options("V0", seed=5), record=True)
    path = tmp_path / "run.json"
    save(result, path)
    load, options, schedule = load_run(path)
    assert options.seed == 5
    again = run(load, options, schedule=schedule)
    assert facts(again)[:-1] == facts(result)[:-1]
    assert [entry.what for entry in again.history] == [entry.what for entry in result.history]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "its format is not"),
        ({"options": {}}, "KeyError"),
        ({"schedule": "x"}, "not a schedule"),
        ({"options": {"variant": "V0", "ignore": [], "wings": 2}}, "TypeError"),
    ],
)
def test_a_file_that_is_no_recorded_run_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "run.json"
    save(run(find_workload("race"), Options("V0"), record=True), path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        load_run(path)


def test_a_schedule_of_another_workload_is_refused() -> None:
    recorded = run(find_workload("race"), Options("V9", steps=SHORT), record=True)
    with pytest.raises(InputError, match="does not fit"):
        run(parse(SMALL + "task a { write copy }\ntask b { write heap }"), Options("V9"), schedule=recorded.schedule)


def test_the_command_of_a_failure_names_what_differs_from_the_usual() -> None:
    load = find_workload("race", pages=200)
    result = run(load, Options("V0", "separate", seed=4, ignore=("I2",)))
    assert command(result) == ("smpcheck mm run --workload race --variant V0 --seed 4 --flags separate --pages 200 --ignore I2")


def test_mlock_locks_and_munlock_unlocks_each_page() -> None:
    locked = once("task t { mlock copy; mlock heap }", variant="V9")
    assert locked.counters["nr_mlock"] == locked.counters["nr_unevictable"] == 8
    unlocked = once("task t { mlock copy; mlock heap; munlock copy; munlock heap }", variant="V9")
    assert unlocked.counters["nr_mlock"] == unlocked.counters["nr_unevictable"] == 0
    assert unlocked.counters["unevictable_pgs_munlocked"] == 8


def test_a_second_mlock_or_munlock_changes_nothing() -> None:
    twice = once("task t { mlock heap; mlock heap; munlock heap; munlock heap }", variant="V10")
    assert twice.counters["unevictable_pgs_mlocked"] == twice.counters["unevictable_pgs_munlocked"] == 4
    assert twice.counters["nr_mlock"] == 0


@pytest.mark.parametrize("variant", ["V0", "V9", "V10"])
def test_munmap_gives_all_pages_back(variant: str) -> None:
    result = once("task t { write heap; mlock heap; munmap heap; write heap }", variant=variant)
    assert result.status == "ok"
    assert result.events["pages_free"] == 24  # reclaim's last visit takes the file's pages too, as nobody maps them
    assert result.events["pages_allocated"] == 4


def test_truncation_takes_private_copies_and_the_file_grows_again() -> None:
    gone = once("task t { write copy; truncate data 1 }", variant="V9")
    assert gone.events["pages_free"] == 24 - 1  # the copy; reclaim takes the file's page
    stores = once("task t { truncate data 0; write copy; truncate data 4; write copy }", variant="V9")
    assert stores.events["sigbus"] == 4
    assert stores.events["pages_free"] == 24 - 4


def test_a_read_maps_the_file_and_a_store_copies_it() -> None:
    assert once("task t { read copy }", variant="V9").events["pages_allocated"] == 0
    assert once("task t { read copy; write copy }", variant="V9").events["pages_allocated"] == 4


def test_shared_memory_is_unevictable_while_it_is_locked() -> None:
    locked = once("task t { shmlock data; reclaim 24; reclaim 24; drain }", variant="V9")
    assert locked.counters["nr_unevictable"] == 4
    unlocked = once("task t { shmlock data; reclaim 24; reclaim 24; drain; shmunlock data }", variant="V9")
    assert (unlocked.counters["nr_unevictable"], unlocked.counters["unevictable_pgs_scanned"]) == (0, 4)


def test_without_memory_allocations_fail_and_nothing_else() -> None:
    text = "task t { write copy; write heap; mlock copy }"
    assert once(text, variant="V9").events["allocations_failed"] == 0
    tight = parse(SMALL.replace("24", "6") + text)
    short = run(tight, Options("V9"))
    assert short.status == "ok"
    assert short.events["allocations_failed"] > 0


def test_quiet_states_are_asked_at_the_beginning_where_the_script_says_and_twice_at_the_end() -> None:
    text = "task a { repeat 3 { write heap; quiesce } }\ntask b { repeat 3 { mlock copy; munlock copy; quiesce } }"
    assert once(text, variant="V9").checks == 1 + 3 + 2
    assert once("task a { write heap }", variant="V9").checks == 1 + 2


def test_after_so_many_steps_tasks_end_with_their_operation() -> None:
    result = once("task a { repeat { write heap } }\ntask b { repeat { mlock copy; munlock copy } }", variant="V9", steps=2000)
    assert result.status == "ok"
    assert 2000 <= result.steps < 4000


@pytest.mark.parametrize("variant", ["V4", "V9", "V10"])
def test_in_the_end_each_counter_says_what_there_is(variant: str) -> None:
    """By looking at the objects, not by the model's invariants."""
    one = _Run(find_workload("churn"), Options(variant, steps=8_000, ignore=("I1",)))
    one.machine.run(one.chooser(None), 8_000)
    assert not one.machine.failures
    pages, stat = one.world.pages, one.world.zone.vm_stat
    entries = [pte.pte.target for ptes in one.world.ptes.values() for pte in ptes if getattr(pte.pte, "tag", 0) == PTE_SWAP]
    assert one.world.zone.nr_lru == sum(page.lru != NOT_LISTED for page in pages) > 0
    assert stat[NR_UNEVICTABLE] == sum(page.lru == LRU_UNEVICTABLE for page in pages)
    assert stat[NR_MLOCK] == sum(page.flags >> PG_mlocked & 1 for page in pages)
    assert [page._swapcount for page in pages] == [entries.count(page) for page in pages]


def test_v10_counts_what_it_has_to_repair_and_its_counters_agree() -> None:
    result = run(find_workload("race"), Options("V10", ignore=("I1",), steps=100_000))
    assert result.status == "ok"
    assert result.ignored["I1"] == result.counters["unevictable_pgs_cleared"] > 0
    assert all(left == right and asked for _, left, right, asked, _ in balances(result))


def broken(name: str) -> Result:
    """A run in which something is changed behind the model's back before all is quiet."""
    load = parse(SMALL + "task t { write heap; mlock heap; drain }")
    one = _Run(load, Options("V10" if name == "I13" else "V9"))
    world = one.world
    settle = world.settle

    def spoil() -> None:
        if not one.machine.failures and world.checks == 1 + (name == "I4"):  # I4 is asked after reclaim's visit
            SPOIL[name](world, world.ptes["heap"][0].pte)
        settle()

    world.settle = spoil  # type: ignore[method-assign]
    one.machine.run(one.chooser(None), 10_000)
    return Result(load, Options("V9"), failure=one.machine.failures[0])


def _free_frame_changes(world: Any, page: Any) -> None:
    world.free[0]._mapcount += 1
    world.prepare(world.free.popleft())


def _stranded(world: Any, page: Any) -> None:
    page.flags &= ~(1 << PG_mlocked)
    world.zone.vm_stat[NR_MLOCK] = 3


def _evictable(world: Any, page: Any) -> None:
    page.flags, page.lru = 1 << PG_lru, LRU_INACTIVE_ANON
    for item, change in ((NR_MLOCK, -1), (PGMUNLOCKED, 1), (NR_UNEVICTABLE, -1), (PGRESCUED, 1)):
        world.zone.vm_stat[item] += change


def _event_lost(world: Any, page: Any) -> None:
    world.zone.vm_stat[PGMLOCKED] += 1


def _miscounted(world: Any, page: Any) -> None:
    world.zone.vm_stat[NR_MLOCK] = 7


def _on_the_wrong_list(world: Any, page: Any) -> None:
    page.flags &= ~(1 << PG_unevictable)


def _reference_without_owner(world: Any, page: Any) -> None:
    page._count += 1


def _mapped_by_nobody(world: Any, page: Any) -> None:
    page._mapcount = 5


def _pages_on_lists_miscounted(world: Any, page: Any) -> None:
    world.zone.nr_lru -= 64


def _unevictable_miscounted(world: Any, page: Any) -> None:
    for item in (NR_UNEVICTABLE, PGCULLED):
        world.zone.vm_stat[item] += 1


def _swap_entry_of_nobody(world: Any, page: Any) -> None:
    page._swapcount += 1


def _not_locked_any_more(world: Any, page: Any) -> None:
    world.vmas["heap"].vm_flags &= ~VM_LOCKED


def _mlocked_too_often(world: Any, page: Any) -> None:
    page.mlock_count += 1


def _mapped_beyond_the_end(world: Any, page: Any) -> None:
    page = world.slots["data"][3].page
    world.ptes["copy"][3].pte = page
    page._mapcount, page._count = 0, 2
    world.inodes["data"].i_size = 2


SPOIL: dict[str, Callable[[Any, Any], None]] = {
    "I2": _miscounted,
    "I3": _stranded,
    "I4": _evictable,
    "I5": _on_the_wrong_list,
    "I5 lists": _pages_on_lists_miscounted,
    "I5 unevictable": _unevictable_miscounted,
    "I6": _reference_without_owner,
    "I6 swap": _swap_entry_of_nobody,
    "I6 mapcount": _mapped_by_nobody,
    "I6 free": _free_frame_changes,
    "I9": _mapped_beyond_the_end,
    "I10": _event_lost,
    "I12": _not_locked_any_more,
    "I13": _mlocked_too_often,
}


@pytest.mark.parametrize("name", sorted(SPOIL))
def test_each_quiet_invariant_notices_what_it_is_about(name: str) -> None:
    assert broken(name).invariant == name.split()[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variant": "V11"}, "there is no variant 'V11': choose from V0, V0w"),
        ({"flags": "two"}, "there is no flags 'two': one-word, separate"),
        ({"freeing": "never"}, "there is no freeing 'never'"),
        ({"scheduler": "fair"}, "unknown scheduler fair"),
        ({"ignore": ("I99",)}, "there is no check 'I99' to ignore"),
        ({"steps": 0}, "at least 1"),
    ],
)
def test_options_that_do_not_exist_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(find_workload("race"), replace(Options(), **options))


def test_a_workload_built_in_python_runs() -> None:
    load = Workload("mine", pages=32)
    load.file("data", 4)
    load.private("copy", "data")
    load.anonymous("heap", 4, process="second")
    load.fork("child", "heap")
    load.task("t", repeat(3, op("write", "copy"), op("mlock", "child"), op("munlock", "child")), copies=2)
    result = run(load, Options("V9"))
    assert (result.status, result.tasks) == ("ok", ("t.0", "t.1"))


def test_time_is_up_when_it_is() -> None:
    result = run(find_workload("race"), Options("V9", steps=10_000_000), deadline=0.0)
    assert result.status == "out of time"
    assert result.failure is None


def test_switches_of_a_variant_may_be_set_otherwise() -> None:
    load = find_workload("race")
    assert run(load, Options("V8", steps=60_000)).status == "ok"
    result = run(load, Options("V8:rmap_clears=no", steps=60_000))
    assert (result.status, result.invariant) == ("failed", "I1")
