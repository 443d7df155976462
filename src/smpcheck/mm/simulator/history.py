"""The last steps before a failure, each with its source line and what it did to which object.

A failing run is run again, and near its end each step is looked at from outside: the place that a step accesses is evaluated in
the task's own frame before and after it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from msgspec import Struct

from smpcheck.mm.simulator.machine import Failure, Machine, Stopped, Task
from smpcheck.mm.simulator.objects import Cell, Lock, Memory, show
from smpcheck.mm.simulator.sites import Site
from smpcheck.simulate.schedulers import Scheduler

OWN_STEPS, OBJECT_STEPS = 12, 24
"""So many last steps are shown of each task, and of all tasks on the objects that a failure is about."""


class Entry(Struct, frozen=True):
    """A step: ``what`` it did in words (``page[3].flags = lru|active``)."""

    step: int
    task: str
    doing: str
    site: Site
    what: str
    target: Cell | None


class History:
    """Runs a machine on to its failure and notes its steps."""

    def __init__(self, machine: Machine, space: dict[str, Any], memory: Memory) -> None:
        self.machine, self.space, self.memory = machine, space, memory
        self.entries: deque[Entry] = deque(maxlen=20_000)

    def run(self, scheduler: Scheduler, limit: int) -> None:
        """To the end."""
        machine = self.machine
        try:
            while machine.ready and not machine.failures:
                number = scheduler.choose(machine.ready) if len(machine.ready) > 1 else machine.ready[0]
                machine.turns += 1
                self.turn(machine.tasks[number])
                if machine.step >= limit:
                    machine.stopping = True
        except Stopped:
            pass

    def turn(self, task: Task) -> None:
        """One step, noted."""
        machine = self.machine
        site = machine.sites[task.at] if task.at >= 0 else None
        target = self.target(task, site) if site else None
        doing, before, step = task.doing, machine.step, machine.step
        old = self.content(target, site)
        try:
            machine._turn(task)
        finally:
            if site is not None and (machine.step > before or machine.failures):
                new = self.content(target, site)
                self.entries.append(Entry(step + 1, task.name, doing, site, self.words(target, site, old, new), target))

    def target(self, task: Task, site: Site) -> Cell | None:
        """The object that the task's next step accesses."""
        if site.place is None:
            return None
        frames = list(task.where())
        try:
            found = eval(site.place, self.space, frames[-1][2] if frames else {})
        except Exception:
            return None
        return found if isinstance(found, Cell) else None

    def content(self, target: Cell | None, site: Site | None) -> str:
        if target is None or site is None:
            return ""
        return show(target, site.field, self.memory.flag_names)

    def words(self, target: Cell | None, site: Site, old: str, new: str) -> str:
        if target is None:
            return ""
        place = f"{target!r}.{site.field}"
        if isinstance(getattr(target, site.field, None), Lock):
            return f"{site.kind} {place}"
        if old == new:
            return f"{place} is {new}" if site.kind == "read" else f"{place} stays {new}"
        return f"{place}: {old} -> {new}"

    def concerned(self, failure: Failure) -> list[Entry]:
        """The last steps of the task that failed and those of all tasks on the objects concerned, in order."""
        own = [entry for entry in self.entries if entry.task == failure.task][-OWN_STEPS:]
        names = {each._name for each in failure.objects if type(each).__name__ == "page"} or {
            each._name for each in failure.objects
        }
        about = [entry for entry in self.entries if entry.target is not None and entry.target._name in names][-OBJECT_STEPS:]
        last = list(self.entries)[-4:] if failure.task is None and not about else []
        chosen = {id(entry): entry for entry in (*own, *about, *last)}
        return sorted(chosen.values(), key=lambda entry: entry.step)
