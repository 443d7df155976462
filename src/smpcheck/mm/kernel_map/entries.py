"""The map: which kernel function a function of the model restates, in which versions, and what is known to differ."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from msgspec import Struct, field

Version: TypeAlias = tuple[int, ...]
"""(6, 1), (2, 6, 32)."""


def version(text: str) -> Version:
    """``2.6.32`` as (2, 6, 32)."""
    return tuple(int(part) for part in text.split("."))


def shown(given: Version) -> str:
    """(2, 6, 32) as ``2.6.32``."""
    return ".".join(map(str, given))


class Place(Struct, frozen=True):
    """A kernel function, from the version ``since`` until it is called or lies otherwise."""

    since: Version
    file: str
    name: str


class Difference(Struct, frozen=True):
    """A run of primitives that only one side has, or that both have otherwise, and the reason. ``since``, ``until`` (exclusive):
    versions of the kernel in which it is so."""

    model: tuple[str, ...]
    kernel: tuple[str, ...]
    because: str
    since: Version = ()
    until: Version | None = None


class Entry(Struct, frozen=True):
    """A function of the model.

    ``file``, ``name``: where it is. ``places``: the kernel function that it restates, oldest first; ``until``: the first version
    that does not have it any more. ``read_as``: calls in the kernel's function that are to be read as calls of another one, as
    those through a function pointer; ``also``: other names under which the kernel has the same function. ``part``: why the
    kernel's function does much that the model's does not: then only the model's steps have to be there, in their order.
    ``not_compared``: why its order is not compared, if it is not.
    """

    file: str
    name: str
    places: tuple[Place, ...]
    until: Version | None = None
    read_as: dict[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    part: str = ""
    not_compared: str = ""

    def place(self, of: Version) -> Place | None:
        """The kernel function in a version of the kernel; None if that has none."""
        if self.until is not None and of >= self.until:
            return None
        return next((place for place in reversed(self.places) if place.since <= of), None)


class Map(Struct, frozen=True):
    """All of it.

    ``variants``: the first version that a variant of the model stands for, oldest first. ``primitives``: how a call or access is
    written on either side, and the primitive that it is. ``left_out``: calls of the kernel that the model does not have, and why;
    ``model_only``: the other way round. ``assertions``: calls that say what must hold, and are no steps. ``parts``: functions of
    the model that are no kernel function. ``reads``, ``writes``: fields whose plain accesses count. ``headers``: where the bodies
    of small functions are looked for.
    """

    entries: tuple[Entry, ...]
    variants: tuple[tuple[Version, str], ...]
    primitives: tuple[tuple[re.Pattern[str], str], ...]
    left_out: tuple[tuple[re.Pattern[str], str], ...]
    model_only: tuple[tuple[re.Pattern[str], str], ...]
    assertions: re.Pattern[str]
    parts: frozenset[str]
    reads: frozenset[str]
    writes: frozenset[str]
    headers: tuple[str, ...]

    def variant(self, of: Version) -> str:
        """The variant that stands for a version of the kernel."""
        return next((name for since, name in reversed(self.variants) if since <= of), self.variants[0][1])

    def version_of(self, variant: str) -> Version:
        """The first version that a variant stands for. A patch that was in no kernel stands on 2.6.32, V10's cure on V10."""
        name = variant.partition(":")[0]
        known = {each: since for since, each in self.variants}
        return known.get(name) or known.get(re.sub(r"[a-z]+$", "", name)) or self.variants[0][0]

    def primitive(self, written: str) -> str | None:
        """``TestClearPageLRU(page)`` as ``test and clear lru``; None if it is no primitive."""
        for pattern, token in self.primitives:
            if match := pattern.fullmatch(written):
                return match.expand(token).lower()
        return None

    def reason_to_leave_out(self, name: str) -> str | None:
        """Why a call of the kernel is not in the model."""
        return next((because for pattern, because in self.left_out if pattern.fullmatch(name)), None)

    def find(self, file: str, name: str) -> Entry | None:
        """The entry of a function of the model."""
        return next((each for each in self.entries if (each.file, each.name) == (file, name)), None)


@cache
def kernel_map() -> Map:
    """The map that the program ships."""
    return read(tomllib.loads(files("smpcheck.mm.kernel_map").joinpath("map.toml").read_text("utf-8")))


def read(data: dict[str, Any]) -> Map:
    """A map from what its file says."""
    return Map(
        tuple(_entry(each) for each in data["function"]),
        tuple((version(since), name) for since, name in data["variants"]),
        tuple((re.compile(written), token) for token, forms in data["primitives"].items() for written in forms),
        _reasons(data["left_out"]),
        _reasons(data["model_only"]),
        re.compile("|".join(data["assertions"])),
        frozenset(data["parts"]),
        frozenset(data["fields"]["reads"]),
        frozenset(data["fields"]["writes"]),
        tuple(data["headers"]),
    )


def _reasons(data: dict[str, list[str]]) -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(name), because) for because, names in data.items() for name in names)


def _entry(data: dict[str, Any]) -> Entry:
    file, name = data["model"].split()
    return Entry(
        file,
        name,
        tuple(Place(version(since), where, called) for since, where, called in data["kernel"]),
        version(data["until"]) if "until" in data else None,
        data.get("read_as", {}),
        tuple(data.get("also", ())),
        tuple(_difference(each) for each in data.get("differs", ())),
        data.get("part", ""),
        data.get("not_compared", ""),
    )


def _difference(data: dict[str, Any]) -> Difference:
    until = version(data["until"]) if "until" in data else None
    return Difference(
        _tokens(data.get("model", ())), _tokens(data.get("kernel", ())), data["because"], version(data.get("since", "0")), until
    )


def _tokens(given: Sequence[str]) -> tuple[str, ...]:
    return tuple(given)
