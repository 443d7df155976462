"""Workloads that come with the program, and finding one by name or file."""

from __future__ import annotations

import runpy
from dataclasses import replace
from pathlib import Path

from smpcheck.errors import InputError, SmpcheckError
from smpcheck.mm.simulator.script import parse
from smpcheck.mm.simulator.workload import Workload, validate

BUILT_IN: dict[str, tuple[str, str]] = {
    "race": (
        "four threads of one process: truncation to nothing and back, mlock and munlock, stores that survive SIGBUS, reclaim",
        """\
pages 256
swap
file data 64
mmap copy private data

task truncater { repeat { truncate data 0; truncate data 64; idle 1000 } }
task locker { repeat { mlock copy; munlock copy } }
task writer { repeat { write copy any 16 } }
task reclaimer per cpu { repeat { reclaim 16 } }
""",
    ),
    "churn": (
        "every operation on files and anonymous memory of three processes, in any order, on every CPU",
        """\
pages 512
cpus 4
swap
file data 32
file log 16
mmap copy private data
mmap other private data in second
mmap tail private log
mmap heap anon 32
fork child of heap

task worker per cpu {
  repeat {
    random 40
    quiesce
  }
}
""",
    ),
    "lazy": (
        "two pages, where reclaim often holds the page that mlock wants and has to mlock it later, against truncation",
        """\
pages 8
swap
file data 2
mmap copy private data

task truncater { repeat { truncate data 0; truncate data 2; idle 300 } }
task locker { repeat { mlock copy; idle 200; munlock copy } }
task writer { repeat { write copy } }
task reclaimer 3 { repeat { reclaim 4 } }
""",
    ),
    "swap": (
        "anonymous memory of a parent and a child goes to the swap cache and comes back while both lock it",
        """\
pages 192
swap
mmap heap anon 48
fork child of heap
mmap stack anon 16

task parent { repeat { repeat 3 { write heap; mlock heap; read heap any 8; munlock heap }; munmap stack; mmap stack; quiesce } }
task child { repeat { repeat 3 { write child; mlock child; munlock child; read child any }; munmap child; mmap child; quiesce } }
task writer { repeat { random 8 { write stack; write heap any 8; read child any 8; migrate 4 }; quiesce } }
task kswapd { repeat { repeat 20 { reclaim 16 }; quiesce } }
""",
    ),
}
"""Each with what it is, and its text."""


def find_workload(name: str, pages: int | None = None, cpus: int | None = None) -> Workload:
    """The built-in workload of that name, or that of a file: a script, or a Python file with a function ``workload()``.

    ``pages``, ``cpus``: instead of what it says itself.

    :raises InputError: there is none, or something in it is wrong
    """
    if name in BUILT_IN:
        load = parse(BUILT_IN[name][1], name, name)
    else:
        path = Path(name)
        if not path.is_file():
            raise InputError(f"there is no workload {name!r}: {', '.join(BUILT_IN)}, or a file")
        if path.suffix == ".py":
            load = _from_python(path)
        else:
            try:
                load = parse(path.read_text(encoding="utf-8"), name, name)
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(f"cannot read {name}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    load = replace(load, pages=pages or load.pages, cpus=cpus or load.cpus)
    validate(load)
    return load


def _from_python(path: Path) -> Workload:
    try:
        load = runpy.run_path(str(path))["workload"]()
    except KeyError:
        raise InputError(f"{path} has no function workload()") from None
    except SmpcheckError:
        raise
    except Exception as error:
        raise InputError(f"{path}: {type(error).__name__}: {error}") from error
    if not isinstance(load, Workload):
        raise InputError(f"workload() of {path} gives {type(load).__name__}, not a Workload")
    return replace(load, name=str(path))
