"""From a failing run of ``mm check`` to the system calls that bring it about: the run's threads become lanes.

What the threads do is known by the functions that they call. How the run's first state comes about is found by looking at it, not
at how the scenario made it: a page that a VM_LOCKED vma maps, on the unevictable list, is one that was written, drained and then
mlocked. Where no system call does what a thread does, or none leaves a page as it is at the start, the run is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from smpcheck.errors import UnsupportedError
from smpcheck.kernel.compilation import compiling
from smpcheck.kernel.scenario import Setup, ThreadSpec
from smpcheck.kernel.types import Struct, Tagged, initial_value
from smpcheck.mm.check import scenarios_of
from smpcheck.mm.kernel_check.machine import MODELLED
from smpcheck.mm.kernel_check.witness import (
    AREA,
    FILE,
    SHM,
    SYMPTOMS,
    Call,
    Lane,
    Moment,
    Object,
    SetupCall,
    Witness,
    validate,
)
from smpcheck.mm.mm_types import (
    AS_UNEVICTABLE,
    PTE_SWAP,
    VM_LOCKED,
    PG_lru,
    PG_mlocked,
    PG_unevictable,
    address_space,
    inode,
    page,
    vm_area_struct,
)
from smpcheck.simulate import RunResult

if TYPE_CHECKING:
    from smpcheck.mm.check import Case

NOT_CALLS = {
    "move": "it isolates a page and puts it back, as a failed migration does: no listed call does that in a locked area",
    "putback": "it begins with a page that is isolated already: no listed call leaves one so",
    "munlock_one": "it is the heart of munlock() alone",
    "migrate": "no listed call moves a page to another page frame",
    "migrate_pinned": "no listed call tries to move a page that somebody has a reference to",
    "unmap": "it is what munmap() does to one pte",
}
"""Threads of scenarios that are no system calls, and why."""

CACHED = (
    "a page that is mapped into a VM_LOCKED vma only when it is touched: both areas are mlocked with MLOCK_ONFAULT, and the page"
    " comes into one of them by an access from the other lane's CPU"
)

LEAVES_BATCHES = ("munmap", "truncate", "write", "read")
"""Calls after which pages wait in a batch of the CPU: what was unmapped, to be munlocked; what is new, for its list; what was
mapped, to be counted."""

OF_OTHERS = ("load",)
"""Threads whose call can be done to the area of another lane."""

SHARED_AFTER_FORK = (
    "the page that parent and child share after a fork is a page of a file here, which two processes map shared:"
    " PG_lru, PG_mlocked and mlock_count are handled without a look at which of the two it is"
)


def reproducer(case: Case, invariant: str, run: RunResult | None) -> Witness:
    """The witness for a cell that fails.

    :param run: the interleaving; without one there is nothing to try for
    :raises UnsupportedError: it has no form in system calls, with the reason
    """
    name = f"{case.scenario}, {case.variant.name}"
    if not case.variant.mlock_count:
        raise UnsupportedError(f"{name}: only the design of {MODELLED} runs in kernels since 5.18")
    if invariant not in SYMPTOMS:
        raise UnsupportedError(
            f"{name}: nothing in user space shows that {invariant} fails (it can be seen of {', '.join(SYMPTOMS)})"
        )
    if run is None:
        raise UnsupportedError(f"{name}: no interleaving breaks {invariant}: it takes a reordering, which no delay brings about")
    scenario = scenarios_of(case.file)[case.scenario]
    with compiling({**scenario.bindings, "variant": case.variant, "flags": case.flags, "freeing": case.freeing}):
        setup = Setup()
        scenario.function(setup)
        found = _Translation(name, setup).witness(invariant, case.command)
    lanes = [lane.name for lane in found.lanes]
    schedule = [
        Moment(lanes[event.thread], event.text, f"{event.pos.file.rsplit('/', 1)[-1]}:{event.pos.line}" if event.pos else "")
        for event in run.trace.events
        if event.thread < len(lanes)
    ]
    steps = [moment for i, moment in enumerate(schedule) if i == 0 or moment != schedule[i - 1]]
    complete = Witness(found.name, invariant, case.command, found.objects, found.setup, found.lanes, steps, found.notes)
    validate(complete)
    return complete


@dataclass(slots=True)
class _Translation:
    """One scenario's set-up, on its way into calls."""

    name: str
    world: Setup
    objects: dict[str, Object] = field(default_factory=dict)
    calls: list[SetupCall] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def witness(self, invariant: str, command: str) -> Witness:
        """All but the schedule."""
        threads: Sequence[ThreadSpec] = self.world._threads
        vmas = self.named(vm_area_struct)
        owners = {name: self.owner(vma, threads) for name, vma in vmas.items()}
        backing = self.backing(vmas)
        for name in vmas:
            sharing = "anonymous" if not backing else "shared" if len(vmas) > 1 or self.of_kind(SHM) else "private"
            self.objects[name] = Object(name, AREA, 1, backing, sharing, owners[name])
        if not vmas:
            raise self.refused("it has no mapping")
        self.first_state(vmas, owners, threads)
        lanes = [Lane(self.lane(spec), self.calls_of(spec)) for spec in threads]
        return Witness(self.name, invariant, command, list(self.objects.values()), self.calls, lanes, (), self.notes)

    def refused(self, why: str) -> UnsupportedError:
        return UnsupportedError(f"{self.name}: {why}")

    def named(self, kind: type[Struct]) -> dict[str, Struct]:
        """The set-up's objects of that kind, by name."""
        return {name: each for name, each in self.world._objects.items() if isinstance(each, kind)}

    def of_kind(self, kind: str) -> list[Object]:
        return [each for each in self.objects.values() if each.kind == kind]

    def name_of(self, wanted: Struct) -> str:
        return next(name for name, each in self.world._objects.items() if each is wanted)

    # who does what

    def lane(self, spec: ThreadSpec) -> str:
        """The lane's name: the thread's, with a number where two have the same."""
        same = [each for each in self.world._threads if each.name == spec.name]
        return spec.name if len(same) == 1 else f"{spec.name}{same.index(spec) + 1}"

    def owner(self, vma: Struct, threads: Sequence[ThreadSpec]) -> str:
        """The lane that maps a vma: the one that calls something on it."""
        users = [spec for spec in threads if any(arg is vma for arg in spec.args)]
        own = [spec for spec in users if spec.function.__name__ not in OF_OTHERS] or users
        if len(own) > 1:
            raise self.refused(
                f"{' and '.join(each.name for each in own)} use one address space, and mmap_lock lets them through in turn"
            )
        return self.lane(own[0] if own else threads[-1])

    def calls_of(self, spec: ThreadSpec) -> list[Call]:
        """What a thread does: its operation, and the drain at its end, where the operation leaves pages in its CPU's batches."""
        if spec.function.__name__ == "munlock_and_share":
            first, second = (self.name_of(each) for each in spec.args)
            drain = Call("drain")
            return [Call("munlock", first), Call("read", second), drain, Call("munlock", second), drain]
        call = self.operation(spec)
        return [call, Call("drain")] if call.call in LEAVES_BATCHES else [call]

    def operation(self, spec: ThreadSpec) -> Call:
        """What a thread does, as a call."""
        name = spec.function.__name__
        target = spec.args[0] if spec.args else None
        match name, target:
            case "truncate", inode():
                files = self.of_kind(FILE)
                return Call("truncate", files[0].name)
            case "mlock" | "munlock" | "munmap" | "store" | "load", vm_area_struct():
                return Call({"store": "write", "load": "read"}.get(name, name), self.name_of(target))
            case "shm_unlock", address_space():
                return Call("shm_unlock", self.of_kind(SHM)[0].name)
            case "reclaim", page():
                return Call("pageout", next(each.name for each in self.of_kind(AREA)))
            case "drain" | "drain_late", page():
                return Call("drain")
        raise self.refused(f"thread {spec.name} is no system call: {NOT_CALLS.get(name, f'{name} has none that is listed')}")

    def backing(self, vmas: Mapping[str, Struct]) -> str:
        """The file or segment behind the vmas, made where something asks for it: its name."""
        mapping = next(iter(self.named(address_space).values()), None)
        if mapping is not None and initial_value(mapping, "flags") >> AS_UNEVICTABLE & 1:
            self.objects["segment"] = Object("segment", SHM)
            return "segment"
        truncated = any(isinstance(arg, inode) for spec in self.world._threads for arg in spec.args)
        if truncated or len(vmas) > 1:
            self.objects["file"] = Object("file", FILE)
            return "file"
        return ""

    # the state at the start

    def first_state(self, vmas: Mapping[str, Struct], owners: Mapping[str, str], threads: Sequence[ThreadSpec]) -> None:
        """The calls that lead to it."""
        behind = {name: self.page_behind(vma) for name, vma in vmas.items()}
        if self.of_kind(SHM):
            return self.pending_in_segment(owners, threads)
        if late := [spec for spec in threads if spec.function.__name__ == "drain_late"]:
            self.only_in_the_cache(self.lane(late[0]), vmas, owners)
            self.calls.append(SetupCall(self.lane(late[0]), Call("read", next(iter(vmas)))))
            return None
        if not any(behind.values()):
            return self.only_in_the_cache(self.lane(threads[0]), vmas, owners)
        if len({id(each) for each in behind.values()}) > 1 or None in behind.values():
            raise self.refused("a vma maps nothing at the start, or two vmas map different pages")
        first = behind[next(iter(behind))]
        assert first is not None
        flags = initial_value(first, "flags")
        lru, mlocked, unevictable = (flags >> bit & 1 for bit in (PG_lru, PG_mlocked, PG_unevictable))
        locked = [name for name, vma in vmas.items() if initial_value(vma, "vm_flags") & VM_LOCKED]
        if not isinstance(initial_value(first, "mapping"), Tagged):
            raise self.refused("a page of the file is mapped privately at the start: mlock() would copy it")
        if len(vmas) > 1:
            self.notes.append(SHARED_AFTER_FORK)
        state = (bool(lru), bool(mlocked), bool(unevictable))
        born_in = self.pending_lane(first, threads)
        if state == (True, False, False) and not locked:
            self.do("write", next(iter(vmas)), owners)
        elif state == (True, True, True) and locked:
            self.do("write", locked[0], owners)
            for name in locked:
                self.do("mlock", name, owners)
        elif state == (False, True, False) and len(locked) == 1 and born_in:
            self.calls += [SetupCall(born_in, Call("write", locked[0])), SetupCall(owners[locked[0]], Call("mlock", locked[0]))]
            return None
        else:
            words = [name for name, bit in zip(("PG_lru", "PG_mlocked", "PG_unevictable"), state, strict=True) if bit]
            where = "a VM_LOCKED vma" if locked else "a vma that is not VM_LOCKED"
            raise self.refused(
                f"no listed call leaves a page of {where} with {', '.join(words) or 'none'} of its list flags at the start"
            )
        return None

    def only_in_the_cache(self, lane: str, vmas: Mapping[str, Struct], owners: Mapping[str, str]) -> None:
        """A page of the file on its list, which no vma maps but a lane's own, made for that. Locked areas map it when touched."""
        cached = [each for each in self.named(page).values() if initial_value(each, "flags") >> PG_lru & 1]
        if not self.of_kind(FILE) or len(cached) != 1:
            raise self.refused("no vma maps a page at the start, and no file has one in memory")
        self.objects["born"] = Object("born", AREA, 1, self.of_kind(FILE)[0].name, "shared", lane)
        self.notes.append(CACHED)
        self.calls += [SetupCall(lane, Call("write", "born")), SetupCall(lane, Call("drain"))]
        locked = [name for name, vma in vmas.items() if initial_value(vma, "vm_flags") & VM_LOCKED]
        self.calls += [SetupCall(owners[name], Call("mlock_on_fault", name)) for name in locked]

    def do(self, call: str, area: str, owners: Mapping[str, str]) -> None:
        """A call of the area's owner, and a drain, so that the page is on its list."""
        self.calls += [SetupCall(owners[area], Call(call, area)), SetupCall(owners[area], Call("drain"))]

    def page_behind(self, vma: Struct) -> Struct | None:
        """The page that a vma of one page maps."""
        table = initial_value(vma, "page_table")
        if initial_value(vma, "vm_pages") != 1 or not isinstance(table, Struct):
            raise self.refused("a vma has several pages")
        found = initial_value(table, "pte")
        if isinstance(found, Tagged):
            if found.tag & PTE_SWAP:
                raise self.refused("a page is swapped out at the start")
            return found.target
        return found

    def pending_lane(self, wanted: Struct, threads: Sequence[ThreadSpec]) -> str:
        """The lane whose CPU has the page in its pagevec: the one that drains it."""
        own = [spec for spec in threads if spec.function.__name__ == "drain" and spec.args and spec.args[0] is wanted]
        return self.lane(own[0]) if own else ""

    def pending_in_segment(self, owners: Mapping[str, str], threads: Sequence[ThreadSpec]) -> None:
        """A segment that is locked, with a page that was born afterwards."""
        pages = self.named(page)
        born_in = next((lane for each in pages.values() if (lane := self.pending_lane(each, threads))), "")
        if not born_in:
            raise self.refused("no listed call leaves a page of a locked segment on an evictable list at the start")
        self.calls += [SetupCall(born_in, Call("shm_lock", "segment")), SetupCall(born_in, Call("write", next(iter(owners))))]
