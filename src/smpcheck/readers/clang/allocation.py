"""kmalloc() and its like give new objects, kfree() takes them back.

A call in the text of a thread is one object; one in a loop is a few, of which each round takes the next. Behind an object
(:data:`IN_USE_AT`) lies a flag that says whether it is in use. kfree() writes plainly to the whole object: what nothing orders
before it is a data race, what comes later finds poison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from smpcheck.program import values as v
from smpcheck.program.ir import Assert, Assign, Conditional, Const, Expr, If, Reg
from smpcheck.program.values import POINTER, Ptr
from smpcheck.readers.clang import tree as t
from smpcheck.readers.clang.objects import IN_USE_AT
from smpcheck.readers.clang.places import pointer_to
from smpcheck.readers.cvalues import Place, Val
from smpcheck.readers.layout import VOID

if TYPE_CHECKING:
    from smpcheck.readers.clang.calls import TreeLowering

POISON = 0x6B6B6B6B6B6B6B6B
"""What kfree() leaves in memory."""
IN_USE, FREED = 1, 2
"""The states of an allocated object; 0: not allocated yet."""
MAX_OBJECTS = 4
"""So many objects a call gives in a loop whose rounds are not known,"""
MAX_COUNTED = 32
"""and in one whose rounds are."""
MAX_ELEMENTS = 64
"""The longest array that can be allocated."""

Lowered = Callable[["TreeLowering", Any, Sequence[t.Expr]], Val]


Size = Callable[["TreeLowering", Sequence[Val]], "int | None"]
"""How many bytes a call asks for; None: that is not known before it runs."""


def bytes_of(*arguments: int) -> Size:
    """The product of these arguments."""

    def size(low: TreeLowering, args: Sequence[Val]) -> int | None:
        given = [args[number].expr for number in arguments]
        known = [one.value for one in given if isinstance(one, Const) and isinstance(one.value, int)]
        return prod(known) if len(known) == len(given) else None

    return size


def one_object(low: TreeLowering, args: Sequence[Val]) -> int | None:
    """Of a cache all objects have the size of what the pointer points to."""
    return low.kinds.size(low.expected) if low.expected >= 0 else None


def allocate(zeroed: bool, size: Size) -> Lowered:
    """A function that allocates what ``size`` says. It does not fail."""

    def lower(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
        index = _type(low, node, size(low, [low.value(arg) for arg in args]))
        address = _next(low, node, [Const(low.program_objects.allocate(index, low)) for _ in range(_rounds(low))])
        type_ = low.kinds.layout(low.expected)
        low.findings.assumed["allocations do not fail; a call in the text is one object, in a loop one for each round"] = None
        low.store(_flag(low, address), Val(Const(IN_USE), v.INT), frozenset(), node)
        for leaf in low.kinds.leaves(index) if zeroed else ():
            low.write(Place(low.add_bytes(address, leaf.offset), leaf.ctype), Val(Const(0), leaf.ctype), node)
        return Val(address, pointer_to(type_))

    return lower


def _type(low: TreeLowering, node: Any, size: int | None) -> int:
    """The type of what is allocated: that of what the pointer points to, or an array of these."""
    index = low.expected
    if index < 0 or low.kinds.kind(index) not in ("record", "int", "bool", "pointer") or not low.kinds.size(index):
        low.refuse(
            "an allocation whose type is not known is not supported: assign it to a pointer to a struct or a number at once",
            low.at(node),
        )
    one = low.kinds.size(index)
    if size is None or size % one or not 0 < size <= MAX_ELEMENTS * one:
        asked = "a number that depends on the run" if size is None else f"{size}"
        low.refuse(
            f"an allocation of {asked} bytes for objects of {one} bytes is not supported: one object, or an array of at most "
            f"{MAX_ELEMENTS} of them, whose number is constant, is",
            low.at(node),
        )
    if size == one:
        return index
    return low.kinds.array_of(index, size // one)


def _rounds(low: TreeLowering) -> int:
    """How often a call may come to be made."""
    if None in low.looping:
        return MAX_OBJECTS
    return min(prod(rounds for rounds in low.looping if rounds is not None), MAX_COUNTED)


def _next(low: TreeLowering, node: Any, objects: Sequence[Const]) -> Expr:
    """The address of the next of these objects."""
    if len(objects) == 1:
        return objects[0]
    pos, text = low.where(node)
    count = low.label("allocated")
    low.regs[count] = v.INT
    with low.collect() as too_many:
        low.cut(node, f"{text} gives {len(objects)} objects at most")
    low.out.append(If(low.fold(">=", Reg(count), Const(len(objects)), v.INT), tuple(too_many), (), pos, text))
    chosen: Expr = objects[-1]
    for number in range(len(objects) - 2, -1, -1):
        chosen = Conditional(low.fold("==", Reg(count), Const(number), v.INT), objects[number], chosen)
    address = low.stable(Val(chosen, pointer_to(VOID)), node).expr
    low.out.append(Assign(count, low.fold("+", Reg(count), Const(1), v.INT), pos))
    return address


def _flag(low: TreeLowering, address: Expr) -> Place:
    """The flag of an allocated object."""
    return Place(low.add_bytes(address, IN_USE_AT), v.INT)


def all_freed(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """Of all objects that were allocated, none is in use."""
    pos, _ = low.where(node)
    for name in low.program_objects.allocated:
        state = low.load(Place(Const(Ptr(name, IN_USE_AT)), v.INT), frozenset(), node)
        low.out.append(Assert(low.fold("!=", state.expr, Const(IN_USE), v.INT), "leak", f"{name} is never freed", pos))
    return Val(Const(0), VOID)


def allocate_per_cpu(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``alloc_percpu()``: an object of which each CPU has a copy, all of them zero."""
    index = _type(low, node, bytes_of(0)(low, [low.value(arg) for arg in args]))
    if low.looping:
        low.refuse("alloc_percpu() in a loop is not supported", low.at(node))
    return Val(Const(low.program_objects.allocate_per_cpu(index)), pointer_to(low.kinds.layout(low.expected)))


