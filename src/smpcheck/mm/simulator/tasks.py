"""A task of a workload as a generator: its statements in turn, and for each operation the model's functions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from smpcheck.mm.mm_types import VM_LOCKED
from smpcheck.mm.simulator.machine import Span, Steps, Task
from smpcheck.mm.simulator.objects import Lock
from smpcheck.mm.simulator.workload import AnyPage, Operation, Random, Range, Repeat, Statement
from smpcheck.mm.simulator.world import World

IDLE = -1
"""The step of an operation that has nothing to do."""


class Actor:
    """What one task does: ``dice`` makes its choices, which do not depend on the schedule."""

    def __init__(self, world: World, body: tuple[Statement, ...], seed: int, number: int) -> None:
        self.world, self.body = world, body
        self.dice = random.Random(f"{seed}:{number}")
        self.hand = number
        self.anything = world.load.everything()
        self.span: Span

    def start(self, task: Task) -> Steps:
        """The whole task. It ends early, between two operations, when the machine is stopping."""
        self.world.own(task)
        yield self.block(task, self.body)
        task.doing = "end"
        yield self.world.call["drain"](task)

    def block(self, task: Task, body: tuple[Statement, ...]) -> Steps:
        for statement in body:
            if task.machine.stopping:
                return
            match statement:
                case Operation():
                    yield self.operation(task, statement)
                case Repeat(count, inner):
                    for _ in self.rounds(task, count):
                        yield self.block(task, inner)
                        if not inner:
                            yield IDLE
                case Random(count, inner):
                    for _ in self.rounds(task, count):
                        yield self.block(task, (self.dice.choice(inner or self.anything),))

    def rounds(self, task: Task, count: int | None) -> Iterator[int]:
        done = 0
        while (count is None or done < count) and not task.machine.stopping:
            yield done
            done += 1

    def operation(self, task: Task, operation: Operation) -> Steps:
        """One operation, after which nothing may be held."""
        task.doing = str(operation)
        self.span = Span(task.name, operation, task.machine.step)
        task.machine.spans.append(self.span)
        steps = HANDLERS[operation.kind](self, task, operation)
        yield IDLE  # the system call's entry
        yield steps
        self.span.end = task.machine.step
        task.operation_ends()

    def indices(self, area: str, wanted: Range) -> list[int]:
        pages: int = self.world.load.areas[area].pages
        match wanted:
            case (first, last):
                return list(range(first, last + 1))
            case AnyPage(count):
                return [self.dice.randrange(pages) for _ in range(count)]
        return list(range(pages))

    # operations

    def store(self, task: Task, operation: Operation) -> Steps:
        call = self.world.call[operation.kind]
        vma = self.world.vmas[operation.target]
        self.span.pages = self.indices(operation.target, operation.range)
        for index in self.span.pages:
            if self.world.mapped[operation.target]:
                yield call(task, vma, index)

    def mlock(self, task: Task, operation: Operation) -> Steps:
        """mlock() or munlock(), if that changes the vma: mlock_fixup's test, which the model's scenarios never need.

        The kernel asks under mmap_sem, which the model's functions take themselves; a turnstile of the runner's keeps a second
        one from asking too early.
        """
        area = operation.target
        turnstile = self.world.turnstiles[operation.kind, area]
        yield from self.enter(task, turnstile)
        locked = self.world.vmas[area].vm_flags & VM_LOCKED != 0
        if self.world.mapped[area] and locked == (operation.kind == "munlock"):
            yield self.world.call[f"sys_{operation.kind}"](task, self.world.vmas[area])
        self.leave(task, turnstile)

    def munmap(self, task: Task, operation: Operation) -> Steps:
        area = operation.target
        turnstile = self.world.turnstiles["munlock", area]
        yield from self.enter(task, turnstile)
        if self.world.mapped[area]:
            self.world.mapped[area] = False
            yield self.world.call["munmap"](task, self.world.vmas[area])
        self.leave(task, turnstile)

    @staticmethod
    def enter(task: Task, turnstile: Lock) -> Steps:
        while turnstile.value:
            yield turnstile
        turnstile.value = 1
        turnstile.holders.append(task)

    @staticmethod
    def leave(task: Task, turnstile: Lock) -> None:
        turnstile.value = 0
        turnstile.holders.remove(task)
        task.machine.wake(turnstile)

    def mmap(self, task: Task, operation: Operation) -> Steps:
        self.world.mapped[operation.target] = True
        return
        yield

    def truncate(self, task: Task, operation: Operation) -> Steps:
        """ftruncate(): whether the file grows or shrinks is decided by its size when the call begins."""
        inode, size = self.world.inodes[operation.target], operation.number
        most = self.world.load.files[operation.target].pages
        assert size is not None
        if size > inode.i_size:
            yield self.world.call["extend"](task, inode, size)
        else:
            yield self.world.call["vmtruncate"](task, inode, size, most)

    def shmlock(self, task: Task, operation: Operation) -> Steps:
        yield self.world.call["shmem_lock"](task, self.world.inodes[operation.target].i_mapping)

    def shmunlock(self, task: Task, operation: Operation) -> Steps:
        mapping = self.world.inodes[operation.target].i_mapping
        for index in range(self.world.load.files[operation.target].pages):
            yield self.world.call["shmem_unlock_page"](task, mapping, index)

    def on_pages(self, task: Task, operation: Operation) -> Steps:
        """Reclaim and migration go through the page frames one after the other, each task with a hand of its own."""
        pages = self.world.pages
        for _ in range(operation.number or 1):
            self.hand = (self.hand + self.dice.randrange(1, 4)) % len(pages)
            yield self.world.call[operation.kind](task, pages[self.hand])

    def drain(self, task: Task, operation: Operation) -> Steps:
        yield self.world.call["drain"](task)

    def idle(self, task: Task, operation: Operation) -> Steps:
        for _ in range(operation.number or 1):
            yield IDLE

    def quiesce(self, task: Task, operation: Operation) -> Steps:
        yield self.world.call["drain"](task)
        yield task.machine.barrier


HANDLERS: dict[str, Callable[[Actor, Task, Operation], Any]] = {
    "write": Actor.store, "read": Actor.store, "mlock": Actor.mlock, "munlock": Actor.mlock, "munmap": Actor.munmap,
    "mmap": Actor.mmap, "truncate": Actor.truncate, "shmlock": Actor.shmlock, "shmunlock": Actor.shmunlock,
    "idle": Actor.idle, "reclaim": Actor.on_pages, "migrate": Actor.on_pages, "drain": Actor.drain, "quiesce": Actor.quiesce,
}  # fmt: skip
