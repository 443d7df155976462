"""Branches are left out, entered ones are told, and put back."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.engines.constraints import rounds
from smpcheck.engines.interleavings import coverage_before
from smpcheck.errors import UnsupportedError
from smpcheck.machines.lower import lower
from smpcheck.machines.mapping import mappings
from smpcheck.program import ir
from smpcheck.program.cut import is_left_out, leaves, without_branches
from smpcheck.readers.litmus import read_litmus
from smpcheck.simulate.explore import outcomes
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve
from tests.naive.generate import random_litmus

STORE_BUFFERING = """C t
{ }
P0(int *x, int *y, int *z) { int r0; WRITE_ONCE(*x, 1); r0 = READ_ONCE(*y); WRITE_ONCE(*z, r0 + 1); }
P1(int *x, int *y, int *z) {
	int r0; int r1;
	WRITE_ONCE(*y, 1);
	r0 = READ_ONCE(*x);
	r1 = READ_ONCE(*z);
	if (r0 == 0 && r1 == 1) {
		WRITE_ONCE(*x, 2);
		if (r0 == 1) WRITE_ONCE(*x, 3);
	}
	if (r0 == 5) WRITE_ONCE(*x, 5);
}
exists (x=2)
"""


def cut(program: ir.Program, *put_back: str) -> ir.Program:
    return without_branches(program, outcomes(program, coverage=True).coverage, put_back)


def ask(program: ir.Program, model: str) -> Answer:
    return solve(program, load_model(model), Question(mode="assertions", flags=False))


def left(program: ir.Program) -> list[str]:
    return [s.text for s in leaves(program.threads[1].body)]


def labels(body: Sequence[ir.Stmt]) -> list[str]:
    """Of the branches that were left out."""
    found = []
    for stmt in body:
        match stmt:
            case ir.If() | ir.Choice():
                found += labels((*stmt.then, *stmt.other))
            case ir.Block():
                found += labels(stmt.body)
            case ir.Loop():
                found += [stmt.label, *labels(stmt.body)]
    return found


PROGRAM = read_litmus(STORE_BUFFERING)


def test_branches_that_no_interleaving_takes_are_left_out() -> None:
    assert left(PROGRAM)[3:] == ["WRITE_ONCE(*x, 2)", "WRITE_ONCE(*x, 3)", "WRITE_ONCE(*x, 5)"]
    assert left(cut(PROGRAM)) == left(PROGRAM)[:3]


def test_what_is_taken_stays() -> None:
    program = read_litmus(STORE_BUFFERING.replace("r0 == 0 && r1 == 1", "r0 == 0 || r1 == 7"))
    assert left(cut(program)) == left(program)[:4]


def test_a_model_that_enters_none_says_so() -> None:
    assert ask(cut(PROGRAM), "sc").cut == ()
    assert ask(cut(PROGRAM), "sc").status == "ok"


def test_a_model_that_enters_one_names_it_and_it_can_be_put_back() -> None:
    answer = ask(cut(PROGRAM), "lkmm")
    assert answer.cut == ("left out: thread 1, branch 1",)
    assert all(map(is_left_out, answer.cut))
    assert not answer.complete
    again = cut(PROGRAM, *answer.cut)
    assert left(again) == left(PROGRAM)[:5]
    assert ask(again, "lkmm").cut == ()


def test_numbers_of_branches_do_not_change_when_one_is_put_back() -> None:
    names = labels(cut(PROGRAM).threads[1].body)
    assert names == [f"left out: thread 1, branch {i}" for i in (1, 2)]
    assert labels(cut(PROGRAM, names[0]).threads[1].body) == names[1:]


TRIED = """C t
{ }
P0(unsigned long *x, int *y, int *z) {
	int r0; int r1;
	WRITE_ONCE(*y, 1);
	r1 = READ_ONCE(*z);
	r0 = cmpxchg_acquire(x, 1, 2);
	if (r0 == 1) WRITE_ONCE(*y, 2);
	if (r1 == 0) { if (r0 == 1) WRITE_ONCE(*y, 3); }
}
P1(unsigned long *x, int *y, int *z) { int r0; WRITE_ONCE(*z, 1); r0 = READ_ONCE(*y); if (r0 == 0) WRITE_ONCE(*x, 1); }
exists (y=3)
"""


def test_of_a_translated_program_what_it_was_made_from_is_cut() -> None:
    """An operation that never takes place in an interleaving is one operation on the machine all the same."""
    program = read_litmus(TRIED)
    for mapping in mappings("all"):
        on_it = lower(program, mapping)
        coverage = coverage_before(on_it)
        assert coverage.before
        part = without_branches(on_it, coverage)
        assert part.language == mapping.language
        assert [s for s in texts(on_it) if "cmpxchg" in s] == [s for s in texts(part) if "cmpxchg" in s], mapping.title
        assert len(texts(part)) < len(texts(on_it))


def test_what_was_changed_after_its_translation_is_not_made_again() -> None:
    on_it = lower(read_litmus(TRIED), mappings("ppc64")[0])
    assert on_it.translated_from is not None
    changed = replace(on_it, threads=on_it.threads[:1])
    assert changed.translated_from is None
    assert replace(on_it, invariants=()).translated_from is not None
    assert len(without_branches(changed, coverage_before(on_it)).threads) == 1


def test_with_branches_put_back_the_answer_of_a_machine_is_that_about_the_whole() -> None:
    more = 0
    for program in (PROGRAM, read_litmus(TRIED), *(read_litmus(random_litmus(number)) for number in range(10))):
        for mapping in mappings("arm64:llsc,ppc64,riscv"):
            try:
                on_it = lower(program, mapping)
            except UnsupportedError:
                continue
            invariant = ir.Assert(ir.Unary("!", program.condition), "the condition")
            on_it = replace(on_it, invariants=(*on_it.invariants, invariant))
            model = load_model(mapping.model)
            whole = solve(on_it, model, Question(mode="assertions", flags=False))
            asked = [answer for _, answer in rounds(on_it, model, 2, None, coverage_before(on_it))]
            more += len(asked) > 1
            assert {name for answer in asked for name in answer.failed} == whole.failed.keys(), (program.source, mapping.title)
    assert more >= 3


def texts(program: ir.Program) -> list[str]:
    return [s.text for thread in program.threads for s in leaves(thread.body)]
