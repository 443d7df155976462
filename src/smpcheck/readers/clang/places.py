"""Where a value lies: in memory, in a register, in a few bits of either.

A local variable whose address stays within its function lies in registers: one for each scalar of a struct, one for each union of
scalars. ``&x`` of such a variable is a :class:`Ref`. Where its address goes to memory after all, the lowering begins again with
the variable in memory.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from smpcheck.program.ir import Const
from smpcheck.program.values import CType
from smpcheck.readers import layout
from smpcheck.readers.cvalues import Local, Place, Val
from smpcheck.readers.layout import Pointer, Type


class Bits(Struct, frozen=True):
    """``width`` bits of the integer at ``place``, from bit ``shift`` on, as a value of type ``ctype``."""

    place: Local | Place
    shift: int
    width: int
    ctype: CType


class Run(Struct, frozen=True):
    """A bit field in a run of bit fields that no single access covers. ``pieces``: each with the bit at which it begins; the
    field is ``width`` bits from bit ``shift`` on, counted as these."""

    pieces: tuple[tuple[Local | Place | Bits, int], ...]
    shift: int
    width: int
    ctype: CType


class Aggregate(Struct, frozen=True):
    """A struct, union or array in registers: variable number ``decl`` of type ``type`` (an index); ``pieces`` are its registers,
    each with the bytes from and to which it reaches."""

    decl: int
    type: int
    pieces: tuple[tuple[int, int, Local], ...]


class Part(Struct, frozen=True):
    """What lies ``offset`` bytes into an aggregate, of type ``type``."""

    whole: Aggregate
    offset: int
    type: Type


Spot: TypeAlias = Local | Place | Bits | Run | Part
"""What can be read or assigned to."""


class Ref(Val):
    """The address of a variable in registers, number ``decl``."""

    __slots__ = ("decl", "spot")

    def __init__(self, spot: Local | Part, type_: Type, decl: int) -> None:
        super().__init__(Const(0), type_, spot if isinstance(spot, Local) else Local("", type_))
        self.spot = spot
        self.decl = decl


class Whole(Val):
    """The value of a struct: it lies at ``spot`` and is copied from there at once. ``index``: its type's."""

    __slots__ = ("index", "spot")

    def __init__(self, spot: Spot, index: int, type_: Type) -> None:
        super().__init__(Const(0), type_)
        self.spot = spot
        self.index = index


def pointer_to(type_: Type) -> Pointer:
    """A pointer to ``type_``, which knows a record by its name only."""
    if isinstance(type_, layout.Struct):
        return Pointer(layout.Struct(type_.name, None, 1, 1))
    return Pointer(type_)