def _nothing(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``free_percpu()``: what comes later is not found."""
    for arg in args:
        low.effect(arg)
    low.findings.assumed["free_percpu() frees nothing: a later access is not found"] = None
    return Val(Const(0), VOID)


def free(low: TreeLowering, node: Any, args: Sequence[t.Expr]) -> Val:
    """``kfree()`` of its last argument."""
    argument = args[-1]
    while isinstance(argument, t.Cast) and low.kinds.kind(low.kinds.given[argument.type].target) == "void":
        argument = argument.arg
    return free_object(low, node, argument.type, low.value(argument))


def free_object(low: TreeLowering, node: Any, type_: int, given: Val) -> Val:
    """Free what a pointer of this type points to."""
    pointer = low.stable(given, node)
    index = low.kinds.given[type_].target
    if low.kinds.kind(type_) != "pointer" or low.kinds.kind(index) not in ("record", "int", "bool", "pointer"):
        low.refuse("kfree() of a pointer whose type does not say to what is not supported", low.at(node))
    pos, text = low.where(node)
    with low.collect() as body:
        flag = _flag(low, pointer.expr)
        state = low.load(flag, frozenset(), node)
        low.out.append(
            Assert(low.fold("==", state.expr, Const(IN_USE), v.INT), "double-free", f"{text}: it is freed already", pos)
        )
        low.store(flag, Val(Const(FREED), v.INT), frozenset(), node)
        _poison(low, index, pointer.expr, node)
        for name, (element, whole) in low.findings.arrays.items():
            if element == index:
                with low.collect() as rest:
                    _poison(low, whole, pointer.expr, node, low.kinds.size(element))
                here = low.fold("==", pointer.expr, Const(Ptr(name)), POINTER)
                low.out.append(If(here, tuple(rest), (), pos, text))
    low.out.append(If(low.truth(pointer, node), tuple(body), (), pos, text))
    return Val(Const(0), VOID)


def _poison(low: TreeLowering, index: int, address: Expr, node: Any, begin: int = 0) -> None:
    """Write poison to an object, from ``begin`` bytes on."""
    for leaf in low.kinds.leaves(index):
        if leaf.offset >= begin:
            left = POISON if leaf.ctype is POINTER else leaf.ctype.wrap(POISON)
            low.write(Place(low.add_bytes(address, leaf.offset), leaf.ctype), Val(Const(left), leaf.ctype), node)


def functions() -> Iterator[tuple[str, Lowered]]:
    """All of them, by name."""
    for suffix in ("", "_noprof", "_node", "_node_noprof"):
        for prefix in ("k", "kv", "v"):
            yield f"{prefix}malloc{suffix}", allocate(False, bytes_of(0))
            yield f"{prefix}zalloc{suffix}", allocate(True, bytes_of(0))
            yield f"{prefix}malloc_array{suffix}", allocate(False, bytes_of(0, 1))
            yield f"{prefix}calloc{suffix}", allocate(True, bytes_of(0, 1))
        yield f"kmem_cache_alloc{suffix}", allocate(False, one_object)
    yield "kmem_cache_zalloc", allocate(True, one_object)
    for name in ("kfree", "kvfree", "vfree", "kfree_sensitive", "kmem_cache_free"):
        yield name, free
    for name in ("__alloc_percpu", "__alloc_percpu_gfp", "pcpu_alloc_noprof"):
        yield name, allocate_per_cpu
    yield "free_percpu", _nothing
    yield "__smpcheck_all_freed", all_freed
