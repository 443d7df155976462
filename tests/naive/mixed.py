"""Random programs whose accesses have several sizes: words, their halves and bytes, and structs that are accessed as words."""

from __future__ import annotations

import random

from smpcheck.program import ir
from smpcheck.program.values import CHAR, INT, POINTER, UCHAR, UINT, ULONG, USHORT, CType, Ptr

TYPES = (UCHAR, CHAR, USHORT, UINT, INT)
VALUES = (0, 1, 2, 0x100, 0x101, 0x10000, 0x10001, -1, 0x1020304)
LOADS = (frozenset({"Once"}), frozenset({"Once"}), frozenset({"Acquire"}))
STORES = (frozenset({"Once"}), frozenset({"Once"}), frozenset({"Release"}))
FENCES = ("Mb", "Mb", "Rmb", "Wmb")
PLAIN: frozenset[str] = frozenset()


class Generator:
    """One program of about ``budget`` events; its marked accesses only, unless ``plain``. ``computed``: some addresses are
    computed of what was read, and some of these are nowhere, or misaligned."""

    def __init__(self, seed: int, budget: int, computed: bool) -> None:
        self.rng = rng = random.Random(seed)
        self.computed = computed
        self.plain = seed % 3 == 0 and not computed
        self.budget = budget
        self.smallest = rng.choice((UCHAR, USHORT, USHORT))
        self.cells = {Ptr("x"): ir.Cell("x", rng.choice((UINT, INT)), rng.choice((0, 0, 3)))}
        if rng.random() < 0.5:
            self.cells |= {Ptr("y"): ir.Cell("y.low", USHORT), Ptr("y", 2): ir.Cell("y.high", USHORT)}
        else:
            self.cells[Ptr("y")] = ir.Cell("y")
        self.types: dict[str, CType] = {}

    def place(self) -> tuple[ir.Expr, CType]:
        """Where an access is to, and its type."""
        rng = self.rng
        ctype = rng.choice([t for t in TYPES if t.size >= self.smallest.size])
        base = rng.choice(("x", "x", "y"))
        if self.computed and self.types and rng.random() < 0.5:
            mask, step = rng.choice(((4 // ctype.size - 1, ctype.size), (4 // ctype.size - 1, ctype.size), (7, 1)))
            index = ir.Binary("&", ir.Reg(rng.choice(list(self.types))), ir.Const(mask), ULONG)
            return ir.Binary("+", ir.Const(Ptr(base)), ir.Binary("*", index, ir.Const(step), ULONG), POINTER), ctype
        return ir.Const(Ptr(base, rng.randrange(4 // ctype.size) * ctype.size)), ctype

    def value(self) -> ir.Expr:
        rng = self.rng
        if self.types and rng.random() < 0.3:
            return ir.Reg(rng.choice(list(self.types)))
        return ir.Const(rng.choice(VALUES))

    def register(self, ctype: CType) -> str:
        name = f"r{len(self.types)}"
        self.types[name] = ctype
        return name

    def statement(self, depth: int = 0) -> ir.Stmt:
        rng = self.rng
        kind = rng.random()
        if kind < 0.12 and not depth:
            return ir.Fence(frozenset({rng.choice(FENCES)}))
        addr, ctype = self.place()
        if kind < 0.2 and self.types and depth < 1 and self.budget > 1:
            cond = ir.Binary(rng.choice(("==", "!=")), ir.Reg(rng.choice(list(self.types))), ir.Const(rng.choice(VALUES[:4])))
            return ir.If(cond, (self.statement(depth + 1),))
        self.budget -= 2 if ctype.size > self.smallest.size else 1
        plain = self.plain and rng.random() < 0.5
        if kind < 0.32:
            self.budget -= 2
            value = self.value()
            old = self.register(ctype)
            new: ir.Expr = ir.Cast(ctype, rng.choice((value, ir.Binary("+", ir.Reg(old), ir.Const(1), ctype))))
            order = (frozenset({"Once", "RMW"}), frozenset({"Once", "RMW"}))
            when = ir.Binary("==", ir.Reg(old), ir.Const(0)) if rng.random() < 0.2 else None
            return ir.Rmw(old, addr, new, *order, when, ctype=ctype)
        if kind < 0.68:
            return ir.Load(self.register(ctype), addr, PLAIN if plain else rng.choice(LOADS), ctype=ctype)
        value = ir.Cast(ctype, self.value())
        folded = ir.Const(ctype.wrap(value.arg.value)) if isinstance(value.arg, ir.Const) else value
        return ir.Store(addr, folded, PLAIN if plain else rng.choice(STORES), ctype=ctype)

    def program(self) -> ir.Program:
        threads, observed = [], list[ir.FinalReg | ir.FinalMem]()
        count = self.rng.choice((2, 2, 3))
        share = self.budget // count
        for index in range(count):
            self.budget, self.types = share, {}
            body = []
            while self.budget > 0:
                body.append(self.statement())
            threads.append(ir.Thread(index, tuple(body), f"P{index}", self.types))
            observed += [ir.FinalReg(index, name) for name in self.types]
        observed += [ir.FinalMem(address) for address in self.cells]
        low = ir.FinalMem(Ptr("x"), self.smallest)
        condition = ir.Binary("==", low, ir.Const(1), ULONG)
        return ir.Program("mixed", self.cells, tuple(threads), condition=condition, observed=tuple(observed))


def random_mixed(seed: int, budget: int = 9, computed: bool = False) -> ir.Program:
    """The program number ``seed``."""
    return Generator(seed, budget, computed).program()
