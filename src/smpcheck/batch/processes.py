"""Child processes: starting them, ending them, and describing how they ended. Pools, streams of answers and the time
limits of commands use these functions.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import Any

from smpcheck.solver.aspif import remove_files_of

PR_SET_PDEATHSIG = 1


@dataclass(slots=True, eq=False)
class Child:
    """A child process and the pipe to it. ``process``: it was started afresh, not forked."""

    pid: int
    connection: Connection[Any, Any]
    process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()
        else:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def bury(self) -> str:
        """Wait for its end and say how it came."""
        self.connection.close()
        try:
            code = self.process.wait() if self.process else os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        except ChildProcessError:
            return "its process was gone"
        finally:
            remove_files_of(self.pid)
        if code >= 0:
            return f"its process ended with status {code}"
        with suppress(ValueError):
            return f"its process was ended by {signal.Signals(-code).name}"
        return f"its process was ended by signal {-code}"


def fork() -> int:
    """``os.fork``, with nothing left in the buffers to be written twice; the child ends when this process does."""
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with(parent)
    return pid


def forked(
    body: Callable[[Connection[Any, Any]], None], others: Iterable[Connection[Any, Any]]
) -> tuple[int, Connection[Any, Any]]:
    """A child that begins as a copy of this process, does ``body`` with its end of a pipe, and ends: its number, and our end.

    ``others``: this process's pipes to other children, which are none of its business. What it prints goes to standard error.
    """
    ours, theirs = Pipe()
    pid = fork()
    if pid == 0:
        status = 1
        try:
            ours.close()
            for other in others:
                other.close()
            os.dup2(2, 1)  # what a model in Python prints is not part of the answers
            sys.stdout = sys.stderr
            body(theirs)
            status = 0
        except BrokenPipeError:
            pass
        finally:
            os._exit(status)
    theirs.close()
    return pid, ours


def die_with(parent: int) -> None:
    """Have the kernel end this process when the thread that forked it ends, however that comes (Linux; see prctl(2))."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
