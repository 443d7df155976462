"""Page frames: which one backs an address (/proc/self/pagemap), which flags it has (/proc/kpageflags).

Layout of both files: one little (host-)endian 64-bit word for each page; admin-guide/mm/pagemap in the kernel's documentation.
"""

from __future__ import annotations

import os
import sys
from array import array

from msgspec import Struct

from smpcheck.mm.kernel_check.syscalls import PAGE

WORD = 8
PRESENT = 1 << 63
PFN = (1 << 55) - 1
"""Bits 0..54 of a pagemap entry, where the page is present and not swapped out; 0 to those without CAP_SYS_ADMIN."""

BITS = {"lru": 5, "active": 6, "mmap": 11, "anon": 12, "swapbacked": 14, "unevictable": 18, "mlocked": 33}
COMPOUND_HEAD = 15
"""Bits of a word of /proc/kpageflags (include/uapi/linux/kernel-page-flags.h; mlocked is one of those for kernel hackers)."""

CHUNK = 1 << 20


def names_of(word: int) -> frozenset[str]:
    """The flags in ``word`` that have a name here."""
    return frozenset(name for name, bit in BITS.items() if word >> bit & 1)


class Census(Struct, frozen=True):
    """All page frames of the machine, counted by flags."""

    frames: int
    mlocked: int
    unevictable: int
    stranded: int
    """On the unevictable list without being mlocked. Not an error as such: pages of ramfs and of locked shared memory are so."""
    compound: int
    """Heads of large folios among those: kernels differ in what they show for the rest of such a folio."""


class Frames:
    """Both files, open. :raises OSError: where they cannot be opened (no such file, no rights)"""

    def __init__(self, pagemap: str = "/proc/self/pagemap", kpageflags: str = "/proc/kpageflags") -> None:
        self._pagemap = os.open(pagemap, os.O_RDONLY)
        try:
            self._flags = os.open(kpageflags, os.O_RDONLY)
        except OSError:
            os.close(self._pagemap)
            raise

    def close(self) -> None:
        """Close both files."""
        os.close(self._pagemap)
        os.close(self._flags)

    def frames(self, address: int, pages: int) -> list[int | None]:
        """The frame number behind each of ``pages`` pages from ``address``: None where none is present, 0 where hidden."""
        words = self._read(self._pagemap, address // PAGE, pages)
        return [word & PFN if word & PRESENT else None for word in words]

    def flags(self, address: int, pages: int) -> list[frozenset[str] | None]:
        """The flags of the page behind each page from ``address``; None where none is present.

        :raises PermissionError: the kernel hides the frame numbers
        """
        found: list[frozenset[str] | None] = []
        for frame in self.frames(address, pages):
            if frame == 0:
                raise PermissionError("the frame numbers in /proc/self/pagemap are hidden: no CAP_SYS_ADMIN")
            found.append(None if frame is None else self.flags_of(frame))
        return found

    def flags_of(self, frame: int) -> frozenset[str]:
        """The flags of a frame."""
        return names_of(self._read(self._flags, frame, 1)[0])

    def census(self) -> Census:
        """Count all frames: some 0.1 s for each million."""
        frames = mlocked = unevictable = stranded = compound = 0
        while data := os.pread(self._flags, CHUNK, frames * WORD):
            frames += len(data) // WORD
            is_locked = _column(data, BITS["mlocked"])
            on_list = _column(data, BITS["lru"]) & _column(data, BITS["unevictable"])
            mlocked += is_locked.bit_count()
            unevictable += on_list.bit_count()
            stranded += (on_list & ~is_locked).bit_count()
            compound += (_column(data, COMPOUND_HEAD) & (is_locked | on_list)).bit_count()
        return Census(frames, mlocked, unevictable, stranded, compound)

    @staticmethod
    def _read(fd: int, index: int, count: int) -> array[int]:
        words = array("Q", os.pread(fd, count * WORD, index * WORD))
        if len(words) != count:
            raise OSError(f"{len(words)} of {count} words at {index}")
        return words


def _column(data: bytes, bit: int) -> int:
    """One bit of every word, as the bytes (0 or 1) of one large number."""
    byte = bit // 8 if sys.byteorder == "little" else WORD - 1 - bit // 8
    return int.from_bytes(data[byte::WORD].translate(bytes(value >> bit % 8 & 1 for value in range(256))), "little")
