"""Which elements are needed: the claims about putback, classic cases, weakening, pairs."""

from pathlib import Path

import pytest

from smpcheck.cat.load import load_model
from smpcheck.questions.barriers import Barriers, Finding, barriers
from smpcheck.questions.fix import fix
from smpcheck.questions.ordering_elements import Rewriter, elements_of
from smpcheck.questions.outcomes import condition_outcome
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
LKMM, TSO, SC = (load_model(name) for name in ("lkmm", "tso", "sc"))


def example(stem: str):
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return read_litmus_file(path)


def test_of(threads: list[str], condition: str, init: str = "", params: str = "int *x, int *y, int *z"):
    bodies = "\n".join(f"P{i}({params})\n{{\n{body}\n}}" for i, body in enumerate(threads))
    return read_litmus(f"C test\n\n{{{init}}}\n\n{bodies}\n\nexists ({condition})\n", "test.litmus")


test_of.__test__ = False  # type: ignore[attr-defined]


def of(answer: Barriers, text: str) -> Finding:
    (finding,) = [f for f in answer.findings if f.element.text.startswith(text)]
    return finding


class TestClaims:
    """C10 to C12 of the 2009 thread (design/claims.md)."""

    @pytest.mark.parametrize("stem", ["PUTBACK+one-word", "PUTBACK+one-word+add"])
    @pytest.mark.parametrize("model", [LKMM, TSO, SC], ids=lambda m: m.name)
    def test_c11_in_one_word_nothing_is_needed(self, stem, model):
        answer = barriers(example(stem), model)
        assert answer.protected is not None
        assert answer.findings
        assert {f.status for f in answer.findings} == {"not needed"}
        assert answer.sets == ((),)

    @pytest.mark.parametrize("stem", ["PUTBACK+two-words", "PUTBACK+two-words+lru_lock"])
    def test_c10_in_two_words_without_a_barrier_the_page_is_stranded(self, stem):
        answer = barriers(example(stem), LKMM)
        assert answer.protected is None
        assert len(answer.reachable) == 1
        (fixed,) = fix(example(stem), LKMM)
        assert fixed.status == "fixed"

    def test_c10_it_is_the_unlock_that_lets_the_load_up(self):
        answer = barriers(example("PUTBACK+two-words+lru_lock+mb"), LKMM)
        finding = of(answer, "smp_mb()")
        assert finding.status == "needed"
        (reordering,) = the(finding.story).reorderings
        assert "spin_unlock(lru_lock) in line 22 lets what follows move up" in reordering.sentence

    @pytest.mark.parametrize("stem", ["two-words+mb", "two-words+after_atomic", "two-words+lru_lock+mb"])
    def test_c12_barrier_and_value_returning_clear_are_the_two_halves(self, stem):
        answer = barriers(example(f"PUTBACK+{stem}"), LKMM)
        barrier, clear = of(answer, "smp_mb"), next(f for f in answer.findings if "xchg" in f.element.text)
        assert barrier.status == clear.status == "needed"
        assert barrier.pairs == (clear.element,)
        assert clear.pairs == (barrier.element,)
        assert [set(s) for s in answer.sets] == [{barrier.element, clear.element}]
        assert clear.weakest is None

    def test_c12_with_a_clear_without_value_both_sides_need_a_barrier(self):
        (fixed,) = fix(example("PUTBACK+two-words+mb+noreturn"), LKMM)
        assert [[e.new for e in p.edits] for p in fixed.placements] == [["smp_mb__after_atomic()"]]
        assert fixed.placements[0].edits[0].old == "atomic_read(lru)"

    def test_the_contract_needs_what_x86_does_not(self):
        statuses = {
            model.name: [f.status for f in barriers(example("PUTBACK+two-words+mb"), model).findings] for model in (LKMM, TSO, SC)
        }
        assert statuses == {
            "lkmm": ["needed", "needed"],
            "tso": ["needed", "not needed"],
            "sc": ["not needed", "not needed"],
        }


