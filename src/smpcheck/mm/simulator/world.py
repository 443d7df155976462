"""The machine that a workload runs on: page frames, an allocator, files, areas, and what must hold when all is quiet.

Objects are made from the model's struct declarations. The model's allocator gives each CPU one page, once; here it gives page
frames from a queue, and frames that were freed go to its end: a free frame must not change, so that who still uses it is seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from smpcheck.errors import InputError
from smpcheck.kernel.compilation import compiling
from smpcheck.kernel.types import Array, PerCpu, objects
from smpcheck.mm import invariants, mm_types, scenarios
from smpcheck.mm.simulator.machine import Machine, Task
from smpcheck.mm.simulator.objects import NULL, Cell, Lock, Memory, Tagged
from smpcheck.mm.simulator.syscalls import OPERATIONS
from smpcheck.mm.simulator.translate import Code, translate
from smpcheck.mm.simulator.workload import SHARED, Area, Workload
from smpcheck.mm.variants import Variant

FINALS = (
    invariants.counted, invariants.lru_counted, invariants.unevictable_counted, invariants.not_stranded, invariants.lists_agree,
    invariants.references_owned, invariants.mappings_counted, invariants.swap_counted, invariants.freed_once,
    invariants.mlocked_with_reason, invariants.mlocks_counted, invariants.unmapped, invariants.counters_agree,
    invariants.lists_counted, invariants.culled,
)  # fmt: skip

OVERRIDES = {"PUTBACK_ROUNDS": 1 << 30, "PAGEVEC_DRAINS": True, "REUSE": False}
"""A loop that the checker has to cut goes on for as long as it likes here, and a pagevec that is full is drained."""

OUT_OF_MEMORY = "a page to allocate"
"""The model's check that alloc_page finds a page: no error here, but counted."""


class Frame(Cell):
    """A page frame: a struct page that tells the allocator when it is freed."""

    __slots__ = ("_freed", "_last", "_queue")

    _freed: int
    _last: tuple[Any, ...]
    _queue: deque[Frame]

    @property
    def freed(self) -> int:
        return self._freed

    @freed.setter
    def freed(self, times: int) -> None:
        self._freed = times
        if times == 1:
            self._last = state(self)
            self._queue.append(self)


def state(page: Any) -> tuple[Any, ...]:
    """What must not change while a page is free."""
    return page.flags, page._count, page._mapcount, page.lru, page.mapping, page._swapcount


