"""What a litmus test asks: its condition, its filter, what a final state shows, and what its author expects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.program.faults import ANNOUNCED, DEADLOCK
from smpcheck.program.ir import Const, Expr, FinalMem, FinalReg, Program, Quantifier
from smpcheck.readers.conditions import ConditionReader, Names, Printed, Tokens, final_terms
from smpcheck.readers.sections import Sections
from smpcheck.readers.source import Source, shorten


class Asked(Struct, frozen=True):
    """The question of a test; ``text`` is the condition as herd7 prints it, ``observed`` is in herd7's order.

    ``arrays`` and ``elements``: see :class:`~smpcheck.program.ir.Program`.
    """

    quantifier: Quantifier
    condition: Expr
    text: str
    observed: tuple[FinalReg | FinalMem, ...]
    filter: Expr | None
    arrays: tuple[tuple[FinalMem, ...], ...]
    elements: frozenset[FinalMem]


def read_question(source: Source, sections: Sections, names: Names) -> Asked:
    """Read condition, filter and locations. A test without a condition asks ``forall (true)``, as for herd7."""
    condition, arrays, named = Printed(Const(1), "true"), set[tuple[FinalMem, ...]](), set[FinalMem]()
    if sections.condition is not None:
        reader, condition = _proposition(source, sections.condition, names)
        arrays, named = reader.whole_arrays(), reader.named
    filter_ = _proposition(source, sections.filter, names)[1].expr if sections.filter is not None else None
    observed = final_terms(condition.expr)
    if sections.locations is not None:
        reader, listed = _locations(source, sections.locations, names)
        arrays, named, observed = arrays | reader.whole_arrays(), named | reader.named, observed | listed

    def order(term: FinalReg | FinalMem) -> tuple[int, int, str]:
        return (0, term.thread, term.name) if isinstance(term, FinalReg) else (1, 0, names.show(term.cell))

    text = f"{sections.quantifier} ({condition.text})"
    whole = sorted(arrays, key=lambda array: names.show(array[0].cell))
    elements = frozenset(cell for array in whole for cell in array if cell in named)
    return Asked(sections.quantifier, condition.expr, text, tuple(sorted(observed, key=order)), filter_, tuple(whole), elements)


def with_question(program: Program, asked: Asked, source: Source, noted: Iterable[str]) -> Program:
    """``program`` with what its test asks and its author expects. What is remarked about that comes before what was ``noted``."""
    expected, announced, remarks = expected_verdict(source)
    return replace(
        program,
        quantifier=asked.quantifier,
        condition=asked.condition,
        condition_text=asked.text,
        filter=asked.filter,
        observed=asked.observed,
        arrays=asked.arrays,
        elements=asked.elements,
        expected=expected,
        announced=announced,
        notes=(*program.notes, *remarks, *noted),
    )


def _proposition(source: Source, span: tuple[int, int], names: Names) -> tuple[ConditionReader, Printed]:
    tokens = Tokens(source, *span)
    reader = ConditionReader(tokens, names)
    result = reader.proposition()
    tokens.accept(";")
    if tokens.kind != "end":
        tokens.fail("'/\\', '\\/', '=>' or the end of the condition")
    return reader, result


def _locations(source: Source, span: tuple[int, int], names: Names) -> tuple[ConditionReader, set[FinalReg | FinalMem]]:
    """``locations [0:r1; x; 1:r2*;]``. A type after a location (for printing) says nothing here."""
    tokens = Tokens(source, *span)
    reader = ConditionReader(tokens, names)
    observed: set[FinalReg | FinalMem] = set()
    tokens.expect("[")
    while not tokens.accept("]"):
        if tokens.accept(";", ","):
            continue
        printed = reader.term(True)
        term = printed.expr
        if isinstance(term, FinalMem) and printed.level == "array":
            observed |= set(map(names.element, reader.arrays[term.cell]))
        elif isinstance(term, (FinalReg, FinalMem)):
            observed.add(term)
        else:
            tokens.fail("a register or location")
        while tokens.kind == "name" or tokens.value == "*":
            tokens.next()
    tokens.accept(";")
    if tokens.kind != "end":
        tokens.fail("the end of the locations")
    return reader, observed


_FRAME = re.compile(r"^[\s*]*(?:\(\*+|/\*+|//+)?[\s*]*|\s*(?:\*+[)/])?\s*$")
"""What a line of a comment has around its text."""
_RESULT = re.compile(r"(?:Expected )?result\s*:\s*(\w+)\s*(.*)", re.I)
_EXPECTED = {"never": "Never", "forbidden": "Never", "sometimes": "Sometimes", "allowed": "Sometimes", "always": "Always"}
_REMARK = re.compile(r"[^\w\s]|$")
"""What may follow the result: nothing, or a remark set off by a full stop, a parenthesis or the like. A sentence goes on."""


def expected_verdict(source: Source) -> tuple[str | None, frozenset[str] | None, tuple[str, ...]]:
    """What the first ``Result:`` comment says: a verdict (if it is one), the faults it announces, and remarks.

    Read as the kernel's ``tools/memory-model/scripts/judgelitmus.sh`` does, where ``DATARACE`` after the word says that the model
    has to flag one; ``Maybe`` and the like are no verdicts. A sentence that begins like a result is none, and a remark says so.
    """
    remarks: list[str] = []
    for comment in source.comments:
        if "result" not in comment.lower():
            continue
        for line in comment.splitlines():
            text = _FRAME.sub("", line)
            match = _RESULT.fullmatch(text)
            if match is None:
                continue
            word, rest = match[1], match[2]
            announced = frozenset(fault for name, fault in ANNOUNCED.items() if name in (word, *rest.split()))
            words = [part for part in rest.split() if part not in ANNOUNCED]
            if words and not _REMARK.match(words[0]):
                remarks.append(f"'{shorten(text)}' is a sentence, and not taken for the test's result")
                continue
            verdict = _EXPECTED.get(word.lower())
            if verdict is None and word not in ANNOUNCED:
                remarks.append(f"the author's result is '{word}', which is not a verdict")
            if DEADLOCK in announced:
                remarks.append("the author expects a deadlock: no execution at all")
            return verdict, announced, tuple(remarks)
    return None, None, tuple(remarks)
