"""Each primitive does in one step what the table of primitives says: alone, a thread computes the same in both."""

from __future__ import annotations

import pytest

from smpcheck.kernel.scenario import Scenario
from smpcheck.kernel.table import Row, rows
from smpcheck.mm.simulator.primitives import NOT_HERE, PRIMITIVES, primitive_of
from smpcheck.mm.simulator.scenario import ScenarioRunner
from smpcheck.readers.python import compile_scenario, load_scenarios
from smpcheck.simulate.schedulers import RandomScheduler
from tests.readers.machine import Machine, Stopped
from tests.readers.python.common import HEADER

FIELDS = {
    "T": "x", "atomic_t": "v", "atomic_long_t": "lv", "atomic64_t": "wv", "refcount_t": "c", "unsigned long": "flags",
    "seqcount_t": "s",
    "spinlock_t": "lock", "raw_spinlock_t": "raw", "rwlock_t": "rw", "struct mutex": "mu", "struct rw_semaphore": "sem",
}  # fmt: skip
"""The field that a parameter of a type is."""

STRUCT = """
FLAGS = {"a": 0, "b": 1}
class node(Struct):
    x: int = 0
    v: atomic_t = ATOMIC_INIT(0)
    lv: atomic_long_t = ATOMIC_INIT(0)
    wv: atomic64_t = ATOMIC_INIT(0)
    c: refcount_t = 0
    s: seqcount_t
    flags: flags_t = flag_word(FLAGS)
    result: int = 0
    lock: spinlock_t
    raw: raw_spinlock_t
    rw: rwlock_t
    mu: mutex
    sem: rw_semaphore
"""
VALUES = ("x", "v", "lv", "wv", "c", "flags", "result")
STARTS = (0, 1, 2)
TAKEN_BY = {"unlock": "lock", "up": "down", "clear_bit_unlock": "test_and_set_bit_lock"}

NAMES = [name for name, row in rows().items() if primitive_of(name) is not None and "rcu" not in name]


def call(row: Row) -> str:
    """A call of the primitive on the node's fields."""
    return f"{row.name}({', '.join(f'n.{FIELDS[p.type]}' if p.kind in ('place', 'pointer') else '1' for p in row.params)})"


def before(row: Row) -> str:
    """Taking the lock that the primitive releases."""
    for release, take in TAKEN_BY.items():
        name = row.name.replace(release, take)
        if name != row.name and name in rows() and row.result == "void":
            return f"    {call(rows()[name])}\n"
    return ""


def source(row: Row) -> str:
    """A scenario for each value that the fields may start with."""
    body = f"    {call(row)}\n" if row.result == "void" else f"    n.result = {call(row)}\n"
    made = f"def f_{row.name}(n: node) -> None:\n{before(row)}{body}"
    for start in STARTS:
        given = ", ".join(f"{field}={start}" for field in VALUES[:-1])
        made += (
            f"@scenario\ndef s{start}_{row.name}(s: Setup) -> None:\n    s.N = node({given})\n    s.thread(f_{row.name}, s.N)\n"
        )
        made += f"    s.observe(*{tuple('N.' + field for field in VALUES)})\n"
    return made


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scenario]:
    path = tmp_path_factory.mktemp("fragments") / "model.py"
    path.write_text(HEADER + STRUCT + "".join(source(rows()[name]) for name in NAMES))
    return {scenario.name: scenario for scenario in load_scenarios(path)}


@pytest.mark.parametrize("name", NAMES)
def test_a_step_does_what_the_table_says(name: str, scenarios: dict[str, Scenario]) -> None:
    for start in STARTS:
        scenario = scenarios[f"s{start}_{name}"]
        try:
            machine = Machine(compile_scenario(scenario)).run()
        except Stopped:  # a lock that nobody gives back
            continue
        node = ScenarioRunner(scenario).run(RandomScheduler(0)).objects["N"]
        assert {field: int(getattr(node, field)) for field in VALUES} == {
            field: machine.cell(f"N.{field}") for field in VALUES
        }, start


def test_fragments_are_of_rows() -> None:
    assert PRIMITIVES.keys() <= rows().keys()
    assert not PRIMITIVES.keys() & NOT_HERE.keys()
