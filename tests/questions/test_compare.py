"""Models side by side."""

from pathlib import Path

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.questions.compare import Row, compare
from smpcheck.readers.litmus import read_litmus_file

ROOT = Path(__file__).parent.parent.parent
MODELS = [load_model(name) for name in ("sc", "tso", "lkmm")]


def row(stem: str) -> Row:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    (found,) = compare(read_litmus_file(path), MODELS)
    return found


def test_verdicts_in_the_order_of_the_models():
    assert [c.verdict for c in row("SB").cells] == ["Never", "Sometimes", "Sometimes"]
    assert [c.verdict for c in row("MP").cells] == ["Never", "Never", "Sometimes"]


def test_no_difference_no_execution():
    found = row("SB+mbs")
    assert not found.differs
    assert found.difference is None


def test_the_execution_of_a_difference_is_allowed_by_one_and_forbidden_by_the_other():
    found = row("SB")
    assert found.differs
    assert (found.difference.allows, found.difference.forbids) == ("tso", "sc")
    assert not [v for v in evaluate(MODELS[1], found.difference.execution) if not v.flag]
    assert [v.name for v in evaluate(MODELS[0], found.difference.execution) if not v.flag] == ["sc"]
    assert found.difference.reason.axiom == "sc"


def test_a_race_is_shown_where_the_model_knows_races():
    assert [c.race for c in row("RACE").cells] == [False, False, True]
