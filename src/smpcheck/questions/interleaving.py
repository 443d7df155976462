"""An execution as threads that take turns, where it is one: an order of all events in which each read sees the latest write.

Such an order exists iff program order and communication have no cycle together (Shasha and Snir 1988), the halves of each atomic
operation, and the events of an access to several cells, are neighbours, and each grace period is between critical sections, not
inside one. It is built event by event. Only grace periods can show that an earlier choice was wrong, so only they make the search
backtrack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from smpcheck.program.execution import ExecutedEvent, Execution
from smpcheck.program.values import Value

MAX_FRONTIERS = 20_000
"""The search stops after so many combinations of how far the threads have come."""


def interleaving(execution: Execution) -> tuple[int, ...] | None:
    """The ids of the threads' events in an order in which taking turns gives this execution, staying in one thread as long as
    it can; None where there is no such order (or none was found in :data:`MAX_FRONTIERS` steps).
    """
    return _Search(execution).order()


class _Search:
    """Depth first over how far each thread has come."""

    def __init__(self, execution: Execution) -> None:
        self.events = {e.id: e for e in execution.events if e.thread >= 0}
        self.threads: dict[int, list[int]] = {}
        for e in execution.events:
            if e.thread >= 0:
                self.threads.setdefault(e.thread, []).append(e.id)
        self.before = self._before(execution)
        self.second = {r: w for r, w in execution.relations["rmw"] if r in self.events and w in self.events}
        for number, events in execution.together.items():
            later = [e for e in events if e > number]
            if later:
                self.second[number] = min(later)
            else:
                self.second.pop(number, None)

    def _before(self, execution: Execution) -> Mapping[int, set[int]]:
        """For each event, those of other threads that communication puts before it."""
        before: dict[int, set[int]] = {number: set() for number in self.events}
        later: dict[int, set[int]] = {}
        for a, b in execution.relations["co"]:
            later.setdefault(a, set()).add(b)
            if a in self.events and b in self.events:
                before[b].add(a)
        for w, r in execution.relations["rf"]:
            if r not in self.events:
                continue
            if w in self.events:
                before[r].add(w)
            for overwriting in later.get(w, ()):
                if overwriting != r and overwriting in self.events:
                    before[overwriting].add(r)
        return before

    def order(self) -> tuple[int, ...] | None:
        """The first order that is found."""
        path: list[int] = []
        seen: set[tuple[int, ...]] = set()
        stack = [self._moves(path)]
        while stack:
            if len(path) == len(self.events):
                return tuple(path)
            move = stack[-1].pop(0) if stack[-1] else None
            if move is None:
                stack.pop()
                if path:
                    path.pop()
                continue
            path.append(move)
            state = self._frontier(path)
            if state in seen or len(seen) > MAX_FRONTIERS:
                path.pop()
                continue
            seen.add(state)
            stack.append(self._moves(path))
        return None

    def _frontier(self, path: list[int]) -> tuple[int, ...]:
        done = Counter(self.events[e].thread for e in path)
        return tuple(done[thread] for thread in self.threads)

    def _moves(self, path: list[int]) -> list[int]:
        """What can come next, the current thread's event first."""
        finished = set(path)
        last = path[-1] if path else None
        if last in self.second:
            follower = self.second[last]
            return [follower] if self._ready(follower, finished, path) else []
        done = Counter(self.events[e].thread for e in path)
        heads = [events[done[thread]] for thread, events in self.threads.items() if done[thread] < len(events)]
        ready = [e for e in heads if self._ready(e, finished, path)]
        current = self.events[last].thread if last is not None else None
        return sorted(ready, key=lambda e: (self.events[e].thread != current, e))

    def _ready(self, number: int, finished: set[int], path: list[int]) -> bool:
        if not self.before[number] <= finished:
            return False
        event = self.events[number]
        waits = next((f"{flavour}-lock" for flavour in ("Rcu", "Srcu") if f"Sync-{flavour.lower()}" in event.tags), None)
        return waits is None or not self._reading(waits, event.address, path)

    def _reading(self, begins: str, domain: Value | None, path: list[int]) -> bool:
        """Is some thread inside a critical section that a grace period would wait for?"""
        depth: Counter[int] = Counter()
        for number in path:
            event: ExecutedEvent = self.events[number]
            if event.address == domain:
                depth[event.thread] += (begins in event.tags) - (begins.replace("lock", "unlock") in event.tags)
        return any(inside > 0 for inside in depth.values())
