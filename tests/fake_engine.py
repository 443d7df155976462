"""A stand-in for the models and the solver, for tests of what is around them: the name of a test says what happens to it.

``hang``: never answers, inside C code. ``die``: kills its process. ``timeout``, ``bound``, ``no-execution``: that status.
``crash``: an error in the solver. ``take``: asks for memory without end. ``wait-S``: answers after S seconds. Else ``Never``
for a name that begins with ``never``, ``Sometimes`` otherwise, over the registers and cells that the test observes, all 0 or
all 1.

``python -m tests.fake_engine ARGUMENTS`` is the command line with this engine in it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from types import ModuleType
from typing import Any, cast

from smpcheck.cat.nodes import Model
from smpcheck.errors import InputError
from smpcheck.program.ir import Program
from smpcheck.solver.answer import Answer, Question

MODELS = ("sc", "tso", "lkmm")


def load_model(name: str) -> Model:
    """A model that is only a name."""
    if name not in MODELS:
        raise InputError(f"there is no model {name}")
    return Model(name, ())


def solve(program: Program, model: Model, question: Question = Question()) -> Answer:  # noqa: B008 -- the contract's own default
    """What the program's name says."""
    action, _, argument = program.name.partition("-")
    if action == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        sum(range(10**15))
    elif action == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "wait":
        time.sleep(float(argument))
    elif action == "take":
        kept = [bytearray(1 << 20) for _ in range(1 << 20)]
        del kept
    elif action == "crash":
        raise KeyError("oops")
    elif program.name in ("timeout", "bound", "no-execution"):
        return Answer(cast(Any, program.name), None, message="as asked")
    none, all_ = (dict.fromkeys(program.observed, value) for value in (0, 1))
    never = action.startswith("never")
    return Answer("ok", "Never" if never else "Sometimes", ((all_, not never), (none, False)), program=program)


def modules() -> dict[str, ModuleType]:
    """The modules to put in the place of the real ones."""
    load, solver = ModuleType("smpcheck.cat.load"), ModuleType("smpcheck.solver.solve")
    load.load_model = load_model  # type: ignore[attr-defined]
    solver.solve = solve  # type: ignore[attr-defined]
    session = ModuleType("smpcheck.solver.session")  # what smpcheck.batch.worker.load_solver imports
    return {"smpcheck.cat.load": load, "smpcheck.solver.solve": solver, session.__name__: session}


def litmus(name: str, expected: str | None = None, quantifier: str = "exists") -> str:
    """The text of a small test called ``name``."""
    comment = f"(* Result: {expected} *)\n" if expected else ""
    return (
        f"C {name}\n{comment}{{}}\n"
        "P0(int *x, int *y)\n{\n\tint r0;\n\n\tWRITE_ONCE(*x, 1);\n\tr0 = READ_ONCE(*y);\n}\n"
        f"{quantifier} (0:r0=0 /\\ x=1)\n"
    )


if __name__ == "__main__":
    sys.modules.update(modules())
    from smpcheck.cli import main

    main()
