"""A scenario (:mod:`smpcheck.kernel.scenario`) run once under a scheduler, from its source and not from the IR.

What comes of it must be among what :func:`smpcheck.simulate.outcomes` finds by exploring all schedules: a cross-check of the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from smpcheck.kernel.compilation import compiling
from smpcheck.kernel.scenario import Scenario, Setup
from smpcheck.kernel.types import PerCpu
from smpcheck.mm.simulator.machine import Machine, Task
from smpcheck.mm.simulator.objects import Memory
from smpcheck.mm.simulator.translate import Code, translate
from smpcheck.simulate.schedulers import Scheduler


class ScenarioRun(Struct, frozen=True):
    """What came of one run. ``failed``: names of checks; ``objects``: the set-up's, by name, as they are at the end."""

    failed: frozenset[str]
    deadlock: bool
    steps: int
    results: tuple[Any, ...]
    objects: Mapping[str, Any]


class ScenarioRunner:
    """Runs a scenario as often as one likes."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        with compiling(scenario.bindings):
            setup = self._set_up()
            specs = [*setup._threads, *([setup._after] if setup._after else [])]
            functions = [spec.function for spec in specs]
            finals = [final.function for final in setup._finals]
        self.code: Code = translate(functions, finals, scenario.bindings)

    def _set_up(self) -> Setup:
        setup = Setup()
        self.scenario.function(setup)
        return setup

    def run(self, scheduler: Scheduler, limit: int = 1_000_000) -> ScenarioRun:
        """One run. All failed checks are noted; the run goes on after them, as in the explorer."""
        code = self.code
        with compiling(self.scenario.bindings):
            setup = self._set_up()
            memory = Memory(setup._locks)
            objects = {name: memory.make(obj, name) for name, obj in setup._objects.items()}
            threads = list(setup._threads)
            cpus = 1 + max(spec.cpu for spec in threads)
            space: dict[str, Any] = {}
            for name, value in code.globals.items():
                space[name] = memory.per_cpu(value, cpus) if isinstance(value, PerCpu) else memory.make(value, name)
            code.load(space)
            machine = Machine(code.sites, stop=False)

            def start(spec: Any) -> Any:
                args = [memory.pointer(a) if not isinstance(a, list | tuple) else memory.make(a) for a in spec.args]
                function = code.entry(space, spec.function)

                def begin(task: Task) -> Any:
                    for own, init in code.thread_locals.items():
                        setattr(task, own, init)
                    return function(task, *args)

                return begin

            for spec in threads:
                machine.add(spec.name, spec.cpu, start(spec))
            machine.run(scheduler, limit)
            deadlock = any(failure.name == "deadlock" for failure in machine.failures)
            if not deadlock and setup._after is not None:
                last = Task(machine, -1, setup._after.cpu, "after")
                machine.alone(last, start(setup._after)(last))
            if not deadlock:
                for final in setup._finals:
                    args = [memory.pointer(a) if not isinstance(a, list | tuple) else memory.make(a) for a in final.args]
                    if not space[code.name(final.function, quiet=True)](None, *args):
                        machine.failed(None, final.name, "", None)
        failed = frozenset(failure.name for failure in machine.failures)
        return ScenarioRun(failed, deadlock, machine.step, tuple(task.result for task in machine.tasks), objects)
