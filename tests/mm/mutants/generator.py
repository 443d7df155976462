"""From a function of the model to its mutants: the same file, with one bug planted.

A mutant keeps the lines of the file where they are, so that it can stand in for the file while a scenario is compiled. Its name
has no line number: it stays the same while the model around it changes.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

LOCKS = {
    "spin_lock": "spin_unlock",
    "lock_page": "unlock_page",
    "mutex_lock": "mutex_unlock",
    "down_read": "up_read",
    "down_write": "up_write",
    "rcu_read_lock": "rcu_read_unlock",
}
"""What takes a lock, and what releases it: dropped together where both are in one function."""

WEAKER = {
    "test_and_set_bit": "__test_and_set_bit",
    "test_and_clear_bit": "__test_and_clear_bit",
    "set_bit": "__set_bit",
    "clear_bit": "__clear_bit",
    "atomic_dec_return": "atomic_dec_return_relaxed",
    "atomic_inc_return": "atomic_inc_return_relaxed",
    "atomic_add_return": "atomic_add_return_relaxed",
    "smp_store_release": "WRITE_ONCE",
    "smp_load_acquire": "READ_ONCE",
    "test_and_set_bit_lock": "__test_and_set_bit",
    "clear_bit_unlock": "clear_bit",
}
"""Primitives and what orders less, or is not atomic."""

EVENTS = ("PGCULLED", "PGRESCUED", "PGMLOCKED", "PGMUNLOCKED", "PGCLEARED", "PGSTRANDED")
"""Each stands for the next one in a mutant."""

COMPARISONS: dict[type[ast.cmpop], str] = {ast.Gt: ">=", ast.GtE: ">", ast.Lt: "<=", ast.LtE: "<", ast.Eq: "!=", ast.NotEq: "=="}
SIGNS: dict[type[ast.cmpop], str] = {ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!="}

SPECIFICATION = ("check", "BUG_ON", "VM_BUG_ON", "WARN_ON")
"""Calls that say what must hold: without one less is asked, which is no bug of the code."""

SWITCHES = ("V", "VISIT", "FREEING", "FLAGS", "BOUND")
"""What a variant decides: a condition on it is not a step."""


class Mutant(Struct, frozen=True):
    """A bug: in ``function`` of ``file``, ``before`` has become ``after``. ``number`` tells apart what reads the same."""

    file: str
    function: str
    operator: str
    before: str
    after: str
    text: str
    number: int = 0
    lines: frozenset[int] = frozenset()
    """Those that are changed."""

    @property
    def name(self) -> str:
        """``mlock.py mlock_page: drop mlock_queue(page, LRU_PAGE)``."""
        what = f"{self.before} -> {self.after}" if self.after else self.before
        again = f" #{self.number + 1}" if self.number else ""
        return f"{self.file.rsplit('/', 1)[-1]} {self.function}: {self.operator} {what}{again}"


class _Source:
    """A file's text by lines, to cut from and paste into."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)

    def of(self, node: ast.AST) -> str:
        """A node's text on one line."""
        return " ".join(ast.unparse(node).split())

    def replaced(self, *changes: tuple[ast.AST, str]) -> str:
        """The text with these nodes replaced; as many lines as before. Later nodes first, so that places stay right."""
        lines = list(self.lines)
        for node, new in sorted(changes, key=lambda change: (change[0].lineno, change[0].col_offset), reverse=True):  # type: ignore[attr-defined]
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1  # type: ignore[attr-defined]
            head = lines[first].encode()[: node.col_offset].decode()  # type: ignore[attr-defined]
            tail = lines[last].encode()[node.end_col_offset :].decode()  # type: ignore[attr-defined]
            lines[first : last + 1] = [head + new + tail, *["\n"] * (last - first)]
        return "".join(lines)

    def swapped(self, a: ast.stmt, b: ast.stmt) -> str:
        """The text with two statements of one block exchanged."""
        first, middle, last = a.lineno - 1, b.lineno - 1, b.end_lineno or b.lineno
        return "".join([*self.lines[:first], *self.lines[middle:last], *self.lines[first:middle], *self.lines[last:]])


def mutants(file: str, text: str, functions: Sequence[str]) -> list[Mutant]:
    """All mutants of these functions of a file."""
    source, found = _Source(text), []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name in functions:
            found += [Mutant(file, node.name, *change) for change in _of_function(node, source)]
    seen: Counter[str] = Counter()
    numbered = []
    old = text.splitlines()
    for each in found:
        changed = (at for at, pair in enumerate(zip(old, each.text.splitlines(), strict=False), 1) if pair[0] != pair[1])
        numbered.append(replace(each, number=seen[each.name], lines=frozenset(changed)))
        seen[each.name] += 1
    return [each for each in numbered if each.text != text]


Change = tuple[str, str, str, str]
"""Operator, before, after, text."""


def _of_function(function: ast.FunctionDef, source: _Source) -> Iterator[Change]:
    pairs = dict(_lock_pairs(function))
    for locks in pairs.values():
        yield "unlocked", source.of(locks[0]), "", source.replaced(*((each, "pass") for each in locks))
    paired = {id(each) for locks in pairs.values() for each in locks}
    for block in _blocks(function):
        for index, statement in enumerate(block):
            if _droppable(statement) and id(statement) not in paired:
                yield "drop", source.of(statement), "", source.replaced((statement, "pass"))
            if index + 1 < len(block) and _swappable(statement, block[index + 1]):
                after = block[index + 1]
                head = source.of(after.test) if isinstance(after, ast.If) else source.of(after)
                shown = f"if {head}" if isinstance(after, ast.If) else head.split(":")[0] if isinstance(after, ast.For) else head
                yield "swap", source.of(statement), shown, source.swapped(statement, after)
            yield from _of_statement(statement, source)


