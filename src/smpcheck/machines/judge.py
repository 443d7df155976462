"""Is a mapping right? Tests that the kernel's model forbids and the machine allows; and what each row of a mapping is worth.

Where the machine allows what the contract excludes, a row of the mapping is to blame if the outcome is gone once full barriers
stand around what the row is; accesses that the contract does not order are never to blame. The other way round, each row is
weakened by one step (a barrier loses one kind of access that it orders, or goes; an instruction loses one of its orderings), and
tests that use it are tried until one notices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.cat.nodes import Model
from smpcheck.errors import SmpcheckError, UnsupportedError
from smpcheck.machines.links import LINKS, SMALLEST, LinkTest, cycles_with, others
from smpcheck.machines.lower import PLAIN_LOAD, PLAIN_STORE, Lowered, lowered
from smpcheck.machines.mapping import MachineMapping, Row
from smpcheck.program.ir import Program
from smpcheck.readers.litmus import read_litmus
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve

FULL = {"AArch64": "DMB SY", "X86_64": "MFENCE", "PPC": "sync", "RISCV": "fence rw,rw", "ARM": "DMB ISH"}
"""Each machine's full barrier."""

ACCESSES = frozenset((PLAIN_LOAD, PLAIN_STORE, "READ_ONCE", "WRITE_ONCE"))
"""Primitives that order nothing by themselves."""


