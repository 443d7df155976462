"""Through which calls the code of functions was reached that the threads of a model call."""

from __future__ import annotations

from pathlib import Path

from smpcheck.program.flow import statements
from smpcheck.program.ir import Program, Store
from smpcheck.readers.python.scenarios import compile_scenario
from smpcheck.readers.registry import read_programs

MODEL = """from smpcheck.kernel import *
class pair(Struct):
    a: int
    b: int
def publish(x: pair) -> None:
    WRITE_ONCE(x.a, 1)
    set_flag(x)
def set_flag(x: pair) -> None:  # does one thing: that is done where it is called
    WRITE_ONCE(x.b, 1)
def twice(x: pair) -> None:
    publish(x)
    publish(x)
def writer(x: pair) -> None:
    WRITE_ONCE(x.a, 2)
    publish(x)
def other(x: pair) -> None:
    twice(x)
@scenario
def both(s):
    x = pair()
    s.thread(writer, x)
    s.thread(other, x)
"""


def ways(program: Program) -> list[list[tuple[int, list[tuple[str, int]]]]]:
    """For each thread, the lines of its stores in order, each with the calls that led there and their lines."""
    stores = [[s for s in statements(t.body) if isinstance(s, Store) and s.pos is not None] for t in program.threads]
    return [[(s.pos.line, [(c.function, c.pos.line) for c in s.pos.calls]) for s in own if s.pos] for own in stores]


def test_each_store_knows_the_calls_that_led_to_it(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (program,) = read_programs(str(tmp_path / "model.py"))
    from_writer, twice, first, second = ("publish", 15), ("twice", 17), ("publish", 11), ("publish", 12)
    assert ways(program) == [
        [(14, []), (6, [from_writer]), (7, [from_writer])],
        [(6, [twice, first]), (7, [twice, first]), (6, [twice, second]), (7, [twice, second])],
    ]


def test_it_is_left_out_where_nobody_asks_for_it() -> None:
    from smpcheck.mm.scenarios import SCENARIOS

    scenario = SCENARIOS["munlock_putback"]
    found = ways(compile_scenario(scenario))
    assert not any(calls for thread in found for _, calls in thread)
