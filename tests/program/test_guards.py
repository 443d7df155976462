"""Guards are Boolean functions in one canonical form: equal functions have equal names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from smpcheck.program.guards import ALWAYS, NEVER, Guards

VARIABLES = 4
ROWS = list(product((False, True), repeat=VARIABLES))
EVERY = (1 << len(ROWS)) - 1

Formula = tuple[object, ...]

FORMULAS = st.recursive(
    st.one_of(st.sampled_from([("const", 0), ("const", 1)]), st.integers(0, VARIABLES - 1).map(lambda i: ("var", i))),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", "or", "minus"]), inner, inner),
    ),
    max_leaves=14,
)


def table(formula: Formula) -> int:
    """The truth table of a formula, a bit for each assignment."""
    op, *args = formula
    if op == "const":
        return EVERY if args[0] else 0
    if op == "var":
        return sum(1 << i for i, row in enumerate(ROWS) if row[args[0]])  # type: ignore[call-overload, misc]
    first, *rest = (table(a) for a in args)  # type: ignore[arg-type]
    operators: dict[object, Callable[[], int]] = {
        "not": lambda: EVERY & ~first,
        "and": lambda: first & rest[0],
        "or": lambda: first | rest[0],
        "minus": lambda: first & ~rest[0],
    }
    return operators[op]()


def build(guards: Guards, formula: Formula) -> int:
    """The guard of a formula."""
    op, *args = formula
    if op == "const":
        return ALWAYS if args[0] else NEVER
    if op == "var":
        return guards.variable(args[0])  # type: ignore[arg-type]
    built = [build(guards, a) for a in args]  # type: ignore[arg-type]
    operators: dict[object, Callable[..., int]] = {
        "not": guards.negate,
        "and": guards.conj,
        "or": guards.disj,
        "minus": guards.minus,
    }
    return operators[op](*built)


def evaluated(guards: Guards, guard: int) -> int:
    """The truth table of a guard, by following its diagram."""
    result = 0
    for i, row in enumerate(ROWS):
        at = guard
        while at > ALWAYS:
            var, low, high = guards.nodes[at]
            at = high if row[var] else low
        result |= at << i
    return result


@given(FORMULAS)
def test_a_guard_is_the_function_of_its_formula(formula: Formula) -> None:
    guards = Guards()
    assert evaluated(guards, build(guards, formula)) == table(formula)


@given(st.lists(FORMULAS, min_size=2, max_size=6))
def test_equal_functions_have_equal_names_and_others_do_not(formulas: list[Formula]) -> None:
    guards = Guards()
    built = [build(guards, f) for f in formulas]
    tables = [table(f) for f in formulas]
    for a, x in zip(built, tables, strict=True):
        for b, y in zip(built, tables, strict=True):
            assert (a == b) == (x == y)
            assert guards.implies(a, b) == (x & ~y == 0)
            assert (guards.conj(a, b) == NEVER) == (x & y == 0)


@given(FORMULAS)
def test_diagrams_are_ordered_and_reduced(formula: Formula) -> None:
    guards = Guards()
    build(guards, formula)
    assert len(set(guards.nodes)) == len(guards.nodes)
    for var, low, high in guards.nodes[2:]:
        assert low != high
        assert var < guards.nodes[low][0]
        assert var < guards.nodes[high][0]


def test_never_and_always() -> None:
    guards = Guards()
    a = guards.variable(0)
    assert guards.conj(a, guards.negate(a)) == NEVER
    assert guards.disj(a, guards.negate(a)) == ALWAYS
    assert guards.negate(NEVER) == ALWAYS
    assert guards.implies(NEVER, a)
    assert guards.implies(a, ALWAYS)
    assert not guards.implies(ALWAYS, a)
