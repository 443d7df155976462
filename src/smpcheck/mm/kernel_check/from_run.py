"""From a failing run of ``mm run`` to the system calls that bring it about.

Of the many operations of a run those count that touched the page that the failure is about, and were going on at the same time.
What was before them is made again in short: which areas had pages, and which were locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from smpcheck.errors import UnsupportedError
from smpcheck.mm.kernel_check.machine import MODELLED
from smpcheck.mm.kernel_check.witness import (
    AREA,
    FILE,
    MAX_PAGES,
    SYMPTOMS,
    Call,
    Lane,
    Moment,
    Object,
    SetupCall,
    Witness,
    validate,
)
from smpcheck.mm.simulator.machine import Span
from smpcheck.mm.simulator.report import command
from smpcheck.mm.simulator.run import Result
from smpcheck.mm.simulator.workload import ANON
from smpcheck.mm.variants import find_variant

CALLS = ("write", "read", "mlock", "munlock", "munmap")
"""Operations on areas that are calls of the same name."""

PAGEOUT = "reclaim looks at page frames in the model; here it is MADV_PAGEOUT of the area"


def reproducer(result: Result) -> Witness:
    """The witness for a run that failed.

    :raises UnsupportedError: it has no form in system calls, with the reason
    """
    name = f"{result.workload.name}, {result.options.variant}, seed {result.options.seed}"
    if not find_variant(result.options.variant).mlock_count:
        raise UnsupportedError(f"{name}: only the design of {MODELLED} runs in kernels since 5.18")
    if result.invariant not in SYMPTOMS:
        raise UnsupportedError(f"{name}: nothing in user space shows that {result.invariant} fails")
    met = meeting(result)
    if len({span.task for span in met}) < 2:
        raise UnsupportedError(f"{name}: no two operations on the page were going on at the same time")
    found = _Translation(name, result, met).witness()
    validate(found)
    return found


def meeting(result: Result) -> list[Span]:
    """The operations that touched the page of the failure, of the last group that was going on at the same time, in order."""
    touched = {id(span): span for entry in result.history for span in result.spans if _holds(span, entry.task, entry.step)}
    spans = sorted(touched.values(), key=lambda span: span.begin)
    group = spans[-1:]
    for span in reversed(spans[:-1]):
        if any(span.task != other.task and _end(span) > other.begin and _end(other) > span.begin for other in group):
            group.insert(0, span)
    return group


def _holds(span: Span, task: str, step: int) -> bool:
    return span.task == task and span.begin < step <= _end(span)


def _end(span: Span) -> float:
    return float("inf") if span.end is None else span.end


@dataclass(slots=True)
class _Translation:
    """One group of operations, on its way into calls."""

    name: str
    result: Result
    met: Sequence[Span]
    notes: list[str] = field(default_factory=list)

    def witness(self) -> Witness:
        """All of it."""
        lanes = list(dict.fromkeys(span.task for span in self.met))
        areas, files = self.concerned()
        owners = {area: self.owner(area, lanes) for area in areas}
        objects = [Object(name, FILE, self.result.workload.files[name].pages) for name in files]
        for name in areas:
            area = self.result.workload.areas[name]
            objects.append(
                Object(name, AREA, area.pages, area.file, "anonymous" if area.kind == ANON else area.kind, owners[name])
            )
        if large := [each.name for each in objects if each.pages > MAX_PAGES]:
            raise self.refused(f"{large[0]} has more than {MAX_PAGES} pages")
        calls = {lane: [c for span in self.met if span.task == lane for c in self.calls(span, areas)] for lane in lanes}
        setup = [call for area in areas for call in self.first_state(area, owners[area])]
        steps = [Moment(entry.task, entry.what or entry.site.text, str(entry.site.pos)) for entry in self.result.history]
        wanted = [Lane(lane, calls[lane]) for lane in lanes if calls[lane]]
        shown = [step for step in steps if step.lane in lanes]
        return Witness(
            self.name, self.result.invariant, command(self.result), objects, setup, wanted, shown, list(dict.fromkeys(self.notes))
        )

    def refused(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.name}: {why}")

    def concerned(self) -> tuple[list[str], list[str]]:
        """The areas and files that the operations are about; a file's areas with it."""
        load = self.result.workload
        targets = {span.operation.target for span in self.met}
        files = {name for name in targets if name in load.files}
        areas = [name for name, area in load.areas.items() if name in targets or area.file in files]
        if forked := [name for name in areas if load.areas[name].fork_of]:
            raise self.refused(f"{forked[0]} is shared after a fork")
        files |= {load.areas[name].file for name in areas} - {""}
        return areas, [name for name in load.files if name in files]

    def owner(self, area: str, lanes: Sequence[str]) -> str:
        """The lane in whose address space an area is: the one that locks or unlocks in that process."""
        process = self.result.workload.areas[area].process
        kinds = ("mlock", "munlock", "munmap")
        own = {
            span.task
            for span in self.met
            if span.operation.kind in kinds and self.result.workload.areas[span.operation.target].process == process
        }
        if len(own) > 1:
            raise self.refused(f"{' and '.join(sorted(own))} use one address space, and mmap_lock lets them through in turn")
        users = [span.task for span in self.met if span.operation.target == area]
        return next(iter(own), users[0] if users else lanes[-1])

    def calls(self, span: Span, areas: Sequence[str]) -> list[Call]:
        """What an operation is."""
        operation = span.operation
        if operation.kind in ("write", "read"):
            return [Call(operation.kind, operation.target, 0, first, count) for first, count in runs(span.pages)]
        if operation.kind in CALLS:
            return [Call(operation.kind, operation.target)]
        if operation.kind == "truncate":
            return [Call("truncate", operation.target, operation.number or 0)]
        if operation.kind == "reclaim" and areas:
            self.notes.append(PAGEOUT)
            return [Call("pageout", area) for area in areas]
        if operation.kind == "drain":
            return [Call("drain")]
        if operation.kind in ("idle", "quiesce"):
            return []
        raise self.refused(f"{operation.kind} has no listed call")

    def first_state(self, area: str, lane: str) -> list[SetupCall]:
        """An area as it was when the first of the operations began; locked or not as its owner found it, whose operations come
        one after the other."""
        load = self.result.workload
        file = load.areas[area].file
        begin = min(span.begin for span in self.met)
        owners_begin = min((span.begin for span in self.met if span.task == lane), default=begin)
        locked, size, there = False, load.files[file].pages if file else 0, False
        for span in self.result.spans:
            kind, target = span.operation.kind, span.operation.target
            if target == area and kind in ("mlock", "munlock", "munmap") and _end(span) <= owners_begin:
                locked = kind == "mlock"
            if _end(span) > begin:
                continue
            if target == file and kind == "truncate":
                size = span.operation.number or 0
                there = there and size > 0
            elif target == area:
                there = kind in ("mlock", "write") or (there and kind != "munmap")
        calls = [Call("write", area), Call("drain")] if there else []
        calls += [Call("mlock", area), Call("drain")] if locked else []
        whole = load.files[file].pages if file else 0
        if locked and not there:
            calls += [Call("truncate", file), Call("truncate", file, whole)]
        if file and size < whole:
            calls.append(Call("truncate", file, size))
        return [SetupCall(lane, call) for call in calls]


def runs(pages: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbours in a list of pages: first page and how many."""
    found: list[tuple[int, int]] = []
    for page in pages:
        if found and sum(found[-1]) == page:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((page, 1))
    return found
