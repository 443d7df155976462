"""Whether a mapping is right, and what each of its rows is worth."""

from __future__ import annotations

import pytest

from smpcheck.cat.load import load_model
from smpcheck.machines.judge import Judge, Library, Wrong, weakened, worth
from smpcheck.machines.links import LINKS, cycles_with
from smpcheck.machines.mapping import load_mapping, mapping_of, mappings
from smpcheck.readers.litmus import read_litmus


def library(*names: str, largest: int = 4) -> Library:
    """The generated tests with these links only."""
    found = Library(load_model("lkmm"), (), 3)
    texts = {test.text for link in LINKS if link.name in names for test in cycles_with(link, 4)}
    return Library(found.contract, [read_litmus(text, "t.litmus") for text in sorted(texts)], 3)


def blamed(wrong: list[Wrong]) -> set[str]:
    return {one.rows[0].primitives[0] for one in wrong if one.rows}


def test_queued_locks_on_riscv_need_what_ticket_locks_do_not():
    """Linux 6.12's smp_mb__after_unlock_lock() is nothing on riscv; with the queued locks of 6.13 it has to be a barrier."""
    tests = library("after_unlock_lock").given
    assert tests
    assert not list(Judge(load_mapping("riscv")).wrong(tests))
    assert blamed(list(Judge(load_mapping("riscv", ("queued",))).wrong(tests))) == {"smp_mb__after_unlock_lock"}


def test_atomics_with_acquire_and_release_were_no_full_barriers_before_they_were_strengthened():
    tests = library("atomic_inc_return between", "atomic_xchg between").given
    older = load_model("aarch64-2020")
    assert not list(Judge(load_mapping("arm64")).wrong(tests))
    assert blamed(list(Judge(load_mapping("arm64"), older).wrong(tests))) == {"atomic_fetch_op", "xchg"}
    assert not list(Judge(load_mapping("arm64", ("llsc",)), older).wrong(tests))


def test_a_row_is_weakened_by_one_step():
    steps = {(one.before, one.after) for one in weakened(load_mapping("riscv"))}
    assert {("fence rw,rw", "fence r,rw"), ("fence rw,rw", "fence rw,w"), ("fence r,r", ""), ("fence ow,ow", "")} <= steps
    steps = {(one.before, one.after) for one in weakened(load_mapping("arm64"))}
    assert {("DMB ISH", "DMB ISHLD"), ("DMB ISH", "DMB ISHST"), ("DMB ISHST", "")} <= steps
    assert ("LD{op}AL{s} {value},{old},[{addr}]", "LD{op}A{s} {value},{old},[{addr}]") in steps


def test_a_weaker_row_is_noticed_or_is_not():
    judge = Judge(load_mapping("ppc64"))
    tests = library("smp_mb", "smp_store_release", "atomic_inc_return between")
    found = {(one.weakened.before, one.weakened.after): one for one in worth(judge, tests, "smp_mb")}
    assert found["sync", "lwsync"].test is not None
    found = {(one.weakened.before, one.weakened.after): one for one in worth(judge, tests, "smp_store_release")}
    assert found["lwsync", ""].test is not None
    one_sided = list(worth(judge, tests, "atomic_fetch_op"))
    assert [one.test for one in one_sided] == [None, None], "the barrier on the other side is enough for these"
    assert all(one.tried for one in one_sided)


@pytest.mark.parametrize("machine", ["ppc64", "armv7"])
@pytest.mark.parametrize(("primitive", "name"), [("cmpxchg", "cmpxchg"), ("atomic_add_unless", "add_unless")])
def test_each_barrier_of_an_operation_that_may_fail_is_noticed_by_a_cycle_that_needs_it(machine, primitive, name):
    """With the operation as the second access only, or in between, one of them counted as harmless."""
    tests = library(f"{name} first", f"{name} second")
    found = list(worth(Judge(load_mapping(machine)), tests, primitive))
    assert len(found) >= 2
    assert all(one.test is not None for one in found)


def test_every_link_is_ordered_by_the_contract_somewhere():
    contract = Library(load_model("lkmm"), (), 3)
    for link in LINKS:
        assert any(contract._forbids(read_litmus(test.text, "t.litmus")) for test in cycles_with(link, 4)), link.name


@pytest.mark.slow
def test_no_cycle_of_up_to_six_edges_is_wrong_on_any_machine_but_with_riscvs_queued_locks():
    library = Library(load_model("lkmm"), [], 6)
    for name in ("all", "arm64:llsc"):
        for mapping in mappings(name):
            judge = Judge(mapping)
            assert list(judge.wrong(library.all())) == [], mapping.title
            assert (judge.asked >= 2500, judge.unsupported) == (True, 0)
    blamed = {one.rows[0].primitives[0] for one in Judge(mapping_of("riscv:queued")).wrong(library.all())}
    assert blamed == {"smp_mb__after_unlock_lock"}
