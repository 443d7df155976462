"""Properties: claims about programs that are true, false, or undecided and then neither."""

from __future__ import annotations

from pathlib import Path

import pytest

import smpcheck
from smpcheck.errors import InputError
from smpcheck.journal import journal
from smpcheck.readers.litmus import read_litmus_file
from smpcheck.readers.python.load import load_scenarios

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
SB, MBS, RACE = EXAMPLES / "01-SB.litmus", EXAMPLES / "02-SB+mbs.litmus", EXAMPLES / "20-RACE.litmus"
LOCK = EXAMPLES / "15-LOCK.litmus"
UNSUPPORTED = "C t\n\n{}\n\nP0(int *x)\n{\n\tfrobnicate(x);\n}\n\nexists (x=1)\n"


@pytest.mark.parametrize(
    ("claim", "path", "truth"),
    [
        (smpcheck.never, MBS, True),
        (smpcheck.never, SB, False),
        (smpcheck.sometimes, SB, True),
        (smpcheck.sometimes, MBS, False),
        (smpcheck.always, LOCK, True),
        (smpcheck.always, SB, False),
        (smpcheck.holds, SB, True),
        (smpcheck.holds, LOCK, True),
        (smpcheck.holds, RACE, True),
    ],
)
def test_truth(claim, path, truth):
    assert bool(claim(path)) is truth
    if truth:
        claim(path).verify()
    else:
        with pytest.raises(smpcheck.PropertyError, match="where it should be"):
            claim(path).verify()


def test_the_model_decides():
    assert smpcheck.never(SB, "sc")
    assert not smpcheck.never(SB, "tso")


def test_every_kind_of_source():
    (scenario,) = load_scenarios(EXAMPLES / "models" / "seqlock.py")
    for source in (MBS, str(MBS), MBS.read_text(), read_litmus_file(MBS)):
        assert smpcheck.never(source)
    assert smpcheck.holds(scenario)
    assert smpcheck.holds(EXAMPLES / "models" / "seqlock.py")
    assert not smpcheck.holds(scenario.bind(read_barriers=False))
    with pytest.raises(TypeError, match="not a path"):
        bool(smpcheck.never(7))  # type: ignore[arg-type]


def test_of_several_programs_all_must_have_it():
    mistakes = EXAMPLES / "models" / "refcount_mistakes.py"
    assert len(smpcheck.holds(mistakes).results) == 2
    assert not smpcheck.holds(mistakes)


@pytest.mark.parametrize("claim", [smpcheck.never, smpcheck.sometimes, smpcheck.always, smpcheck.holds])
def test_undecided_is_neither_true_nor_false(claim):
    with pytest.raises(smpcheck.PropertyError, match="frobnicate"):
        bool(claim(UNSUPPORTED))
    with pytest.raises(smpcheck.PropertyError, match="frobnicate"):
        claim(UNSUPPORTED).verify()


def test_what_is_wrong_with_the_call_is_raised():
    with pytest.raises(InputError, match="there is no file gone"):
        bool(smpcheck.never("gone.litmus"))
    with pytest.raises(InputError):
        bool(smpcheck.never(SB, "no-such-model"))


def test_a_race_that_is_not_announced_does_not_hold():
    silent = RACE.read_text().replace("DATARACE", "")
    assert not smpcheck.holds(silent)
    assert not smpcheck.holds(silent.replace("Result:", "Gives:").replace("exists", "~exists"))


def test_a_source_that_expects_nothing_cannot_be_verified():
    quiet = SB.read_text().replace("Result:", "Gives:")
    with pytest.raises(smpcheck.PropertyError, match="does not say what it expects"):
        smpcheck.holds(quiet).verify()


@pytest.mark.parametrize(("quantifier", "truth"), [("~exists", False), ("exists", None)])
def test_a_quantifier_speaks_where_there_is_no_result_comment(quantifier, truth):
    text = SB.read_text().replace("Result:", "Gives:").replace("exists (", f"{quantifier} (")
    if truth is None:
        with pytest.raises(smpcheck.PropertyError):
            smpcheck.holds(text).verify()
    else:
        assert bool(smpcheck.holds(text)) is truth


def test_a_result_can_be_asserted():
    result = smpcheck.check(SB)
    result.assert_sometimes()
    result.assert_holds()
    with pytest.raises(smpcheck.PropertyError, match="is satisfied before its earlier store"):
        result.assert_never()
    with pytest.raises(smpcheck.PropertyError, match="where it should be Always"):
        result.assert_always()


def test_a_result_can_be_explained():
    (answer,) = smpcheck.check(MBS).explain()
    assert answer.kind == "forbidden"
    (result,) = smpcheck.check_all(SB, jobs=0)
    with pytest.raises(ValueError, match="only a result of"):
        result.explain()


def test_a_property_names_itself():
    assert repr(smpcheck.never("a/b.litmus", "tso")) == "smpcheck.never('a/b.litmus', 'tso')"
    assert repr(smpcheck.holds("C t\n{}\n")) == "smpcheck.holds('C t ...', 'lkmm')"


def test_a_journal_has_what_was_asked():
    token = journal.set([])
    try:
        smpcheck.check(SB)
        bool(smpcheck.never(MBS))
        assert [result.name for result in journal.get() or ()] == ["SB", "SB+mbs"]
    finally:
        journal.reset(token)
