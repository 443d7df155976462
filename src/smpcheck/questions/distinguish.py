"""Smallest tests on which two memory models differ: critical cycles by size, each asked about under both."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from msgspec import Struct

from smpcheck.cat.nodes import Model
from smpcheck.errors import InputError
from smpcheck.generate.edges import Vocabulary
from smpcheck.generate.make import Chain, Test, cycles, from_edges
from smpcheck.questions.check import CheckOptions, check_program
from smpcheck.readers.litmus import read_litmus

SMALLEST = 4
"""No critical cycle has fewer edges."""


class Difference(Struct, frozen=True):
    """A test, and whether its cycle can happen under the one model and under the other."""

    test: Test
    verdicts: tuple[str, str]


class OutOfTimeError(Exception):
    """The time is up before all tests of the sizes were tried."""


def differences(
    vocabulary: Vocabulary,
    models: tuple[Model, Model],
    sizes: Sequence[int],
    between: Sequence[Chain],
    ends: float | None = None,
) -> Iterator[Difference]:
    """Tests of the given sizes whose condition one model allows and the other forbids, smallest first. ``ends``: when to give up
    (``time.monotonic()``).

    :raises OutOfTimeError: at ``ends``
    :raises InputError: a model does not answer about these tests
    """
    for size in sizes:
        for edges in cycles(vocabulary, size, between):
            if ends is not None and time.monotonic() > ends:
                raise OutOfTimeError
            test = from_edges(vocabulary, edges)
            program = read_litmus(test.text, f"{test.name}.litmus")
            verdicts = []
            for model in models:
                result = check_program(program, model, CheckOptions(verdict_only=True, termination=False))
                if result.observation is None:
                    raise InputError(f"{test.name} under {model.name}: {result.message}")
                verdicts.append(result.observation)
            if (verdicts[0] == "Never") != (verdicts[1] == "Never"):
                yield Difference(test, (verdicts[0], verdicts[1]))
