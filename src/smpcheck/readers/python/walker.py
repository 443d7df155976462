"""Walking a function's syntax tree: names, calls (inlined), statements. What an effect means is left to two subclasses.

:class:`smpcheck.readers.python.threads.ThreadCompiler` turns effects into IR statements; :class:`smpcheck.readers.python.final.
FinalCompiler` turns reads into final values. Both share one environment: for every variable, what is known about it here.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeAlias

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.kernel import layout
from smpcheck.kernel.layout import ArrayOf, Bits, Constant, Pointer, Scalar, StructOf, Type
from smpcheck.kernel.scenario import Parameter
from smpcheck.kernel.types import Array, CellType, PerCpu, Struct, ThreadLocal, field_annotations
from smpcheck.program import ir, values
from smpcheck.program.ir import Call, Position
from smpcheck.program.values import truth
from smpcheck.readers.python.memory import Memory
from smpcheck.readers.python.source import FunctionSource, as_function, function_source
from smpcheck.readers.python.tidy import THREAD_LOCAL
from smpcheck.readers.python.typed import (
    Known,
    Place,
    RValue,
    Static,
    Unknown,
    as_pointer,
    boolean,
    by_reference,
    convert,
    ctype_of,
    fold,
    holds,
    join_types,
    literal,
    offset_by,
    scaled,
    truth_value,
)

Env: TypeAlias = dict[str, Known | Unknown]

EXPAND = 64
"""A loop over a compile-time range is unrolled when compiling up to this many rounds."""


MAX_CONSTANTS = 60
"""A constant field at an address that is not known is a choice among at most this many different values."""


@dataclass
class Outcome:
    """Where a call that is a condition goes on: its returns are jumps, as after inlining in C.

    ``test`` makes the condition of the value that is returned; ``plain``: the condition is the value itself.
    """

    then: str
    other: str
    test: Callable[[RValue], RValue]
    plain: bool


@dataclass
class Frame:
    """A function being inlined. ``prefix`` makes its variables' names; ``declared`` are the types that its locals were given.
    ``call``: where and how it is called, if all that it does is one expression: to a reader that is what happens. ``inlined_at``:
    the call; None for a thread's own function. ``positions``: of the nodes that were asked for, by ``id``.
    """

    source: FunctionSource
    prefix: str
    leave: str = ""
    declared: dict[str, Type | None] = field(default_factory=dict)
    returned: list[Known | None] = field(default_factory=list)
    outcome: Outcome | None = None
    return_reg: str = ""
    first_temp: int = 0
    call: tuple[Position, str] | None = None
    inlined_at: Call | None = None
    positions: dict[int, tuple[ast.AST, Position]] = field(default_factory=dict)

    def key(self, name: str) -> str:
        """The register of a local variable."""
        return self.prefix + name


def unsupported(source: FunctionSource, node: ast.AST, what: str, hint: str = "") -> UnsupportedError:
    """The refusal of something outside the subset."""
    message = f"{what} is outside the subset for thread functions"
    return UnsupportedError(message + (f": {hint}" if hint else ""), source.pos(node))


def variable_type(annotation: Any, where: str, pos: Position) -> Type | None:
    """The type of a local or parameter so annotated: structs, arrays, locks and atomics by address; None: not a C type."""
    if isinstance(annotation, type):
        if issubclass(annotation, CellType):
            return Pointer(Scalar(annotation.ctype, annotation))
        if annotation is Struct:
            return Pointer(None)
        if issubclass(annotation, Struct):
            return Pointer(StructOf(annotation))
        if annotation not in (int, bool):
            return None
    elif annotation is Any or not hasattr(annotation, "__metadata__"):
        return None
    try:
        kind = layout.type_of(annotation, None, where)
    except InputError as error:
        if "flag_word" in error.message:
            return Scalar(values.ULONG)
        raise InputError(error.message, pos) from None
    return Scalar(values.LONG) if isinstance(kind, layout.Ghost) else kind


class Walker(ABC):
    """The part of compilation that threads and final checks share."""

    with_calls = False
    """Are positions to know through which calls they were reached?"""

    def __init__(self, memory: Memory, cpu: int, expand: int = EXPAND) -> None:
        self.memory = memory
        self.cpu = cpu
        self.expand = expand
        self.env: Env = {}
        self.alive: bool = True
        self.frames: list[Frame] = []
        self._positions: dict[int, tuple[ast.AST, Position]] = {}
        self.loops: list[tuple[str, str]] = []
        self.lambdas: dict[str, Known] = {}
        self._temps = 0
        self._labels = 0
        self._uniques = 0
        self._prefixes: dict[FunctionType, str] = {}
        self._globals: dict[tuple[FunctionType, str], Known] = {}
        self._parameter_types: dict[tuple[FunctionType, str], Type | None] = {}
        self._by_branches: dict[FunctionType, bool] = {}
        """Functions that find their value by more than evaluating one expression, as far as it was asked."""

    # what subclasses do

    @abstractmethod
    def load(self, place: Place, tags: frozenset[str], site: Any, mask: int | None = None) -> RValue: ...

    @abstractmethod
    def assign_plain(self, place: Place, value: RValue, node: ast.AST, mask: int | None = None) -> None: ...

    @abstractmethod
    def change_bits(self, place: Place, kind: Bits, change: Callable[[RValue], RValue], node: ast.AST) -> None: ...

    @abstractmethod
    def copy(self, target: Place, source: Place, node: ast.AST) -> None: ...

    @abstractmethod
    def set_register(self, key: str, value: RValue, pos: Position) -> RValue: ...

    @abstractmethod
    def branch(self, cond: RValue, then: Callable[[], None], other: Callable[[], None], node: ast.AST) -> None: ...

    @abstractmethod
    def block(self, body: Callable[[str], None], node: ast.AST) -> None: ...

    @abstractmethod
    def leave(self, label: str, node: ast.AST) -> None: ...

    @abstractmethod
    def loop(self, body: Callable[[str], None], assigned: Iterable[str], node: ast.AST, bound: int | None) -> None: ...

    @abstractmethod
    def primitive(self, name: str, node: ast.Call, mask: int | None = None) -> Known | None: ...

    @abstractmethod
    def value(self, node: ast.expr, mask: int | None = None) -> Known: ...

    @abstractmethod
    def condition(self, test: ast.expr, then: Callable[[], None], other: Callable[[], None]) -> None: ...

    @abstractmethod
    def run(self, body: list[ast.stmt]) -> None: ...

    # small things

    @property
    def frame(self) -> Frame:
        """The function being walked."""
        return self.frames[-1]

    @property
    def source(self) -> FunctionSource:
        """Its source."""
        return self.frames[-1].source

    def pos(self, node: ast.AST) -> Position:
        """Where a node stands."""
        frame = self.frames[-1]
        positions = frame.positions if self.with_calls else self._positions
        found = positions.get(id(node))
        if found is None:  # kept with the node, so that no other has its number
            found = positions[id(node)] = (node, frame.source.pos(node, frame.inlined_at))
        return found[1]

    def temp(self) -> str:
        """A register for an intermediate value; reused by later statements."""
        self._temps += 1
        return f"${self._temps}"

    def unique(self, name: str) -> str:
        """A register for an intermediate value that no later statement reuses."""
        self._uniques += 1
        return f"${name}{self._uniques}"

    def label(self, name: str) -> str:
        """A fresh label."""
        self._labels += 1
        return f"{name}.{self._labels}"

    def refuse(self, node: ast.AST, what: str, hint: str = "") -> UnsupportedError:
        """The refusal of something outside the subset."""
        return unsupported(self.source, node, what, hint)

    def rvalue(self, node: ast.expr, what: str = "a value", mask: int | None = None) -> RValue:
        """The value of an expression that must be a C value."""
        found = self.value(node, mask)
        if isinstance(found, RValue):
            return found
        raise InputError(f"{self.source.text(node)} is not {what} that a thread can have", self.pos(node))

    # what Python objects mean

    def known(self, obj: Any, node: ast.AST, name: str = "") -> Known:
        """What a Python object that the model names means as a C value or place."""
        if isinstance(obj, Parameter):
            obj = obj.value
        if obj is None:
            return RValue(ir.Const(0), Pointer(None))
        if isinstance(obj, bool | int):
            return literal(int(obj))
        if isinstance(obj, Struct):
            address, kind = self.memory.address(obj)
            return RValue(ir.Const(address), Pointer(kind))
        if isinstance(obj, CellType | Array):
            address, kind = self.memory.address(obj)
            return Place(ir.Const(address), kind, name or address.base, lock=name or address.base, offset=0)
        if isinstance(obj, float | complex | bytes):
            raise self.refuse(node, f"the {type(obj).__name__} {obj!r}", "use integers")
        return Static(obj)

    def lookup(self, node: ast.Name) -> Known:
        """What a name means here."""
        name, frame = node.id, self.frame
        if name in self.lambdas:
            return self.lambdas[name]
        if name not in frame.source.local_names:
            known = self._globals.get((frame.source.function, name))
            if known is not None:
                return known
            obj = frame.source.lookup(name, node)
            if isinstance(obj, ThreadLocal):
                return self.thread_local(obj, name, node)
            self.memory.scan(frame.source.function.__globals__)
            known = self._globals[frame.source.function, name] = self.known(obj, node, name)
            return known
        found = self.env.get(frame.key(name))
        if found is None:
            raise InputError(f"{name} may not have a value here: assign it on every way to this point", self.pos(node))
        if isinstance(found, Unknown):
            raise InputError(f"{name} {found.why}", self.pos(node))
        return found

    def thread_local(self, obj: ThreadLocal, name: str, node: ast.AST) -> Known:
        """The value of a thread's own variable: what it starts with, until it is assigned."""
        found = self.env.get(f"{THREAD_LOCAL}{obj.number}")
        if found is None:
            kind = variable_type(obj.annotation, name, self.pos(node))
            initial = self.known(obj.init, node)
            if kind is None or not isinstance(initial, RValue):
                raise InputError(f"thread_local {name} must have a C type and a constant to start with", self.pos(node))
            found = convert(initial, kind, self.pos(node), name)
        if isinstance(found, Unknown):
            raise InputError(f"{name} {found.why}", self.pos(node))
        return found

    def set_thread_local(self, obj: ThreadLocal, name: str, value: RValue, node: ast.AST) -> None:
        """Assign a thread's own variable."""
        kind = variable_type(obj.annotation, name, self.pos(node))
        if kind is None:
            raise InputError(f"thread_local {name} must have a C type", self.pos(node))
        key = f"{THREAD_LOCAL}{obj.number}"
        converted = RValue(*_pair(convert(value, kind, self.pos(node), name)), lock=value.lock)
        self.env[key] = self.set_register(key, converted, self.pos(node))

    # places

    def lvalue(self, node: ast.expr) -> Known:
        """A place, or a value if the expression is not one; nothing is read but what the way there needs."""
        match node:
            case ast.Name():
                return self.lookup(node)
            case ast.Attribute(value, attr):
                return self._attribute(self.lvalue(value), attr, node)
            case ast.Subscript(value, index):
                return self._subscript(self.lvalue(value), index, node)
        return self.value(node)

    def _attribute(self, base: Known, attr: str, node: ast.Attribute) -> Known:
        if isinstance(base, Static):
            try:
                return self.known(getattr(base.obj, attr), node)
            except AttributeError as error:
                raise InputError(str(error), self.pos(node)) from None
        if isinstance(base, Place) and isinstance(base.type, StructOf):
            return self._field(base.addr, base.type.struct, attr, node)
        pointer = self.read(base, node.value)
        target = pointer.type.target if isinstance(pointer.type, Pointer) else None
        if isinstance(target, StructOf):
            return self._field(pointer.expr, target.struct, attr, node)
        text = self.source.text(node.value)
        if isinstance(pointer.type, Pointer) and target is None:
            raise InputError(
                f"{text} points to something of unknown type: annotate a local (p: page = ...) or use cast()", self.pos(node)
            )
        raise InputError(f"{text} is {pointer.type}: it has no field {attr}", self.pos(node))

    def _field(self, addr: ir.Expr, struct: type[Struct], attr: str, node: ast.Attribute) -> Place:
        fields = field_annotations(struct)
        if attr not in fields:
            raise InputError(f"struct {struct.__name__} has no field {attr}; it has: {', '.join(fields)}", self.pos(node))
        kind, offset = layout.field_type(struct, attr), layout.field_offset(struct, attr)
        return Place(offset_by(addr, offset), kind, self.source.text(node), f"{struct.__name__}.{attr}", offset)

    def _subscript(self, base: Known, index: ast.expr, node: ast.Subscript) -> Known:
        if isinstance(index, ast.Slice | ast.Tuple):
            raise self.refuse(node, "a slice", "index one element")
        if isinstance(base, Static):
            return self._static_item(base, index, node)
        if isinstance(base, Place) and isinstance(base.type, ArrayOf):
            element, addr, lock = base.type.element, base.addr, base.lock
        else:
            pointer = self.read(base, node.value)
            target = pointer.type.target if isinstance(pointer.type, Pointer) else None
            if target is None:
                raise InputError(f"{self.source.text(node.value)} is {pointer.type}: it cannot be indexed", self.pos(node))
            element, addr, lock = target.element if isinstance(target, ArrayOf) else target, pointer.expr, pointer.lock
        number = self.rvalue(index, "an index")
        size, _ = layout.size_align(element)
        if isinstance(number.const, int):
            length = base.type.length if isinstance(base, Place) and isinstance(base.type, ArrayOf) else None
            if length is not None and not 0 <= number.const < length:
                raise InputError(f"{self.source.text(node)}: the index {number.const} is outside 0..{length - 1}", self.pos(node))
            place = offset_by(addr, number.const * size)
        else:
            place = fold("+", addr, scaled(number, size), values.POINTER)
        return Place(place, element, self.source.text(node), lock, 0)

    def _static_item(self, base: Static, index: ast.expr, node: ast.AST) -> Known:
        key = self.static(index)
        obj = base.obj
        if isinstance(obj, PerCpu):
            if not isinstance(key, int):
                raise InputError("the CPU of per-CPU data is a compile-time constant", self.pos(index))
            return self.known(self.memory.per_cpu(obj, key), node)
        try:
            return self.known(obj[key], node)
        except (LookupError, TypeError) as error:
            raise InputError(f"{self.source.text(node)}: {error}", self.pos(node)) from None

    def read(self, found: Known, node: ast.expr, mask: int | None = None) -> RValue:
        """The value of a place (a plain access), or of an array, struct, lock or atomic: its address."""
        if isinstance(found, Place):
            if by_reference(found.type):
                return as_pointer(found)
            if isinstance(found.type, Constant):
                return self.constant_field(found, found.type.of, self.pos(node))
            return self.load(found, frozenset(), node, mask)
        if isinstance(found, RValue):
            return found
        raise InputError(f"{self.source.text(node)} is not a value that a thread can have", self.pos(node))

    def constant_field(self, place: Place, kind: Type, place_pos: Position) -> RValue:
        """The value of a constant field: known, or a choice among all objects that the address may mean."""
        if isinstance(place.addr, ir.Const):
            return RValue(ir.Const(self.memory.constant(place.addr.value)), kind)
        found = dict(self.memory.constants_like(place.offset))
        usual, _ = Counter(found.values()).most_common(1)[0] if found else (0, 0)
        rest = [(address, known) for address, known in found.items() if known != usual]
        if len(rest) > MAX_CONSTANTS:
            raise UnsupportedError(
                f"{place.label} may be one of {len(rest) + 1} constant fields: pass a known object, or drop Const", place_pos
            )
        result: ir.Expr = ir.Const(usual)
        for address, known in rest:
            here = ir.Binary("==", place.addr, ir.Const(address), values.POINTER)
            result = ir.Conditional(here, ir.Const(known), result)
        # NULL->field is 0; this also keeps the dependency on the pointer where all fields agree
        null = ir.Binary("==", place.addr, ir.Const(place.offset or 0), values.POINTER)
        return RValue(ir.Conditional(null, ir.Const(0), result), kind)

    def target_place(self, node: ast.expr) -> Place:
        """The place that an argument of a primitive names: ``page.flags``, or a variable that is a lock's address."""
        found = self.lvalue(node)
        if isinstance(found, Place):
            return found
        if isinstance(found, RValue) and isinstance(found.type, Pointer) and found.type.target is not None:
            return Place(found.expr, found.type.target, self.source.text(node), found.lock, 0)
        raise InputError(f"{self.source.text(node)} is not a location in shared memory", self.pos(node))

    def static(self, node: ast.expr) -> Any:
        """The Python object that an expression is at compile time; integers too."""
        found = self.value(node)
        if isinstance(found, Static):
            return found.obj
        if isinstance(found, RValue) and isinstance(found.const, int):
            return found.const
        raise InputError(f"{self.source.text(node)} must be known when compiling", self.pos(node))

    # variables

    def set_variable(self, name: str, value: Known, node: ast.AST, annotation: ast.expr | None = None) -> None:
        """Assign a local variable."""
        frame = self.frame
        if annotation is not None:
            kind = variable_type(self.source.annotation(annotation), name, self.pos(annotation))
            if frame.declared.setdefault(name, kind) != kind:
                raise InputError(f"{name} is declared with two types", self.pos(annotation))
        key = frame.key(name)
        if isinstance(value, RValue):
            declared = frame.declared.get(name)
            if declared is not None:
                value = RValue(*_pair(convert(value, declared, self.pos(node), name)), lock=value.lock)
            self.env[key] = self.set_register(key, value, self.pos(node))
        else:
            self.env[key] = value

    # calls

    def call(
        self,
        function: FunctionType,
        args: list[Known],
        keywords: dict[str, Known],
        node: ast.AST,
        outcome: Outcome | None = None,
    ) -> Known | None:
        """Inline a call; returns its value, None if it has none or the call is a condition with an ``outcome``."""
        source = function_source(function)
        if any(f.source.function is function for f in self.frames):
            raise self.refuse(node, f"the recursive call of {function.__name__}", "use a loop with a bound")
        bound = self._bind(source, args, keywords, node)
        prefix = self._prefix(function)
        frame = Frame(source, prefix, outcome=outcome)
        caller_pos = self.pos(node) if self.frames else source.pos(source.node)
        frame.inlined_at = Call(function.__name__, caller_pos) if self.frames and self.with_calls else None
        if self.frames and source.is_accessor:
            frame.call = self.frame.call or (caller_pos, self.source.text(node))
        self.frames.append(frame)
        for name, value in bound.items():
            self._parameter(name, value, caller_pos)
        frame.return_reg = self.unique("return")
        frame.first_temp = self._temps

        def body(label: str) -> None:
            frame.leave = label
            self.run(source.node.body)
            if self.alive:
                frame.returned.append(None)

        self.block(body, source.node)
        self.frames.pop()
        if outcome is not None and frame.returned:
            raise InputError(f"{function.__name__} may end without a value, and is used as a condition", self.pos(node))
        result = self._result(frame, node)
        if frame.prefix:
            for name in source.local_names:
                self.env.pop(frame.key(name), None)
        return result

    def _prefix(self, function: FunctionType) -> str:
        found = self._prefixes.get(function)
        if found is None:
            if not self._prefixes:
                found = ""
            else:
                stem = found = f"{function.__name__}."
                number = 2
                while found in self._prefixes.values():
                    found = f"{stem[:-1]}#{number}."
                    number += 1
            self._prefixes[function] = found
        return found

    def _bind(self, source: FunctionSource, args: list[Known], keywords: dict[str, Known], node: ast.AST) -> dict[str, Known]:
        if not keywords and len(args) == len(source.parameters):
            return dict(zip(source.parameters, args, strict=True))
        signature = source.signature
        try:
            bound = signature.bind(*args, **keywords).arguments
        except TypeError as error:
            where = self.pos(node) if self.frames else source.pos(source.node)
            raise InputError(f"{source.node.name}: {error}", where) from None
        result: dict[str, Known] = {}
        for name, parameter in signature.parameters.items():
            if name in bound:
                result[name] = bound[name]
            else:
                self.frames.append(Frame(source, ""))
                result[name] = self.known(parameter.default, source.node)
                self.frames.pop()
        return result

    def _parameter(self, name: str, value: Known, where: Position) -> None:
        frame = self.frame
        source = frame.source
        kind = frame.declared[name] = self._parameter_type(source, name)
        if isinstance(value, Place):
            value = as_pointer(value)
        if kind is not None:
            if not isinstance(value, RValue):
                raise InputError(f"the argument {name} of {source.node.name} is {kind}, not {value.obj!r}", where)
            value = RValue(*_pair(convert(value, kind, where, f"the argument {name} of {source.node.name}")), lock=value.lock)
        key = frame.key(name)
        stable = isinstance(value, RValue) and isinstance(value.expr, ir.Const | ir.Reg) and name not in source.assigned
        if isinstance(value, RValue) and not stable:
            value = self.set_register(key, value, where)
        self.env[key] = value

    def _parameter_type(self, source: FunctionSource, name: str) -> Type | None:
        if name not in source.hints:
            return None
        key = source.function, name
        if key not in self._parameter_types:
            self._parameter_types[key] = variable_type(source.hints[name], name, source.pos(source.node))
        return self._parameter_types[key]

    def _result(self, frame: Frame, node: ast.AST) -> Known | None:
        """Join the values of the returns that were reached."""
        returned = frame.returned
        if not returned or all(r is None for r in returned):
            return None
        if any(r is None for r in returned):
            name, where = frame.source.node.name, frame.source.pos(frame.source.node)
            raise InputError(f"{name} returns a value on some ways and ends without one on others: return one everywhere", where)
        return self.join_results(frame, [r for r in returned if r is not None], node)

    @abstractmethod
    def join_results(self, frame: Frame, returned: list[Known], node: ast.AST) -> Known: ...

    def return_type(self, frame: Frame) -> Type | None:
        """The declared type of a function's value."""
        hint = frame.source.hints.get("return")
        return variable_type(hint, "the value", frame.source.pos(frame.source.node)) if hint is not None else None

    def merge_known(self, key: str, found: list[Known | Unknown]) -> Known | Unknown:
        """What is known of a variable where ways meet; its register holds its value on each of them."""
        first = found[0]
        if all(f == first for f in found[1:]):
            return first
        kind: Type | None = None
        for value in found:
            if not isinstance(value, RValue):
                return Unknown("has different compile-time values on the ways that meet here")
            kind = value.type if kind is None else join_types(kind, value.type)
            if kind is None:
                return Unknown("has values of unrelated types on the ways that meet here: annotate it")
        assert kind is not None
        return self.from_register(key, kind, [v for v in found if isinstance(v, RValue)])

    def from_register(self, key: str, kind: Type, found: list[RValue]) -> RValue:
        """The value of a register that holds values of several types, as one of type ``kind``."""
        lock = found[0].lock if all(f.lock == found[0].lock for f in found) else ""
        reg: ir.Expr = ir.Reg(key)
        if isinstance(kind, Scalar):
            same = all(not isinstance(f.type, Scalar) or holds(kind.ctype, ctype_of(f.type)) for f in found)
            reg = reg if same else ir.Cast(kind.ctype, reg)
        return RValue(reg, kind, lock)

    def is_true(self, found: Known) -> bool | None:
        """The truth of a condition, if it is known when compiling."""
        if isinstance(found, Static):
            return bool(found.obj)
        if isinstance(found, RValue) and found.const is not None:
            return truth(found.const)
        return None

    def truth(self, found: Known) -> RValue:
        """The truth of a condition as 0 or 1."""
        known = self.is_true(found)
        if known is not None:
            return truth_value(known)
        assert isinstance(found, RValue)
        return boolean(found)

    def callee(self, node: ast.Call) -> Any:
        """The Python object that is called."""
        found = self.lvalue(node.func)
        if isinstance(found, Static):
            return found.obj
        raise self.refuse(node, f"the call of {self.source.text(node.func)}", "call a function by its name")

    def inline(self, function: Any, node: ast.Call, outcome: Outcome | None = None) -> Known | None:
        """Inline a call of a model's function."""
        plain = as_function(function)
        if plain is None:
            if isinstance(function, type) and issubclass(function, Struct | CellType):
                raise self.refuse(node, f"making a {function.__name__}", "objects are made by the scenario's set-up")
            raise self.refuse(node, f"the call of {self.source.text(node.func)}", "only functions of the model and primitives")
        args: list[Known] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                raise self.refuse(arg, "a starred argument", "pass the arguments one by one")
            args.append(self.value(arg))
        keywords: dict[str, Known] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.refuse(keyword, "a ** argument", "pass the arguments one by one")
            keywords[keyword.arg] = self.value(keyword.value)
        return self.call(plain, args, keywords, node, outcome)


def _pair(value: RValue) -> tuple[ir.Expr, Type]:
    return value.expr, value.type
