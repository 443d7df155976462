"""Labels and branches made into nested blocks, loops and ifs.

A thread of assembly is a list of statements, labels and jumps. Its basic blocks form a graph; where every loop is entered at one
place only, the tree of dominators says how the blocks nest (Ramsey, "Beyond Relooper", ICFP 2022): a block to which several
forward branches lead follows a ``Block`` that they leave, and a block to which one leads back is the head of a ``Loop``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program.flow import mapped
from smpcheck.program.ir import Block, Choice, Exit, Expr, If, Loop, Position, Stmt


class Label(Struct, frozen=True):
    """A place that jumps may name."""

    name: str
    pos: Position


class Jump(Struct, frozen=True):
    """Go on at ``target`` if ``cond`` is true (None: in any case)."""

    target: str
    cond: Expr | None
    pos: Position
    text: str


Item: TypeAlias = Stmt | Label | Jump

END = "end of the thread"


def in_items(items: Sequence[Item], change: Callable[[Stmt], Stmt | None]) -> list[Item]:
    """As :func:`smpcheck.program.flow.mapped`; labels and jumps stay."""
    found: list[Item] = []
    for item in items:
        found += [item] if isinstance(item, Label | Jump) else mapped([item], change)
    return found


@dataclass(slots=True)
class _Node:
    """A basic block: statements, then a jump to ``then`` if the condition of ``jump`` holds, else to ``next`` (None: the end)."""

    body: list[Stmt] = field(default_factory=list)
    jump: Jump | None = None
    then: int | None = None
    next: int | None = None

    def successors(self) -> list[int]:
        return [to for to in (self.then, self.next) if to is not None]


def structured(items: Sequence[Item], stem: str = "") -> tuple[Stmt, ...]:
    """``items`` as nested statements. The labels of blocks begin with ``stem``, so that these may stand inside of others.

    :raises InputError: a label that is missing or stands there twice
    :raises UnsupportedError: a jump into the middle of a loop
    """
    nodes = _blocks(items)
    if all(node.jump is None for node in nodes):
        return tuple(stmt for node in nodes for stmt in node.body)
    return _Structure(nodes, stem).build()


def _blocks(items: Sequence[Item]) -> list[_Node]:
    """Basic blocks in the order of the text; the last one is empty and is the end of the thread."""
    nodes = [_Node()]
    labels: dict[str, int] = {}
    for item in items:
        if isinstance(item, Label):
            if item.name in labels:
                raise InputError(f"the label {item.name} stands here a second time", item.pos)
            if nodes[-1].body or nodes[-1].jump:
                nodes.append(_Node())
            labels[item.name] = len(nodes) - 1
        else:
            if nodes[-1].jump:
                nodes.append(_Node())
            if isinstance(item, Jump):
                nodes[-1].jump = item
            else:
                nodes[-1].body.append(item)
    if nodes[-1].body or nodes[-1].jump:
        nodes.append(_Node())
    for number, node in enumerate(nodes[:-1]):
        node.next = number + 1
        if node.jump is not None:
            target = labels.get(node.jump.target)
            if target is None:
                known = ", ".join(labels) or "none"
                raise InputError(f"no label {node.jump.target} in this thread (there are: {known})", node.jump.pos)
            if node.jump.cond is None:
                node.next = target
            else:
                node.then = target
    return nodes


class _Structure:
    """The nesting of basic blocks. Legend: ``rank`` numbers blocks in reverse postorder, ``dominator`` is the immediate one."""

    def __init__(self, nodes: list[_Node], stem: str) -> None:
        self.nodes = nodes
        self.stem = stem
        self.order = self._reverse_postorder()
        self.rank = {x: i for i, x in enumerate(self.order)}
        self.before: dict[int, list[int]] = {x: [] for x in self.order}
        for x in self.order:
            for to in nodes[x].successors():
                self.before[to].append(x)
        self.dominator = self._dominators()
        self.heads = {to for x in self.order for to in nodes[x].successors() if self.rank[to] <= self.rank[x]}
        for x in self.order:
            for to in nodes[x].successors():
                if self.rank[to] <= self.rank[x] and not self._dominates(to, x):
                    jump = nodes[x].jump
                    raise UnsupportedError("jumps into the middle of a loop are not supported", jump.pos if jump else None)

    def _reverse_postorder(self) -> list[int]:
        done: list[int] = []
        seen = {0}
        stack = [(0, iter(self.nodes[0].successors()))]
        while stack:
            x, rest = stack[-1]
            for to in rest:
                if to not in seen:
                    seen.add(to)
                    stack.append((to, iter(self.nodes[to].successors())))
                    break
            else:
                done.append(x)
                stack.pop()
        return done[::-1]

    def _dominators(self) -> dict[int, int]:
        """Immediate dominators (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm", 2001)."""
        found = {0: 0}
        changed = True
        while changed:
            changed = False
            for x in self.order[1:]:
                new: int | None = None
                for y in self.before[x]:
                    if y in found:
                        new = y if new is None else self._meet(found, y, new)
                assert new is not None
                if found.get(x) != new:
                    found[x] = new
                    changed = True
        return found

    def _meet(self, found: dict[int, int], x: int, y: int) -> int:
        while x != y:
            while self.rank[x] > self.rank[y]:
                x = found[x]
            while self.rank[y] > self.rank[x]:
                y = found[y]
        return x

    def _dominates(self, x: int, y: int) -> bool:
        while y != x and y != 0:
            y = self.dominator[y]
        return y == x

    def build(self) -> tuple[Stmt, ...]:
        body = self._tree(0)
        return _without_tail_exits((Block(self.stem + END, body),), ())

    def _tree(self, x: int) -> tuple[Stmt, ...]:
        """Block ``x`` and all that it dominates."""
        merges = [y for y in self.order if self.dominator.get(y) == x and y != x and self._is_merge(y)]
        body = self._within(x, merges[::-1])
        if x in self.heads:
            return (Loop(f"{self.stem}loop {x}", (Block(f"{self.stem}round {x}", body),), None, self._pos(x)),)
        return body

    def _is_merge(self, x: int) -> bool:
        return sum(self.rank[y] < self.rank[x] for y in self.before[x]) > 1

    def _pos(self, x: int) -> Position | None:
        node = self.nodes[x]
        return node.jump.pos if node.jump else next((stmt.pos for stmt in node.body if stmt.pos), None)

    def _within(self, x: int, merges: list[int]) -> tuple[Stmt, ...]:
        if merges:
            return (Block(f"{self.stem}to {merges[0]}", self._within(x, merges[1:])), *self._tree(merges[0]))
        node = self.nodes[x]
        if node.next is None:
            return (*node.body, Exit(self.stem + END))
        if node.then is None:
            return (*node.body, *self._branch(x, node.next))
        jump = node.jump
        assert jump is not None and jump.cond is not None
        if node.then == node.next:
            return (*node.body, If(jump.cond, (), (), jump.pos, jump.text), *self._branch(x, node.next))
        then, other = self._branch(x, node.then), self._branch(x, node.next)
        return (*node.body, If(jump.cond, then, other, jump.pos, jump.text))

    def _branch(self, x: int, to: int) -> tuple[Stmt, ...]:
        if self.rank[to] <= self.rank[x]:
            return (Exit(f"{self.stem}round {to}"),)
        if self._is_merge(to):
            return (Exit(f"{self.stem}to {to}"),)
        return self._tree(to)


def _without_tail_exits(body: tuple[Stmt, ...], ending: tuple[str, ...]) -> tuple[Stmt, ...]:
    """``body`` without exits that lead where it goes anyway (out of the blocks ``ending``), nor blocks that nothing leaves."""
    if not body:
        return body
    last = body[-1]
    match last:
        case Exit(label) if label in ending:
            return _without_tail_exits(body[:-1], ending)
        case If() | Choice():
            last = replace(last, then=_without_tail_exits(last.then, ending), other=_without_tail_exits(last.other, ending))
    out: list[Stmt] = []
    for i, stmt in enumerate((*body[:-1], last)):
        match stmt:
            case Block(label, inner):
                inner = _without_tail_exits(inner, (*(ending if i == len(body) - 1 else ()), label))
                if _exits_to(inner, label):
                    out.append(replace(stmt, body=inner))
                else:
                    out += inner
            case Loop(_, inner):
                out.append(replace(stmt, body=_without_tail_exits(inner, ())))
            case If() | Choice() if i < len(body) - 1:
                out.append(replace(stmt, then=_without_tail_exits(stmt.then, ()), other=_without_tail_exits(stmt.other, ())))
            case _:
                out.append(stmt)
    return tuple(out)


def _exits_to(body: tuple[Stmt, ...], label: str) -> bool:
    for stmt in body:
        match stmt:
            case Exit(to) if to == label:
                return True
            case If() | Choice() if _exits_to(stmt.then, label) or _exits_to(stmt.other, label):
                return True
            case Block() | Loop() if _exits_to(stmt.body, label):
                return True
    return False
