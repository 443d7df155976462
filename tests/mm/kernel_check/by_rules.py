"""A predictor of its own for one thread: a page is mlocked and unevictable while some VM_LOCKED area maps it, and that is all.

Made from the rules of Documentation/mm/unevictable-lru alone, so that it can contradict both the kernel and the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from smpcheck.mm.kernel_check.steps import Kind, PageFlags, Prediction, Step


@dataclass(eq=False)
class Page:
    anon: bool
    swapbacked: bool
    maps: int = 0
    locks: int = 0


@dataclass
class Area:
    kind: Kind
    file: str
    size: int
    mapped: set[int]
    locked: set[int] = field(default_factory=set)
    ptes: dict[int, Page] = field(default_factory=dict)


class ByRules:
    def __init__(self, tmpfs: bool) -> None:
        self.tmpfs = tmpfs
        self.areas: dict[str, Area] = {}
        self.sizes: dict[str, int] = {}
        self.caches: dict[str, dict[int, Page]] = {}
        self.moved: Counter[str] = Counter()

    def predict(self, steps: Sequence[Step]) -> list[Prediction]:
        return [self.step(step) for step in steps]

    def step(self, step: Step) -> Prediction:
        self.moved = Counter()
        outcome = getattr(self, step.op)(step) or "ok"
        return Prediction(
            dict(self.moved),
            {name: self.flags(area) for name, area in self.areas.items()},
            {name: int(sum(1 / p.maps for i, p in a.ptes.items() if i in a.locked)) for name, a in self.areas.items()},
            {name: len(area.locked) for name, area in self.areas.items()},
            outcome,
        )

    def flags(self, area: Area) -> PageFlags:
        found: list[frozenset[str] | None] = [None] * area.size
        for index, page in area.ptes.items():
            names = {"anon": page.anon, "swapbacked": page.swapbacked, "mlocked": page.locks, "unevictable": page.locks}
            found[index] = frozenset({"lru", "mmap", *(name for name, on in names.items() if on)})
        return found

    def hold(self, page: Page, by: int) -> None:
        before, page.locks = page.locks, page.locks + by
        if bool(before) != bool(page.locks):
            self.moved.update(nr_mlock=by, nr_unevictable=by)
            self.moved.update(["unevictable_pgs_mlocked", "unevictable_pgs_culled"] if by > 0 else [])
            self.moved.update(["unevictable_pgs_munlocked", "unevictable_pgs_rescued"] if by < 0 else [])

    def unmap(self, area: Area, index: int) -> None:
        page = area.ptes.pop(index, None)
        if page:
            page.maps -= 1
            if index in area.locked:
                self.hold(page, -1)

    def fault(self, area: Area, index: int) -> bool:
        if index in area.ptes:
            return True
        if area.file and index >= self.sizes[area.file]:
            return False
        private = Page(anon=True, swapbacked=True)
        shared = Page(anon=False, swapbacked=self.tmpfs)
        page = self.caches[area.file].setdefault(index, shared) if area.kind == "shared" else private
        area.ptes[index] = page
        page.maps += 1
        if index in area.locked:
            self.hold(page, +1)
        return True

    def ftruncate(self, step: Step) -> None:
        size = self.sizes[step.file] = step.pages.stop
        cache = self.caches.setdefault(step.file, {})
        for area in self.areas.values():
            for index in [i for i in area.ptes if area.file == step.file and i >= size]:
                self.unmap(area, index)
        for index in [i for i in cache if i >= size]:
            del cache[index]

    def mmap(self, step: Step) -> None:
        self.areas[step.area] = Area(step.kind, step.file, len(step.pages), set(step.pages))

    def write(self, step: Step) -> str | None:
        return None if all(self.fault(self.areas[step.area], index) for index in step.pages) else "EFAULT"

    def mlock(self, step: Step) -> str | None:
        area = self.areas[step.area]
        for index in set(step.pages) - area.locked:
            area.locked.add(index)
            if index in area.ptes:
                self.hold(area.ptes[index], +1)
        return None if all(self.fault(area, index) for index in step.pages) else "ENOMEM"

    def munlock(self, step: Step) -> None:
        area = self.areas[step.area]
        for index in set(step.pages) & area.locked:
            if index in area.ptes:
                self.hold(area.ptes[index], -1)
            area.locked.discard(index)

    def munmap(self, step: Step) -> None:
        area = self.areas[step.area]
        for index in step.pages:
            self.unmap(area, index)
            area.mapped.discard(index)
            area.locked.discard(index)


def on_tmpfs(steps: Sequence[Step]) -> Sequence[Prediction]:
    return ByRules(tmpfs=True).predict(steps)


def on_disk(steps: Sequence[Step]) -> Sequence[Prediction]:
    return ByRules(tmpfs=False).predict(steps)