class TestWeakening:
    def test_a_full_barrier_between_stores_can_be_a_write_barrier(self):
        program = test_of(
            [
                "WRITE_ONCE(*x, 1);\nsmp_mb();\nWRITE_ONCE(*y, 1);",
                "int r0; int r1;\nr0 = READ_ONCE(*y);\nsmp_mb();\nr1 = READ_ONCE(*x);",
            ],
            "1:r0=1 /\\ 1:r1=0",
        )
        answer = barriers(program, LKMM)
        assert [the(f.weakest).text for f in answer.findings] == ["smp_wmb()", "smp_rmb()"]
        assert [level.text for level in answer.together[0].values()] == ["smp_wmb()", "smp_rmb()"]

    def test_a_full_atomic_can_be_a_release(self):
        program = test_of(
            [
                "int r0;\nWRITE_ONCE(*x, 1);\nr0 = xchg(y, 1);",
                "int r0; int r1;\nr0 = smp_load_acquire(y);\nr1 = READ_ONCE(*x);",
            ],
            "1:r0=1 /\\ 1:r1=0",
        )
        assert the(of(barriers(program, LKMM), "xchg").weakest).text == "xchg_release(y, 1)"

    def test_a_cmpxchg_loses_its_order_only_where_it_succeeds(self):
        program = test_of(
            [
                "int r0; int r1;\nr0 = cmpxchg(x, 0, 1);\nr1 = READ_ONCE(*y);",
                "int r0; int r1;\nr0 = cmpxchg(y, 0, 1);\nr1 = READ_ONCE(*x);",
            ],
            "0:r0=0 /\\ 0:r1=0 /\\ 1:r0=0 /\\ 1:r1=0",
        )
        assert [f.status for f in barriers(program, LKMM).findings] == ["needed", "needed"]
        assert [f.status for f in barriers(program, TSO).findings] == ["not needed", "not needed"]


class TestSeveral:
    TWO = test_of(
        [
            "WRITE_ONCE(*x, 1);\nsmp_wmb();\nsmp_store_release(y, 1);",
            "int r0; int r1;\nr0 = smp_load_acquire(y);\nsmp_rmb();\nr1 = READ_ONCE(*x);",
        ],
        "1:r0=1 /\\ 1:r1=0",
    )

    def test_where_two_do_the_same_one_of_them_is_needed(self):
        answer = barriers(self.TWO, LKMM)
        assert {f.status for f in answer.findings} == {"one of several"}
        assert all(f.alone for f in answer.findings)

    def test_all_smallest_sets_are_named(self):
        answer = barriers(self.TWO, LKMM)
        texts = {frozenset(e.text for e in s) for s in answer.sets}
        assert texts == {
            frozenset({w, r}) for w in ("smp_wmb()", "smp_store_release(y, 1)") for r in ("smp_rmb()", "smp_load_acquire(y)")
        }

    def test_each_says_what_it_orders_and_pairs_with_all_that_can_stand_on_the_other_side(self):
        for finding in barriers(self.TWO, LKMM).findings:
            text = finding.element.text
            writes = text in ("smp_wmb()", "smp_store_release(y, 1)")
            order = ("store to x (line 7)", "store to y (line 9)") if writes else ("load of y (line 14)", "load of x (line 16)")
            other = {"smp_load_acquire(y)", "smp_rmb()"} if writes else {"smp_wmb()", "smp_store_release(y, 1)"}
            assert finding.orders == (" before ".join(order),), text
            assert {e.text for e in finding.pairs} == other, text

    def test_nothing_pairs_with_what_is_not_needed(self):
        """The dependency stands at the position of the release, which is needed: without it the first store is not seen by P2."""
        program = test_of(
            [
                "WRITE_ONCE(*x, 1);\nsmp_store_release(y, 1);",
                "int r0;\nr0 = READ_ONCE(*y);\nsmp_store_release(z, r0);",
                "int r0; int r1;\nr0 = smp_load_acquire(z);\nr1 = READ_ONCE(*x);",
            ],
            "1:r0=1 /\\ 2:r0=1 /\\ 2:r1=0",
        )
        answer = barriers(program, LKMM)
        assert [f.element.text for f in answer.findings if f.status == "not needed"] == [
            "data dependency into smp_store_release(z, r0)"
        ]
        assert [len(f.pairs) for f in answer.findings if f.status == "needed"] == [2, 2, 2]
        assert not [e for f in answer.findings for e in f.pairs if e.kind == "dependency"]


