"""Records: values with named fields, which nobody changes.

They are msgspec's structs, declared as ``class Name(Struct, frozen=True)``. Such a class is made in C, where ``dataclass`` writes
and compiles the source of its methods at every start of the program; to make an instance, to hash it, or to replace a field takes
a fraction of the time, too. What changes is a dataclass, or, if every start needs it, a struct that is not frozen: to assign to a
struct's field takes four times as long. :class:`PartlyCompared` adds what structs lack.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class PartlyCompared(Struct, frozen=True):
    """A record with fields that do not belong to what it says, such as how long it took to find out.

    The fields named in ``ASIDE`` are neither compared nor hashed nor shown by ``repr``.
    """

    ASIDE: ClassVar[frozenset[str]] = frozenset()

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._compared())

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self._compared()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._compared())
        return f"{type(self).__name__}({fields})"

    def _compared(self) -> list[str]:
        return [name for name in self.__struct_fields__ if name not in self.ASIDE]