class Allocator:
    """Stands for every CPU's ``free_area``: reading a spare page takes the frame that has been free for longest."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def spare(self) -> Any:
        queue = self.world.free
        return self.world.prepare(queue.popleft()) if queue else NULL

    spare_2 = spare


def page_of(pte: Any) -> Any:
    """The page that a pte maps, or whose swap entry it holds; None: none."""
    value = pte.pte
    if isinstance(value, Tagged):
        return value.target
    return value if isinstance(value, Cell) else None


def mapped_page(pte: Any) -> Any:
    """The page that a pte maps; None: none, or a swap entry."""
    value = pte.pte
    return None if isinstance(value, Tagged) and value.tag == mm_types.PTE_SWAP else page_of(pte)


def code_for(variant: Variant, flags: str, freeing: str) -> tuple[Code, Mapping[str, Any]]:
    """The code of the operations and invariants for one way to build the system, and the switches."""
    bindings = {"variant": variant, "flags": flags, "freeing": freeing}
    return translate(OPERATIONS, FINALS, bindings, OVERRIDES), bindings


class World:
    """Objects and operations of one run. ``call[name]`` is an operation of :mod:`~smpcheck.mm.simulator.syscalls`."""

    def __init__(self, load: Workload, code: Code, bindings: Mapping[str, Any], machine: Machine, cpus: int) -> None:
        self.load, self.code, self.machine = load, code, machine
        self.variant: Variant = bindings["variant"]
        self.free: deque[Frame] = deque()
        self.allocated = 0
        self.checks = 0
        self.mapped = dict.fromkeys(load.areas, True)
        calls = [(kind, name) for name in load.areas for kind in ("mlock", "munlock")]
        self.turnstiles = {call: Lock(" ".join(call), -1, False) for call in calls}
        self.memory = memory = Memory(scenarios.LOCK_ORDER, {mm_types.page: Frame})
        with compiling(bindings):
            self._declare(memory)
            self.space: dict[str, Any] = {}
            for name, value in code.globals.items():
                if value is mm_types.free_pages:
                    self.space[name] = [Allocator(self)] * cpus
                elif isinstance(value, PerCpu):
                    self.space[name] = memory.per_cpu(value, cpus, name)
                else:
                    self.space[name] = memory.make(value, name)
        code.load(self.space)
        self.call = {function.__name__: code.entry(self.space, function) for function in OPERATIONS}
        self.ask = {function.__name__: self.space[code.name(function, quiet=True)] for function in FINALS}
        self.keeper = Task(machine, -1, 0, "when all is quiet")
        self.own(self.keeper)
        for page in self.pages:
            page._queue = self.free
            if page.allocated == 0:
                page.flags, page._count, page._freed, page.allocated = 1 << mm_types.PG_buddy, 0, 1, 1
                page._last = state(page)
                self.free.append(page)
        machine.on_quiet = self.quiet

    def own(self, task: Task) -> None:
        """Give a task its thread-local variables."""
        for name, init in self.code.thread_locals.items():
            setattr(task, name, init)

    # objects

    def _declare(self, memory: Memory) -> None:
        """Every object of the workload."""
        load = self.load
        frames: Array[Any] = objects(mm_types.page, load.pages)
        zone = mm_types.contig_zone
        zone.swap = 1 if load.swap else 0
        self.zone: Any = memory.make(zone, "zone")
        self.pages: list[Any] = memory.make(frames, "page")
        nodes: dict[str, Any] = {}
        slots: dict[str, Any] = {}
        for file in load.files.values():
            nodes[file.name] = node = mm_types.inode(i_size=file.pages)
            slots[file.name] = objects(mm_types.radix_tree_slot, file.pages)
            memory.make(slots[file.name], f"{file.name}.slot")
            node.i_mapping = mm_types.address_space(host=node, page_tree=slots[file.name][0])
        processes = {area.process: mm_types.mm_struct() for area in load.areas.values()}
        ptes: dict[str, Any] = {}
        vmas: dict[str, Any] = {}
        for area in load.areas.values():
            ptes[area.name] = objects(mm_types.pte_t, area.pages)
            memory.make(ptes[area.name], f"{area.name}.pte")
            vmas[area.name] = self._vma(area, vmas, nodes, ptes[area.name], processes[area.process])
        for process, mm in processes.items():
            memory.make(mm, f"{process}.mm")
        self.inodes = {name: memory.make(node, name) for name, node in nodes.items()}
        self.slots = {name: memory.make(each) for name, each in slots.items()}
        self.vmas = {name: memory.make(vma, name) for name, vma in vmas.items()}
        self.ptes = {name: memory.make(each) for name, each in ptes.items()}
        self.nowhere: Any = memory.make(mm_types.radix_tree_slot(), "no slot")
        self.no_mapping: Any = memory.make(mm_types.address_space(host=mm_types.inode(i_mapping=0)), "no mapping")
        self._fill_files()

    def _vma(self, area: Area, vmas: Mapping[str, Any], nodes: Mapping[str, Any], ptes: Any, mm: Any) -> Any:
        mapping: Any = nodes[area.file].i_mapping if area.file else 0
        vma = mm_types.vm_area_struct(vm_mm=mm, vm_file=mapping, page_table=ptes[0], vm_pages=area.pages)
        vma.vm_shared = 1 if area.kind == SHARED else 0
        if area.fork_of:
            parent = vmas[area.fork_of]
            vma.anon_vma = parent.anon_vma = anon = parent.anon_vma_spare
            anon.vma_next = vma
            vma.anon_vma_spare = anon
        else:
            vma.anon_vma_spare = anon = mm_types.anon_vma()
            anon.vma = vma
        if mapping:
            if not mapping.vma:
                mapping.vma = vma
            else:
                mapping.vma_next = vma
        return vma

    def _fill_files(self) -> None:
        """The page cache, and private files without a mapping get a vma that maps nothing."""
        frames = iter(self.pages)
        for name, slots in self.slots.items():
            mapping = self.inodes[name].i_mapping
            for index, slot in enumerate(slots):
                page = next(frames)
                page.flags, page.lru = 1 << mm_types.PG_lru, mm_types.LRU_INACTIVE_FILE
                page.mapping, page.index, page.allocated = mapping, index, 1
                slot.page = page
                self.zone.nr_lru += 1
            if mapping.vma == NULL:
                raise InputError(f"the file {name} is not mapped: mmap NAME private {name}", self.load.files[name].pos)

    def prepare(self, page: Any) -> Any:
        """A free page frame as the allocator gives it away."""
        if state(page) != page._last:
            now, last = state(page), page._last
            self.machine.failed(None, "I6", f"{page} changed while it was free: {last} became {now}", None, (page,))
        page.flags, page._count, page._mapcount, page.lru = 0, 1, -1, mm_types.NOT_LISTED
        page.mapping, page.index, page._swapcount, page.mlock_count = NULL, 0, 0, 0
        page.allocated = page.freed = 0
        self.allocated += 1
        return page

    # what must hold

    def quiet(self) -> None:
        """Nobody is inside an operation, all pagevecs are drained: ask every invariant; at the end, after reclaim's visit too."""
        ended = all(task.steps is None for task in self.machine.tasks)
        self.settle()
        self.invariants()
        if ended:
            for page in self.pages:
                if page.freed == 0:
                    self.machine.alone(self.keeper, self.call["shrink_page"](self.keeper, page))
                    self.machine.alone(self.keeper, self.call["drain"](self.keeper))
            self.settle()
            self.invariants()
            self.visited()

    def settle(self) -> None:
        """What has lost its last reference reaches the allocator."""
        for page in self.pages:
            if page.freed == 0 and page._count == 0:
                self.machine.alone(self.keeper, self.call["free_unreferenced_page"](self.keeper, page))

    def holds(self, name: str, question: str, about: tuple[Cell, ...], *args: Any) -> None:
        """Ask one invariant."""
        if not self.ask[question](self.keeper, *args):
            what = ", ".join(each._name for each in about)
            self.machine.failed(None, name, f"{question}({what}) is false when all is quiet", None, about or (self.zone,))

    def invariants(self) -> None:
        """Those of quiet states but I11: here mlock() may have found no page, and a file may have been truncated before."""
        self.checks += 1
        holds, zone = self.holds, self.zone
        holds("I2", "counted", (), zone, self.pages)
        holds("I5", "lru_counted", (), zone, self.pages)
        holds("I5", "unevictable_counted", (), zone, self.pages)
        users, slots = self.users()
        for page in self.pages:
            about = (page,)
            mapping = page.mapping if type(page.mapping) is type(self.no_mapping) else self.no_mapping
            owners, vmas = users.get(page, ([], []))
            cached = slots.get(page, [self.nowhere])
            holds("I3", "not_stranded", about, page, mapping)
            holds("I5", "lists_agree", about, page)
            if len(cached) > 1:
                self.machine.failed(None, "I6", f"{page} is in the page cache twice", None, about)
            holds("I6", "references_owned", about, page, owners, cached[0])
            holds("I6", "mappings_counted", about, page, owners)
            holds("I6", "swap_counted", about, page, owners)
            holds("I6", "freed_once", about, page)
            holds("I12", "mlocked_with_reason", about, page, owners, vmas)
            if self.variant.mlock_count:
                holds("I13", "mlocks_counted", about, page, owners, vmas)
        for area in self.load.areas.values():
            if area.file:
                for index in range(self.inodes[area.file].i_size, area.pages):
                    pte = self.ptes[area.name][index]
                    holds("I9", "unmapped", (pte,), pte)
        holds("I10", "counters_agree", (), zone)
        if self.variant.pagevec_putback:
            holds("I10", "lists_counted", (), zone)

    def users(self) -> tuple[dict[Any, tuple[list[Any], list[Any]]], dict[Any, list[Any]]]:
        """The ptes that hold each page or its swap entry, each pte's vma, and the page cache slots."""
        users: dict[Any, tuple[list[Any], list[Any]]] = {}
        slots: dict[Any, list[Any]] = {}
        for name, table in self.ptes.items():
            for pte in table:
                page = page_of(pte)
                if page is not None:
                    ptes, vmas = users.setdefault(page, ([], []))
                    ptes.append(pte)
                    vmas.append(self.vmas[name])
        for tree in self.slots.values():
            for slot in tree:
                if slot.page != NULL:
                    slots.setdefault(slot.page, []).append(slot)
        return users, slots

    def visited(self) -> None:
        """I4: reclaim has looked at every page."""
        for name, vma in self.vmas.items():
            for pte in self.ptes[name]:
                page = mapped_page(pte)
                if page is not None:
                    self.holds("I4", "culled", (page, pte), page, [pte], [vma])
