"""The terms of a model as a straight-line program: what is computed, in which order, each from what was computed before.

An instruction is what :class:`smpcheck.cat.concrete.Evaluation` carries out: a code, the number of the node whose value it
makes, and two operands. These are numbers of nodes (one twice where there is only one); for a base relation or set its name, for
a recursive variable the :class:`Recursion`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from msgspec import Struct

from smpcheck.cat.graph import group_of, reachable
from smpcheck.cat.nodes import Node
from smpcheck.errors import UnsupportedError

Instruction: TypeAlias = tuple[int, int, Any, Any]

# Codes. FROM is ``[S] ; r`` and TO is ``r ; [S]``: S alone is needed, and nothing is composed.
UNION, SEQ, INTER, DIFF, FROM, TO = range(6)
PLUS, STAR, OPT, INVERSE, SETID, PRODUCT, DOMAIN, RANGE, DIFFVALS = range(6, 15)
BASE, BASE_SET, EMPTY, ALL, REC = range(15, 20)

_CODES = {
    "union": UNION, "inter": INTER, "diff": DIFF, "plus": PLUS, "star": STAR, "opt": OPT, "inverse": INVERSE, "setid": SETID,
    "product": PRODUCT, "domain": DOMAIN, "range": RANGE, "diffvals": DIFFVALS, "empty": EMPTY, "all": ALL,
}  # fmt: skip


class Recursion(Struct, frozen=True):
    """Variables that are defined together, by ``names``. ``rounds``: for each its number, the instructions for its body, and that
    one's number. ``used``: the numbers of what they use besides, which is computed before. ``by_value``: do they depend on the
    values of events, too?"""

    names: str
    rounds: tuple[tuple[int, tuple[Instruction, ...], int], ...]
    used: tuple[int, ...]
    by_value: bool


def code_of(node: Node) -> int:
    """The code of the instruction for a node that is no recursive variable."""
    if node.op == "base":
        return BASE if node.kind == "rel" else BASE_SET
    if node.op == "seq":
        return FROM if node.args[0].op == "setid" else TO if node.args[1].op == "setid" else SEQ
    code = _CODES.get(node.op)
    if code is None:
        raise UnsupportedError(f"the operation {node.op} is not known for a single execution")
    return code


def operands(node: Node) -> tuple[Node, ...]:
    """The nodes whose values the instruction for ``node`` needs."""
    code = code_of(node)
    if code == FROM:
        return node.args[0].args[0], node.args[1]
    if code == TO:
        return node.args[0], node.args[1].args[0]
    return node.args


def instruction(node: Node) -> Instruction:
    """The instruction for a node that is no recursive variable."""
    used = operands(node)
    return code_of(node), node.id, used[0].id if used else node.name, used[-1].id if used else 0


def numbers_in(step: Instruction) -> tuple[int, ...]:
    """The numbers of the operands of an instruction."""
    code = step[0]
    if code < BASE:
        return step[2:]
    return step[2].used if code == REC else ()


def in_order(start: Iterable[int], step_of: Callable[[int], Instruction | None]) -> dict[int, Instruction]:
    """The instructions for ``start`` and all that they need, each after those of its operands. ``step_of``: the instruction
    that makes a value; None where nothing is to be made."""
    order: dict[int, Instruction] = {}
    stack = list(start)[::-1]
    opened: dict[int, Instruction | None] = {}
    while stack:
        number = stack[-1]
        step = opened.get(number)
        if step is not None:  # its operands are done
            stack.pop()
            order.setdefault(number, step)
        elif number in opened:
            stack.pop()
        else:
            step = opened[number] = step_of(number)
            if step is not None:
                stack += numbers_in(step)
    return order


def recursion(group: Sequence[Node], body_of: Callable[[Node], int], step_of: Callable[[int], Instruction]) -> Recursion:
    """The recursion of variables. ``body_of``: the number of the body of each."""
    bodies = [(variable.id, body_of(variable)) for variable in group]
    members = {variable for variable, _ in bodies}
    mentioning: dict[int, bool] = dict.fromkeys(members, True)
    used: dict[int, None] = {}

    def mentions(number: int) -> bool:
        found = mentioning.get(number)
        if found is None:
            step = step_of(number)
            found = step[0] != REC and any(map(mentions, numbers_in(step)))
            mentioning[number] = found
        return found

    def inner(number: int) -> Instruction | None:
        if number in members:
            return None
        if not mentions(number):
            used[number] = None
            return None
        return step_of(number)

    rounds = tuple((variable, tuple(in_order([body], inner).values()), body) for variable, body in bodies)
    by_value = any(step[0] == DIFFVALS for _, steps, _ in rounds for step in steps)
    return Recursion(", ".join(variable.name for variable in group), rounds, tuple(used), by_value)


_recursions: dict[int, tuple[Recursion, tuple[Node, ...]]] = {}


def recursion_of(variable: Node) -> tuple[Recursion, tuple[Node, ...]]:
    """The recursion that a variable is part of, and the nodes that it uses besides."""
    found = _recursions.get(variable.id)
    if found is None:
        group = group_of(variable)[0]
        nodes = {node.id: node for node in reachable(group)}

        def step_of(number: int) -> Instruction:
            node = nodes[number]
            return (REC, number, _NO_RECURSION, None) if node.op == "rec" else instruction(node)

        made = recursion(group, lambda member: member.args[0].id, step_of)
        found = made, tuple(nodes[number] for number in made.used)
        for member in group:
            _recursions[member.id] = found
    return found


_NO_RECURSION = Recursion("", (), (), False)
"""Stands for that of other variables, which are computed before."""
