"""Accesses to shared memory and primitives, as steps of a task."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel.layout import Flags, Pointer, Scalar, Type, field_type
from smpcheck.kernel.types import PerCpu, Struct, field_annotations
from smpcheck.mm.simulator.primitives import FREE, GHOSTS, NOT_HERE, READ, WRITE, Primitive, primitive_of
from smpcheck.mm.simulator.sites import Site, constant, expression, name, statements, steady, target
from smpcheck.readers.python.source import FunctionSource

if TYPE_CHECKING:
    from smpcheck.mm.simulator.translate import Translator

TASK, LOCK = "t\u00b7", "lock\u00b7"


class Accesses:
    """The part of :class:`~smpcheck.mm.simulator.functions.Body` that makes steps."""

    def __init__(self, translator: Translator, source: FunctionSource, quiet: bool) -> None:
        self.translator = translator
        self.source = source
        self.quiet = quiet
        self.steps = False
        self._kinds: dict[str, Type] = {}

    def value(self, node: ast.expr) -> ast.expr:
        raise NotImplementedError

    def temporary(self) -> str:
        raise NotImplementedError

    def check(self, title: str, condition: ast.expr, node: ast.AST) -> list[ast.stmt]:
        raise NotImplementedError

    def known(self, node: ast.expr) -> Any:
        raise NotImplementedError

    def callee(self, node: ast.Call) -> Any:
        raise NotImplementedError

    # fields

    def kind(self, field: str, node: ast.AST) -> Type:
        """The type of a field, which is known by its name: structs that share a name must agree whether it is memory."""
        found = self._kinds.get(field)
        if found is not None:
            return found
        for value in list(self.source.function.__globals__.values()):
            if isinstance(value, type) and issubclass(value, Struct) and field in field_annotations(value):
                kind = field_type(value, field)
                if found is not None and _is_memory(found) != _is_memory(kind):
                    raise UnsupportedError(f"{field} is a field of several structs and of several kinds", self.source.pos(node))
                found = found if isinstance(found, Flags) else kind
        if found is None:
            raise InputError(f"no struct that this file knows has a field {field}", self.source.pos(node))
        self._kinds[field] = found
        return found

    def array(self, node: ast.expr) -> ast.expr:
        """An array field, or per-CPU data: what an index is applied to."""
        if isinstance(node, ast.Attribute):
            return ast.copy_location(ast.Attribute(self.value(node.value), node.attr, ast.Load()), node)
        return self.value(node)

    def number(self, node: ast.AST, kind: str, place: ast.expr | None = None, field: str = "") -> int:
        """The number of a new site."""
        code = None
        if place is not None and steady(place):
            tree = ast.fix_missing_locations(ast.Expression(place))
            code = compile(tree, self.source.file, "eval")
        text = " ".join(self.source.text(node).split())
        return self.translator.site(Site(self.source.pos(node), text, self.source.node.name, kind, code, field))

    def step(self, node: ast.AST, kind: str, place: ast.expr, field: str) -> ast.expr:
        """``yield n``."""
        self.steps = True
        number = self.number(node, kind, place, field)
        return ast.copy_location(ast.Yield(constant(number, node)), node)

    def after_step(self, step: ast.expr, value: ast.expr, node: ast.AST) -> ast.expr:
        """``(yield n) or value``: the task resumes with None."""
        return ast.copy_location(ast.BoolOp(ast.Or(), [step, value]), node)

    def load(self, node: ast.Attribute) -> ast.expr:
        """A field that is read as it stands: a constant, a ghost, a lock, an embedded struct; else a plain C access."""
        base = self.value(node.value)
        plain = ast.copy_location(ast.Attribute(base, node.attr, ast.Load()), node)
        kind = self.kind(node.attr, node)
        return plain if self.quiet or not _is_memory(kind) else self.read(base, node.attr, kind, node)

    def read(self, base: ast.expr, field: str, kind: Type, node: ast.AST) -> ast.expr:
        """A read of a whole field; a flag word in separate cells is one step for each."""
        before, base = self.settled(base, node)
        if isinstance(kind, Flags) and kind.separate:
            parts = [((1 << ctype.bits) - 1) << shift for _, shift, ctype in kind.cells]
        else:
            parts = [-1]
        result: ast.expr | None = None
        for mask in parts:
            text = "o.F" if mask == -1 else f"o.F & {mask}"
            one = self.after_step(self.step(node, READ, base, field), expression(text, node, {"o": base}, field), node)
            result = one if result is None else ast.copy_location(ast.BinOp(result, ast.BitOr(), one), node)
        assert result is not None
        return self.with_settled(before, result, node)

    def settled(self, part: ast.expr, node: ast.AST) -> tuple[list[ast.expr], ast.expr]:
        """An expression that may be evaluated after a step, and what is to be evaluated before."""
        if steady(part):
            return [], part
        variable = self.temporary()
        return [ast.copy_location(ast.NamedExpr(target(variable, node), part), node)], name(variable, node)

    def with_settled(self, before: list[ast.expr], value: ast.expr, node: ast.AST) -> ast.expr:
        if not before:
            return value
        whole = ast.copy_location(ast.Tuple([*before, value], ast.Load()), node)
        return ast.copy_location(ast.Subscript(whole, constant(-1, node), ast.Load()), node)

    def store(self, place: ast.Attribute, value: ast.expr, stmt: ast.stmt) -> list[ast.stmt]:
        """A plain write."""
        kind = self.kind(place.attr, place)
        if self.quiet or not isinstance(kind, Scalar | Pointer):
            raise UnsupportedError(f"{self.source.text(place)} is not assigned step by step", self.source.pos(stmt))
        first, value = self.settled(value, stmt)
        second, base = self.settled(self.value(place.value), stmt)
        body = statements("o.F = a", stmt, {"o": base, "a": value}, place.attr)
        return self.void(first + second, self.step(stmt, WRITE, base, place.attr), body, stmt)

    def void(self, before: list[ast.expr], step: ast.expr, body: list[ast.stmt], node: ast.AST) -> list[ast.stmt]:
        """What is evaluated before, the step, and what it does."""
        return [ast.copy_location(ast.Expr(each), node) for each in (*before, step)] + body

    # primitives

    def operands(
        self, entry: Primitive, what: str, node: ast.Call
    ) -> tuple[list[ast.expr], dict[str, ast.expr], str, Type | None]:
        """What is evaluated before the step, the parts of the fragment, and the field and its type."""
        wanted = [argument for argument in entry.arguments if argument != "t"]
        if node.keywords or len(node.args) != len(wanted):
            raise InputError(f"{what} takes {len(wanted)} arguments, not {len(node.args)}", self.source.pos(node))
        before: list[ast.expr] = []
        parts: dict[str, ast.expr] = {"t": name(TASK, node)}
        field, kind = "", None
        for argument, given in zip(wanted, node.args, strict=True):
            if argument == "o":
                if not isinstance(given, ast.Attribute):
                    text = f"{self.source.text(given)}: a place is a field of a struct here"
                    raise UnsupportedError(text, self.source.pos(given))
                field, kind = given.attr, self.kind(given.attr, given)
                given = given.value
            more, parts[argument] = self.settled(self.value(given), node)
            before += more
        if "nr" in parts:
            nr = parts["nr"]
            bit = nr.value if isinstance(nr, ast.Constant) else None
            parts["m"] = constant(1 << bit, node) if isinstance(bit, int) else expression("1 << nr", node, {"nr": nr})
        return before, parts, field, kind

    def entry(self, what: str, node: ast.Call) -> Primitive:
        found = primitive_of(what)
        if found is None:
            reason = NOT_HERE.get(what, "it is not in the table of smpcheck.mm.simulator.primitives")
            raise UnsupportedError(f"{what}: {reason}", self.source.pos(node))
        if self.quiet and found.kind != READ:
            raise InputError(f"a final check has no effects: {self.source.text(node)}", self.source.pos(node))
        return found

    def primitive(self, what: str, node: ast.Call) -> ast.expr:
        """A primitive's value."""
        if what == "cast":
            return self.value(node.args[1])
        if what in ("this_cpu_ptr", "per_cpu_ptr", "smp_processor_id"):
            return self.per_cpu(what, node)
        entry = self.entry(what, node)
        before, parts, field, kind = self.operands(entry, what, node)
        if what in ("READ_ONCE", "smp_load_acquire") and not self.quiet and kind is not None:
            return self.with_settled(before, self.read(parts["o"], field, kind, node), node)
        if entry.form == "value":
            value = expression(entry.text, node, parts, field)
        elif entry.form == "update":
            names = [n for n in ("t", "o", "m", "nr", "a", "b") if n in parts and n in _words(entry.text)]
            helper = self.translator.helper(f"{what}__{field}", names, entry.text.replace(".F", f".{field}"))
            value = ast.copy_location(ast.Call(name(helper, node), [parts[n] for n in names], []), node)
        elif entry.form == "call":
            value = expression(entry.text, node, parts, field)
        elif entry.form == "plain":
            return self.plain_with_value(entry, before, parts, field, kind, node)
        else:
            raise InputError(f"{what} has no value", self.source.pos(node))
        if self.quiet:
            return self.with_settled(before, value, node)
        stepped = self.after_step(self.step(node, entry.kind, parts["o"], field), value, node)
        return self.with_settled(before, stepped, node)

    def plain_with_value(
        self, entry: Primitive, before: list[ast.expr], parts: dict[str, ast.expr], field: str, kind: Type | None, node: ast.Call
    ) -> ast.expr:
        """A non-atomic bit operation: a read, and later a write of the whole word, or of the bit's byte in separate cells."""
        old = self.temporary()
        reading = self.after_step(self.step(node, READ, parts["o"], field), expression("o.F", node, parts, field), node)
        text = f"o.F = {entry.text}"
        if isinstance(kind, Flags) and kind.separate:
            text = f"byte = 255 << (nr & ~7); o.F = o.F & ~byte | ({entry.text}) & byte"
        names = [n for n in ("o", "old", "m", "nr") if n in _words(text)]
        helper = self.translator.helper(f"write__{field}", names, text.replace(".F", f".{field}"))
        parts = {**parts, "old": name(old, node)}
        writing = ast.copy_location(ast.Call(name(helper, node), [parts[n] for n in names], []), node)
        stored = self.after_step(self.step(node, WRITE, parts["o"], field), writing, node)
        first = ast.copy_location(ast.NamedExpr(target(old, node), reading), node)
        return self.with_settled([*before, first, stored], expression(entry.busy or "0", node, parts), node)

    def primitive_statement(self, what: str, node: ast.Call) -> list[ast.stmt]:
        """A primitive for its effect."""
        if what == "check":
            title = self.known(node.args[0])
            if len(node.args) < 2 or not isinstance(title, str):
                raise InputError("check(name, condition)", self.source.pos(node))
            return self.check(title, self.value(node.args[1]), node)
        if what in ("BUG_ON", "WARN_ON"):
            good = ast.copy_location(ast.UnaryOp(ast.Not(), self.value(node.args[0])), node)
            return self.check(self.source.text(node), good, node)
        if what in GHOSTS:
            return self.ghost(what, node)
        entry = self.entry(what, node)
        before, parts, field, _ = self.operands(entry, what, node)
        if entry.form == "nothing":
            return statements(entry.text, node, parts)
        if entry.form in ("lock", "bit_lock"):
            return self.waiting(entry, before, parts, field, node)
        if entry.form == "void":
            body = statements(entry.text, node, parts, field)
            if entry.kind == FREE:
                parts["n"] = constant(self.number(node, FREE), node)
            return self.void(before, self.step(node, entry.kind, parts["o"], field), body, node)
        return [ast.copy_location(ast.Expr(self.primitive(what, node)), node)]

    def waiting(
        self, entry: Primitive, before: list[ast.expr], parts: dict[str, ast.expr], field: str, node: ast.Call
    ) -> list[ast.stmt]:
        """Ask for a lock, and yield it for as long as somebody else has it."""
        parts = {**parts, "lock": name(LOCK, node), "n": constant(self.number(node, "check"), node)}
        place = "o._bits[nr]" if entry.form == "bit_lock" else "o.F"
        text = f"{LOCK} = {place}; t.wants({LOCK}, n)"
        first = statements(text, node, parts, field)
        then = statements(f"while {entry.busy}: yield lock", node, parts, field)
        then += statements(f"{entry.text}; t.take(lock)", node, parts, field)
        asked = [ast.copy_location(ast.Expr(each), node) for each in before] + first
        return [*asked, *self.void([], self.step(node, entry.kind, parts["o"], field), then, node)]

    def ghost(self, what: str, node: ast.Call) -> list[ast.stmt]:
        """Change a ghost counter: no step."""
        change = GHOSTS[what]
        amount = self.value(node.args[1]) if change is None else constant(change, node)
        place: Any = self.value(node.args[0])
        if not isinstance(place, ast.Attribute | ast.Subscript) or self.quiet:
            raise InputError(f"{self.source.text(node)}: not a ghost counter", self.source.pos(node))
        place.ctx = ast.Store()
        return [ast.copy_location(ast.AugAssign(place, ast.Add(), amount), node)]

    def per_cpu(self, what: str, node: ast.Call) -> ast.expr:
        parts = {"t": name(TASK, node)}
        if what == "smp_processor_id":
            return expression("t.cpu", node, parts)
        data = self.source.lookup(node.args[0].id, node) if isinstance(node.args[0], ast.Name) else None
        if not isinstance(data, PerCpu):
            raise InputError(f"{self.source.text(node.args[0])} is not per-CPU data", self.source.pos(node))
        parts["data"] = name(self.translator.shared(data, "per_cpu"), node)
        if what == "this_cpu_ptr":
            return expression("data[t.cpu]", node, parts)
        return expression("data[i]", node, {**parts, "i": self.value(node.args[1])})


def _is_memory(kind: Type) -> bool:
    """Is an access to the field an event? Not for constants, ghosts, locks, embedded structs and arrays as such."""
    return isinstance(kind, Pointer | Flags) or (isinstance(kind, Scalar) and kind.cell is None) or _is_atomic(kind)


def _is_atomic(kind: Type) -> bool:
    return isinstance(kind, Scalar) and kind.cell is not None and kind.cell.__name__.startswith("atomic")


def _words(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text.replace("return", "result ="))) if isinstance(node, ast.Name)}
