"""What is stated about chains of atomic operations follows from the axioms: answers are the same without it."""

from __future__ import annotations

import pytest

from bench import families
from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Axiom, Model
from smpcheck.cat.requirements import is_atomic
from smpcheck.program import ir
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Answer, Question
from smpcheck.solver.solve import solve
from tests.naive.generate import random_litmus, twins
from tests.solver.common import base, op, program

ATOMICS = "atomic_t *x, atomic_t *y, spinlock_t *l"

PROGRAMS: dict[str, ir.Program] = {
    "increments": program(*["atomic_inc(x);"] * 3, params=ATOMICS, cond="exists (x=3)"),
    "increments from 5": program(*["atomic_inc(x);"] * 3, params=ATOMICS, init="x=5;", cond="exists (x=8)"),
    "different amounts": program("atomic_add(2, x);", "atomic_inc(x);", "atomic_inc(x);", params=ATOMICS, cond="exists (x=4)"),
    "values returned": program(
        *["r0 = atomic_inc_return(x);"] * 3, params=ATOMICS, cond="exists (0:r0=1 /\\ 1:r0=2 /\\ 2:r0=3)"
    ),
    "two by one thread": program(
        "r0 = atomic_fetch_inc(x); r1 = atomic_fetch_inc(x);", "r0 = atomic_fetch_inc(x);", params=ATOMICS,
        cond="exists (0:r0=0 /\\ 0:r1=2)",
    ),
    "a reader beside": program(
        "atomic_inc(x);", "atomic_inc(x);", "r0 = atomic_read(x); r1 = atomic_read(x);", params=ATOMICS, cond="exists (2:r0=1)"
    ),
    "a plain write between": program(
        "r0 = atomic_fetch_inc(x);", "r0 = atomic_fetch_inc(x);", "atomic_set(x, 7);", params=ATOMICS,
        cond="exists (0:r0=7 /\\ 1:r0=8)",
    ),
    "exchanges": program("r0 = xchg(x, 1);", "r0 = xchg(x, 2);", "r0 = xchg(x, 3);", cond="exists (0:r0=1)"),
    "a failed comparison only reads": program(
        *["r0 = atomic_cmpxchg(x, 0, 1);"] * 3, params=ATOMICS, cond="exists (0:r0=1 /\\ 1:r0=1)"
    ),
    "a lock": program(
        *["spin_lock(l); r0 = atomic_read(x); atomic_set(x, r0 + 1); spin_unlock(l);"] * 3, params=ATOMICS, cond="exists (~x=3)"
    ),
    "a lock taken twice": program(
        "spin_lock(l); spin_unlock(l); spin_lock(l); spin_unlock(l);", "spin_lock(l); spin_unlock(l);", params=ATOMICS
    ),
    "a lock never released": program("spin_lock(l);", "spin_lock(l); spin_unlock(l);", params=ATOMICS),
    "a lock for some": program(
        "r0 = spin_trylock(l); if (r0) spin_unlock(l);", "spin_lock(l); spin_unlock(l);", params=ATOMICS, cond="exists (0:r0=0)"
    ),
    "a branch decides": program(
        "r0 = atomic_read(y); if (r0) atomic_inc(x);", "atomic_inc(x); atomic_inc(y);", params=ATOMICS, cond="exists (x=2)"
    ),
}  # fmt: skip


def both(subject: ir.Program, model: str, monkeypatch: pytest.MonkeyPatch, **asked: object) -> tuple[Answer, Answer]:
    """The answers with and without what is stated about chains."""
    question = Question(**asked)  # type: ignore[arg-type]
    with_chains = solve(subject, load_model(model), question)
    with monkeypatch.context() as patch:
        patch.setattr("smpcheck.solver.session.add_chains", lambda encoding: None)
        return with_chains, solve(subject, load_model(model), question)


def said(answer: Answer) -> tuple[object, ...]:
    return answer.status, answer.verdict, answer.states, answer.flags, sorted(answer.failed)


@pytest.mark.parametrize("model", ["sc", "tso", "lkmm"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_answer_without(name: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = both(PROGRAMS[name], model, monkeypatch)
    assert said(first) == said(second)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_deadlocks_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that waits at a lock reads what others read too: no operation, no place in the chain."""
    first, second = both(PROGRAMS[name], "sc", monkeypatch, mode="assertions", stops=True)
    assert said(first) == said(second)
    assert ("deadlock" in first.failed) == (name == "a lock never released")


def test_two_threads_that_wait_for_the_same_holder() -> None:
    """Each takes the lock twice: whoever is first waits for itself, the other for it. Both see the same write."""
    twice = "spin_lock(l); spin_lock(l); spin_unlock(l); spin_unlock(l);"
    answer = solve(program(twice, twice, params=ATOMICS), load_model("sc"), Question(mode="assertions", stops=True))
    assert set(answer.failed) == {"deadlock"}


@pytest.mark.parametrize("text", [families.atom(4), families.lock(3), families.cmpx(4)], ids=["ATOM-4", "LOCK-3", "CMPX-4"])
def test_families(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = both(read_litmus(text), "lkmm", monkeypatch)
    assert said(first) == said(second)


def test_random_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the generator's families that have atomic operations or locks."""
    for seed in [s for s in range(120) if s % 9 in (1, 3, 4, 8)]:
        first, second = both(read_litmus(random_litmus(seed)), "lkmm", monkeypatch)
        assert said(first) == said(second), seed
    for seed in range(60):
        first, second = both(read_litmus(twins(seed, 4)), "lkmm", monkeypatch)
        assert said(first) == said(second), seed


RMW, FR, CO, EXT = base("rmw"), base("fr"), base("co"), base("ext")
FRE, COE = op("inter", FR, EXT), op("inter", CO, EXT)


def test_atomicity_is_recognised_by_its_shape() -> None:
    assert all(is_atomic(load_model(name)) for name in ("sc", "tso", "lkmm"))
    assert is_atomic(Model("m", (Axiom("empty", op("inter", op("seq", FRE, COE), RMW), "a"),)))
    assert is_atomic(Model("m", (Axiom("empty", op("inter", RMW, op("seq", FR, CO)), "a"),)))


@pytest.mark.parametrize(
    "axiom",
    [
        Axiom("empty", op("inter", RMW, op("seq", FRE, COE)), "only a flag", flag=True),
        Axiom("empty", op("inter", RMW, op("seq", FRE, COE)), "negated", negated=True),
        Axiom("irreflexive", op("inter", RMW, op("seq", FRE, COE)), "says nothing"),
        Axiom("empty", op("inter", RMW, op("seq", COE, FRE)), "another path"),
        Axiom("empty", op("inter", RMW, op("seq", op("inter", FR, base("int")), COE)), "inside a thread"),
        Axiom("empty", op("union", RMW, op("seq", FRE, COE)), "a union"),
    ],
    ids=lambda axiom: axiom.name,
)
def test_what_is_not_atomicity_is_not_taken_for_it(axiom: Axiom) -> None:
    assert not is_atomic(Model("m", (axiom,)))


def test_a_model_without_atomicity_lets_increments_be_lost() -> None:
    coherent = next(a for a in load_model("lkmm").axioms if a.name == "coherence")
    weak = Model("coherent only", (coherent,))
    assert solve(PROGRAMS["increments"], weak).verdict == "Sometimes"
    assert solve(PROGRAMS["increments"], load_model("lkmm")).verdict == "Always"