def _blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements below a node."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
            for statement in block:
                yield from _blocks(statement)


def _called(node: ast.AST) -> str:
    """The name of the function that a statement or expression calls, "" if it does not."""
    inner = node.value if isinstance(node, ast.Expr) else node
    return inner.func.id if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) else ""


def _lock_pairs(function: ast.FunctionDef) -> Iterator[tuple[str, list[ast.stmt]]]:
    """For each lock that the function takes and releases: all statements that do."""
    calls = [
        each for block in _blocks(function) for each in block if isinstance(each, ast.Expr) and isinstance(each.value, ast.Call)
    ]
    for lock, unlock in LOCKS.items():
        for key in dict.fromkeys(_arguments(each) for each in calls if _called(each) == lock):
            both = [each for each in calls if _called(each) in (lock, unlock) and _arguments(each) == key]
            if any(_called(each) == unlock for each in both):
                yield f"{lock} {key}", list(both)


def _arguments(statement: ast.Expr) -> str:
    assert isinstance(statement.value, ast.Call)
    return ", ".join(map(ast.unparse, statement.value.args))


def _droppable(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call()):
            return _called(statement) not in SPECIFICATION
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]) | ast.AugAssign() | ast.Continue() | ast.Break():
            return True
        case ast.Return(value=None):
            return True
    return False


def _swappable(a: ast.stmt, b: ast.stmt) -> bool:
    """A step, and the statement after it, which does not need what the step assigns: two steps that can be the other way
    round, or a step that can come later than what is below an ``if`` or in a loop."""
    if not isinstance(a, ast.Expr | ast.Assign) or not isinstance(b, ast.Expr | ast.Assign | ast.If | ast.For):
        return False
    if isinstance(b, ast.If | ast.For) and (not _droppable(a) or any(isinstance(n, ast.Return | ast.Break) for n in ast.walk(b))):
        return False
    if any(isinstance(each, ast.Expr) and not isinstance(each.value, ast.Call) for each in (a, b)):
        return False
    if any(_called(each) in (*SPECIFICATION, "count") for each in (a, b)):
        return False
    stored = {n.id for each in (a, b) for n in ast.walk(each) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    used = {n.id for each in (a, b) for n in ast.walk(each) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    return not stored & used and not all(_is_local(each) for each in (a, b))


def _is_local(statement: ast.stmt) -> bool:
    """An assignment to a variable without a call: nobody else sees when it happens."""
    return isinstance(statement, ast.Assign) and not any(
        isinstance(n, ast.Call | ast.Attribute) for n in ast.walk(statement.value)
    )


def _of_statement(statement: ast.stmt, source: _Source) -> Iterator[Change]:
    """What can be changed in a statement's own expressions, the statements below it not included."""
    if isinstance(statement, ast.If | ast.While):
        yield from _of_condition(statement.test, source)
    if (
        isinstance(statement, ast.Return)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, bool)
    ):
        yield (
            "return",
            source.of(statement),
            str(not statement.value.value),
            source.replaced((statement.value, str(not statement.value.value))),
        )
    if _called(statement) in SPECIFICATION:
        return
    for node in _own_expressions(statement):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name = node.func.id
        if name in WEAKER:
            yield "weaken", source.of(node), WEAKER[name], source.replaced((node.func, WEAKER[name]))
        if name == "count" and len(node.args) == 2:
            yield from _of_count(node, source)


def _own_expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(statement):
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.expr) and name != "body":
                yield from ast.walk(each)


def _of_count(call: ast.Call, source: _Source) -> Iterator[Change]:
    what, change = call.args
    if isinstance(what, ast.Name) and what.id in EVENTS:
        other = EVENTS[(EVENTS.index(what.id) + 1) % len(EVENTS)]
        yield "event", source.of(call), other, source.replaced((what, other))
    yield "negate", source.of(call), f"-({source.of(change)})", source.replaced((change, f"-({source.of(change)})"))


def _of_condition(test: ast.expr, source: _Source) -> Iterator[Change]:
    if any(isinstance(n, ast.Name) and n.id in SWITCHES for n in ast.walk(test)):
        parts = test.values if isinstance(test, ast.BoolOp) else []
        for part in parts:
            if not any(isinstance(n, ast.Name) and n.id in SWITCHES for n in ast.walk(part)):
                neutral = str(isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And))
                yield "condition", source.of(test), f"without {source.of(part)}", source.replaced((part, neutral))
        return
    for value in ("True", "False"):
        yield "condition", source.of(test), value, source.replaced((test, value))
    if isinstance(test, ast.BoolOp):
        for part in test.values:
            neutral = str(isinstance(test.op, ast.And))
            yield "condition", source.of(test), f"without {source.of(part)}", source.replaced((part, neutral))
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS and not _with_null(node):
            operator = COMPARISONS[type(node.ops[0])]
            left, right = source.of(node.left), source.of(node.comparators[0])
            yield "compare", source.of(node), operator, source.replaced((node, f"{left} {operator} {right}"))


def _with_null(node: ast.Compare) -> bool:
    """A test for NULL, of which the other half is the condition's True or False."""
    return isinstance(node.comparators[0], ast.Name) and node.comparators[0].id == "NULL"