class Forbidden(Struct, frozen=True):
    """A test that the contract forbids, without data races, and the size of its cycle (None: it is none of ours)."""

    program: Program
    text: str
    size: int | None = None

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller ones first."""
        return self.size or 99, len(self.text)


class Wrong(Struct, frozen=True):
    """The machine allows what the contract forbids. ``rows``: those of the mapping that are to blame, those with the fewest
    instructions first; empty: no single one is."""

    test: Forbidden
    rows: tuple[Row, ...]


def happens(program: Program, model: Model, unroll: int = 2) -> bool | None:
    """Can the condition come true? None: not decided within the rounds of loops."""
    answer = solve(program, model, Question(mode="verdict", unroll=unroll))
    return None if answer.status != "ok" else answer.verdict != "Never"


class Library:
    """Tests that the contract forbids: the given ones, then cycles by size. What was asked is kept."""

    def __init__(self, contract: Model, programs: Sequence[Program] = (), largest: int = SMALLEST) -> None:
        self.contract = contract
        self.largest = largest
        self.given = [Forbidden(program, program.source) for program in programs if self._forbids(program)]
        self.kept: dict[tuple[int, int], list[Forbidden]] = {}

    def _forbids(self, program: Program) -> bool:
        if program.quantifier == "forall":
            return False
        try:
            answer = solve(program, self.contract, Question(mode="verdict"))
        except SmpcheckError:
            return False
        return answer.status == "ok" and answer.verdict == "Never" and not answer.flags

    def cycles(self, size: int) -> Iterator[Forbidden]:
        """The generated ones of a size."""
        for number, link in enumerate((*LINKS, None)):
            key = (number, size)
            if key not in self.kept:
                tests = others() if link is None else cycles_with(link, size)
                self.kept[key] = list(filter(None, map(self._read, tests if link or size == SMALLEST else ())))
            yield from self.kept[key]

    def _read(self, test: LinkTest) -> Forbidden | None:
        program = read_litmus(test.text, f"{test.name}.litmus")
        return Forbidden(program, test.text, test.size) if self._forbids(program) else None

    def all(self) -> Iterator[Forbidden]:
        """All of them, the small ones first."""
        sizes = range(SMALLEST, self.largest + 1)
        return chain(self.given, chain.from_iterable(self.cycles(size) for size in sizes))


class Judge:
    """One machine under one model."""

    def __init__(self, mapping: MachineMapping, model: Model | None = None) -> None:
        self.mapping = mapping
        self.model = model or load_model(mapping.model)
        self.unsupported = 0
        """Tests for which there was no row."""
        self.asked = 0

    def allows(self, program: Program, mapping: MachineMapping | None = None) -> tuple[bool, Lowered | None]:
        """Can the outcome happen here, and what was judged (None: there is no row for something)?"""
        try:
            found = lowered(program, mapping or self.mapping)
        except UnsupportedError:
            self.unsupported += 1
            return False, None
        self.asked += 1
        return happens(found.program, self.model) is True, found

    def wrong(self, tests: Iterable[Forbidden]) -> Iterator[Wrong]:
        """The tests that are allowed here, each with the rows to blame."""
        for test in tests:
            allowed, found = self.allows(test.program)
            if allowed and found is not None:
                rows = [row for row in found.rows if ACCESSES.isdisjoint(row.primitives) and self.blamed(row, test)]
                yield Wrong(test, tuple(sorted(rows, key=lambda row: len(row.asm))))

    def blamed(self, row: Row, test: Forbidden) -> bool:
        """Is the outcome gone once full barriers stand around the row?"""
        full = FULL[self.mapping.language]

        def surrounded(lines: Sequence[str]) -> tuple[str, ...]:
            return (full, *lines, full)

        stronger = replace(row, asm=surrounded(row.asm), other_way=surrounded(row.other_way) if row.other_way else None)
        return not self.allows(test.program, self.mapping.changed(row, stronger))[0]


# --- rows made weaker --------------------------------------------------------------------------------------------------------


class Weakened(Struct, frozen=True):
    """A row with one instruction weaker. ``before`` and ``after`` are that instruction (after: empty where it is gone)."""

    row: Row
    weaker: Row
    before: str
    after: str


_STEPS: Mapping[str, Sequence[tuple[re.Pattern[str], Callable[[re.Match[str]], Sequence[str]]]]] = {
    "AArch64": (
        (re.compile(r"D([MS])B (ISH|OSH|SY)\Z"), lambda m: [f"D{m[1]}B {_half(m[2], 'LD')}", f"D{m[1]}B {_half(m[2], 'ST')}"]),
        (re.compile(r"D[MS]B .*"), lambda m: [""]),
        (re.compile(r"LDAR(.*)"), lambda m: [f"LDAPR{m[1]}"]),
        (re.compile(r"LDAXR(.*)"), lambda m: [f"LDXR{m[1]}"]),
        (re.compile(r"STLR(.*)"), lambda m: [f"STR{m[1]}"]),
        (re.compile(r"STLXR(.*)"), lambda m: [f"STXR{m[1]}"]),
        (re.compile(r"(LD\{op\}|SWP|CAS)AL(\{s\} .*)"), lambda m: [f"{m[1]}A{m[2]}", f"{m[1]}L{m[2]}"]),
        (re.compile(r"(LD\{op\}|SWP|CAS)[AL](\{s\} .*)"), lambda m: [f"{m[1]}{m[2]}"]),
    ),
    "ARM": (
        (re.compile(r"D([MS])B (ISH|OSH|SY)\Z"), lambda m: [f"D{m[1]}B {_half(m[2], 'ST')}"]),
        (re.compile(r"D[MS]B .*"), lambda m: [""]),
    ),
    "X86_64": ((re.compile(r"[MLS]FENCE"), lambda m: [""]), (re.compile(r"LOCK (.*)"), lambda m: [m[1]])),
    "PPC": ((re.compile(r"sync"), lambda m: ["lwsync"]), (re.compile(r"lwsync"), lambda m: [""])),
    "RISCV": (
        (re.compile(r"fence (\w+),(\w+)"), lambda m: _fences(m[1], m[2])),
        (re.compile(r"(.*)\.aqrl (.*)"), lambda m: [f"{m[1]}.aq {m[2]}", f"{m[1]}.rl {m[2]}"]),
        (re.compile(r"(.*)\.(?:aq|rl) (.*)"), lambda m: [f"{m[1]} {m[2]}"]),
    ),
}
"""By language: an instruction, and what it is one step weaker; the first that fits."""


def _half(domain: str, kind: str) -> str:
    return kind if domain == "SY" else domain + kind


def _fences(before: str, after: str) -> list[str]:
    """A fence that orders one kind of access less, on one side."""
    found = []
    for side, other, form in ((before, after, "fence {0},{1}"), (after, before, "fence {1},{0}")):
        kinds = [letter for letter in side if letter in "rw"]
        if len(kinds) < 2:
            continue
        found += [form.format(rest, other) for rest in (side.replace(kind, "") for kind in kinds)]
    return [line.replace("io", "") for line in found] or [""]


def weakened(mapping: MachineMapping) -> Iterator[Weakened]:
    """Each row of the mapping with one instruction one step weaker, in every way."""
    for row in mapping.rows:
        for place, way in enumerate(row.ways):
            for number, line in enumerate(way):
                if row.kernel and line.startswith("LOCK"):
                    continue  # stands for an instruction that has no such form
                for after in _weaker(mapping.language, line):
                    lines = (*way[:number], *([after] if after else []), *way[number + 1 :])
                    weaker = replace(row, asm=lines) if place == 0 else replace(row, other_way=lines)
                    yield Weakened(row, weaker, line, after)


def _weaker(language: str, line: str) -> Sequence[str]:
    for pattern, steps in _STEPS[language]:
        match = pattern.fullmatch(line)
        if match is not None:
            return steps(match)
    return ()


class Worth(Struct, frozen=True):
    """What a weaker row comes to: the ``test`` that notices it, or None and how many tests that use the row did not."""

    weakened: Weakened
    test: Forbidden | None
    tried: int
    largest: int


def worth(judge: Judge, library: Library, only: str | None = None) -> Iterator[Worth]:
    """For each weaker row: is it noticed? ``only``: rows of this primitive."""
    used: dict[int, frozenset[int]] = {}

    def uses(test: Forbidden, row: Row) -> bool:
        if id(test) not in used:
            try:
                used[id(test)] = frozenset(map(id, lowered(test.program, judge.mapping).rows))
            except UnsupportedError:
                used[id(test)] = frozenset()
        return id(row) in used[id(test)]

    for one in weakened(judge.mapping):
        if only is not None and only not in one.row.primitives:
            continue
        weaker = judge.mapping.changed(one.row, one.weaker)
        tried, largest = 0, 0
        noticed: Forbidden | None = None
        for test in library.all():
            if not uses(test, one.row):
                continue
            tried, largest = tried + 1, max(largest, test.size or 0)
            if judge.allows(test.program, weaker)[0] and not judge.allows(test.program)[0]:
                noticed = test
                break
        yield Worth(one, noticed, tried, largest)
