"""Explanations beyond the classic cycles: interleavings, impossible values, races, locks, atomics, several reasons, limits."""

import re
from pathlib import Path

import pytest

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.questions.explain import OTHER_WAYS, Explanation, Limits, explain
from smpcheck.questions.statements import SeenEarly
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.show.explain_text import text
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
LKMM, TSO, SC = (load_model(name) for name in ("lkmm", "tso", "sc"))


def example(stem: str, model=LKMM, **limits) -> Explanation:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    (answer,) = explain(read_litmus_file(path), model, Limits(**limits))
    return answer


def given(threads: list[str], condition: str, params: str = "int *x, int *y", model=LKMM, quantifier="exists") -> Explanation:
    bodies = "\n".join(f"P{i}({params})\n{{\n{body}\n}}" for i, body in enumerate(threads))
    program = read_litmus(f"C test\n\n{{}}\n\n{bodies}\n\n{quantifier} ({condition})\n", "test.litmus")
    (answer,) = explain(program, model)
    return answer


EXAMPLES = sorted((ROOT / "examples").glob("*.litmus"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_every_example_is_explained_as_its_author_says(path):
    program = read_litmus_file(path)
    (answer,) = explain(program, LKMM)
    never = program.expected == ("Always" if program.quantifier == "forall" else "Never")
    assert (answer.kind != "allowed") == never
    if answer.execution is not None:
        assert not [v for v in evaluate(LKMM, answer.execution) if not v.flag]
    for reason in answer.reasons:
        broken = {v.name for v in evaluate(LKMM, reason.execution)}
        assert reason.axiom in broken
    assert all(len(line) <= 100 for line in text(answer).split("\n"))


class TestAllowed:
    def test_an_interleaving_is_told_as_one(self):
        answer = given(["WRITE_ONCE(*x, 1);", "int r0;\nr0 = READ_ONCE(*x);"], "1:r0=1")
        assert answer.under == "sc"
        assert not the(answer.story).reorderings
        assert "by taking turns" in text(answer)

    @pytest.mark.parametrize("model", [SC, TSO, LKMM], ids=lambda m: m.name)
    def test_an_interleaving_is_told_as_one_under_every_model(self, model):
        answer = given(["WRITE_ONCE(*x, 1);", "int r0;\nr0 = READ_ONCE(*x);"], "1:r0=1", model=model)
        assert answer.under == "sc"
        assert "can happen, by taking turns" in text(answer)
        assert "tso" not in text(answer) and "total store order" not in text(answer)

    def test_no_model_that_is_weaker_than_the_one_in_question_is_named(self):
        threads = [f"int r0;\nWRITE_ONCE(*{a}, 1);\nr0 = READ_ONCE(*{b});" for a, b in ("xy", "yx")]
        assert given(threads, "0:r0=0 /\\ 1:r0=0", model=TSO).under == "tso"
        assert given(threads, "0:r0=0 /\\ 1:r0=0", model=LKMM).under == "tso"
        assert given(threads, "0:r0=0 /\\ 1:r0=0", model=SC).kind == "forbidden"

    def test_a_control_dependency_orders_a_later_store_unless_it_is_plain(self):
        """After C-wmb-race2 of the reference library."""
        threads = [
            "int r0;\nr0 = READ_ONCE(*x);\nif (r0 == 1) {\n*y = 1;\n}\nsmp_wmb();\nWRITE_ONCE(*z, 1);",
            "int r0; int r1;\nr0 = smp_load_acquire(z);\nr1 = READ_ONCE(*y);\nsmp_store_release(x, r1);",
        ]
        marked = given(
            [threads[0].replace("*y = 1", "WRITE_ONCE(*y, 1)"), threads[1]], "0:r0=1 /\\ 1:r1=1", "int *x, int *y, int *z"
        )
        assert marked.kind == "forbidden"
        answer = given(threads, "0:r0=1 /\\ 1:r1=1", "int *x, int *y, int *z")
        (reordering,) = the(answer.story).reorderings
        assert "a control dependency does not order a load before a later plain store" in reordering.sentence

    def test_of_several_executions_the_one_with_the_fewest_reorderings_is_shown(self):
        threads = [
            "int r0; int r1;\nWRITE_ONCE(*x, 1);\nr0 = READ_ONCE(*y);\nr1 = READ_ONCE(*z);",
            "int r0;\nWRITE_ONCE(*y, 1);\nsmp_mb();\nr0 = READ_ONCE(*x);\nWRITE_ONCE(*z, 1);",
        ]
        answer = given(threads, "0:r0=0 /\\ 1:r0=0", "int *x, int *y, int *z")
        assert len(the(answer.story).reorderings) == 1

    def test_what_stands_between_and_is_too_weak_is_named(self):
        answer = given(
            [
                "int r0;\nWRITE_ONCE(*x, 1);\nsmp_wmb();\nr0 = READ_ONCE(*y);",
                "int r0;\nWRITE_ONCE(*y, 1);\nsmp_mb();\nr0 = READ_ONCE(*x);",
            ],
            "0:r0=0 /\\ 1:r0=0",
        )
        (reordering,) = the(answer.story).reorderings
        assert "smp_wmb() in line 9 does not order a store before a later load" in reordering.sentence

    def test_a_load_served_by_the_threads_own_store(self):
        threads = [
            "int r0; int r1;\nWRITE_ONCE(*x, 1);\nr0 = READ_ONCE(*x);\nr1 = READ_ONCE(*y);",
            "int r0; int r1;\nWRITE_ONCE(*y, 1);\nr0 = READ_ONCE(*y);\nr1 = READ_ONCE(*x);",
        ]
        answer = given(threads, "0:r0=1 /\\ 0:r1=0 /\\ 1:r0=1 /\\ 1:r1=0", model=TSO)
        assert answer.under == "tso"
        assert any(s.kind == "rf" and "sees its own thread's store" in s.sentence for s in the(answer.story).reorderings)

    def test_forall_is_explained_by_what_breaks_it(self):
        answer = given(["WRITE_ONCE(*x, 1);", "int r0;\nr0 = READ_ONCE(*x);"], "1:r0=1", quantifier="forall")
        assert answer.kind == "allowed"
        assert [e.value for e in the(answer.execution).events if e.kind == "R"] == [0]


class TestWhatIsBlamed:
    """Of several ways to tell an execution, the one that order would mend; and all that it would take."""

    READER = "int r0; int r1;\nr0 = READ_ONCE(*y);\nr1 = *x;"

    @pytest.mark.parametrize("writer", ["*x = 1;\nsmp_mb();\nWRITE_ONCE(*y, 1);", "*x = 1;\nsmp_store_release(y, 1);"])
    def test_a_reader_without_order_not_the_barrier_or_release_of_the_writer(self, writer):
        answer = given([writer, self.READER], "1:r0=1 /\\ 1:r1=0")
        (reordering,) = the(answer.story).reorderings
        assert reordering.sentence.startswith("P1's load of x")
        assert "nothing orders them" in reordering.sentence
        assert "is a plain access, in a data race with P0's store to x" in reordering.sentence
        assert "smp_mb()" not in reordering.sentence and the(answer.story).also == ()

    def test_the_producer_where_an_address_dependency_orders_the_consumer(self):
        threads = ["*x = 1;\nWRITE_ONCE(*p, x);", "int *q; int r1 = 1;\nq = READ_ONCE(*p);\nif (q)\n\tr1 = *q;"]
        answer = given(threads, "1:r1=0", "int *x, int **p")
        (reordering,) = the(answer.story).reorderings
        assert reordering.sentence.startswith("P0's store to ")
        assert the(answer.story).also == ()

    def test_what_else_would_have_to_be_ordered_is_named(self):
        answer = example("MP")
        (also,) = the(answer.story).also
        assert also.sentence.startswith("P1's load of data (line 25) could be before its earlier load of flag (line 24)")
        assert "To forbid it, order is missing here as well:" in text(answer)
        assert answer.ways == ()

    def test_other_ways_to_the_outcome_are_told_too(self):
        threads = [
            "int r0;\nWRITE_ONCE(*x, 1);\nWRITE_ONCE(*y, 1);\nr0 = READ_ONCE(*z);",
            "int r1; int r2;\nWRITE_ONCE(*z, 1);\nr1 = READ_ONCE(*y);\nr2 = READ_ONCE(*x);",
        ]
        passing, buffering = "1:r1=1 /\\ 1:r2=0", "0:r0=0 /\\ 1:r1=0 /\\ 1:r2=0"
        answer = given(threads, f"({passing}) \\/ ({buffering})", "int *x, int *y, int *z")
        (way,) = answer.ways
        (told,) = way.told
        assert told.sentence.startswith("P0's store to y (line 9) is visible to P1 before its earlier store to x (line 8)")
        assert "With order there, it can still happen in another way:" in text(answer)
        assert OTHER_WAYS not in answer.notes

    def test_two_threads_have_no_others_that_a_store_could_reach_later(self):
        for path in EXAMPLES:
            program = read_litmus_file(path)
            for answer in explain(program, LKMM) if len(program.threads) == 2 else ():
                told = (*answer.story.reorderings, *answer.story.also) if answer.story is not None else ()
                assert not any(isinstance(s.claim, SeenEarly) for s in told)


class TestForbidden:
    def test_different_executions_have_different_reasons_each_once(self):
        answer = example("SEQLOCK")
        assert answer.complete
        assert len(answer.reasons) == 4
        assert len({r.key for r in answer.reasons}) == 4

    def test_atomicity_and_coherence_where_one_word_is_enough(self):
        answer = example("PUTBACK+one-word")
        assert {r.axiom for r in answer.reasons} == {"atomic", "coherence"}

    def test_a_lock_orders_by_its_release_and_its_acquire(self):
        """In whichever order the threads get it: one reason for each."""
        reasons = [{cause.line for cause in reason.causes} for reason in example("LOCK").reasons]
        assert sorted(reasons, key=min) == [{17, 30}, {20, 27}]
        said = " ".join(link.text for reason in example("LOCK").reasons for link in reason.links)
        assert "spin_unlock(l) in line 20 is a release" in said
        assert "spin_lock(l) in line 27 is an acquire" in said

    def test_the_barrier_inside_an_atomic_operation_is_named(self):
        answer = example("PUTBACK+two-words+mb")
        assert any("the full barrier inside atomic_xchg(mlocked, 0) in line 33" in k.text for k in answer.reasons[0].links)

    def test_program_order_is_a_reason_where_the_model_keeps_it(self):
        answer = example("MP", TSO)
        assert answer.kind == "forbidden"
        assert any(link.text == "in program order, which tso keeps here" for link in answer.reasons[0].links)

    def test_a_locked_instruction_is_a_barrier_on_x86(self):
        answer = example("SB+atomic_inc", TSO)
        assert any("a full barrier under tso" in link.text for r in answer.reasons for link in r.links)

    def test_a_limit_is_said(self):
        answer = example("SEQLOCK", reasons=1)
        assert not answer.complete
        assert len(answer.reasons) == 1
        assert "there may be other reasons" in text(answer)

    def test_an_edge_across_an_unlock_and_a_lock_names_both(self):
        """Message passing in which the writer's order is that of two critical sections (po-unlock-lock-po)."""
        writer = "spin_lock(a);\nWRITE_ONCE(*x, 1);\nspin_unlock(a);\nspin_lock(b);\nWRITE_ONCE(*y, 1);\nspin_unlock(b);"
        reader = "int r0; int r1;\nr0 = smp_load_acquire(y);\nr1 = READ_ONCE(*x);"
        answer = given([writer, reader], "1:r0=1 /\\ 1:r1=0", "int *x, int *y, spinlock_t *a, spinlock_t *b")
        said = [link.text for reason in answer.reasons for link in reason.links if link.kind == "po"]
        assert "ordered because spin_unlock(a) in line 9 is an unlock" in said or any(
            "spin_unlock(a) in line 9 and spin_lock(b) in line 10" in text for text in said
        )

    def test_no_edge_of_the_program_is_left_without_its_cause_where_locks_are_passed_on(self):
        """After W+RR+WW+WR+...+locked of the reference library."""
        params = "int *x, int *y, int *z, spinlock_t *a, spinlock_t *b, spinlock_t *c"

        def section(lock: str, access: str) -> str:
            return f"spin_lock({lock});\n{access};\nspin_unlock({lock});\n"

        threads = [
            section("a", "WRITE_ONCE(*x, 1)"),
            "int r0; int r1;\n" + section("a", "r0 = READ_ONCE(*x)") + section("b", "r1 = READ_ONCE(*y)"),
            section("b", "WRITE_ONCE(*y, 1)") + section("c", "WRITE_ONCE(*z, 1)"),
            "int r1;\n" + section("c", "WRITE_ONCE(*z, 2)") + section("a", "r1 = READ_ONCE(*x)"),
        ]
        answer = given(threads, "z=2 /\\ 1:r0=1 /\\ 1:r1=0 /\\ 3:r1=0", params)
        links = [link for reason in answer.reasons for link in reason.links if link.kind == "po"]
        assert any(re.search(r"ordered by spin_unlock\(\w\) in line \d+ and spin_lock\(\w\) in line \d+$", x.text) for x in links)
        assert all(link.causes for link in links)
        assert not [link.text for link in links if "keeps here" in link.text]


class TestImpossible:
    def test_a_value_that_nothing_writes(self):
        answer = given(["WRITE_ONCE(*x, 1);", "int r0; int r1;\nr0 = READ_ONCE(*x);\nr1 = READ_ONCE(*y);"], "1:r0=1 /\\ 1:r1=3")
        assert answer.kind == "impossible"
        assert answer.notes == ("no choice of which write each read sees gives 1:r1=3",)
        assert "under any memory model" in text(answer)


class TestRaces:
    def test_both_accesses_and_what_is_missing(self):
        (race,) = example("RACE").races
        assert "P0 writes data (plain access, line 15)" in race.sentence
        assert "P1 reads data (plain access, line 25)" in race.sentence
        assert "nothing in this execution tells P1 that P0 is done" in race.missing[0]

    @pytest.mark.parametrize(
        ("store", "load", "line"),
        [("WRITE_ONCE", "smp_load_acquire(y)", 6), ("smp_store_release", "READ_ONCE(*y)", 14)],
        ids=["no release", "no acquire"],
    )
    def test_the_end_that_lacks_order_is_found(self, store, load, line):
        place = "*y" if store == "WRITE_ONCE" else "y"
        answer = given([f"*x = 1;\n{store}({place}, 1);", f"int r0; int r1;\nr0 = {load};\nif (r0 == 1)\n\tr1 = *x;"], "1:r1=1")
        (race,) = answer.races
        assert len(race.missing) == 1
        assert f"access in line {line + 1}" in race.missing[0] or f"access in line {line}" in race.missing[0]

    def test_the_marked_access_is_called_so(self):
        (race,) = given(["WRITE_ONCE(*x, 1);", "int r0;\nr0 = *x;"], "1:r0=1").races
        assert "P0 writes x (marked access, line 7)" in race.sentence
        assert "P1 reads x (plain access, line 12)" in race.sentence

    def test_no_race_where_there_is_none(self):
        assert example("RACE+fixed").races == ()
