"""The table of primitives means the same to every reader, and what is made from it is what it says.

Each row is called by a litmus test in C and by a model in Python, on the same objects: the possible events, what depends on what,
and what is computed from several initial values must not differ.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import smpcheck.kernel
from smpcheck.kernel import documents
from smpcheck.kernel.table import Param, Row, rows
from smpcheck.program import ir
from smpcheck.program.events import EventGraph, Term, unroll
from smpcheck.program.guards import ALWAYS
from smpcheck.program.values import Ptr
from smpcheck.readers.litmus import read_litmus
from smpcheck.readers.python import compile_scenario, load_scenarios
from tests.readers.machine import Machine, Stopped
from tests.readers.python.common import HEADER

STARTS = (0, 1, 2, -1, 5)
NO_MEMORY = ("condition", "until", "any", "value", "local")
STRUCTS = ("list_head", "hlist_head", "hlist_node", "llist_head", "llist_node", "seqlock_t")
"""Types that are more than one location."""


def plain(param: Param) -> str:
    """The type of what a parameter stands for, without ``struct``; an int where any will do."""
    return "int" if param.type == "T" else param.type.removeprefix("struct ")


def in_c(row: Row) -> str:
    """A litmus test that calls the primitive and stores whether its value is true."""
    params, before, args = ["int *z"], "", []
    for i, param in enumerate(row.params):
        name = f"p{i}"
        kind = "int" if param.type == "T" else param.type
        match param.kind:
            case "place" | "pointer" | "array":
                params.append(f"{kind} *{name}")
                args.append(f"*{name}" if param.kind == "place" else name)
            case "local":
                before += f"{kind} e{i} = 1; "
                args.append(f"&e{i}")
            case "condition":
                args.append("VAL >= 0")
            case "until":
                args.append("READ_ONCE(*z) >= 0")
            case _:
                args.append("1")
    call = f"{row.name}({', '.join(args)})"
    body = f"{before}{call};" if row.result == "void" else f"{before}__auto_type r = {call}; WRITE_ONCE(*z, !!r);"
    arrays = "".join(f"int p{i}[2]; " for i, param in enumerate(row.params) if param.kind == "array")
    return f"C t\n{{ {arrays} }}\nP0({', '.join(params)})\n{{ {body} }}\nexists (z=0)\n"


def in_python(row: Row) -> str:
    """The same as a model: its objects, the thread's function, and the scenario."""
    objects, before, args, stem = [], "", [], row.name
    for i, param in enumerate(row.params):
        name, kind = f"{stem}_p{i}", plain(param)
        match param.kind:
            case "array":
                objects.append(f"class {stem}_S(Struct):\n    a: Array[int] = array(2)\n{name} = {stem}_S()")
                args.append(f"{name}.a")
            case "place" | "pointer":
                made = f"{kind}()" if kind.endswith("_t") or param.type.startswith("struct") else None
                words = {"unsigned long": "ulong", "unsigned int": "uint"}
                objects.append(f"{name} = {made or f'shared(0, {words.get(kind, kind)})'}")
                args.append(name)
            case "local":
                before += f"    e{i} = 1\n"
                args.append(f"e{i}")
            case "condition":
                args.append("lambda n: n >= 0")
            case "until":
                args.append("READ_ONCE(z) >= 0")
            case _:
                args.append("1")
    call = f"{row.name}({', '.join(args)})"
    body = f"    {call}\n" if row.result == "void" else f"    r = {call}\n    WRITE_ONCE(z, not not r)\n"
    made = "\n".join(objects)
    scenario = f"@scenario\ndef {stem}_s(s: Setup) -> None:\n    s.thread({stem}_f)\n"
    return f"{made}\ndef {stem}_f() -> None:\n{before}{body}{scenario}"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ir.Program]:
    """The programs of all rows as models."""
    path = tmp_path_factory.mktemp("table") / "model.py"
    path.write_text(HEADER + "z = shared(0)\n" + "".join(in_python(row) for row in rows().values()))
    return {scenario.name.removesuffix("_s"): compile_scenario(scenario) for scenario in load_scenarios(path)}


class Names:
    """Objects by the order in which they are met, so that it does not matter what they are called."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def address(self, term: Term | None) -> object:
        if term is None or term.op != "const" or not isinstance(term.data, Ptr):
            return None if term is None else "computed"
        return self.known.setdefault(term.data.base, len(self.known)), term.data.offset


def events(program: ir.Program) -> list[tuple[object, ...]]:
    """The possible events of a thread in order: kind, tags, location, whether it happens always, the other half of an operation,
    and what it depends on by address, data and control."""
    graph: EventGraph = unroll(program, 1)
    names = Names()
    found: list[tuple[object, ...]] = []
    first = graph.init_count
    for event in graph.events[first:]:
        sources = [[a - first for (a, b) in getattr(graph, kind) if b == event.id] for kind in ("addr", "data", "ctrl")]
        depends = tuple(tuple(sorted(each)) for each in sources)
        partner = None if event.partner is None else event.partner - event.id
        location = None if event.kind == "F" and event.addr is None else names.address(event.addr)
        found.append((event.kind, event.tags, location, event.guard == ALWAYS, partner, depends))
    return found


@pytest.mark.parametrize("name", sorted(rows()))
def test_both_readers_have_the_same_events(name: str, models: dict[str, ir.Program]) -> None:
    c, python = events(read_litmus(in_c(rows()[name]))), events(models[name])
    assert c == python


def outcome(program: ir.Program, start: int) -> object:
    """What memory has at the end that is not ``start``, which every location holds at first; None if the thread waits on."""
    machine = Machine(program, steps=200)
    for address, cell in program.cells.items():
        if cell.ctype.name != "pointer":
            machine.memory[address] = cell.ctype.wrap(start)
    try:
        machine.run()
    except (Stopped, AssertionError):
        return None
    found = {}
    for address, value in machine.memory.items():
        match = re.search(r"p(\d)(?:\.a)?(\[\d\])?$|z$", program.cells[address].name)
        if match is not None and value != start:
            found[match[1], match[2]] = value
    return found


@pytest.mark.parametrize("name", [name for name, row in rows().items() if not any(plain(p) in STRUCTS for p in row.params)])
def test_both_readers_compute_the_same(name: str, models: dict[str, ir.Program]) -> None:
    c = read_litmus(in_c(rows()[name]))
    for start in STARTS:
        assert outcome(c, start) == outcome(models[name], start), start


def test_the_stubs_are_made_from_the_table() -> None:
    assert documents.STUBS.read_text() == documents.stubs(), "run python -m smpcheck.kernel.documents"
    assert documents.VOCABULARY.read_text() == documents.vocabulary(), "run python -m smpcheck.kernel.documents"


def test_the_page_is_made_from_the_table() -> None:
    assert documents.PAGE.read_text() == documents.page(), "run python -m smpcheck.kernel.documents"


def test_models_have_the_whole_vocabulary() -> None:
    assert rows().keys() <= set(smpcheck.kernel.__all__)
    assert all(callable(getattr(smpcheck.kernel, name)) for name in rows())
    assert Path(smpcheck.kernel.__file__).with_name("primitives.pyi").is_file()
