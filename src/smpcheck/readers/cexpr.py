"""C expressions: their accesses become events, in C's order; their value is a pure expression over registers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from msgspec.structs import replace

from smpcheck.errors import InputError, NotParsedError
from smpcheck.program import values
from smpcheck.program.ir import Assign, Conditional, Const, If, Load, Position, Reg, Stmt, Store
from smpcheck.program.values import POINTER, CType
from smpcheck.readers import ctree as c
from smpcheck.readers.carith import Arithmetic, T, partial
from smpcheck.readers.cvalues import Binding, ByName, Frame, Local, LValue, NeedWide, Place, Scope, Val
from smpcheck.readers.deffile import Definitions
from smpcheck.readers.layout import (
    VOID,
    Array,
    BitField,
    Pointer,
    Struct,
    Type,
    TypeTable,
    Void,
    align_of,
    cells,
    scalar_type,
    show,
    size_of,
)
from smpcheck.readers.operand_order import MAX_ORDERS
from smpcheck.readers.source import Source, shorten

if TYPE_CHECKING:
    from smpcheck.readers.memory import Memory

NO_TAGS: frozenset[str] = frozenset()


class Expressions(Arithmetic, ABC):
    """Values and places of expressions. ``definitions`` and ``memory`` as in :class:`~smpcheck.readers.lower.Lowering`."""

    def __init__(self, source: Source, types: TypeTable, definitions: Definitions, memory: Memory) -> None:
        super().__init__(source, types)
        self.definitions = definitions
        self.memory = memory
        self.objects = memory.known
        self.access = memory.access
        self.remark = memory.remark
        self.notes = memory.notes
        self.root = Scope(None)
        self.scope = self.thread_scope = self.root
        self.frames: list[Frame] = []
        self.calls: list[str] = []
        self.shadowed: dict[str, int] = {}
        self.undeclared: frozenset[str] = frozenset()

    @abstractmethod
    def call(self, node: c.Call, wanted: bool = True) -> Val:
        """Lower a call; without ``wanted`` only for its effects."""

    @abstractmethod
    def macro_place(self, node: c.Call) -> LValue:
        """The place that a call to a macro stands for."""

    def one_order(self, pos: Position | None) -> None:
        """Note that operands were evaluated from left to right only."""
        self.notes[
            f"{pos}: C leaves the order of these operands open, and not all orders were tried (at most {MAX_ORDERS} are): "
            "an outcome of another order was not looked for"
        ] = None

    # --- variables ---

    def declare(self, name: str, type_: Type, at: int) -> Local:
        """A variable in the innermost scope. Disjoint scopes share the register, so that ``0:r1`` means what it says."""
        if name in self.scope.names:
            self.wrong(f"'{name}' is declared twice", at)
        reg = self.frames[-1].prefix + name
        if isinstance(self._hidden(name), Local):
            self.shadowed[reg] = self.shadowed.get(reg, 1) + 1
            reg = f"{reg}.{self.shadowed[reg]}"
        ctype = scalar_type(type_)
        known = self.regs.get(reg)
        self.regs[reg] = known if known is not None and known.bits > ctype.bits else ctype
        local = Local(reg, type_)
        self.scope.names[name] = local
        return local

    def _hidden(self, name: str) -> Binding | None:
        """The variable of this function that a new declaration of ``name`` hides."""
        scope: Scope | None = self.scope
        while scope is not None and scope is not self.root:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def lookup(self, node: c.Name) -> Binding:
        """What a name means. A name that a thread assigns to without declaring it is a register, as for herd7."""
        found = self.scope.find(node.name)
        if found is None and node.name in self.undeclared and self.scope.inside(self.thread_scope):
            found = self.thread_scope.names[node.name] = Local(node.name, self.int)
            self.regs.setdefault(node.name, self.int)
        if found is None:
            if self.types.lookup((node.name,)) is not None:
                self.wrong(f"'{node.name}' is a type, not a value", node.at)
            self.not_declared(node.name, node.at)
        return found

    def not_declared(self, name: str, at: int) -> NoReturn:
        """Raise InputError for a name that means nothing where it is used."""
        function = next(frame for frame in reversed(self.frames) if frame.name)
        hint = f": declare it, or give {function.name} a parameter '*{name}'" if function is self.frames[0] else ""
        raise NotParsedError(f"'{name}' is neither declared nor assigned in {function.name}(){hint}", self.source.pos(at))

    def argument(self, argument: ByName, lower: Callable[[c.CExpr], T], scope: Scope | None = None) -> T:
        """A macro's argument lowered, in the scope and place that it has (``scope`` instead of its own, if given)."""
        saved = self.scope, self.span
        self.scope, self.span = scope or argument.scope, argument.span
        try:
            return lower(argument.node)
        finally:
            self.scope, self.span = saved

    # --- places ---

    def lvalue(self, node: c.CExpr) -> LValue:
        """The variable or memory that ``node`` names."""
        if isinstance(node, c.Name):
            found = self.lookup(node)
            if isinstance(found, ByName):
                return self.argument(found, self.lvalue)
            if isinstance(found, Val):
                self.wrong(f"'{node.name}' is not a variable of the thread: it is not stored anywhere", self.at(node))
            return found
        if isinstance(node, c.Un) and node.op == "*":
            pointer = self.value(node.arg)
            if isinstance(node.arg, c.Convert):
                self._same_width(pointer, node.arg)
            return self._pointee(pointer, node)
        if isinstance(node, c.Index):
            array, index = self.unordered(node, lambda: self.value(node.array), lambda: self.value(node.index))
            if isinstance(index.type, Pointer):
                array, index = index, array
            if not isinstance(array.type, Pointer) or not isinstance(index.type, CType):
                self.wrong(f"'{shorten(self.where(node)[1])}' does not index an array", self.at(node))
            return self._pointee(self.offset(array, index, "+", node), node)
        if isinstance(node, c.Member):
            return self._member(node)
        if isinstance(node, c.Call):
            return self.macro_place(node)
        text = shorten(self.where(node)[1])
        return self.wrong(f"'{text}' is not a place that can be read or written", self.at(node))

    def _same_width(self, pointer: Val, cast: c.Convert) -> None:
        """``*(T *)p`` where ``p`` is a computed ``U *``, and one of T and U is a pointer, the other an int."""
        if isinstance(pointer.expr, Const) or not isinstance(pointer.type, Pointer):
            return
        with self.collect():
            before = self.value(cast.arg).type
        if not isinstance(before, Pointer):
            return
        old, new = before.target, pointer.type.target
        if isinstance(old, (Void, Struct)) or isinstance(new, (Void, Struct)) or size_of(old) in (1, size_of(new)):
            return
        if POINTER in (scalar_type(old), scalar_type(new)) and {size_of(old), size_of(new)} == {4, 8}:
            raise NeedWide(self.source.pos(self.at(cast)))

    def _pointee(self, pointer: Val, node: c.CExpr) -> LValue:
        if pointer.local is not None:
            return pointer.local
        if isinstance(pointer.type, Pointer):
            if isinstance(pointer.type.target, Void):
                self.wrong("a void pointer cannot be dereferenced: cast it first", self.at(node))
            return Place(pointer.expr, self.types.resolve(pointer.type.target))
        if isinstance(pointer.type, CType) and pointer.type.bits in (32, 64):  # an integer that holds an address, as herd7 allows
            if pointer.type.bits == 32:
                raise NeedWide(self.source.pos(self.at(node)))
            return Place(pointer.expr, pointer.type)
        return self.wrong(f"a value of type {show(pointer.type)} cannot be dereferenced", self.at(node))

    def _member(self, node: c.Member) -> LValue:
        place = self._pointee(self.value(node.object), node) if node.arrow else self.lvalue(node.object)
        if not isinstance(place, Place) or not isinstance(place.type, Struct):
            self.wrong(f"'.{node.name}' of something that is not a struct but {show(place.type)}", self.at(node))
        if place.type.fields is None:
            self.wrong(f"{place.type.name} is not defined in this file", self.at(node))
        found = place.type.fields.get(node.name)
        if found is None:
            names = ", ".join(place.type.fields)
            self.wrong(f"{place.type.name} has no member '{node.name}' (it has {names})", self.at(node))
        return self.field(place, node.name, *found)

    def field(self, place: Place, name: str, offset: int, type_: Type) -> Place:
        """The member ``name`` of the struct at ``place``."""
        return Place(self.add_bytes(place.addr, offset), type_)

    # --- reading and writing ---

    def load(self, place: LValue, tags: frozenset[str], node: c.CExpr) -> Val:
        """Read ``place``: a register, or memory by an event with ``tags``. An array is its first element's address."""
        if isinstance(place, Local):
            return Val(Reg(place.reg), place.type)
        if isinstance(place.type, Array):
            return Val(place.addr, Pointer(place.type.element))
        if isinstance(place.type, BitField):
            return self._extracted(place.type, self._location(place, tags, node), node)
        if isinstance(place.type, (Struct, Void)):
            self.refuse(f"reading a whole {show(place.type)} is not supported", self.at(node))
        ctype = scalar_type(place.type)
        self.access(place.addr, ctype, self.at(node))
        reg = self.temp(ctype)
        pos, text = self.where(node)
        self.out.append(Load(reg, place.addr, tags, pos, text, ctype=ctype))
        return Val(Reg(reg), place.type)

    def store(self, place: LValue, value: Val, tags: frozenset[str], node: c.CExpr) -> None:
        """Write ``value``, converted, to ``place``."""
        if isinstance(place, Local):
            self.assign(place, value, node)
            return
        if isinstance(place.type, BitField):
            self._store_bits(place, self._location(place, tags, node), value, node)
            return
        if isinstance(place.type, (Array, Struct, Void)):
            self.refuse(f"assigning a whole {show(place.type)} is not supported", self.at(node))
        ctype = scalar_type(place.type)
        self.access(place.addr, ctype, self.at(node))
        converted = self.convert(value, place.type, node)
        pos, text = self.where(node)
        self.out.append(Store(place.addr, converted, tags, pos, text, ctype=ctype))

    # --- bit fields: plain accesses to the memory location that they are in (C11 3.14) ---

    def _location(self, place: Place, tags: frozenset[str], node: c.CExpr) -> Val:
        """The contents of the location that a bit field is in."""
        assert isinstance(place.type, BitField)
        if tags:
            self.wrong(
                f"'{shorten(self.where(node)[1])}': a bit field has no address, and cannot be accessed by this", self.at(node)
            )
        return self.load(Place(place.addr, place.type.place), NO_TAGS, node)

    def _extracted(self, field: BitField, location: Val, node: c.CExpr) -> Val:
        """The value of a bit field, given the contents of its location."""
        fits = field.width < 32 or (field.width == 32 and field.ctype.signed)
        type_ = self.int if fits else field.ctype
        if field.ctype.signed:
            up = self.fold("<<", location.expr, Const(64 - field.shift - field.width), values.LONG)
            number = self.fold(">>", up, Const(64 - field.width), values.LONG)
        else:
            down = self.fold(">>", location.expr, Const(field.shift), values.ULONG) if field.shift else location.expr
            number = self.fold("&", down, Const((1 << field.width) - 1), values.ULONG)
        return Val(self.convert(Val(number, values.LONG if field.ctype.signed else values.ULONG), type_, node), type_)

    def _store_bits(self, place: Place, location: Val, value: Val, node: c.CExpr) -> None:
        """Write a bit field, and with it the whole location, whose other bits are those that were read."""
        field = place.type
        assert isinstance(field, BitField)
        mask = (1 << field.width) - 1
        number = Val(self.convert(value, field.ctype, node), field.ctype)
        wide = self.fold("&", self.convert(number, values.ULONG, node), Const(mask), values.ULONG)
        here = self.fold("<<", wide, Const(field.shift), values.ULONG) if field.shift else wide
        others = Const(((1 << field.place.bits) - 1) & ~(mask << field.shift))
        rest = self.fold("&", location.expr, others, values.ULONG)
        new = self.fold("|", rest, here, values.ULONG) if others.value else here
        self.store(Place(place.addr, field.place), Val(new, values.ULONG), NO_TAGS, node)

    # --- several scalars at once ---

    def copy_object(self, target: Place, source: Place, node: c.CExpr) -> None:
        """Copy an object, scalar by scalar: plain accesses, as those of memcpy() are."""
        for offset, _, ctype in cells(target.type, ""):
            value = self.load(Place(self.add_bytes(source.addr, offset), ctype), NO_TAGS, node)
            self.store(Place(self.add_bytes(target.addr, offset), ctype), value, NO_TAGS, node)

    def copy_bytes(self, node: c.Call, at_once: bool) -> Val:
        """``memcpy(to, from, n)``: plain accesses to the scalars of what ``to`` points to; ``at_once``: all reads come first."""
        to, source = self.value(node.args[0]), self.value(node.args[1])
        offsets = self._scalars_of(to, node, source)
        pairs = [
            (Place(self.add_bytes(to.expr, offset), ctype), Place(self.add_bytes(source.expr, offset), ctype))
            for offset, ctype in offsets
        ]
        if at_once:
            read = [(target, self.load(place, NO_TAGS, node)) for target, place in pairs]
            for target, value in read:
                self.store(target, value, NO_TAGS, node)
        else:
            for target, place in pairs:
                self.store(target, self.load(place, NO_TAGS, node), NO_TAGS, node)
        return to

    def fill_bytes(self, node: c.Call) -> Val:
        """``memset(to, c, n)``: plain stores to the scalars of what ``to`` points to."""
        to, filler = self.value(node.args[0]), self.value(node.args[1])
        byte = self.convert(Val(self.convert(filler, values.UCHAR, node), values.UCHAR), values.ULONG, node)
        for offset, ctype in self._scalars_of(to, node):
            ones = Const(sum(1 << 8 * i for i in range(ctype.size)))
            value = Val(self.fold("*", byte, ones, values.ULONG), values.ULONG)
            place_type = values.ULONG if ctype is POINTER else ctype
            self.store(Place(self.add_bytes(to.expr, offset), place_type), value, NO_TAGS, node)
        return to

    def _scalars_of(self, to: Val, node: c.Call, source: Val | None = None) -> list[tuple[int, CType]]:
        """The scalars in the first so many bytes of what a pointer leads to: of its type, or bytes where that does not fit, or
        what is copied from may be aligned worse."""
        name = node.name
        count = self.convert(self.value(node.args[2]), values.ULONG, node)
        if to.local is not None:
            self.refuse(f"{name}() of a local variable that lies in no memory is not supported", self.at(node))
        if not isinstance(count, Const) or not isinstance(count.value, int):
            self.refuse(f"{name}() of a size that is not constant is not supported", self.at(node))
        type_ = to.type.target if isinstance(to.type, Pointer) else VOID
        complete = not isinstance(type_, Void) and not (isinstance(type_, Struct) and type_.fields is None)
        size = size_of(type_) if complete else 1
        given = source.type.target if source is not None and isinstance(source.type, Pointer) else VOID
        worse = complete and not isinstance(given, Void) and align_of(given) < align_of(type_)
        if count.value % size or worse:
            size, complete = 1, False
        if count.value // size > c.MAX_ARRAY:
            self.refuse(f"{name}() of {count.value} bytes is not supported: at most {c.MAX_ARRAY} elements", self.at(node))
        parts = [(offset, ctype) for offset, _, ctype in cells(type_, "")] if complete else [(0, values.UCHAR)]
        return [(n * size + offset, ctype) for n in range(count.value // size) for offset, ctype in parts]

    def assign(self, local: Local, value: Val, node: c.CExpr | c.CStmt) -> None:
        """Write a variable. What was loaded just now (and is used nowhere else) is loaded into it directly."""
        expr = self.convert(value, local.type, node)
        last = self.out[-1] if self.out else None
        if isinstance(expr, Reg) and isinstance(last, Load) and last.reg == expr.name and _is_temporary(expr.name):
            self.out[-1] = replace(last, reg=local.reg)
            self.regs.pop(expr.name, None)
            return
        self.out.append(Assign(local.reg, expr, self.source.pos(self.at(node))))

    def stable(self, value: Val, node: c.CExpr) -> Val:
        """``value`` in a register of its own, that nothing changes later."""
        if isinstance(value.expr, Const):
            return value
        local = Local(self.temp(value.type), value.type)
        self.assign(local, value, node)
        return Val(Reg(local.reg), value.type)

    # --- values ---

    def value(self, node: c.CExpr) -> Val:
        """Lower ``node``; its accesses are emitted."""
        return _VALUES[type(node)](self, node)

    def effect(self, node: c.CExpr) -> None:
        """Lower ``node`` for its effects only."""
        if isinstance(node, c.Step):
            self._step(node, False)
        elif isinstance(node, c.Call):
            self.call(node, False)
        elif isinstance(node, c.Assignment):
            self._assignment(node, False)
        elif isinstance(node, c.Convert) and node.type == VOID:
            self.effect(node.arg)
        elif isinstance(node, c.Comma):
            self.effect(node.left)
            self.effect(node.right)
        else:
            self.value(node)

    def _num(self, node: c.Num) -> Val:
        return Val(Const(node.value), Pointer(VOID) if node.ctype is POINTER else node.ctype)

    def _name(self, node: c.Name) -> Val:
        found = self.lookup(node)
        if isinstance(found, Val):
            return found
        if isinstance(found, ByName):
            return self.argument(found, self.value)
        return self.load(found, NO_TAGS, node)

    def _unary(self, node: c.Un) -> Val:
        if node.op == "*":
            return self._place(node)
        if node.op == "&":
            place = self.lvalue(node.arg)
            if isinstance(place.type, BitField):
                self.wrong(f"'{shorten(self.where(node)[1])}': a bit field has no address", self.at(node))
            if isinstance(place, Local):
                return Val(Const(0), Pointer(place.type), place)
            return Val(place.addr, Pointer(place.type))
        return self.unary(node.op, self.value(node.arg), node)

    def _place(self, node: c.CExpr) -> Val:
        return self.load(self.lvalue(node), NO_TAGS, node)

    def _binary(self, node: c.Bin) -> Val:
        if node.op in ("&&", "||"):
            return self._logical(node)
        left, right = self.unordered(node, lambda: self.value(node.left), lambda: self.value(node.right))
        return self.operate(node.op, left, right, node)

    def _logical(self, node: c.Bin) -> Val:
        """``&&`` and ``||``: pure, or a branch where the right side has effects."""
        left = self.truth(self.value(node.left), node.left)
        either = node.op == "||"
        if isinstance(left, Const) and values.truth(left.value) == either:
            return Val(Const(int(either)), self.int)
        with self.collect() as effects:
            right = self.truth(self.value(node.right), node.right)
        if isinstance(left, Const):
            self.out += effects
            return Val(self.as_bool(right), self.int)
        if not effects and not partial(right):
            return Val(self.fold(node.op, left, right, self.int), self.int)
        if not effects:
            both = (Const(1), self.as_bool(right)) if either else (self.as_bool(right), Const(0))
            return Val(Conditional(left, *both), self.int)
        reg = self.temp(self.int)
        pos, text = self.where(node.left)
        effects.append(Assign(reg, self.as_bool(right), pos))
        decided: tuple[Stmt, ...] = (Assign(reg, Const(int(either)), pos),)
        branches = (decided, tuple(effects)) if either else (tuple(effects), decided)
        self.out.append(If(left, *branches, pos, text))
        return Val(Reg(reg), self.int)

    def _ternary(self, node: c.Ternary) -> Val:
        cond = self.truth(self.value(node.cond), node.cond)
        with self.collect() as first:
            then = self.promote(self.value(node.then))
        with self.collect() as second:
            other = self.promote(self.value(node.other))
        pos, text = self.where(node.cond)
        if isinstance(then.type, Void) and isinstance(other.type, Void):
            self.out.append(If(cond, tuple(first), tuple(second), pos, text))
            return Val(Const(0), VOID)
        type_: Type = self.common(then.type, other.type)
        if type_ is POINTER:
            type_ = then.type if isinstance(then.type, Pointer) and then.type.target != VOID else other.type
            type_ = type_ if isinstance(type_, Pointer) else then.type
        a, b = self.convert(then, type_, node), self.convert(other, type_, node)
        if isinstance(cond, Const):
            taken = values.truth(cond.value)
            self.out += first if taken else second
            return Val(a if taken else b, type_)
        if not first and not second:
            return Val(Conditional(cond, a, b), type_)
        reg = self.temp(type_)
        first.append(Assign(reg, a, pos))
        second.append(Assign(reg, b, pos))
        self.out.append(If(cond, tuple(first), tuple(second), pos, text))
        return Val(Reg(reg), type_)

    def _comma(self, node: c.Comma) -> Val:
        self.effect(node.left)
        return self.value(node.right)

    def _convert(self, node: c.Convert) -> Val:
        value = self.value(node.arg)
        if isinstance(node.type, Void):
            return Val(Const(0), VOID)
        if isinstance(node.type, (Struct, Array)):
            self.wrong(f"a cast to {show(node.type)}", self.at(node))
        if value.local is not None and isinstance(node.type, Pointer):
            return Val(value.expr, node.type, value.local)
        return Val(self.convert(value, node.type, node), node.type)

    def _sizeof(self, node: c.SizeOf) -> Val:
        """Only the type matters: what its operand emits is dropped."""
        count, regs = self.count, dict(self.regs)
        with self.collect():
            try:
                type_ = self.lvalue(node.arg).type
            except InputError:
                type_ = self.value(node.arg).type
        self.count, self.regs = count, regs
        return Val(Const(size_of(type_)), values.ULONG)

    def changed(self, node: c.CExpr) -> LValue:
        """What an assignment is to."""
        place = self.lvalue(node)
        if isinstance(place, Local) and place.const:
            self.wrong(f"'{self.where(node)[1]}' is const: nothing can be assigned to it", self.at(node))
        return place

    def _assignment(self, node: c.Assignment, wanted: bool = True) -> Val:
        place: LValue | None = None
        old: Val | None = None
        location: Val | None = None

        def target() -> Val:
            nonlocal place, old, location
            place = self.changed(node.target)
            if isinstance(place.type, BitField) and isinstance(place, Place):
                location = self._location(place, NO_TAGS, node) if node.op else None
                old = self._extracted(place.type, location, node) if location is not None else None
            else:
                old = self.load(place, NO_TAGS, node.target) if node.op else None
            return Val(Const(0), VOID)

        if not node.op and isinstance(node.target, (c.Name, c.Member, c.Index, c.Un)) and self._is_struct(node.target):
            to, source = self.changed(node.target), self.lvalue(node.value)
            if not isinstance(to, Place) or not isinstance(source, Place) or source.type != to.type:
                self.wrong(f"a {show(to.type)} is assigned from a {show(source.type)}", self.at(node))
            self.copy_object(to, source, node)
            return Val(Const(0), VOID)

        _, value = self.unordered(node, target, lambda: self.value(node.value))
        assert place is not None
        if old is not None:
            value = self.operate(node.op, old, value, node)
        if isinstance(place.type, BitField) and isinstance(place, Place):
            value = self.stable(value, node)
            location = location or self._location(place, NO_TAGS, node)
            self._store_bits(place, location, value, node)
            return value
        if wanted and isinstance(place, Place):
            value = self.stable(Val(self.convert(value, place.type, node), place.type), node)
        self.store(place, value, NO_TAGS, node)
        return Val(Reg(place.reg), place.type) if isinstance(place, Local) else value

    def _is_struct(self, node: c.CExpr) -> bool:
        """Is this place a whole struct? Nothing is emitted."""
        count, regs = self.count, dict(self.regs)
        with self.collect():
            found = isinstance(self.lvalue(node).type, Struct)
        self.count = count
        self.regs = {name: ctype for name, ctype in self.regs.items() if name in regs or not _is_temporary(name)}
        return found

    def _step(self, node: c.Step, wanted: bool = True) -> Val:
        place = self.changed(node.target)
        if isinstance(place.type, BitField) and isinstance(place, Place):
            location = self._location(place, NO_TAGS, node)
            old = self._extracted(place.type, location, node)
            new = self.operate(node.op, old, Val(Const(1), self.int), node)
            self._store_bits(place, location, new, node)
            return new if node.prefix else old
        old = self.load(place, NO_TAGS, node.target)
        if wanted and not node.prefix:
            old = self.stable(old, node)
        new = self.operate(node.op, old, Val(Const(1), self.int), node)
        if wanted and node.prefix:
            new = self.stable(Val(self.convert(new, place.type, node), place.type), node)
        self.store(place, new, NO_TAGS, node)
        return new if node.prefix else old


def _is_temporary(reg: str) -> bool:
    return reg[0] in "%$" and reg[1:].isdigit()


_VALUES: dict[type, Callable[..., Val]] = {
    c.Num: Expressions._num,
    c.Name: Expressions._name,
    c.Un: Expressions._unary,
    c.Bin: Expressions._binary,
    c.Assignment: Expressions._assignment,
    c.Step: Expressions._step,
    c.Call: lambda self, node: self.call(node),
    c.Member: Expressions._place,
    c.Index: Expressions._place,
    c.Convert: Expressions._convert,
    c.Ternary: Expressions._ternary,
    c.Comma: Expressions._comma,
    c.SizeOf: Expressions._sizeof,
}
