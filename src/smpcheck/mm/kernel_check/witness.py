"""A failing run as system calls: who does which call on what, so that a kernel can be asked whether it does the same.

A *lane* is a process on a CPU of its own and stands for one thread of the model (a process, as each vma belongs to one mm, and as
two threads of one Python take turns). Objects are made for the occasion: files in memory, segments of shared memory without a
key, and areas, which a lane maps. ``setup`` brings about the state in which the run begins, one call after the other; then
each lane does its own calls, at the same time as the others. A witness is data and may come from a stranger: only the calls of
`CALLS` exist, and only on its own objects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, field, to_builtins

from smpcheck.errors import InputError

FORMAT = "smpcheck-mm-witness/1"
"""``schemas/mm-witness-1.json``."""

FILE, SHM, AREA = "file", "shm", "area"
KINDS = (FILE, SHM, AREA)

SHARINGS = ("private", "shared", "anonymous")

CALLS: Mapping[str, str] = {
    "write": AREA,
    "read": AREA,
    "mlock": AREA,
    "mlock_on_fault": AREA,
    "munlock": AREA,
    "munmap": AREA,
    "pageout": AREA,
    "truncate": FILE,
    "shm_lock": SHM,
    "shm_unlock": SHM,
    "drain": "",
}
"""Every call, and the kind of object that it is about; ``drain`` has none."""

LOCKS = ("mlock", "mlock_on_fault")
"""Calls after which an area is VM_LOCKED."""

OWN_ONLY = (*LOCKS, "munlock", "munmap")
"""Calls that no process can do to another's area."""

SYMPTOMS: Mapping[str, str] = {
    "I1": "freed while mlocked",
    "I3": "left lru, unevictable and not mlocked",
    "I12": "left mlocked and unevictable, in no locked area",
}
"""The invariants whose failure can be seen from user space, and what is seen, of a page."""

MAX_PAGES, MAX_OBJECTS, MAX_LANES, MAX_CALLS = 64, 16, 8, 256


class Object(Struct, frozen=True):
    """Something that calls are about. ``of``: the file or segment that an area maps, "" for anonymous memory. ``lane``: whose
    address space an area is in. ``pages``: its size in the model, of which the kernel may get a multiple."""

    name: str
    kind: str
    pages: int = 1
    of: str = ""
    sharing: str = ""
    lane: str = ""


class Call(Struct, frozen=True):
    """One system call. ``size``: the pages that ``truncate`` leaves of a file. ``first``, ``pages``: where in an area, and how
    many pages; 0: all of them."""

    call: str
    on: str = ""
    size: int = 0
    first: int = 0
    pages: int = 0

    def __str__(self) -> str:
        if self.call == "truncate":
            return f"ftruncate({self.on}, {self.size})"
        return f"{self.call}({self.on}{f'[{self.first}:{self.first + self.pages}]' if self.pages else ''})"


class SetupCall(Struct, frozen=True):
    """A call that one lane does while the others wait."""

    lane: str
    call: Call


class Lane(Struct, frozen=True):
    """What a process does when all begin."""

    name: str
    calls: Sequence[Call]


class Moment(Struct, frozen=True):
    """A step of the model's run, for people: nothing is done with it."""

    lane: str
    text: str
    at: str


class Witness(Struct, frozen=True):
    """A run that breaks ``invariant``. ``command`` shows it; ``notes`` say where the calls stand for something else."""

    name: str
    invariant: str
    command: str
    objects: Sequence[Object]
    setup: Sequence[SetupCall]
    lanes: Sequence[Lane]
    schedule: Sequence[Moment] = ()
    notes: Sequence[str] = field(default=())

    def of_kind(self, kind: str) -> list[Object]:
        """Its objects of that kind."""
        return [each for each in self.objects if each.kind == kind]

    def find(self, name: str) -> Object:
        """The object of that name."""
        return next(each for each in self.objects if each.name == name)


def document(witness: Witness) -> dict[str, Any]:
    """The witness as JSON."""
    return {"schema": FORMAT, **to_builtins(witness)}


