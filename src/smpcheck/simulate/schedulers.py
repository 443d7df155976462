"""Who goes next: one class for each way of choosing among the threads that can take a step.

``choose(ready)`` gets the numbers of the threads that have not ended and are not known to wait, in ascending order; if the
chosen one turns out to wait, it is asked again without that one, which stays out until somebody has taken a step.
``alternative(n)`` chooses among n ways that are all possible (a ``nondet()``).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Protocol

from smpcheck.errors import InputError


class Scheduler(Protocol):
    """A source of scheduling decisions."""

    def start(self, threads: int) -> None:
        """A run with that many threads begins."""

    def choose(self, ready: Sequence[int]) -> int:
        """The thread that takes the next step."""

    def alternative(self, count: int) -> int:
        """One of ``count`` possibilities."""


class RandomScheduler:
    """Every thread that can go on is as likely as any other, at every step."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.start(0)

    def start(self, threads: int) -> None:
        self._random = Random(self.seed)
        following = self._random.random

        def choose(ready: Sequence[int]) -> int:
            return ready[int(following() * len(ready))]

        self.choose = choose
        """See :class:`Scheduler`. (A method would be looked up, and find the source of numbers, at each of millions of steps.)"""

    def alternative(self, count: int) -> int:
        return self._random.randrange(count)


class PCTScheduler:
    """Probabilistic concurrency testing: random priorities, and ``depth - 1`` random points where the running thread drops back.

    Finds a bug that needs ``depth`` ordering constraints with probability at least 1 / (n * k^(depth-1)), for n threads and k
    steps. Source: Burckhardt, Kothari, Musuvathi, Nagarakatti, "A Randomized Scheduler with Probabilistic Guarantees of
    Finding Bugs", ASPLOS 2010. ``steps`` is k. A thread that runs ``patience`` steps without a break is taken to be spinning
    and drops too (PCT itself assumes that no thread spins).
    """

    def __init__(self, seed: int = 0, depth: int = 3, steps: int = 1000, patience: int = 10_000) -> None:
        if depth < 1 or steps < 1:
            raise InputError("PCT needs a depth and a number of steps of at least 1")
        self.seed, self.depth, self.steps, self.patience = seed, depth, steps, patience
        self.start(0)

    def start(self, threads: int) -> None:
        self._random = Random(self.seed)
        order = list(range(threads))
        self._random.shuffle(order)
        self._priority = {thread: self.depth + rank for rank, thread in enumerate(order)}
        points = sorted(self._random.sample(range(1, self.steps + 1), min(self.depth - 1, self.steps)))
        self._changes = dict(zip(points, range(self.depth - 1, 0, -1), strict=False))
        self._step = 0
        self._lowest = 0
        self._last, self._running = -1, 0

    def choose(self, ready: Sequence[int]) -> int:
        priority = self._priority
        thread = max(ready, key=priority.__getitem__)
        self._step += 1
        self._running = self._running + 1 if thread == self._last else 0
        self._last = thread
        change = self._changes.get(self._step)
        if change is not None:
            priority[thread] = change
        elif self._running > self.patience:
            self._lowest -= 1
            priority[thread] = self._lowest
            self._running = 0
        else:
            return thread
        return max(ready, key=priority.__getitem__)

    def alternative(self, count: int) -> int:
        return self._random.randrange(count)


class RoundRobinScheduler:
    """Each thread in turn takes ``quantum`` steps; the first of several possibilities is taken."""

    def __init__(self, quantum: int = 1) -> None:
        if quantum < 1:
            raise InputError("the quantum of round robin is at least 1")
        self.quantum = quantum
        self.start(0)

    def start(self, threads: int) -> None:
        self._current, self._left = -1, 0

    def choose(self, ready: Sequence[int]) -> int:
        if self._left > 0 and self._current in ready:
            self._left -= 1
            return self._current
        self._current = next((t for t in ready if t > self._current), ready[0])
        self._left = self.quantum - 1
        return self._current

    def alternative(self, count: int) -> int:
        return 0


class ReplayScheduler:
    """The decisions of a recorded schedule (see :class:`Schedule`), in order."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self.start(0)

    def start(self, threads: int) -> None:
        self._threads = iter(self.schedule.threads)
        self._alternatives = iter(self.schedule.alternatives)

    def choose(self, ready: Sequence[int]) -> int:
        thread = next(self._threads, None)
        if thread is None:
            return ready[0]
        if thread not in ready:
            raise InputError(f"the schedule does not fit the program: thread {thread} cannot take a step")
        return thread

    def alternative(self, count: int) -> int:
        return min(next(self._alternatives, 0), count - 1)


class Schedule:
    """The decisions of one run: which thread took each step, and the choices among several possibilities.

    ``str()`` is a short text: ``0*12 1*3 0`` means 12 steps of thread 0, 3 of thread 1, one of thread 0; then perhaps
    ``| 1 0``, the choices.
    """

    def __init__(self, threads: Sequence[int] = (), alternatives: Sequence[int] = ()) -> None:
        self.threads = tuple(threads)
        self.alternatives = tuple(alternatives)

    def __str__(self) -> str:
        parts: list[str] = []
        start = 0
        for i in range(1, len(self.threads) + 1):
            if i == len(self.threads) or self.threads[i] != self.threads[start]:
                count = i - start
                parts.append(f"{self.threads[start]}*{count}" if count > 1 else str(self.threads[start]))
                start = i
        text = " ".join(parts)
        return f"{text} | {' '.join(map(str, self.alternatives))}" if self.alternatives else text

    @staticmethod
    def parse(text: str) -> Schedule:
        """The schedule that ``str()`` wrote. :raises InputError: it is none"""
        steps, _, choices = text.partition("|")
        threads: list[int] = []
        try:
            for part in steps.split():
                thread, _, count = part.partition("*")
                threads.extend([int(thread)] * (int(count) if count else 1))
            return Schedule(threads, [int(c) for c in choices.split()])
        except ValueError:
            raise InputError(f"not a schedule: {text!r} (it looks like '0*12 1*3 0 | 1 0')") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and (self.threads, self.alternatives) == (other.threads, other.alternatives)

    def __hash__(self) -> int:
        return hash((self.threads, self.alternatives))


def scheduler(name: str, seed: int = 0, steps: int = 1000) -> Scheduler:
    """A scheduler by its name: ``random``, ``pct`` (or ``pct:DEPTH``), ``round-robin`` (or ``round-robin:QUANTUM``)."""
    kind, _, number = name.partition(":")
    try:
        value = int(number) if number else 0
    except ValueError:
        raise InputError(f"scheduler {name}: {number!r} is not a number") from None
    if kind == "random" and not number:
        return RandomScheduler(seed)
    if kind == "pct":
        return PCTScheduler(seed, value or 3, steps)
    if kind == "round-robin":
        return RoundRobinScheduler(value or 1)
    raise InputError(f"unknown scheduler {name}: random, pct[:DEPTH], round-robin[:QUANTUM]")
