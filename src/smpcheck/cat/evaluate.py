"""From syntax trees to a model's nodes: names are looked up, functions inlined, recursion becomes a cyclic node.

Meaning follows herd7's manual: static scope, later definitions hide earlier ones, functions are values. A ``let rec`` is herd7's
iteration from empty, in which each definition already sees the new values of those above it. So a variable used only below
its definition is replaced by its body, and only variables used at or above their own definition remain as variables: the
kernel's matching of rcu_read_lock() with rcu_read_unlock(), which subtracts what is matched so far, needs exactly that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from difflib import get_close_matches
from functools import reduce

from smpcheck.cat import build, names
from smpcheck.cat.graph import reachable
from smpcheck.cat.kinds import infer_kinds
from smpcheck.cat.nodes import Axiom, Node, define_rec, rec_variable
from smpcheck.cat.syntax import (
    Binding,
    Call,
    Check,
    Enum,
    Expr,
    File,
    Function,
    If,
    IfStatement,
    IfVariant,
    Include,
    Let,
    LetStatement,
    Match,
    Pattern,
    Place,
    Procedure,
    Show,
    Statement,
    Stmt,
)
from smpcheck.cat.values import KINDS, Choices, Closure, Env, Primitive, ProcedureValue, Tag, Value, describe, prelude
from smpcheck.errors import InputError, SmpcheckError, UnboundNameError, UnsupportedError
from smpcheck.program.ir import Position

MAX_STEPS = 100_000
"""Expressions evaluated per model, inlined functions counted each time; the kernel's model needs about 1,100."""
MAX_CALLS = 60
"""Functions that may be open at once."""

_BINARY: dict[str, Callable[[Node, Node], Node]] = {"union": build.union, "inter": build.inter, "diff": build.diff}
_UNARY: dict[str, Callable[[Node], Node]] = {
    "star": build.star, "plus": build.plus, "opt": build.opt, "inverse": build.inverse
}  # fmt: skip
_SYMBOL = {
    "union": "|", "inter": "&", "diff": "\\", "seq": ";", "star": "*", "plus": "+", "opt": "?", "inverse": "^-1", "product": "*"
}  # fmt: skip
_UNLESS = {"assert": "assertion-fails", "undefined_unless": "undefined"}
"""How the flag of an ``assert`` and of an ``undefined_unless`` begins."""