class TestDependencies:
    def test_an_address_dependency_is_an_element(self):
        finding = of(barriers(example("MP+wmb+addr"), LKMM), "address dependency")
        assert finding.status == "needed"
        assert [e.text for e in finding.pairs] == ["smp_store_release(p, new)"]

    def test_control_and_data_dependencies_pair(self):
        control, data = barriers(example("LB+ctrl+data"), LKMM).findings
        assert control.status == data.status == "needed"
        assert control.pairs == (data.element,)
        assert data.pairs == (control.element,)

    @pytest.mark.parametrize(
        "control",
        ["if (r0 == 0)\nreturn;\nWRITE_ONCE(*y, 1);", "int c = 0;\nif (r0 == 1)\nc = 1;\nif (c)\nWRITE_ONCE(*y, 1);"],
        ids=["return", "flag"],
    )
    def test_a_branch_that_leaves_early_or_sets_a_flag_is_an_element(self, control):
        program = test_of(
            [f"int r0;\nr0 = READ_ONCE(*x);\n{control}", "int r0;\nr0 = READ_ONCE(*y);\nWRITE_ONCE(*x, r0);"], "0:r0=1"
        )
        needed = [f.element.text for f in barriers(program, LKMM).findings if f.status == "needed"]
        assert needed[0].startswith("control dependency of if (r0")
        assert needed[-1] == "data dependency into WRITE_ONCE(*x, r0)"

    def test_a_value_that_is_one_of_too_many_cannot_be_cut_from_what_it_depends_on(self, monkeypatch):
        monkeypatch.setattr("smpcheck.solver.domains.MAX_DOMAIN", 1)
        program = test_of(["int r0 = READ_ONCE(*x);\nWRITE_ONCE(*y, r0);", "WRITE_ONCE(*x, 1);"], "y=1")
        elements = elements_of(program)
        assert Rewriter(program, elements).uncuttable() == elements

    def test_a_cut_dependency_changes_no_values(self):
        """Under sc, where dependencies mean nothing, the versions of a program have the same final states."""
        from smpcheck.solver.solve import solve

        for stem in ("MP+wmb+addr", "LB+ctrl+data", "LOCK"):
            program = example(stem)
            elements = [e for e in elements_of(program) if e.kind == "dependency"]
            assert elements
            rewriter = Rewriter(program, elements)
            cut = rewriter.version({e.key: "none" for e in elements})
            assert solve(cut, SC).states == solve(program, SC).states

    def test_dependencies_can_be_taken_as_given(self):
        assert not barriers(example("LB+ctrl+data"), LKMM, dependencies=False).findings


class TestRaces:
    PROGRAM = test_of(
        [
            "*x = 1;\nsmp_store_release(y, 1);",
            "int r0; int r1;\nr0 = smp_load_acquire(y);\nif (r0)\n\tr1 = *x;",
        ],
        "1:r0=1 /\\ 1:r1=0",
    )

    def test_what_keeps_a_race_away_is_needed(self):
        release, acquire = (of(barriers(self.PROGRAM, LKMM), f"smp_{n}") for n in ("store_release", "load_acquire"))
        assert release.status == acquire.status == "needed"
        assert release.pairs == (acquire.element,)

    def test_locks_on_request(self):
        program = example("LOCK")
        assert not any(e.kind == "lock" for e in elements_of(program))
        findings = [f for f in barriers(program, LKMM, locks=True).findings if f.element.kind == "lock"]
        assert [f.status for f in findings] == ["needed", "needed"]
        assert findings[0].pairs == (findings[1].element,)


class TestRewriting:
    @pytest.mark.parametrize("path", sorted((ROOT / "tests" / "library").glob("*.litmus")), ids=lambda p: p.stem)
    def test_less_order_never_makes_an_outcome_impossible(self, path):
        program = read_litmus_file(path)
        elements = elements_of(program)
        outcome, rewriter = condition_outcome(program), Rewriter(program, elements)

        def possible(levels) -> bool:
            return next(iter(outcome.candidates(rewriter.version(levels), LKMM, 2)), None) is not None

        for element in elements:
            seen = possible({})
            for level in element.weaker:
                assert possible({element.key: level.name}) >= seen

    def test_no_change_is_no_change(self):
        program = example("SEQLOCK")
        assert Rewriter(program, elements_of(program)).version({}) is program
