"""A ground logic program under construction, and its way into clasp.

The grounding is done in Python, where values are C's, static relations are bit rows, and only what an axiom demands is written;
clingo gets finished rules in its own intermediate format (aspif: Gebser et al., "Theory solving made easy with Clingo 5", 2016),
which costs about 1 microsecond a rule, a tenth of grounding the same by gringo.

Legend: an atom is a positive int; a literal an atom or its negation; ``TRUE`` an atom that always holds, ``FALSE`` its negation.
Derived atoms are founded: an atom that only supports itself is false, which gives least fixpoints to recursive definitions.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clingo import Control

TRUE = 1
FALSE = -1


class GroundProgram:
    """Rules, choices, constraints and edges, simplified as they are added."""

    def __init__(self) -> None:
        self.lines: list[str] = ["asp 1 0 0", "1 0 1 1 0 0"]
        self.atoms = 1
        self.nodes = 0
        self.edges = 0
        self._conj: dict[tuple[int, ...], int] = {}
        self._disj: dict[tuple[int, ...], int] = {}

    def atom(self) -> int:
        """A new atom; without a rule it is false."""
        self.atoms += 1
        return self.atoms

    def choice(self) -> int:
        """A new atom that may be true or false."""
        self.atoms += 1
        self.lines.append(f"1 1 1 {self.atoms} 0 0")
        return self.atoms

    def rule(self, head: int, body: Sequence[int]) -> None:
        """``head`` holds if all of ``body`` do. TRUE in the body is dropped, FALSE drops the rule."""
        if TRUE in body:
            body = [b for b in body if b != TRUE]
        if FALSE not in body:
            self.lines.append(f"1 0 1 {head} 0 {' '.join(map(str, (len(body), *body)))}")

    def forbid(self, body: Iterable[int]) -> None:
        """Not all of ``body`` hold."""
        literals = [b for b in body if b != TRUE]
        if FALSE not in literals:
            self.lines.append(f"1 0 0 0 {' '.join(map(str, (len(literals), *literals)))}")

    def require(self, literals: Sequence[int]) -> None:
        """At least one of ``literals`` holds."""
        self.forbid([-x for x in literals])

    def at_most_one(self, literals: Sequence[int]) -> None:
        """No two of ``literals`` hold."""
        n = len(literals)
        if n <= 4:
            for i in range(n):
                for j in range(i):
                    self.forbid((literals[i], literals[j]))
        else:
            self.lines.append(f"1 0 0 1 2 {n} {' '.join(f'{x} 1' for x in literals)}")

    def conj(self, literals: Iterable[int]) -> int:
        """A literal for "all of these"."""
        parts = {x for x in literals if x != TRUE}
        if len(parts) <= 1:
            return parts.pop() if parts else TRUE
        if FALSE in parts or any(-x in parts for x in parts):
            return FALSE
        key = tuple(sorted(parts))
        found = self._conj.get(key)
        if found is None:
            self.atoms += 1
            found = self._conj[key] = self.atoms
            self.lines.append(f"1 0 1 {found} 0 {len(key)} {' '.join(map(str, key))}")
        return found

    def conj2(self, a: int, b: int) -> int:
        """``conj`` of two, the common case."""
        if a == b or b == TRUE:
            return a
        if a == TRUE:
            return b
        if a == FALSE or b == FALSE or a == -b:
            return FALSE
        key = (a, b) if a < b else (b, a)
        found = self._conj.get(key)
        if found is None:
            self.atoms += 1
            found = self._conj[key] = self.atoms
            self.lines.append(f"1 0 1 {found} 0 2 {a} {b}")
        return found

    def select(self, guard: int, then: int, other: int) -> int:
        """A literal for "``then`` where ``guard`` holds, else ``other``"."""
        return then if then == other else self.disj((self.conj2(guard, then), self.conj2(-guard, other)))

    def disj(self, literals: Iterable[int]) -> int:
        """A literal for "one of these"."""
        parts = {x for x in literals if x != FALSE}
        if len(parts) <= 1:
            return parts.pop() if parts else FALSE
        if TRUE in parts or any(-x in parts for x in parts):
            return TRUE
        key = tuple(sorted(parts))
        found = self._disj.get(key)
        if found is None:
            self.atoms += 1
            found = self._disj[key] = self.atoms
            for x in key:
                self.lines.append(f"1 0 1 {found} 0 1 {x}")
        return found

    def edge(self, source: int, target: int, literal: int) -> None:
        """An edge of the graph that has to be acyclic, present where ``literal`` holds."""
        self.edges += 1
        if literal == TRUE:
            self.lines.append(f"8 {source} {target} 0")
        elif literal != FALSE:
            self.lines.append(f"8 {source} {target} 1 {literal}")

    def new_nodes(self, count: int) -> int:
        """Reserve ``count`` node numbers for edges; returns the first."""
        first = self.nodes
        self.nodes += count
        return first

    def project(self, literals: Iterable[int]) -> None:
        """Enumerate models by these literals only."""
        atoms = sorted({abs(x) for x in literals})
        self.lines.append(f"3 {' '.join(map(str, (len(atoms), *atoms)))}")

    def text(self) -> str:
        """The program in aspif."""
        return "\n".join(self.lines) + "\n0\n"

    def write(self) -> str:
        """Write the program to a temporary file (in memory where the system has /dev/shm); returns its path."""
        handle, path = tempfile.mkstemp(prefix=f"smpcheck-{os.getpid()}-", suffix=".aspif", dir=_folder())
        try:
            with os.fdopen(handle, "w") as file:
                file.write(self.text())
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(path)
            raise
        return path

    def load_into(self, control: Control) -> None:
        """Have clingo read the program."""
        path = self.write()
        try:
            control.load_aspif([path])
        finally:
            with contextlib.suppress(OSError):
                os.unlink(path)


def _folder() -> str | None:
    """Where files are written; None: where temporary files are."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def remove_files_of(pid: int) -> None:
    """Remove what a process that was killed has left."""
    for path in Path(_folder() or tempfile.gettempdir()).glob(f"smpcheck-{pid}-*.aspif"):
        with contextlib.suppress(OSError):
            path.unlink()
