"""Expressions of clang's tree: their accesses become events, their value is an expression over registers.

The lowering of C litmus tests (:class:`~smpcheck.readers.lower.Lowering`) does the arithmetic and expands primitives; here is
what its syntax does not have: bit fields, structs as values, variables in memory, volatile accesses, which are marked ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from smpcheck.errors import InputError, UnsupportedError
from smpcheck.program import values
from smpcheck.program.ir import Assign, Cast, Conditional, Const, Expr, If, Position, Reg
from smpcheck.program.values import POINTER, CType, Ptr
from smpcheck.readers import ctree as c
from smpcheck.readers import layout
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.places import Aggregate, Bits, Part, Ref, Run, Spot, Whole, pointer_to
from smpcheck.readers.clang.types import UNSIGNED, Types, clusters, run_pieces
from smpcheck.readers.cvalues import Frame, Local, NeedWide, Place, Val
from smpcheck.readers.expansion import Here, NoMemory
from smpcheck.readers.layout import VOID, Pointer, Struct, Type, TypeTable, scalar_type, size_of
from smpcheck.readers.lower import Lowering
from smpcheck.readers.primitives import builtin_definitions

if TYPE_CHECKING:
    from smpcheck.readers.clang.objects import Objects

NO_TAGS: frozenset[str] = frozenset()
ONCE = frozenset({"Once"})
MAX_BYTES = 1 << 22
"""Objects of more bytes are refused."""
MAX_REGISTERS = 64
"""A local variable of more scalars than these lies in memory."""


@dataclass
class Findings:
    """What the lowering of a whole program finds out on its way.

    ``in_memory``: local variables whose address goes to memory. ``missing``: functions without a body, and where they are called.
    ``arrays``: allocated arrays, with the types of an element and of the whole. ``callbacks``: how many RCU has.
    ``deferred``: how many works, timers and tasklets there are.
    ``ignored``: functions whose calls mean nothing here. ``assumed``: sentences about what was taken for granted.
    """

    in_memory: set[int] = field(default_factory=set)
    missing: dict[str, list[str]] = field(default_factory=dict)
    arrays: dict[str, tuple[int, int]] = field(default_factory=dict)
    callbacks: int = 0
    deferred: int = 0
    ignored: set[str] = field(default_factory=set)
    assumed: dict[str, None] = field(default_factory=dict)

    @property
    def to_begin_with(self) -> tuple[int, ...]:
        """How much was found that has to be known from the beginning: if there is more, all is lowered again."""
        return len(self.in_memory), len(self.arrays), self.callbacks, self.deferred


class _Source(Here):
    """Positions are indices of places."""

    def __init__(self, owner: TreeExpressions) -> None:
        super().__init__()
        self.owner = owner

    def pos(self, at: int) -> Position:
        place = self.owner.unit_tree.places[at]
        return Position(self.owner.shown_file(place.file), place.line, place.column, self.inlined_at)


class TreeExpressions(Lowering):
    """Lowers expressions of a :class:`~smpcheck.readers.clang.tree.Unit`; ``objects`` is the memory of the program."""

    def __init__(self, unit: t.Unit, objects: Objects, findings: Findings) -> None:
        self.unit_tree = unit
        self.own = frozenset(unit.own)
        """The files that are asked about."""
        self.table = TypeTable()
        self.kinds = Types(unit, self.table)
        self.program_objects = objects
        self.findings = findings
        self.current = 0
        self.frozen: int | None = None
        self.expected = -1
        """The type of what a void pointer that is being computed will point to; -1: not known."""
        self.marked = 0
        """Within so many regions whose accesses count as marked."""
        self.unnamed = 0
        """So many variables have been made up: each needs a number of its own."""
        self.bindings: dict[int, Local | Place | Aggregate | Val] = {}
        memory: Any = NoMemory(lambda address, ctype, at: None)
        super().__init__(_Source(self), self.table, c.Unit(), builtin_definitions(), memory)

    # --- where things are ---

    def shown_file(self, file: str) -> str:
        """A file's name in positions."""
        return self.program_objects.shown(file)

    def at(self, node: Any) -> int:
        """The place of a node: inside of a primitive layer, that of the call that led there."""
        if self.frozen is not None:
            return self.frozen
        if isinstance(node, t.Node) and node.at >= 0:
            self.current = node.at
        return self.current

    def where(self, node: Any) -> tuple[Position, str]:
        at = self.at(node)
        return self.source.pos(at), self.unit_tree.places[at].text

    def wrong(self, message: str, at: int) -> NoReturn:
        raise InputError(message, self.source.pos(at))

    def refuse(self, message: str, at: int) -> NoReturn:
        raise UnsupportedError(message, self.source.pos(at))

    def unordered(self, node: Any, *operands: Callable[[], Any], arguments: bool = False) -> list[Any]:
        """Operands in the files that are asked about are evaluated in any order; those in headers as they stand."""
        mine = isinstance(node, t.Node) and self.frozen is None and self.unit_tree.places[self.at(node)].file in self.own
        saved = self.span
        self.span = None if mine else (0, 0)
        try:
            return super().unordered(node, *operands, arguments=arguments)
        finally:
            self.span = saved

    # --- values ---

    def value(self, node: Any) -> Val:
        handler = _VALUES.get(type(node))
        if handler is None:
            return super().value(node)
        self.at(node)
        return handler(self, node)

    def effect(self, node: Any) -> None:
        if not isinstance(node, t.Node):
            super().effect(node)
        elif isinstance(node, t.Step):
            self._tree_step(node, False)
        elif isinstance(node, t.Assign):
            self._tree_assign(node, False)
        elif isinstance(node, t.Cast) and self.kinds.kind(node.type) == "void":
            self.effect(node.arg)
        elif isinstance(node, t.Bin) and node.op == ",":
            self.effect(node.left)
            self.effect(node.right)
        elif isinstance(node, t.Unknown):
            self._unknown(node)
        else:
            self.value(node)

    def type_of(self, node: Any) -> Type:
        """The type of an expression."""
        self.known_type(node.type, node)
        return self.kinds.layout(node.type)

    def known_type(self, index: int, node: Any) -> None:
        """Refuse a type that is none of the kernel's: floating point, vectors, 128-bit integers."""
        type_ = self.kinds.given[index]
        if type_.kind == "other" or (type_.kind == "int" and type_.size > 8):
            self.refuse(f"the type {type_.name} is not supported", self.at(node))
        if type_.size > MAX_BYTES:
            self.refuse(f"an object of {type_.size} bytes is not supported (at most {MAX_BYTES})", self.at(node))

    def lvalue(self, node: Any) -> Any:
        return self.spot(node) if isinstance(node, t.Node) else super().lvalue(node)

    def convert(self, value: Val, type_: Type, node: Any) -> Expr:
        if isinstance(value, Ref):
            if type_ is values.BOOL:
                return Const(1)
            return self.escape(value)
        try:
            return self._as_signed(value, type_, super().convert(value, type_, node))
        except NeedWide as error:
            raise UnsupportedError("a pointer in a number that is narrower than it is not supported", error.pos) from None

    def _as_signed(self, value: Val, type_: Type, converted: Expr) -> Expr:
        """Numbers that are no addresses, in pointers: these have no sign, so ``ERR_PTR(-ENOMEM)`` is a large one."""
        source, target = scalar_type(value.type), scalar_type(type_)
        if source is POINTER and target.bits == 64 and target.signed:
            return _cast(target, converted)
        if target is POINTER and source is not POINTER and source.signed:
            return _cast(values.ULONG, converted)
        return converted

    def escape(self, value: Ref) -> Expr:
        """The address of a variable goes where it is not followed: the variable has to be in memory."""
        self.findings.in_memory.add(value.decl)
        return Const(Ptr("?"))

    # --- reading and writing ---

    def tags_of(self, node: Any) -> frozenset[str]:
        """A volatile access is a marked one: READ_ONCE() and WRITE_ONCE() are made of these."""
        return ONCE if self.marked or self.unit_tree.types[node.type].volatile else NO_TAGS

    def read(self, spot: Spot, node: Any, tags: frozenset[str] = NO_TAGS) -> Val:
        """The value at a spot. An array is its first element's address."""
        if isinstance(spot, Part):
            return self._read_part(spot, node)
        if isinstance(spot, Bits):
            return self._read_bits(spot, node, tags)
        if isinstance(spot, Run):
            return self._field(self._run_word(spot, node, tags), values.ULONG, spot.shift, spot.width, spot.ctype)
        if isinstance(spot.type, layout.Array):
            return Val(self.address_expr(spot), pointer_to(spot.type.element))
        if isinstance(spot.type, Struct):
            return Whole(spot, node.type, spot.type)
        return self.load(spot, tags, node)

    def address_expr(self, place: Local | Place) -> Expr:
        """The address of a place in memory."""
        assert isinstance(place, Place)
        return place.addr

    def _read_part(self, part: Part, node: Any) -> Val:
        if isinstance(part.type, layout.Array):
            return Ref(Part(part.whole, part.offset, part.type.element), pointer_to(part.type.element), part.whole.decl)
        if isinstance(part.type, Struct):
            return Whole(part, node.type, part.type)
        found = self.register(part)
        return Val(Const(0), part.type) if found is None else self.read(found, node)

    def _read_bits(self, bits: Bits, node: Any, tags: frozenset[str] = NO_TAGS) -> Val:
        whole = self.load(bits.place, tags, node)
        unit = scalar_type(bits.place.type)
        moved: Expr = whole.expr
        if unit is POINTER or bits.width == unit.bits:
            return Val(self.convert(Val(moved, bits.place.type), bits.ctype, node), bits.ctype)
        unsigned = UNSIGNED[size_of(bits.place.type)]
        return self._field(self.convert(Val(moved, unit), unsigned, node), unsigned, bits.shift, bits.width, bits.ctype)

    def _field(self, word: Expr, unsigned: CType, shift: int, width: int, ctype: CType) -> Val:
        """``width`` bits of a word, from bit ``shift`` on, as a ``ctype``."""
        moved = self.fold(">>", word, Const(shift), unsigned) if shift else word
        if ctype.bits == 1:
            return Val(self.fold("&", moved, Const(1), unsigned), values.BOOL)
        if ctype.signed:
            return Val(_cast(CType(f"{width} bits", width, True), moved), ctype)
        return Val(self.fold("&", moved, Const((1 << width) - 1), unsigned), ctype)

    def _with_field(self, word: Expr, unsigned: CType, bits: Bits | Run, value: Val, node: Any) -> Expr:
        """A word with other bits in place of those of ``bits``."""
        mask = ((1 << bits.width) - 1) << bits.shift
        kept = self.fold("&", word, Const(unsigned.wrap(~mask)), unsigned)
        new = self.convert(Val(self.convert(value, bits.ctype, node), bits.ctype), unsigned, node)
        new = self.fold("<<", new, Const(bits.shift), unsigned) if bits.shift else new
        return self.fold("|", kept, self.fold("&", new, Const(mask), unsigned), unsigned)

    def _run_word(self, run: Run, node: Any, tags: frozenset[str]) -> Expr:
        """All pieces of a run in one word."""
        word: Expr = Const(0)
        for piece, start in run.pieces:
            read = self.convert(self.read(piece, node, tags), values.ULONG, node)
            word = self.fold("|", word, self.fold("<<", read, Const(start), values.ULONG), values.ULONG)
        return word

    def _write_run(self, run: Run, value: Val, node: Any, tags: frozenset[str]) -> None:
        new = self._with_field(self._run_word(run, node, tags), values.ULONG, run, value, node)
        stable = self.stable(Val(new, values.ULONG), node)
        for piece, start in run.pieces:
            moved = self.fold(">>", stable.expr, Const(start), values.ULONG)
            self.write(piece, Val(moved, values.ULONG), node, tags)

    def write(self, spot: Spot, value: Val, node: Any, tags: frozenset[str] = NO_TAGS) -> None:
        """Assign a value."""
        if isinstance(value, Whole):
            self.copy(spot, value, node)
        elif isinstance(spot, Part):
            found = self.register(spot)
            if found is not None:
                self.write(found, value, node)
        elif isinstance(spot, Bits):
            self._write_bits(spot, value, node, tags)
        elif isinstance(spot, Run):
            self._write_run(spot, value, node, tags)
        elif isinstance(spot, Local):
            self.assign(spot, value, node)
        else:
            self.store(spot, value, tags, node)

    def _write_bits(self, bits: Bits, value: Val, node: Any, tags: frozenset[str]) -> None:
        unit = scalar_type(bits.place.type)
        if unit is POINTER or bits.width == unit.bits:
            whole = Val(
                self.convert(Val(self.convert(value, bits.ctype, node), bits.ctype), bits.place.type, node), bits.place.type
            )
            self.write(bits.place, whole, node, tags)
            return
        unsigned = UNSIGNED[size_of(bits.place.type)]
        old = self.convert(self.load(bits.place, tags, node), unsigned, node)
        self.write(bits.place, Val(self._with_field(old, unsigned, bits, value, node), unsigned), node, tags)

    def copy(self, target: Spot, source: Whole, node: Any) -> None:
        """Assign a struct, scalar by scalar, as plain accesses."""
        for start, end, inside in clusters(self.kinds.leaves(source.index)):
            size = end - start
            type_: Type = inside[0].ctype
            if len(inside) > 1 and not all(leaf.ctype is POINTER for leaf in inside):
                if size not in UNSIGNED:
                    self.refuse(f"copying a union of {size} bytes is not supported", self.at(node))
                type_ = UNSIGNED[size]
            value = self.read(self.within(source.spot, start, type_), node)
            self.write(self.within(target, start, type_), value, node)

    def within(self, spot: Spot, offset: int, type_: Type) -> Spot:
        """What lies ``offset`` bytes into a struct or array."""
        if isinstance(spot, Part):
            return Part(spot.whole, spot.offset + offset, type_)
        if isinstance(spot, Place):
            return Place(self.add_bytes(spot.addr, offset), type_)
        assert isinstance(spot, Local) and offset == 0
        return spot

    # --- variables in registers ---

    def aggregate(self, decl: int, index: int, prefix: str) -> Aggregate | None:
        """Registers for a struct or array; None if it has to be in memory."""
        leaves = self.kinds.leaves(index)
        if len(leaves) > MAX_REGISTERS or decl in self.findings.in_memory:
            return None
        pieces = []
        for start, end, inside in clusters(leaves):
            one: CType | None = inside[0].ctype
            if len(inside) > 1:
                same = all(leaf.offset == start and leaf.end == end for leaf in inside)
                pointers = any(leaf.ctype is POINTER for leaf in inside)
                one = POINTER if same and pointers else None if pointers else UNSIGNED.get(end - start)
                if one is None:
                    return None
            assert one is not None
            reg = f"{prefix}{inside[0].name}"
            self.regs[reg] = one
            pieces.append((start, end, Local(reg, Pointer(VOID) if one is POINTER else one)))
        return Aggregate(decl, index, tuple(pieces))

    def register(self, part: Part) -> Local | Bits | None:
        """The register, or the bits of one, in which a scalar of an aggregate lies; None if there is none (outside of it)."""
        size = size_of(part.type)
        for start, end, local in part.whole.pieces:
            if start <= part.offset and part.offset + size <= end:
                if (start, end) == (part.offset, part.offset + size) and scalar_type(local.type) == scalar_type(part.type):
                    return Local(local.reg, part.type)
                return Bits(local, (part.offset - start) * 8, size * 8, scalar_type(part.type))
        self.findings.in_memory.add(part.whole.decl)
        return None

    # --- spots ---

    def spot(self, node: Any) -> Spot:
        """What an expression names."""
        self.at(node)
        match node:
            case t.Var():
                return self.variable(node)
            case t.Un(op="*"):
                return self.pointee(self.value(node.arg), self.type_of(node), node)
            case t.Member():
                return self._member_spot(node)
            case t.Index():
                return self._element(node)
            case t.Compound():
                return self._compound_literal(node)
            case t.Cast() if self.kinds.kind(node.type) == self.kinds.kind(node.arg.type) == "record":
                return self.spot(node.arg)
            case t.Cast() if self.type_of(node) == self.type_of(node.arg):
                return self.spot(node.arg)
        found = self.value(node)
        if isinstance(found, Whole):
            return found.spot
        return self.wrong("this is not a place that can be read or written", self.at(node))

    def variable(self, node: t.Var) -> Spot:
        """A variable."""
        found = self.bindings.get(node.decl)
        if found is None and node.decl not in self.program_objects.variables:  # int x = x;
            return self.declare_variable(node.decl, node.type, node.name, node)
        if found is None:
            self.known_type(node.type, node)
            found = self.program_objects.place(node.decl, self)
        if isinstance(found, Aggregate):
            return Part(found, 0, self.kinds.layout(found.type))
        if isinstance(found, Val):  # a parameter that is never assigned
            if isinstance(found, Whole):
                return found.spot
            local = Local(self.temp(found.type), found.type)
            self.out.append(Assign(local.reg, found.expr))
            return local
        return found

    def pointee(self, pointer: Val, type_: Type, node: Any) -> Spot:
        """What a pointer points to, as a ``type_``."""
        if isinstance(pointer, Ref):
            if isinstance(pointer.spot, Part):
                return Part(pointer.spot.whole, pointer.spot.offset, type_)
            if isinstance(type_, Struct | layout.Array) or size_of(type_) != size_of(pointer.spot.type):
                return Place(self.escape(pointer), type_)
            if scalar_type(type_) == scalar_type(pointer.spot.type):
                return pointer.spot
            return Bits(pointer.spot, 0, scalar_type(type_).bits, scalar_type(type_))
        return Place(self.convert(pointer, POINTER, node), type_)

    def _member_spot(self, node: Any) -> Spot:
        base = self.pointee(self.value(node.base), VOID, node) if node.arrow else self.spot(node.base)
        if isinstance(base, Bits | Run | Local):
            self.wrong("a member of what is not a struct", self.at(node))
        if node.width is None:
            return self.within(base, node.offset // 8, self.type_of(node))
        assert node.run is not None
        return self.bit_field(base, node.offset, node.width, node.run, scalar_type(self.type_of(node)))

    def bit_field(self, base: Spot, offset: int, width: int, run: tuple[int, int], ctype: CType) -> Spot:
        """A bit field, ``offset`` bits into what lies at ``base``."""
        pieces: list[tuple[Local | Place | Bits, int]] = []
        first = run_pieces(run)[0][0] * 8
        for start, size in run_pieces(run):
            piece = self.within(base, start, UNSIGNED[size])
            found = self.register(piece) if isinstance(piece, Part) else piece
            if not isinstance(found, Local | Place | Bits):
                return Local(self.temp(ctype), ctype)
            pieces.append((found, start * 8 - first))
        if len(pieces) > 1:
            return Run(tuple(pieces), offset - first, width, ctype)
        only = pieces[0][0]
        if isinstance(only, Bits):
            return Bits(only.place, only.shift + offset - first, width, ctype)
        return Bits(only, offset - first, width, ctype)

    def _element(self, node: Any) -> Spot:
        array, index = self.unordered(node, lambda: self.value(node.array), lambda: self.value(node.index))
        if not isinstance(array.type, Pointer):
            array, index = index, array
        return self.pointee(self.moved(array, index, "+", node), self.type_of(node), node)

    def moved(self, pointer: Val, index: Val, op: str, node: Any) -> Val:
        """``pointer + index`` in units of what it points to."""
        if isinstance(pointer, Ref):
            size = size_of(self.types.resolve(pointer.type.target)) if isinstance(pointer.type, Pointer) else 1
            if isinstance(index.expr, Const) and isinstance(index.expr.value, int) and isinstance(pointer.spot, Part):
                by = index.expr.value * size * (1 if op == "+" else -1)
                part = Part(pointer.spot.whole, pointer.spot.offset + by, pointer.spot.type)
                return Ref(part, pointer.type, pointer.decl)
            if index.expr == Const(0):
                return pointer
            return Val(self.escape(pointer), pointer.type)
        return self.offset(pointer, index, op, node)

    def _compound_literal(self, node: Any) -> Spot:
        spot = self.declare_variable(node.decl, node.type, "literal", node)
        self.initialise(spot, node.init, node)
        return spot

    # --- declarations ---

    def declare_variable(self, decl: int, index: int, name: str, node: Any) -> Spot:
        """A new local variable: in registers if it may be."""
        self.known_type(index, node)
        type_ = self.kinds.layout(index)
        if isinstance(type_, layout.Array) and type_.length == 0:
            self.refuse(f"the array {name}, whose length is not constant, is not supported", self.at(node))
        reg = self._register_name(name)
        if decl not in self.findings.in_memory:
            if isinstance(type_, Struct | layout.Array):
                whole = self.aggregate(decl, index, reg)
                if whole is not None:
                    self.bindings[decl] = whole
                    return Part(whole, 0, type_)
            else:
                self.regs[reg] = scalar_type(type_)
                local = self.bindings[decl] = Local(reg, type_)
                return local
        place = self.bindings[decl] = self.program_objects.local(decl, index, f"{self.index}:{reg}", self)
        return place

    def _register_name(self, name: str) -> str:
        base = self.frames[-1].prefix + name
        count = self.shadowed[base] = self.shadowed.get(base, 0) + 1
        return base if count == 1 else f"{base}.{count}"

    def initialise(self, spot: Spot, init: t.Expr, node: Any) -> None:
        """The initial value of a variable."""
        if isinstance(init, t.Text):
            assert isinstance(spot, Part | Place)
            for offset, byte in enumerate(_filled(init.text, size_of(spot.type))):
                self.write(self.within(spot, offset, values.CHAR), Val(Const(byte), values.CHAR), node)
            return
        if not isinstance(init, t.Init):
            self.write(spot, self.value(init), node)
            return
        given = [_bytes(item, size_of(self.kinds.layout(item.type))) for item in init.items]
        for leaf in self.kinds.leaves(init.type):
            if not any(start < leaf.end and leaf.offset < end for start, end in given):
                self.write(self.within(spot, leaf.offset, leaf.ctype), Val(Const(0), leaf.ctype), node)
        cleared: set[tuple[int, int]] = set()
        for item in init.items:
            type_ = self.kinds.layout(item.type)
            if item.width is None or item.run is None:
                self.initialise(self.within(spot, item.offset // 8, type_), item.value, item)
                continue
            for start, size in run_pieces(item.run) if item.run not in cleared else ():
                self.write(self.within(spot, start, UNSIGNED[size]), Val(Const(0), UNSIGNED[size]), node)
            cleared.add(item.run)
            self.initialise(self.bit_field(spot, item.offset, item.width, item.run, scalar_type(type_)), item.value, item)

    # --- expressions ---

    def _literal(self, node: t.Lit) -> Val:
        type_ = self.type_of(node)
        wrapped = node.value if isinstance(type_, Pointer) else scalar_type(type_).wrap(node.value)
        return Val(Const(wrapped), type_)

    def _text(self, node: t.Text) -> Val:
        return Val(Const(self.program_objects.text(node)), Pointer(values.CHAR))

    def _function_name(self, node: t.Fun) -> Val:
        return Val(Const(Ptr(f"{node.name}()")), Pointer(VOID))

    def _variable_value(self, node: t.Var) -> Val:
        found = self.bindings.get(node.decl)
        if isinstance(found, Val):
            return found
        return self.read(self.spot(node), node, self.tags_of(node))

    def _spot_value(self, node: Any) -> Val:
        if self.kinds.kind(node.type) == "function":
            assert isinstance(node, t.Un)
            return self.value(node.arg)
        return self.read(self.spot(node), node, self.tags_of(node))

    def _unary_value(self, node: Any) -> Val:
        if node.op == "*":
            return self._spot_value(node)
        if node.op == "&":
            if isinstance(node.arg, t.Fun):
                return self.value(node.arg)
            return self.address(self.spot(node.arg), node)
        return self.unary(node.op, self.value(node.arg), node)

    def address(self, spot: Spot, node: Any) -> Val:
        """``&spot``."""
        type_ = self.type_of(node)
        if isinstance(spot, Place):
            return Val(spot.addr, type_)
        if isinstance(spot, Part):
            return Ref(spot, type_, spot.whole.decl)
        if isinstance(spot, Local):
            return Ref(spot, type_, self._declaration(node))
        if isinstance(spot, Bits) and isinstance(spot.place, Local):
            return Ref(spot.place, type_, self._declaration(node))
        return self.wrong("the address of a bit field", self.at(node))

    def _declaration(self, node: Any) -> int:
        inner: Any = node
        while not isinstance(inner, t.Var | t.Compound):
            inner = getattr(inner, "arg", None) or getattr(inner, "base", None) or getattr(inner, "array", None)
            if inner is None:
                return -1
        found = self.bindings.get(inner.decl)
        return found.decl if isinstance(found, Ref) else int(inner.decl)

    def _binary_value(self, node: Any) -> Val:
        if node.op == ",":
            self.effect(node.left)
            return self.value(node.right)
        if node.op in ("&&", "||"):
            return self._logical(node)
        left, right = self.unordered(node, lambda: self.value(node.left), lambda: self.value(node.right))
        return self.combined(node.op, left, right, node)

    def combined(self, op: str, left: Val, right: Val, node: Any) -> Val:
        """``left op right``."""
        if op in ("+", "-") and isinstance(left, Ref) and not isinstance(right.type, Pointer):
            return self.moved(left, right, op, node)
        if op in ("==", "!=") and (isinstance(left, Ref) or isinstance(right, Ref)):
            same = isinstance(left, Ref) and isinstance(right, Ref) and left.spot == right.spot
            if same or not (isinstance(left, Ref) and isinstance(right, Ref)):
                # the address of a variable in registers is nowhere else
                return Val(Const(int(same == (op == "=="))), self.int)
        return self.operate(op, left, right, node)

    def truth(self, value: Val, node: Any) -> Expr:
        return Const(1) if isinstance(value, Ref) else super().truth(value, node)

    def _conditional(self, node: Any) -> Val:
        if node.then is None:
            first = self.stable(self.value(node.cond), node)
            with self.collect() as effects:
                other = self.value(node.other)
            type_ = self.type_of(node)
            cond = self.truth(first, node)
            return self._chosen(cond, [], self.convert(first, type_, node), list(effects), self.convert(other, type_, node), node)
        cond = self.truth(self.value(node.cond), node.cond)
        if self.kinds.kind(node.type) == "record" and not isinstance(cond, Const):
            return self._chosen_struct(cond, node)
        with self.collect() as first_effects:
            then = self.value(node.then)
        with self.collect() as second_effects:
            other = self.value(node.other)
        if isinstance(cond, Const):
            taken = values.truth(cond.value)
            self.out += first_effects if taken else second_effects
            return then if taken else other
        if self.kinds.kind(node.type) == "void":
            pos, text = self.where(node.cond)
            self.out.append(If(cond, tuple(first_effects), tuple(second_effects), pos, text))
            return Val(Const(0), VOID)
        type_ = self.type_of(node)
        return self._chosen(
            cond, first_effects, self.convert(then, type_, node), second_effects, self.convert(other, type_, node), node
        )

    def _chosen_struct(self, cond: Expr, node: Any) -> Val:
        """``cond ? a : b`` of structs: a copy of one of them."""
        self.unnamed += 1
        spot = self.declare_variable(-1 - self.unnamed, node.type, "chosen", node)
        with self.collect() as then:
            self.write(spot, self.value(node.then), node)
        with self.collect() as other:
            self.write(spot, self.value(node.other), node)
        pos, text = self.where(node.cond)
        self.out.append(If(cond, tuple(then), tuple(other), pos, text))
        return Whole(spot, node.type, self.kinds.layout(node.type))

    def _chosen(self, cond: Expr, first: list[Any], a: Expr, second: list[Any], b: Expr, node: Any) -> Val:
        type_ = self.type_of(node)
        if not first and not second:
            return Val(Conditional(cond, a, b), type_)
        reg = self.temp(type_)
        pos, text = self.where(node.cond)
        then, other = (*first, Assign(reg, a, pos)), (*second, Assign(reg, b, pos))
        self.out.append(If(cond, then, other, pos, text))
        return Val(Reg(reg), type_)

    def _cast_value(self, node: Any) -> Val:
        kind = self.kinds.kind(node.type)
        if kind == "void":
            self.effect(node.arg)
            return Val(Const(0), VOID)
        inner = self.kinds.kind(node.arg.type)
        if inner == "array":
            spot = self.spot(node.arg) if not isinstance(node.arg, t.Text) else None
            if spot is None:
                return self.value(node.arg)
            decayed = self.read(spot, node.arg)
            return self._retyped(decayed, self.type_of(node))
        if inner == "function":
            return self.value(node.arg)
        if kind == "record":
            return self.value(node.arg)
        value = self._converted(node)
        type_ = self.type_of(node)
        if isinstance(value, Ref) and isinstance(type_, Pointer):
            return self._retyped(value, type_)
        return Val(self.convert(value, type_, node), type_)

    def _converted(self, node: Any) -> Val:
        """The value of a conversion's operand; what a void pointer becomes says what is allocated there."""
        given = self.kinds.given
        from_void = given[node.arg.type].kind == "pointer" and given[given[node.arg.type].target].kind == "void"
        saved = self.expected
        if from_void and given[node.type].kind == "pointer":
            self.expected = given[node.type].target
        try:
            return self.value(node.arg)
        finally:
            self.expected = saved

    def _retyped(self, value: Val, type_: Type) -> Val:
        return Ref(value.spot, type_, value.decl) if isinstance(value, Ref) else Val(value.expr, type_)

    def _tree_assign(self, node: Any, wanted: bool = True) -> Val:
        spot: Spot | None = None
        old: Val | None = None

        def target() -> Val:
            nonlocal spot, old
            spot = self.spot(node.left)
            old = self.read(spot, node.left, self.tags_of(node.left)) if node.op else None
            return Val(Const(0), VOID)

        if self.jumps(node.right):  # the right side first, where it stands: it may leave for another place
            value = (
                self.stable(self.value(node.right), node) if self.kinds.kind(node.type) != "record" else self.value(node.right)
            )
            target()
        else:
            _, value = self.unordered(node, target, lambda: self.value(node.right))
        assert spot is not None
        if isinstance(value, Whole):
            self.copy(spot, value, node)
            return Whole(spot, node.type, value.type)
        if old is not None:
            value = self.combined(node.op, old, value, node)
        type_ = self.type_of(node.left)
        if wanted and not isinstance(spot, Local):
            value = self.stable(Val(self.convert(value, type_, node), type_), node)
        self.write(spot, value, node, self.tags_of(node.left))
        if not wanted:
            return Val(Const(0), VOID)
        return self._of_bits(spot, value, node) if isinstance(spot, Bits | Run) else self._written(spot, value)

    def _written(self, spot: Spot, value: Val) -> Val:
        return Val(Reg(spot.reg), spot.type) if isinstance(spot, Local) else value

    def _of_bits(self, bits: Bits | Run, value: Val, node: Any) -> Val:
        """The value of an assignment to a bit field is what the bit field has now."""
        unsigned = values.ULONG
        if bits.ctype.bits in (1, bits.width):
            return value
        if bits.ctype.signed:
            return Val(_cast(CType(f"{bits.width} bits", bits.width, True), value.expr), bits.ctype)
        return Val(self.fold("&", self.convert(value, unsigned, node), Const((1 << bits.width) - 1), unsigned), bits.ctype)

    def _tree_step(self, node: Any, wanted: bool = True) -> Val:
        spot = self.spot(node.arg)
        tags = self.tags_of(node.arg)
        old = self.read(spot, node.arg, tags)
        if wanted and not node.prefix:
            old = self.stable(old, node)
        new = self.combined(node.op, old, Val(Const(1), self.int), node)
        type_ = self.type_of(node.arg)
        if wanted and node.prefix:
            new = self.stable(Val(self.convert(new, type_, node), type_), node)
        self.write(spot, new, node, tags)
        return new if node.prefix else old

    def _unknown(self, node: t.Unknown) -> NoReturn:
        self.refuse(f"{node.what} is not supported", self.at(node))

    def _call_value(self, node: Any) -> Val:
        return self.invoke(node)

    def invoke(self, node: Any) -> Val:
        """A call."""
        raise NotImplementedError

    def _statement_value(self, node: Any) -> Val:
        return self.statement_expression(node)

    def statement_expression(self, node: Any) -> Val:
        """``({ ... })``."""
        raise NotImplementedError

    def jumps(self, node: Any) -> bool:
        """Does a jump lead into or out of ``node``?"""
        raise NotImplementedError

    def _compound_value(self, node: Any) -> Val:
        return self.read(self.spot(node), node)

    def _init_value(self, node: Any) -> Val:
        spot = self.declare_variable(-1_000_000 - node.at, node.type, "list", node)
        self.initialise(spot, node, node)
        return self.read(spot, node)


def _filled(text: str, size: int) -> bytes:
    """A string in an array of so many bytes."""
    return text.encode("latin-1")[:size].ljust(size, b"\0")


def _bytes(item: t.InitItem, size: int) -> tuple[int, int]:
    """From which byte to which an initial value reaches."""
    if item.run is not None:
        return item.run[0] // 8, -(-item.run[1] // 8)
    return item.offset // 8, item.offset // 8 + size


def _cast(ctype: CType, expr: Expr) -> Expr:
    return Const(ctype.wrap(expr.value)) if isinstance(expr, Const) else Cast(ctype, expr)


_VALUES: dict[type, Callable[..., Val]] = {
    t.Lit: TreeExpressions._literal,
    t.Text: TreeExpressions._text,
    t.Fun: TreeExpressions._function_name,
    t.Var: TreeExpressions._variable_value,
    t.Member: TreeExpressions._spot_value,
    t.Index: TreeExpressions._spot_value,
    t.Un: TreeExpressions._unary_value,
    t.Bin: TreeExpressions._binary_value,
    t.Cond: TreeExpressions._conditional,
    t.Cast: TreeExpressions._cast_value,
    t.Assign: TreeExpressions._tree_assign,
    t.Step: TreeExpressions._tree_step,
    t.Call: TreeExpressions._call_value,
    t.StmtExpr: TreeExpressions._statement_value,
    t.Compound: TreeExpressions._compound_value,
    t.Init: TreeExpressions._init_value,
    t.Unknown: TreeExpressions._unknown,
}
__all__ = ["Findings", "Frame", "TreeExpressions"]
