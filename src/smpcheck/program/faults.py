"""Faults: what makes a program wrong whatever it asks, each under the name that answers and ``--format json`` use.

A fault that can happen is a flag of the answer. In a model it is a failure, like an assertion that does not hold; in a litmus
test it stands beside the verdict, and disagrees with an author who does not announce it. Authors announce faults after
``Result:``, in the words of :data:`ANNOUNCED`; the first is that of the kernel's ``tools/memory-model/scripts/judgelitmus.sh``.
"""

from __future__ import annotations

from collections.abc import Mapping

DATA_RACE = "data-race"
"""Two accesses at the same time, one of them plain: the name under which the kernel's model flags it."""

DEADLOCK = "deadlock"
"""Threads wait for each other, and none can go on."""

NON_TERMINATION = "non-termination"
"""A thread can wait for ever for something that no other thread does any more."""

NULL_DEREFERENCE = "null-dereference"
"""An access through a null pointer."""

BAD_ADDRESS = "bad-address"
"""An access at an address where the program has nothing."""

MISALIGNED = "misaligned"
"""In C: an access to an address that is not a multiple of its size. (Machines have rules of their own for it, not known here.)"""

UNDEFINED_VALUE = "undefined-value"
"""A computation that C leaves undefined: a division by zero, an order of pointers to different objects."""

FAULTS = (DATA_RACE, DEADLOCK, NON_TERMINATION, NULL_DEREFERENCE, BAD_ADDRESS, MISALIGNED, UNDEFINED_VALUE)

STOPS = (DEADLOCK, NON_TERMINATION, NULL_DEREFERENCE, BAD_ADDRESS, MISALIGNED, UNDEFINED_VALUE)
"""The faults in which a thread does not come to its end; asked about with :attr:`~smpcheck.solver.answer.Question.stops`."""

ANNOUNCED: Mapping[str, str] = {"DATARACE": DATA_RACE, "DEADLOCK": DEADLOCK}
"""The word in a ``Result:`` comment for each fault that has one."""
