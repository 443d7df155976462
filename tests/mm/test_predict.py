"""V10's predictions for the workloads of ``mm live``: they are the model's, and agree with the rules of the documentation."""

from __future__ import annotations

import pytest

from smpcheck.errors import UnsupportedError
from smpcheck.mm import predict as module
from smpcheck.mm.kernel_check.scenarios import scenarios
from smpcheck.mm.kernel_check.session import find_predictor
from smpcheck.mm.kernel_check.steps import Scenario, Step
from smpcheck.mm.predict import predict
from tests.mm.kernel_check.by_rules import on_tmpfs

ALL = {scenario.name: scenario for scenario in scenarios(8)}


def test_mm_live_uses_them() -> None:
    assert find_predictor() is predict


@pytest.mark.parametrize("scenario", ALL.values(), ids=ALL)
def test_every_workload_goes_as_the_documentation_says(scenario: Scenario) -> None:
    for step, said, rule in zip(scenario.steps, predict(scenario.steps), on_tmpfs(scenario.steps), strict=True):
        assert said.counters == {name: value for name, value in rule.counters.items() if value}, step
        assert {a: list(f) for a, f in said.flags.items()} == {a: list(f) for a, f in rule.flags.items()}, step
        assert (said.locked, said.vm_locked, said.outcome) == (rule.locked, rule.vm_locked, rule.outcome), step


def test_they_are_the_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """2.6.33 leaves PG_mlocked to the allocator, which the counters show."""
    from smpcheck.mm.variants import V5

    monkeypatch.setattr(module, "V10", V5)
    with pytest.raises(UnsupportedError, match="the model fails I1"):
        predict(ALL["cow-truncate"].steps)


def test_what_the_model_cannot_do_is_said() -> None:
    steps = [Step("mmap", range(4), area="p", kind="anonymous"), Step("pageout", range(4), area="p")]
    with pytest.raises(UnsupportedError, match="the model has no pageout"):
        predict(steps)


def test_a_file_that_nobody_maps() -> None:
    (said,) = predict([Step("ftruncate", range(4), file="f")])
    assert (said.counters, said.outcome) == ({}, "ok")
