"""``explain`` and ``barriers`` on tests with ten ordering elements and more: CPU seconds for each question.

    python bench/questions.py [--model M] [FILE...]

The tests below are made to be hard in different ways: long cycles, where every element is needed; elements that stand in for each
other, where there are many smallest sets; dependencies; many reasons. With FILEs, those are asked instead, and of folders
the tests with ten elements or more (``--at-least N``).
"""

from __future__ import annotations

import argparse
import os
import pickle
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.common import machine
from smpcheck.batch.worker import load_engine, load_solver
from smpcheck.cat.load import load_model
from smpcheck.errors import SmpcheckError
from smpcheck.program.ir import Program
from smpcheck.questions.barriers import barriers
from smpcheck.questions.explain import explain
from smpcheck.questions.ordering_elements import elements_of
from smpcheck.readers.litmus import read_litmus, read_litmus_file

LIMIT = 3.0


def litmus(name: str, threads: list[list[str]], condition: str) -> str:
    """A test whose threads all take every shared variable: letters other than r, with or without a number."""
    code = "\n".join(line for body in threads for line in body)
    shared = sorted(set(re.findall(r"\b[a-qs-z]\d*\b", code)))
    parameters = ", ".join(f"int *{x}" for x in shared)
    text = f"C {name}\n\n{{}}\n\n"
    for number, body in enumerate(threads):
        registers = sorted(set(re.findall(r"\br\d+\b", "\n".join(body))))
        lines = [*(f"int {r};" for r in registers), *body]
        text += f"P{number}({parameters})\n{{\n" + "".join(f"\t{line}\n" for line in lines) + "}\n\n"
    return text + f"exists ({condition})\n"


def write(x: str, value: int | str = 1) -> str:
    return f"WRITE_ONCE(*{x}, {value});"


def read(register: str, x: str) -> str:
    return f"{register} = READ_ONCE(*{x});"


def ring(n: int, i: int) -> tuple[str, str]:
    """The variable of thread i of n, and the next one's."""
    return f"x{i}", f"x{(i + 1) % n}"


def sb_ring(n: int = 10) -> str:
    """Store buffering in a ring: each thread writes its variable and reads the next one's, smp_mb() in between."""
    threads = [[write(x), "smp_mb();", read("r0", y)] for x, y in (ring(n, i) for i in range(n))]
    return litmus(f"SB-ring-{n}", threads, " /\\ ".join(f"{i}:r0=0" for i in range(n)))


def isa2_chain(n: int = 6) -> str:
    """ISA2 grown long: each thread reads with acquire from the one before and writes with release for the next."""
    threads = [[write("x0"), "smp_store_release(x1, 1);"]]
    threads += [[f"r0 = smp_load_acquire(x{i});", f"smp_store_release(x{i + 1}, 1);"] for i in range(1, n - 1)]
    threads.append([f"r0 = smp_load_acquire(x{n - 1});", read("r1", "x0")])
    return litmus(f"ISA2-chain-{n}", threads, " /\\ ".join([f"{i}:r0=1" for i in range(1, n)] + [f"{n - 1}:r1=0"]))


def sb_series(n: int = 5) -> str:
    """Store buffering with n full barriers in each thread: n * n smallest sets."""
    threads = [[write("x"), *["smp_mb();"] * n, read("r0", "y")], [write("y"), *["smp_mb();"] * n, read("r0", "x")]]
    return litmus(f"SB-series-{n}", threads, "0:r0=0 /\\ 1:r0=0")


def mp_spread(n: int = 5) -> str:
    """Message passing with a barrier after each of n stores and loads, of which any is enough."""
    left, right = [write("d")], [read("r0", "f")]
    for i in range(n):
        left += ["smp_wmb();", write(f"a{i}")]
        right += ["smp_rmb();", read(f"r{i + 2}", f"b{i}")]
    return litmus(f"MP-spread-{n}", [[*left, write("f")], [*right, read("r1", "d")]], "1:r0=1 /\\ 1:r1=0")


def iriw(n: int = 5) -> str:
    """IRIW with n readers, each with two full barriers, who see n writes in different orders."""
    threads = [[write(f"x{i}")] for i in range(n)]
    threads += [[read("r0", x), *["smp_mb();"] * 2, read("r1", y)] for x, y in (ring(n, i) for i in range(n))]
    return litmus(f"IRIW-{n}x2", threads, " /\\ ".join(f"{n + i}:r0=1 /\\ {n + i}:r1=0" for i in range(n)))