def load(path: Path) -> list[Witness]:
    """Every witness in a file: one, or those in the lines of ``mm check`` or ``mm run`` with ``--format json``.

    :raises InputError: there is none, with the reason where the file has one, or it is not a right one
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
    documents = _documents(text, str(path))
    found = [
        _witness(each, str(path)) for document in documents for each in _inside(document, lambda d: d.get("schema") == FORMAT)
    ]
    if not found:
        refused = {str(each["refused"]): None for document in documents for each in _inside(document, lambda d: "refused" in d)}
        why = f": {'; '.join(refused)}" if refused else f" (an object whose schema is {FORMAT})"
        raise InputError(f"{path} has no witness that can be tried{why}")
    return found


def _documents(text: str, where: str) -> list[Any]:
    """A JSON document, or one in each line."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError) as whole:
        found = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                found += [json.loads(line)] if line.strip() else []
            except (ValueError, RecursionError):
                message = getattr(whole, "msg", "nested too deeply")
                line_of = getattr(whole, "lineno", number) if number == 1 else number
                raise InputError(f"{where}:{line_of}: this is not JSON: {message}") from None
        return found


def _inside(document: Any, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """The objects of a document that are wanted; not those inside of them."""
    if isinstance(document, dict) and wanted(document):
        yield document
    elif isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from _inside(each, wanted)


T = TypeVar("T", bound="str | int | list[Any]")


class _Reader:
    """The members of one JSON object, each taken once, so that what is left over can be refused."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, dict):
            raise InputError(f"{where}: found {_shown(data)}; an object is accepted here")
        self.data, self.where, self.taken = data, where, set[str]()

    def take(self, name: str, kind: type[T], default: T | None = None) -> T:
        """A member of that type."""
        self.taken.add(name)
        value = self.data.get(name, default)
        if type(value) is not kind:
            what = {str: "a text", int: "a whole number", list: "a list"}[kind]
            found = _shown(value) if name in self.data else "nothing"
            raise InputError(f"{self.where}.{name}: found {found}; {what} is accepted here")
        return value

    def choice(self, name: str, of: Iterable[str], default: str | None = None) -> str:
        """A text, one of several."""
        value: str = self.take(name, str, default)
        if value not in of:
            accepted = ", ".join(word or "an empty text" for word in of)
            raise InputError(f"{self.where}.{name}: found {_shown(value)}; accepted here: {accepted}")
        return value

    def number(self, name: str, least: int, most: int, default: int) -> int:
        """A whole number in a range."""
        value: int = self.take(name, int, default)
        if not least <= value <= most:
            raise InputError(f"{self.where}.{name}: found {value}; a number from {least} to {most} is accepted here")
        return value

    def items(self, name: str, most: int, default: list[Any] | None = None) -> list[tuple[Any, str]]:
        """The members of a list, each with where it stands."""
        values: list[Any] = self.take(name, list, default)
        if len(values) > most:
            raise InputError(f"{self.where}.{name}: found {len(values)} items; at most {most} are accepted here")
        return [(value, f"{self.where}.{name}[{index}]") for index, value in enumerate(values)]

    def end(self) -> None:
        """Nothing is left over."""
        if unknown := sorted(self.data.keys() - self.taken):
            raise InputError(f"{self.where}: there is no member {unknown[0]!r}: accepted are {', '.join(sorted(self.taken))}")


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


MAX_STEPS = 100_000
"""Of the model's run, in a witness."""


def _witness(data: Any, where: str) -> Witness:
    reader = _Reader(data, where)
    reader.take("schema", str)
    name, invariant = reader.take("name", str), reader.choice("invariant", SYMPTOMS)
    command = reader.take("command", str, "")
    objects = [_object(*item) for item in reader.items("objects", MAX_OBJECTS)]
    lanes = [_lane(*item) for item in reader.items("lanes", MAX_LANES)]
    setup = [_setup_call(*item) for item in reader.items("setup", MAX_CALLS)]
    schedule = [_moment(*item) for item in reader.items("schedule", MAX_STEPS, [])]
    notes = []
    for note, at in reader.items("notes", MAX_CALLS, []):
        if not isinstance(note, str):
            raise InputError(f"{at}: found {_shown(note)}; a text is accepted here")
        notes.append(note)
    reader.end()
    found = Witness(name, invariant, command, objects, setup, lanes, schedule, notes)
    validate(found, where)
    return found


def _object(data: Any, where: str) -> Object:
    reader = _Reader(data, where)
    kind = reader.choice("kind", KINDS)
    found = Object(
        reader.take("name", str),
        kind,
        reader.number("pages", 1, MAX_PAGES, 1),
        reader.take("of", str, ""),
        reader.choice("sharing", SHARINGS if kind == AREA else ("",), "" if kind != AREA else None),
        reader.take("lane", str, ""),
    )
    reader.end()
    return found


def _call(reader: _Reader) -> Call:
    numbers = (reader.number(name, 0, MAX_PAGES, 0) for name in ("size", "first", "pages"))
    return Call(reader.choice("call", CALLS), reader.take("on", str, ""), *numbers)


def _setup_call(data: Any, where: str) -> SetupCall:
    reader = _Reader(data, where)
    inner = _Reader(reader.data.get("call"), f"{where}.call")
    reader.taken.add("call")
    found = SetupCall(reader.take("lane", str), _call(inner))
    inner.end()
    reader.end()
    return found


def _lane(data: Any, where: str) -> Lane:
    reader = _Reader(data, where)
    calls = []
    for item in reader.items("calls", MAX_CALLS):
        inner = _Reader(*item)
        calls.append(_call(inner))
        inner.end()
    found = Lane(reader.take("name", str), calls)
    reader.end()
    return found


def _moment(data: Any, where: str) -> Moment:
    reader = _Reader(data, where)
    found = Moment(*(reader.take(name, str, "") for name in ("lane", "text", "at")))
    reader.end()
    return found


def validate(witness: Witness, where: str = "the witness") -> None:
    """What the types do not say: names that are there, kinds that fit. :raises InputError: something does not"""
    names = [each.name for each in witness.objects] + [lane.name for lane in witness.lanes]
    for name in names:
        if names.count(name) > 1 or not name:
            raise InputError(f"{where}: {name!r} names {names.count(name)} objects or lanes; each has a name of its own")
    lanes = [lane.name for lane in witness.lanes]
    if len(lanes) < 2 or not all(lane.calls for lane in witness.lanes):
        raise InputError(f"{where}: a witness has two lanes or more, each with a call")
    objects = {each.name: each for each in witness.objects}
    for each in witness.of_kind(AREA):
        _validate_area(each, objects, lanes, where)
    calls = [(each.lane, each.call) for each in witness.setup]
    calls += [(lane.name, call) for lane in witness.lanes for call in lane.calls]
    for lane_name, call in calls:
        if lane_name not in lanes:
            raise InputError(f"{where}: there is no lane {lane_name!r}: {', '.join(lanes)}")
        _validate_call(lane_name, call, objects, where)
    locked = {each.name for each in witness.of_kind(AREA) if witness.invariant == "I12" and _stays_locked(witness, each)}
    if locked:
        raise InputError(f"{where}: {', '.join(sorted(locked))} is VM_LOCKED at the end, so pages are rightly mlocked then")


def _stays_locked(witness: Witness, area: Object) -> bool:
    """Is an area VM_LOCKED after everything? Only its own lane's calls say so, and these come in order."""
    calls = [each.call for each in witness.setup] + [call for lane in witness.lanes for call in lane.calls]
    own = [call for call in calls if call.on == area.name and call.call in OWN_ONLY]
    parts = any(call.pages for call in own)
    return any(call.call in LOCKS for call in (own if parts else own[-1:]))


def _validate_area(area: Object, objects: Mapping[str, Object], lanes: Sequence[str], where: str) -> None:
    if area.lane not in lanes:
        raise InputError(f"{where}: area {area.name} is in lane {area.lane!r}, which is none of {', '.join(lanes)}")
    behind = objects.get(area.of)
    if (area.sharing == "anonymous") != (not area.of):
        raise InputError(f"{where}: area {area.name} is {area.sharing} and maps {area.of or 'nothing'}")
    if area.of and (behind is None or behind.kind == AREA):
        raise InputError(f"{where}: area {area.name} maps {area.of}, which is neither a file nor a segment here")
    if behind and (behind.pages != area.pages or (behind.kind == SHM and area.sharing != "shared")):
        raise InputError(f"{where}: area {area.name} maps the whole of {area.of}, and a segment of shared memory is shared")


def _validate_call(lane: str, call: Call, objects: Mapping[str, Object], where: str) -> None:
    wanted, found = CALLS[call.call], objects.get(call.on)
    where = f"{where}: {call} of lane {lane}"
    if wanted != (found.kind if found else "") or (call.on and not found):
        what = f"one of its objects of kind {wanted}" if wanted else "nothing"
        raise InputError(f"{where}: {call.call} is about {what}, not {call.on or 'nothing'}")
    if found and call.call in OWN_ONLY and found.lane != lane:
        raise InputError(f"{where}: {found.name} is in lane {found.lane}, and no process can do that to another's area")
    if call.size and (call.call != "truncate" or (found and call.size > found.pages)):
        raise InputError(f"{where}: truncate leaves no more pages than the file has in the model, and no other call has a size")
    if (call.first or call.pages) and (not found or found.kind != AREA or not 0 < call.pages <= found.pages - call.first):
        raise InputError(f"{where}: pages {call.first} to {call.first + call.pages} are not pages of an area")
