"""Structs in arrays: whoever points to one points into the array, where its neighbours lie beside it."""

from __future__ import annotations

from smpcheck.kernel import READ_ONCE, WRITE_ONCE, Const, Ptr, Setup, Struct, objects, scenario
from smpcheck.program.values import Ptr as Address
from smpcheck.readers.python import compile_scenario
from smpcheck.simulate import outcomes


class entry(Struct):
    value: int = 0


class owner(Struct):
    first: Const[Ptr[entry]]


def write(o: owner) -> None:
    table = o.first
    WRITE_ONCE((table + 1).value, 7)


def read(o: owner) -> int:
    value: int = READ_ONCE((o.first + 1).value)
    return value


@scenario
def neighbours(s: Setup) -> None:
    s.table = objects(entry, 2)
    s.o = owner(first=s.table[0])
    s.thread(write, s.o)
    s.after(read, s.o)


@scenario
def the_second_one_first(s: Setup) -> None:
    s.table = objects(entry, 2)
    s.second = owner(first=s.table[1])
    s.o = owner(first=s.table[0])
    s.thread(write, s.o)
    s.final("seven", second_is_seven, s.second)


def second_is_seven(o: owner) -> bool:
    return o.first.value == 7


def test_the_element_after_the_first_is_the_second() -> None:
    found = outcomes(compile_scenario(neighbours))
    assert {value for state in found.states for atom, value in state} == {7}


def test_the_array_is_placed_once_whichever_element_is_named_first() -> None:
    program = compile_scenario(the_second_one_first)
    assert {address for address, cell in program.cells.items() if cell.name.startswith("table")} <= {
        Address("table", 0),
        Address("table", 4),
    }
    assert not outcomes(program).failed
