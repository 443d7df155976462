"""Which states cover which."""

from __future__ import annotations

from collections.abc import Mapping

from smpcheck.program.ir import Binary, Const, If, Load, Reg, Store, Thread
from smpcheck.program.values import Ptr
from smpcheck.simulate.code import flatten
from smpcheck.simulate.history import WIDTH, Message, State
from smpcheck.simulate.lookahead import ATOMIC, MIXED, Future
from smpcheck.simulate.observed import Observed
from smpcheck.simulate.subsumption import Visited

X, Y = 0, 1
"""Two locations, by number; X is only changed by atomic operations."""


def value(number: int, carried: int = 0, atomic: bool = True) -> Message:
    return number, carried, atomic, False, 0


def known(number: int, index: int) -> int:
    """A view that knows of a location's value at an index."""
    return ((1 << index) - 1) << WIDTH * number


def state(
    history: Mapping[int, tuple[Message, ...]],
    view: int = 0,
    later: int = 0,
    barrier: int = 0,
    asleep: tuple[int, int] | None = None,
    observes: int = 0b1,
    pc: int = 0,
) -> State:
    """One thread, which observes bit 0 of X."""
    memory = [0, 0, *[history[n][-1][0] if n in history else 0 for n in (X, Y)]]
    views = [(view, view | later, 0)]
    return State([pc], [[]], memory, dict(history), views, barrier, {}, [asleep], [Future(observes=observes)])


def visited(exact: bool = False) -> Visited:
    observed = Observed()
    bit = If(Binary("&", Reg("r"), Const(1)), (Store(Const(Ptr("y")), Const(1), frozenset()),))
    observed.of_load(flatten(Thread(0, (Load("r", Const(Ptr("x")), frozenset()), bit)), frozenset()), 0)
    observed.compile(lambda expr, v: f"{v} & 1", {})
    keys = [[lambda registers: ()] * 2]
    return Visited(keys, [ATOMIC, MIXED], observed, 1, exact)


def covers(a: State, b: State, exact: bool = False) -> bool:
    return visited(exact).covered_by(a, b)


OLD_AND_NEW = {X: (value(0), value(1))}


def test_who_knows_less_covers_who_knows_more() -> None:
    less, more = state(OLD_AND_NEW), state(OLD_AND_NEW, view=known(X, 1))
    assert covers(less, more) and not covers(more, less)
    assert covers(less, less)


def test_what_full_barriers_will_make_known_counts_too() -> None:
    for more in (state(OLD_AND_NEW, later=known(X, 1)), state(OLD_AND_NEW, barrier=known(X, 1))):
        assert covers(state(OLD_AND_NEW), more) and not covers(more, state(OLD_AND_NEW))


def test_who_can_come_upon_older_values_covers_who_cannot() -> None:
    last = {X: (value(1, known(Y, 1)),), Y: (value(0), value(1))}
    old = {X: (value(0), value(1, known(Y, 1))), Y: last[Y]}
    assert covers(state(old), state(last)) and not covers(state(last), state(old))


def test_values_in_between_do_no_harm_and_values_that_look_alike_are_one() -> None:
    few = {X: (value(2), value(1))}
    many = {X: (value(0), value(3), value(4), value(1))}
    assert covers(state(many), state(few)) and not covers(state(few), state(many))
    odd = {X: (value(3), value(1))}
    assert not covers(state(few), state(odd))


def test_who_knows_of_a_value_must_not_know_of_a_later_one_than_stands_for_it() -> None:
    few = {X: (value(0), value(3), value(2))}
    many = {X: (value(0), value(1), value(0), value(3), value(2))}
    assert covers(state(many, view=known(X, 3)), state(few, view=known(X, 1)))
    assert not covers(state(many, view=known(X, 4)), state(few, view=known(X, 1)))


def test_a_value_that_carries_less_covers_one_that_carries_more() -> None:
    light = {X: (value(0), value(1)), Y: (value(0), value(1))}
    heavy = {X: (value(0), value(1, known(Y, 1))), Y: (value(0), value(1))}
    assert covers(state(light), state(heavy)) and not covers(state(heavy), state(light))


def test_values_that_stores_may_be_put_between_must_be_the_same() -> None:
    few, many = {Y: (value(0), value(1))}, {Y: (value(0), value(1), value(1))}
    assert not covers(state(many), state(few))
    assert covers(state({Y: (value(2), value(0), value(1))}), state(few))
    assert not covers(state({Y: (value(0), value(1, atomic=False))}), state(few))


def test_a_load_that_may_take_what_is_there_covers_one_that_may_not() -> None:
    awake, asleep, fast_asleep = (state(OLD_AND_NEW, asleep=a) for a in (None, (X, 0), (X, 1)))
    assert covers(awake, asleep) and covers(asleep, fast_asleep)
    assert not covers(asleep, awake) and not covers(fast_asleep, asleep)


def test_states_at_other_places_and_with_other_last_values_are_apart() -> None:
    seen = visited()
    assert not seen.covers(state(OLD_AND_NEW))
    assert not seen.covers(state(OLD_AND_NEW, view=known(X, 1), pc=1))
    assert not seen.covers(state({X: (value(0), value(3))}, view=known(X, 1)))
    assert seen.covers(state(OLD_AND_NEW, view=known(X, 1)))


def test_a_state_that_comes_later_and_covers_more_takes_the_places_of_others() -> None:
    seen = visited()
    more, less = state(OLD_AND_NEW, view=known(X, 1)), state(OLD_AND_NEW)
    assert not seen.covers(more)
    assert not seen.covers(less)
    assert more.covered and not less.covered


def test_exactly_states_cover_their_like() -> None:
    less, more = state(OLD_AND_NEW), state(OLD_AND_NEW, view=known(X, 1))
    assert not covers(less, more, exact=True) and covers(less, state(OLD_AND_NEW), exact=True)
