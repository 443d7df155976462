"""Through which calls the code of inlined functions was reached: random graphs of calls, whose generator knows them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest

from smpcheck.program.flow import reached_through, statements
from smpcheck.program.ir import Call, Program, Store
from smpcheck.questions.barriers import barriers
from smpcheck.questions.explain import explain
from smpcheck.readers.litmus import read_litmus
from smpcheck.show.barriers_text import text as barriers_text
from smpcheck.show.explain_text import text
from smpcheck.show.svg import explanations_svg
from smpcheck.show.why_json import barriers_document, document
from tests.readers.clang.common import LKMM, read
from tests.schemas import validator

Chain = tuple[tuple[str, int], ...]
"""Functions, each with the line where it is called, the thread's own call first."""


class Calls:
    """A program in which each function stores to a variable of its own and calls functions declared before it, each statement on
    a line of its own. ``told``: for each thread, what is stored by which calls, in order."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        self.bodies: dict[str, list[tuple[int, str]]] = {}
        self.functions: list[str] = []
        self.first = 10
        names = [f"f{n}" for n in range(chance.randint(2, 5))]
        line = self.first
        for number, name in enumerate([*names, "t0", "t1"]):
            known = names[: min(number, len(names))]
            called = [chance.choice(known) for _ in range(chance.randint(0, 2) if name in names else 2)] if known else []
            lines = [(line + 1, "")] + [(line + 2 + n, one) for n, one in enumerate(called)]
            self.bodies[name] = lines
            self.functions.append("\n".join([f"{name} {{", f"x_{name}", *(f"{one} call" for one in called), "}"]))
            line += len(lines) + 2

    def told(self, thread: str) -> list[tuple[str, Chain]]:
        return list(self._told(thread, ()))

    def _told(self, name: str, chain: Chain) -> Iterator[tuple[str, Chain]]:
        for line, called in self.bodies[name]:
            if called:
                yield from self._told(called, (*chain, (called, line)))
            else:
                yield f"x_{name}", chain

    def written(self, head: str, heads: dict[str, str], function: str, store: str, call: str) -> str:
        """The program, its functions from line 10 on."""
        lines = head.split("\n")
        assert len(lines) < self.first
        lines += [""] * (self.first - 1 - len(lines))
        for function_text in self.functions:
            for one in function_text.split("\n"):
                if one.endswith("{"):
                    name = one.split()[0]
                    lines.append(heads.get(name, function.replace("NAME", name)) + " {")
                elif one.startswith("x_"):
                    lines.append(store.replace("NAME", one))
                else:
                    lines.append(call.replace("NAME", one.split()[0]) if one != "}" else one)
        return "\n".join(lines) + "\n"

    @property
    def variables(self) -> list[str]:
        return [f"x_{name}" for name in self.bodies]

    def kernel(self) -> Program:
        """In the kernel's C."""
        head = "\n".join(["#include <linux/compiler.h>", f"static int {', '.join(self.variables)};"])
        heads = {name: f"SMPCHECK_THREAD({name})" for name in ("t0", "t1")}
        return read(self.written(head, heads, "static void NAME(void)", "\tWRITE_ONCE(NAME, 1);", "\tNAME();"))

    def litmus(self) -> Program:
        """In a C litmus test, whose functions are given everything."""
        names = self.variables
        given, passed = ", ".join(f"int *{name}" for name in names), ", ".join(names)
        heads = {name: f"P{name[1]}({given})" for name in ("t0", "t1")}
        functions = f"static void NAME({given})", "\tWRITE_ONCE(*NAME, 1);", f"\tNAME({passed});"
        return read_litmus(self.written("C calls\n\n{}", heads, *functions) + f"\nexists ({names[0]}=1)\n", "calls.litmus")


def chain(calls: tuple[Call, ...]) -> Chain:
    return tuple((call.function, call.pos.line) for call in calls)


def stored(program: Program, thread: int) -> list[tuple[str, Chain]]:
    """What a thread stores, and through which calls."""
    found = []
    for stmt in statements(program.threads[thread].body):
        if isinstance(stmt, Store) and "x_" in stmt.text:
            assert stmt.pos is not None
            found.append((stmt.text.partition("(")[2].partition(",")[0].lstrip("*"), chain(stmt.pos.calls)))
    return found


@pytest.mark.parametrize("seed", range(8))
def test_each_statement_knows_the_calls_that_led_to_it(seed: int) -> None:
    calls = Calls(seed)
    for program in (calls.kernel(), calls.litmus()):
        assert [stored(program, 0), stored(program, 1)] == [calls.told("t0"), calls.told("t1")]


TWICE = """#include <linux/compiler.h>
static int data, flag;
#define SET(place) WRITE_ONCE(place, 1)
static void publish(void)
{
	SET(data);
	SET(flag);
}
static void again(void) { publish(); }
SMPCHECK_STUB(int, missing, void) { return READ_ONCE(flag); }
int missing(void);
SMPCHECK_THREAD(a) { publish(); }
SMPCHECK_THREAD(b) { again(); }
SMPCHECK_THREAD(c) { if (missing()) SMPCHECK_ASSERT(READ_ONCE(data)); }
"""


def test_threads_that_are_equal_but_for_who_calls_are_told_apart_in_executions() -> None:
    (answer,) = explain(read(TWICE), LKMM)
    assert answer.execution is not None
    ways = {(e.thread, chain(e.pos.calls)) for e in answer.execution.events if e.pos is not None and e.kind == "W"}
    assert ways == {(0, (("publish", 12),)), (1, (("again", 13), ("publish", 9)))}


def test_a_stub_is_called_by_its_own_name_and_a_macro_is_no_call() -> None:
    ways = reached_through(read(TWICE))
    assert {pos.line: {(thread, chain(calls)) for thread, calls in found} for pos, found in ways.items()} == {
        6: {(0, (("publish", 12),)), (1, (("again", 13), ("publish", 9)))},
        7: {(0, (("publish", 12),)), (1, (("again", 13), ("publish", 9)))},
        10: {(2, (("missing", 14),))},
    }


def test_answers_tell_the_calls_on_demand() -> None:
    (answer,) = explain(read(TWICE), LKMM)
    told = text(answer, calls=True)
    assert "  b, line 6, line 7: publish() from line 9, again() from line 13" in told
    assert "publish()" not in text(answer)
    shown = explanations_svg([answer], calls=True)
    assert "publish() from line 9, again() from line 13</title>" in explanations_svg([answer])
    assert shown.count("publish() from") == 2 * explanations_svg([answer]).count("publish() from")
    written = json.loads(document([answer]))
    validator("answers-2").validate(written)
    events = written["explanations"][0]["execution"]["events"]
    assert [c["function"] for e in events if e["thread"] == 1 for c in e["position"]["calls"]] == ["again", "publish"] * 2


def test_barriers_tell_the_calls_of_each_element_on_demand() -> None:
    program = read(
        TWICE.replace("SET(flag)", "smp_store_release(&flag, 1)").replace("READ_ONCE(flag)", "smp_load_acquire(&flag)")
    )
    answer = barriers(program, LKMM)
    assert "  b, line 7: publish() from line 9, again() from line 13" in barriers_text([answer], calls=True)
    assert "again()" not in barriers_text([answer])
    written = json.loads(barriers_document([answer]))
    validator("answers-2").validate(written)
    reached = {f["element"]["line"]: f["element"]["reached"] for f in written["barriers"][0]["findings"]}
    assert [(way["thread"], [c["line"] for c in way["calls"]]) for way in reached[7]] == [(0, [12]), (1, [13, 9])]