class Evaluator:
    """Evaluates files one after the other; what one defines, the next sees. ``load`` finds and parses an included file.

    ``variants``: those that are on, as with herd7's ``-variant``; a kernel tree's configuration names them.
    """

    def __init__(self, load: Callable[[str, str], tuple[str, File] | None]) -> None:
        self.load = load
        self.variants: frozenset[str] = frozenset()
        self.env: Env = prelude()
        self.axioms: list[Axiom] = []
        self.shows: dict[str, Node] = {}
        self.annotations: dict[str, frozenset[str]] = {}
        self.tags: set[str] = {t.lower() for t in names.TAGS}
        self.file = ""
        self.including: list[str] = []
        self.local_names: set[int] = set()
        self.steps = 0
        self.calls = 0

    # --- errors ---

    def error(self, message: str, place: Place) -> InputError:
        return InputError(message, Position(self.file, *place))

    def unbound(self, message: str, place: Place) -> UnboundNameError:
        return UnboundNameError(message, Position(self.file, *place))

    def refuse(self, message: str, place: Place) -> UnsupportedError:
        return UnsupportedError(f"not supported in a model: {message}", Position(self.file, *place))

    # --- statements ---

    def run_file(self, name: str, file: File) -> None:
        """Evaluate a parsed file called ``name``."""
        outer, self.file = self.file, name
        self.including.append(name)
        self.run(file.body)
        self.including.pop()
        self.file = outer

    def run(self, body: tuple[Stmt, ...]) -> None:
        for stmt in body:
            match stmt:
                case LetStatement():
                    self.env = self.bind_all(stmt.bindings, stmt.recursive, self.env)
                    for binding in stmt.bindings:
                        if isinstance(binding.pattern, str):
                            self.name_node(self.env[binding.pattern], binding.pattern, binding.place, local=False)
                case Check():
                    self.check(stmt)
                case Show():
                    for name, expr in stmt.items:
                        self.show(name, expr)
                case Include():
                    self.include(stmt)
                case Enum():
                    self.enum(stmt)
                case Procedure():
                    if stmt.recursive:
                        raise self.refuse(f"the recursive procedure {stmt.name}", stmt.place)
                    self.env = {**self.env, stmt.name: ProcedureValue(stmt, self.env, self.file)}
                case Call():
                    self.call(stmt)
                case IfStatement():
                    self.run(stmt.then if stmt.condition.holds(self.variants) else stmt.other)
                case Statement():
                    self.statement(stmt)

    def statement(self, stmt: Statement) -> None:
        match stmt.kind:
            case "unshow":
                for expr in stmt.args:
                    self.shows.pop(expr.name, None)
            case "instructions" | "default":
                allowed = {""} if not stmt.args else set[str]()
                for number, expr in enumerate(stmt.args):
                    value = self.eval(expr, self.env)
                    if not isinstance(value, (Tag, frozenset)):
                        raise self.error(f"{stmt.kind} takes tags and sets of tags, this is {describe(value)}", expr.place)
                    if number == 0:  # of several tags of one instruction, the first; no reader knows more
                        allowed |= {tag.name for tag in (value if isinstance(value, frozenset) else {value})}
                if stmt.kind == "instructions":
                    self.annotations[stmt.name] = self.annotations.get(stmt.name, frozenset()) | allowed
            case "with":
                self.choose(stmt)
            case "when":
                raise self.refuse("let rec with a condition (when)", stmt.place)
            case "debug" | "catdep":
                pass
            case kind:
                raise self.refuse(f"the statement {kind}", stmt.place)

    def show(self, name: str, expr: Expr) -> None:
        """Only for pictures: what shows a name that is not defined shows nothing, as with herd7 (its own models do it)."""
        self.shows.pop(name, None)
        with suppress(UnboundNameError):
            self.shows[name] = self.node(expr, self.env)

    def choose(self, stmt: Statement) -> None:
        """``with x from``: of coherence, which is built in, what every choice must contain; of one choice, that one."""
        (given,) = stmt.args
        if stmt.name == "co" and given.op == "app" and given.args[0].name == "generate_cos":
            partial = self.node(given.args[1], self.env, "rel", "generate_cos")
            if partial is not self.env["co0"]:
                writes = build.base_set("W")
                within = build.inter(build.inter(partial, build.product(writes, writes)), build.base("loc"))
                ordered = build.opt(build.base("co"))
                where = f"{self.file}:{stmt.place[0]}"
                self.axioms.append(Axiom("empty", build.diff(within, ordered), "generate_cos", where=where))
            return
        value = self.eval(given, self.env)
        if not isinstance(value, Choices) or len(value.items) != 1:
            why = "enumerating choices; reads-from and coherence are built in, as rf and co"
            raise self.refuse(f"with {stmt.name} from ({why})", stmt.place)
        self.env = {**self.env, stmt.name: value.items[0]}

    def include(self, stmt: Include) -> None:
        where = Position(self.file, *stmt.place)
        try:
            found = self.load(stmt.file, self.file)
        except SmpcheckError as error:
            error.pos = error.pos or where
            raise
        if found is None:
            raise self.error(f"there is no file {stmt.file} to include, neither beside {self.file} nor among ours", stmt.place)
        if found[0] in self.including:
            raise self.error(f"{stmt.file} is being included already: an endless circle", stmt.place)
        self.run_file(*found)

    def enum(self, stmt: Enum) -> None:
        env = dict(self.env)
        env[stmt.name] = frozenset(map(Tag, stmt.tags))
        for tag in stmt.tags:
            self.tags.add(tag)
            env[names.capitalised(tag)] = build.base_set(names.capitalised(tag))
        self.env = env

    def check(self, stmt: Check) -> None:
        node = self.node(stmt.expr, self.env)
        if stmt.test != "empty" and node.kind == "set":
            if not build.is_empty(node):
                raise self.error(f"{stmt.test} takes a relation, this is a set of events", stmt.expr.place)
            node = build.EMPTY_REL
        name = stmt.name or f"{stmt.test} {node.label or node.name or f'in line {stmt.place[0]}'}"
        negated = stmt.negated
        if stmt.mode in ("assert", "undefined_unless"):  # raised where the test fails
            name, negated = f"{_UNLESS[stmt.mode]}-{name}", not negated
        flag = bool(stmt.mode)
        if build.is_empty(node) and flag == negated:
            return  # holds in every execution, or is never raised
        test = stmt.test
        if test == "irreflexive" and node.op == "plus":
            test, node = "acyclic", node.args[0]
        self.axioms.append(Axiom(test, node, name, negated, flag, f"{self.file}:{stmt.place[0]}"))  # type: ignore[arg-type]

    def call(self, stmt: Call) -> None:
        value = self.lookup(stmt.name, self.env, stmt.place)
        if not isinstance(value, ProcedureValue):
            raise self.error(f"{stmt.name} is {describe(value)}, call takes a procedure", stmt.place)
        argument = self.eval(stmt.argument, self.env)
        outer_env, outer_file = self.env, self.file
        self.enter(stmt.place)
        self.env = self.bind_pattern(value.definition.pattern, argument, value.env, stmt.name, stmt.place)
        self.file = value.file
        self.run(value.definition.body)
        self.env, self.file = outer_env, outer_file
        self.calls -= 1

    # --- bindings ---

    def bind_all(self, bindings: tuple[Binding, ...], recursive: bool, env: Env) -> Env:
        if recursive:
            return self.bind_recursive(bindings, env)
        fresh = dict(env)
        for binding in bindings:
            value = self.eval(binding.body, env)
            if isinstance(binding.pattern, str):
                self.name_node(value, binding.pattern, binding.place)
            fresh |= self.match_pattern(binding.pattern, value, "let", binding.place)
        return fresh

    def name_node(self, value: Value, name: str, place: Place, local: bool = True) -> None:
        """The author's name for a node, for explanations: the first one stays, but names local to a term give way."""
        if not isinstance(value, Node) or value.op in ("base", "empty", "all"):
            return
        if value.label is None or (not local and value.id in self.local_names):
            value.label = name
            value.where = f"{self.file}:{place[0]}"
            self.local_names.discard(value.id)
            if local:
                self.local_names.add(value.id)

    def bind_recursive(self, bindings: tuple[Binding, ...], env: Env) -> Env:
        group: list[str] = []
        for binding in bindings:
            if not isinstance(binding.pattern, str):
                raise self.refuse("let rec of a tuple", binding.place)
            if isinstance(binding.body, Function):
                raise self.refuse(f"the recursive function {binding.pattern}", binding.place)
            group.append(binding.pattern)
        kinds = infer_kinds(bindings, env)
        variables = {name: rec_variable(kinds[name], name) for name in group}
        fresh = {**env, **variables}
        bodies: list[Node] = []
        for binding, name in zip(bindings, group, strict=True):
            body = self.node(binding.body, fresh)
            if body.kind != kinds[name]:
                if not build.is_empty(body):
                    raise self.error(f"{name} is used as {KINDS[kinds[name]]} and defined as {KINDS[body.kind]}", binding.place)
                body = build.empty(kinds[name])
            self.name_node(body, name, binding.place)
            bodies.append(body)
            fresh[name] = body
        used = reachable(bodies)
        for name, body, binding in zip(group, bodies, bindings, strict=True):
            variable = variables[name]
            if variable not in used:
                continue
            self.name_node(variable, name, binding.place)
            if body is variable:
                body = build.empty(variable.kind)
            closed = self.transitive_closure(variable, body)
            define_rec(variable, closed or body)
            fresh[name] = closed or variable
            if closed is not None:
                self.name_node(closed, name, binding.place)
        return fresh

    @staticmethod
    def transitive_closure(variable: Node, body: Node) -> Node | None:
        """``let rec r = s | (r ; r)`` is ``s+``, if ``s`` does not use ``r``: None where the definition is not of this form."""
        twice = build.seq(variable, variable) if variable.kind == "rel" else None
        parts = build.union_members(body)
        once = [part for part in parts if part is not twice]
        if len(once) == len(parts) or variable in reachable(once):
            return None
        return build.plus(reduce(build.union, once, build.EMPTY_REL))

    def match_pattern(self, pattern: Pattern, value: Value, what: str, place: Place) -> dict[str, Value]:
        if pattern is None:
            return {}
        if isinstance(pattern, str):
            return {pattern: value}
        if not isinstance(value, tuple) or len(value) != len(pattern):
            got = f"are {len(value)} values" if isinstance(value, tuple) else f"is {describe(value)}"
            raise self.error(f"{what} takes {len(pattern)} values, here {got}", place)
        return {name: item for name, item in zip(pattern, value, strict=True) if name is not None}

    def bind_pattern(self, pattern: Pattern, value: Value, env: Env, what: str, place: Place) -> Env:
        return {**env, **self.match_pattern(pattern, value, what, place)}

    # --- expressions ---

    def enter(self, place: Place) -> None:
        self.calls += 1
        if self.calls > MAX_CALLS:
            raise self.refuse(f"functions that call each other more than {MAX_CALLS} deep", place)

    def lookup(self, name: str, env: Env, place: Place) -> Value:
        value = env.get(name)
        if value is not None:
            return value
        if name in names.REFUSED:
            raise self.refuse(f"{name} ({names.REFUSED[name]})", place)
        close = get_close_matches(name, env, 2)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        if not hint and name[:1].isupper():
            hint = "; a set of tagged events is known if it is declared with enum in a bell file"
        raise self.unbound(f"{name} is not defined{hint}", place)

    def node(self, expr: Expr, env: Env, kind: str | None = None, for_: str = "") -> Node:
        """The set or relation that ``expr`` denotes; ``kind`` if only one will do, ``for_`` what needs it."""
        value = self.eval(expr, env)
        if value == frozenset() and isinstance(value, frozenset):
            value = build.EMPTY_SET
        if not isinstance(value, Node):
            wanted = KINDS[kind] if kind else "a set or relation"
            raise self.error(f"{for_ or 'this'} takes {wanted}, here is {describe(value)}", expr.place)
        if kind is not None and value.kind != kind:
            if not build.is_empty(value):
                raise self.error(f"{for_ or 'this'} takes {KINDS[kind]}, here is {KINDS[value.kind]}", expr.place)
            value = build.empty(kind)
        return value

    def eval(self, expr: Expr, env: Env) -> Value:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise self.refuse(f"a model of more than {MAX_STEPS} terms", expr.place)
        match expr.op:
            case "var":
                return self.lookup(expr.name, env, expr.place)
            case "zero":
                return build.EMPTY_REL
            case "universe":
                return build.ALL
            case "tag":
                if expr.name not in self.tags:
                    raise self.unbound(f"the tag '{expr.name} is not declared with enum", expr.place)
                return Tag(expr.name)
            case "union" | "inter" | "diff":
                return self.boolean(expr, env)
            case "seq":
                symbol = _SYMBOL[expr.op]
                return build.seq(*(self.node(a, env, "rel", symbol) for a in expr.args))
            case "product":
                return build.product(*(self.node(a, env, "set", "the product *") for a in expr.args))
            case "star" | "plus" | "opt" | "inverse":
                return _UNARY[expr.op](self.node(expr.args[0], env, "rel", _SYMBOL[expr.op]))
            case "not":
                return build.complement(self.node(expr.args[0], env, None, "~"))
            case "brackets":
                return build.setid(self.node(expr.args[0], env, "set", "[ ]"))
            case "tuple":
                return tuple(self.eval(a, env) for a in expr.args)
            case "app":
                return self.apply(expr, env)
            case "braces":
                return self.braces(expr, env)
            case "try":
                try:
                    return self.eval(expr.args[0], env)
                except UnboundNameError:
                    return self.eval(expr.args[1], env)
        return self.eval_form(expr, env)

    def eval_form(self, expr: Expr, env: Env) -> Value:
        match expr:
            case Function(pattern=pattern, args=(body,), name=name):
                return Closure(pattern, body, env, self.file, name)
            case Let(bindings=bindings, recursive=recursive):
                return self.eval(expr.args[-1], self.bind_all(bindings, recursive, env))
            case If():
                return self.conditional(expr, env)
            case IfVariant(condition=condition):
                return self.eval(expr.args[0 if condition.holds(self.variants) else 1], env)
            case Match():
                return self.match(expr, env)
        raise self.refuse("++ (adding an element to a set)" if expr.op == "add" else f"the expression {expr.op}", expr.place)

    def boolean(self, expr: Expr, env: Env) -> Value:
        left, right = expr.args
        a, b = self.eval(left, env), self.eval(right, env)
        if isinstance(a, frozenset) and isinstance(b, frozenset) and (a or b):
            return a | b if expr.op == "union" else a & b if expr.op == "inter" else a - b
        x, y = self.as_node(a, left, expr.op), self.as_node(b, right, expr.op)
        if x.kind != y.kind:
            if build.is_empty(x):
                x = build.empty(y.kind)
            elif build.is_empty(y):
                y = build.empty(x.kind)
            else:
                raise self.error(
                    f"{_SYMBOL[expr.op]} of {KINDS[x.kind]} and {KINDS[y.kind]}: both sides must be of one kind ([S] makes a "
                    "relation of a set)",
                    right.place,
                )
        return _BINARY[expr.op](x, y)

    def as_node(self, value: Value, expr: Expr, op: str) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, frozenset) and not value:
            return build.EMPTY_SET
        raise self.error(f"{_SYMBOL[op]} takes sets or relations, here is {describe(value)}", expr.place)

    def apply(self, expr: Expr, env: Env) -> Value:
        function, argument = self.eval(expr.args[0], env), self.eval(expr.args[1], env)
        if isinstance(function, Primitive):
            return self.apply_primitive(function, argument, expr)
        if not isinstance(function, Closure):
            raise self.error(f"{describe(function)} is applied to an argument; only functions can be", expr.place)
        inner = self.bind_pattern(function.pattern, argument, function.env, function.name, expr.place)
        self.enter(expr.place)
        outer, self.file = self.file, function.file
        try:
            result = self.eval(function.body, inner)
        finally:
            self.file = outer
            self.calls -= 1
        return result

    def apply_primitive(self, function: Primitive, argument: Value, expr: Expr) -> Node:
        accepted = {len(kinds): kinds for kinds in (alternative.split() for alternative in function.takes.split("|"))}
        given = argument if isinstance(argument, tuple) else (argument,)
        wanted = accepted.get(len(given))
        if wanted is None:
            counts = " or ".join(map(str, sorted(accepted)))
            raise self.error(f"{function.name} takes {counts} arguments, here are {len(given)}", expr.place)
        place = expr.args[1].place
        return function.apply(*(self.fit(function.name, v, kind, place) for v, kind in zip(given, wanted, strict=True)))

    def fit(self, name: str, value: Value, kind: str, place: Place) -> object:
        if kind == "tag" and isinstance(value, Tag):
            return value.name
        if isinstance(value, frozenset) and not value:
            value = build.EMPTY_SET
        if isinstance(value, Node) and kind != "tag":
            if value.kind == kind:
                return value
            if build.is_empty(value):
                return build.EMPTY_REL if kind == "empty" else build.empty(kind)
        if kind == "empty":
            raise self.refuse(f"{name} (page tables)", place)
        raise self.error(f"{name} takes {KINDS.get(kind, 'a tag')}, here is {describe(value)}", place)

    def braces(self, expr: Expr, env: Env) -> Value:
        values = [self.eval(item, env) for item in expr.args]
        if values and all(isinstance(value, Node) for value in values):
            return Choices(tuple(value for value in values if isinstance(value, Node)))
        for item, value in zip(expr.args, values, strict=True):
            if not isinstance(value, Tag):
                raise self.refuse(f"a set of {describe(value)} listed in braces (tags can be listed, and relations)", item.place)
        return frozenset(value for value in values if isinstance(value, Tag))

    def conditional(self, expr: If, env: Env) -> Value:
        a, b = self.eval(expr.args[0], env), self.eval(expr.args[1], env)
        holds: bool | None = None
        if isinstance(a, (Tag, frozenset)) and isinstance(b, (Tag, frozenset)):
            if expr.name == "=":
                holds = a == b
            elif expr.name == "in" and isinstance(a, Tag) and isinstance(b, frozenset):
                holds = a in b
            elif expr.name == "subset" and isinstance(a, frozenset) and isinstance(b, frozenset):
                holds = a <= b
        if holds is None:
            raise self.refuse("if over events (only tags can be compared: a model says the same for every execution)", expr.place)
        return self.eval(expr.args[2 if holds else 3], env)

    def match(self, expr: Match, env: Env) -> Value:
        if expr.tags is None:
            raise self.refuse("match over the elements of a set", expr.place)
        value = self.eval(expr.args[0], env)
        if not isinstance(value, Tag):
            raise self.error(f"match takes a tag, here is {describe(value)}", expr.args[0].place)
        for tag, body in zip(expr.tags, expr.args[1:], strict=True):
            if tag is None or tag == value.name:
                return self.eval(body, env)
        raise self.error(f"no case of this match is for the tag '{value.name}", expr.place)
