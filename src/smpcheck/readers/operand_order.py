"""The orders in which C may evaluate the operands of one expression.

C11 6.5 leaves open which operand of ``+``, which side of an assignment and which argument of a call comes first, and evaluations
of different operands may alternate. A function's body is not interrupted (6.5.2.2); it is assumed that a primitive of the kernel
is not, either, nor a branch of ``&&``, ``||`` or ``?:``, which is said if it matters. While an expression is lowered, operands
that touch memory stand side by side in an :class:`Unordered`; afterwards each becomes a :class:`~smpcheck.program.ir.Choice`
among its orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import comb
from typing import TypeAlias

from msgspec import Struct

from smpcheck.program.ir import Block, Choice, Fence, If, Load, Loop, Position, Rmw, Stmt, Store

MAX_ORDERS = 24
"""So many orders of one expression are tried (four operands have 24); of more, the one from left to right is taken, and said."""


class Unordered(Struct, frozen=True):
    """Operands, each evaluated as its list says, in any order and alternately."""

    operands: tuple[list[Item], ...]
    pos: Position | None


class Whole(Struct, frozen=True):
    """A function's body: other operands come before or after it."""

    body: tuple[Stmt, ...]


Item: TypeAlias = Stmt | Unordered | Whole


def touches_memory(body: Sequence[Item]) -> bool:
    """Does anything happen here that other threads may notice, or that orders what happens?"""
    for item in body:
        match item:
            case Load() | Store() | Rmw() | Fence() | Unordered():
                return True
            case If(then=then, other=other) | Choice(then=then, other=other):
                if touches_memory(then) or touches_memory(other):
                    return True
            case Block(body=inner) | Loop(body=inner) | Whole(body=inner):
                if touches_memory(inner):
                    return True
    return False


def in_order(body: Sequence[Item], remark: Callable[[Position | None], None]) -> list[Stmt]:
    """``body`` as statements, with a choice wherever operands may be evaluated in several orders. ``remark`` is told where there
    are too many."""
    result: list[Stmt] = []
    for item in body:
        if isinstance(item, Unordered):
            result += _chosen(item, remark)
        elif isinstance(item, Whole):
            result += item.body
        else:
            result.append(item)
    return result


def _chosen(item: Unordered, remark: Callable[[Position | None], None]) -> list[Stmt]:
    pieces = [_pieces(operand) for operand in item.operands]
    if any(map(_has_long_branch, item.operands)):
        remark(item.pos)
    if _count(pieces)[1] > MAX_ORDERS:
        remark(item.pos)
        return [stmt for operand in item.operands for stmt in in_order(operand, lambda _: None)]
    orders = list(_shuffles(pieces))
    result: list[Stmt] = list(orders[-1])
    for order in reversed(orders[:-1]):
        result = [Choice(tuple(order), tuple(result), item.pos)]
    return result


def _has_long_branch(body: Sequence[Item]) -> bool:
    """Is there a branch (of ``&&``, ``||`` or ``?:``) in which other operands might come in between?"""
    for item in body:
        match item:
            case If(then=then, other=other) if any(sum(touches_memory((s,)) for s in side) > 1 for side in (then, other)):
                return True
            case Unordered(operands=operands) if any(map(_has_long_branch, operands)):
                return True
    return False


Piece: TypeAlias = "tuple[Stmt, ...] | list[list[Piece]]"
"""What nothing interrupts, or operands that are unordered among each other."""


def _pieces(body: Sequence[Item]) -> list[Piece]:
    """What other operands may come in between of. Statements of one primitive belong together, and what touches no memory belongs
    to what it stands next to."""
    pieces: list[Piece] = []
    for item in body:
        if isinstance(item, Unordered):
            pieces.append([_pieces(operand) for operand in item.operands])
            continue
        added = item.body if isinstance(item, Whole) else (item,)
        last = pieces[-1] if pieces else None
        if isinstance(last, tuple) and (
            not touches_memory(last) or not touches_memory(added) or (added == (item,) and _same_primitive(last[-1], added[0]))
        ):
            pieces[-1] = last + added
        else:
            pieces.append(added)
    return pieces


def _same_primitive(one: Stmt, other: Stmt) -> bool:
    pos = getattr(one, "pos", None)
    return pos is not None and pos == getattr(other, "pos", None) and getattr(one, "text", "") == getattr(other, "text", "")


def _count(operands: list[list[Piece]]) -> tuple[int, int]:
    """Pieces in all, and the number of their orders."""
    total, orders = 0, 1
    for operand in operands:
        size = 0
        for piece in operand:
            inner, ways = (1, 1) if isinstance(piece, tuple) else _count(piece)
            size += inner
            orders *= ways
        total += size
        orders *= comb(total, size)
    return total, orders


def _sequences(operand: list[Piece]) -> Iterator[list[tuple[Stmt, ...]]]:
    """The orders of one operand's pieces."""
    if not operand:
        yield []
        return
    first = operand[0]
    heads = [[first]] if isinstance(first, tuple) else list(_merged(first))
    for head in heads:
        for rest in _sequences(operand[1:]):
            yield head + rest


def _merged(operands: list[list[Piece]]) -> Iterator[list[tuple[Stmt, ...]]]:
    """The orders of the pieces of several operands."""
    if not operands:
        yield []
        return
    for one in _sequences(operands[0]):
        for others in _merged(operands[1:]):
            yield from _interleaved(one, others)


def _interleaved(a: list[tuple[Stmt, ...]], b: list[tuple[Stmt, ...]]) -> Iterator[list[tuple[Stmt, ...]]]:
    if not a or not b:
        yield a + b
        return
    for rest in _interleaved(a[1:], b):
        yield [a[0], *rest]
    for rest in _interleaved(a, b[1:]):
        yield [b[0], *rest]


def _shuffles(operands: list[list[Piece]]) -> Iterator[list[Stmt]]:
    for order in _merged(operands):
        yield [stmt for piece in order for stmt in piece]
