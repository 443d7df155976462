"""Where the members of structs and unions lie, as a C compiler for 64-bit Linux puts them.

Each member is at the next multiple of its alignment, the whole is padded to its own. Bit fields follow each other bit by bit,
each inside of a storage unit of its type (System V ABI, AMD64 supplement, 3.1.2; the same on other 64-bit Linux targets of low
byte order). Adjacent ones are one *memory location* (C11 3.14), here a run, which a width of 0 or any other member ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

LONGEST_RUN = 8
"""Bytes of a run of bit fields."""


class Member(Struct, frozen=True):
    """A member: its size and alignment in bytes. ``width``: of a bit field, in bits; ``named``: has it a name?"""

    size: int
    align: int
    width: int | None = None
    named: bool = True


class Spot(Struct, frozen=True):
    """Where a member lies: its first byte. Of a bit field that is its run's, of ``size`` bytes and with the ``members`` of these
    numbers, and ``shift`` is its lowest bit there."""

    offset: int
    shift: int = 0
    size: int = 0
    members: tuple[int, ...] = ()


class StructLayout(Struct, frozen=True):
    """``spots``: of each member that takes room, by number. ``size`` and ``align``: of the whole."""

    spots: dict[int, Spot]
    size: int
    align: int


def lay_out(members: Sequence[Member], union: bool = False) -> StructLayout:
    """Lay out a struct or union. :raises ValueError: a run of bit fields is too long"""
    spots: dict[int, Spot] = {}
    bit, align, end = 0, 1, 0
    run: list[tuple[int, int]] = []

    def close() -> None:
        if run:
            start = run[0][1] // 8
            last, first_bit = run[-1]
            size = -(-(first_bit + (members[last].width or 0)) // 8) - start
            if size > LONGEST_RUN:
                raise ValueError(f"a run of bit fields of more than {LONGEST_RUN} bytes")
            numbers = tuple(number for number, _ in run)
            spots.update({number: Spot(start, at - 8 * start, size, numbers) for number, at in run})
            run.clear()

    for number, member in enumerate(members):
        bit = 0 if union else bit
        if member.width is not None:
            unit = 8 * member.align
            if member.width == 0 or bit % unit + member.width > unit:
                bit = -(-bit // unit) * unit
            if member.width == 0 or union:
                close()
            if member.width and member.named:
                run.append((number, bit))
                align = max(align, member.align)
            bit += member.width
        else:
            close()
            offset = -(-bit // (8 * member.align)) * member.align
            spots[number] = Spot(offset)
            bit = 8 * (offset + member.size)
            align = max(align, member.align)
        end = max(end, -(-bit // 8))
    close()
    return StructLayout(spots, -(-end // align) * align, align)