def z6(n: int = 10) -> str:
    """Z6 grown long: coherence and from-read in turns, each thread with a full barrier."""
    threads, asked = [], []
    for i in range(n):
        x, y = ring(n, i)
        reads = i % 3 == 1
        threads.append([write(x, 2), "smp_mb();", read("r0", y) if reads else write(y, 1)])
        asked.append(f"{i}:r0=0" if reads else f"{y}=2")
    return litmus(f"Z6-{n}", threads, " /\\ ".join(asked))


def lb_ring(n: int = 10) -> str:
    """Load buffering in a ring, in turns with data and control dependencies."""
    threads = []
    for i in range(n):
        x, y = ring(n, i)
        threads.append([read("r0", x), *([write(y, "r0")] if i % 2 else ["if (r0)", f"\t{write(y)}"])])
    return litmus(f"LB-ring-{n}", threads, " /\\ ".join(f"{i}:r0=1" for i in range(n)))


def mixed() -> str:
    """Message passing to two readers, with barriers, release, acquire and branches on top of each other, and two bad ends."""
    threads = [
        [write("d"), "smp_wmb();", "smp_store_release(f, 1);", "smp_wmb();", write("g")],
        [read("r0", "g"), "smp_rmb();", "r1 = smp_load_acquire(f);", "smp_rmb();", "if (r1)", "\tr2 = READ_ONCE(*d);"],
        ["r0 = smp_load_acquire(f);", "smp_mb();", read("r1", "d"), "smp_rmb();", read("r2", "g")],
    ]
    return litmus("MP-mixed", threads, "(1:r0=1 /\\ 1:r1=1 /\\ 1:r2=0) \\/ (2:r0=1 /\\ 2:r1=0)")


def xchg_ring(n: int = 5) -> str:
    """Store buffering in a ring with two fully ordered atomics in each thread."""
    threads = [
        [f"r0 = xchg({x}, 1);", f"r1 = xchg(y{i}, 1);", read("r2", y)] for i, (x, y) in ((i, ring(n, i)) for i in range(n))
    ]
    return litmus(f"SB-xchg-{n}", threads, " /\\ ".join(f"{i}:r2=0" for i in range(n)))


FAMILIES: tuple[Callable[[], str], ...] = (
    sb_ring, isa2_chain, sb_series, mp_spread, iriw, z6, lb_ring, mixed, xchg_ring,
)  # fmt: skip


def timed(question: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of a question in a process of its own, and what it says."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        began = time.process_time()
        try:
            said: object = question()
        except SmpcheckError as error:
            said = f"{type(error).__name__}: {error}"
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump((time.process_time() - began, said), pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    found: tuple[float, object] = pickle.loads(data)
    return found


def programs(arguments: argparse.Namespace) -> Iterator[Program]:
    """What to ask about."""
    if not arguments.files:
        for make in FAMILIES:
            text = make()
            yield read_litmus(text, text.split("\n", 1)[0].split()[1] + ".litmus")
    for path in map(Path, arguments.files):
        for file in sorted(path.rglob("*.litmus")) if path.is_dir() else [path]:
            try:
                program = read_litmus_file(file)
                if not path.is_dir() or len(elements_of(program)) >= arguments.at_least:
                    yield program
            except SmpcheckError:
                continue


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--model", default="lkmm")
    parser.add_argument("--at-least", type=int, default=10)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    load_engine(arguments.model)
    load_solver()
    table = Table(title=f"CPU seconds under {model.name} (limit {LIMIT:g})")
    for column in ("test", "elements", "explain", "answer", "barriers", "smallest sets"):
        table.add_column(column, justify="left" if column in ("test", "answer", "smallest sets") else "right")
    over = 0
    for program in programs(arguments):
        count = len(elements_of(program))

        def why(program: Program = program) -> str:
            found = list(explain(program, model))
            return "; ".join(f"{e.kind}{'' if e.complete else ' (cut)'} {len(e.reasons) or ''}".strip() for e in found)

        def which(program: Program = program) -> str:
            found = barriers(program, model)
            if found.protected is None:
                return "nothing protected"
            needed = sum(f.status == "needed" for f in found.findings)
            return f"{len(found.sets)}{'' if found.complete else ' (cut)'}; needed {needed}"

        seconds, said = timed(why)
        other, sets = timed(which)
        over += seconds > LIMIT or other > LIMIT
        table.add_row(program.name, str(count), f"{seconds:.2f}", str(said), f"{other:.2f}", str(sets))
    table.caption = f"{over} over {LIMIT:g} s; {machine()}"
    Console(width=max(110, Console().width)).print(table)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
