"""Scenarios of the page machinery as programs for which several engines are asked."""

from __future__ import annotations

from smpcheck.mm.claim_scenarios import HEARTS
from smpcheck.mm.scenarios import SCENARIOS
from smpcheck.mm.variants import VARIANTS
from smpcheck.program import ir
from smpcheck.readers.python import compile_scenario


def of(name: str, variant: str, flags: str = "separate") -> ir.Program:
    """The program of a scenario under a variant."""
    scenario = (SCENARIOS | HEARTS)[name]
    return compile_scenario(scenario.bind(variant=VARIANTS[variant], flags=flags))
