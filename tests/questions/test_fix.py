"""What is missing: cheapest placements, diffs that hold, and honest refusals."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from smpcheck.cat.load import load_model
from smpcheck.errors import InputError
from smpcheck.program import flow
from smpcheck.program.ir import Fence
from smpcheck.questions import fix as fix_module
from smpcheck.questions.fix import fix
from smpcheck.questions.ordering_elements import COSTS
from smpcheck.questions.patch import Lines, apply, edits_of, read_again, stronger
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.show.barriers_text import fix_text
from smpcheck.solver.answer import Question
from smpcheck.solver.solve import solve
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
LKMM, TSO = load_model("lkmm"), load_model("tso")


def path_of(stem: str) -> Path:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return path


def test_store_buffering_takes_two_full_barriers():
    (answer,) = fix(read_litmus_file(path_of("SB")), LKMM)
    (placement,) = answer.placements
    assert [(e.new, e.pos.line) for e in placement.edits] == [("smp_mb()", 19), ("smp_mb()", 27)]
    assert placement.cost == 20


def test_message_passing_takes_release_and_acquire():
    (answer,) = fix(read_litmus_file(path_of("MP")), LKMM)
    (placement,) = answer.placements
    assert [e.new for e in placement.edits] == ["smp_store_release(flag, 1)", "smp_load_acquire(flag)"]
    assert "-\tWRITE_ONCE(*flag, 1);\n+\tsmp_store_release(flag, 1);\n" in placement.diff


RACY = """C racy

{}

P0(int *x, int *y)
{
	*x = 3;
	smp_store_release(y, 1);
}

P1(int *x, int *y)
{
	int r0 = READ_ONCE(*y);

	*x = 1;
}

exists (x=3 /\\ 1:r0=1)
"""


def test_a_data_race_is_said_where_nothing_else_is_missing():
    (answer,) = fix(read_litmus(RACY.replace("READ_ONCE(*y)", "smp_load_acquire(y)"), "racy.litmus"), LKMM)
    assert answer.status == "safe"
    (note,) = answer.notes
    assert "there is a data race" in note
    said = " ".join(fix_text(answer).split())
    assert "nothing is missing" not in said
    assert "Note: " in said


def done(answer):
    """Each placement as a set of texts."""
    return [{edit.new for edit in placement.edits} for placement in answer.placements]


def test_what_forbids_an_outcome_removes_the_races_too():
    (answer,) = fix(read_litmus(RACY, "racy.litmus"), LKMM)
    assert answer.notes == ()
    assert done(answer) == [{"WRITE_ONCE(*x, 3)", "smp_store_release(x, 1)"}]
    assert all(placement.diff for placement in answer.placements)


def test_a_race_that_its_author_announces_stays():
    (answer,) = fix(read_litmus(RACY.replace("C racy\n", "C racy\n(* Result: Sometimes DATARACE *)\n"), "racy.litmus"), LKMM)
    assert done(answer) == [{"smp_load_acquire(y)"}, {"smp_store_release(x, 1)"}]
    assert "with this, too, there is a data race" in answer.notes[0]


def test_a_race_may_be_removed_alone():
    (answer,) = fix(read_litmus(RACY, "racy.litmus"), LKMM, race=True)
    assert (done(answer), answer.placements[0].cost) == ([{"WRITE_ONCE(*x, 3)", "WRITE_ONCE(*x, 1)"}], 2)
    assert "a data race: can happen" in " ".join(fix_text(answer).split())
    (safe,) = fix(read_litmus_file(path_of("MP")), LKMM, race=True)
    assert safe.status == "safe"


def test_marking_has_a_cost_of_its_own():
    text = RACY.replace("int r0 = READ_ONCE(*y);\n\n\t*x = 1;", "int r0 = READ_ONCE(*y);\n\n\tif (r0)\n\t\t*x = 1;")
    (cheap,) = fix(read_litmus(text, "racy.litmus"), LKMM, race=True)
    (dear,) = fix(read_litmus(text, "racy.litmus"), LKMM, race=True, costs={**COSTS, "mark": 50})
    assert cheap.placements[0].cost < 3
    assert all("ONCE" in text for text in done(cheap)[0])
    assert {"smp_load_acquire(y)"} in done(dear)


NESTED = """C nested

{}

P0(int *x, int *y)
{
	*x = *y;
}

P1(int *x, int *y)
{
	*y = 1; *x = 2;
}

exists (x=1)
"""


def test_an_access_within_an_assignment_is_marked_in_the_text_as_well():
    (answer,) = fix(read_litmus(NESTED, "nested.litmus"), LKMM, race=True)
    (placement,) = answer.placements
    assert "+\tWRITE_ONCE(*x, READ_ONCE(*y));\n" in placement.diff
    assert "+\tWRITE_ONCE(*y, 1); WRITE_ONCE(*x, 2);\n" in placement.diff


@pytest.mark.parametrize("statement", ["*x += 1;", "(*x)++;"])
def test_what_reads_and_writes_at_once_has_no_marked_form(statement):
    text = NESTED.replace("*y = 1; *x = 2;", statement).replace("*x = *y;", "WRITE_ONCE(*x, 2);")
    (answer,) = fix(read_litmus(text, "nested.litmus"), LKMM, race=True)
    assert answer.status == "no placement"


def test_without_a_race_there_is_no_note():
    for stem, nothing in (("SB+mbs", True), ("MP", False)):
        (answer,) = fix(read_litmus_file(path_of(stem)), LKMM)
        assert answer.notes == ()
        assert ("nothing is missing" in " ".join(fix_text(answer).split())) is nothing


def test_costs_decide():
    cheap = {**COSTS, "wmb": 1, "rmb": 1}
    (answer,) = fix(read_litmus_file(path_of("MP")), LKMM, costs=cheap)
    assert [[e.new for e in p.edits] for p in answer.placements] == [["smp_wmb()", "smp_rmb()"]]


def test_equally_cheap_placements_are_all_named():
    (answer,) = fix(read_litmus_file(path_of("LB")), LKMM)
    assert len(answer.placements) == 4
    assert {p.cost for p in answer.placements} == {6}


def test_a_barrier_that_is_there_is_made_stronger():
    (answer,) = fix(read_litmus_file(path_of("IRIW")), LKMM)
    (placement,) = answer.placements
    assert [(e.old, e.new) for e in placement.edits] == [("smp_rmb()", "smp_mb()")] * 2


def test_what_can_happen_by_taking_turns_has_no_fix():
    (answer,) = fix(read_litmus_file(path_of("RACE")), LKMM)
    assert answer.status == "interleaving"
    assert not answer.placements


def test_what_cannot_happen_needs_no_fix():
    (answer,) = fix(read_litmus_file(path_of("SB+mbs")), LKMM)
    assert answer.status == "safe"


@pytest.mark.parametrize("stem", ["SB", "MP", "LB", "IRIW", "LOCK+leak", "SB+atomic_inc", "PUTBACK+two-words+lru_lock"])
@pytest.mark.parametrize("model", [LKMM, TSO], ids=lambda m: m.name)
def test_the_text_with_the_fix_forbids_the_outcome_and_differs_by_the_edits_only(stem, model):
    program = read_litmus_file(path_of(stem))
    for answer in fix(program, model):
        for placement in answer.placements:
            changed = Lines(program).changed(placement.edits)
            again = read_litmus(the(changed)[program.file], program.file)
            assert solve(again, model, Question(mode="verdict")).verdict == "Never"
            added = [line for line in placement.diff.split("\n") if line.startswith("+") and not line.startswith("+++")]
            assert len(added) == len(placement.edits)


@pytest.mark.parametrize("stem", ["SB", "MP", "IRIW", "LOCK+leak", "WRC+rel+acq"])
def test_the_changed_program_is_the_changed_text(stem):
    """One edit at a time: the IR that was asked about and the text that is shown have the same states."""
    program = read_litmus_file(path_of(stem))
    compared = 0
    for edit in edits_of(program):
        texts = Lines(program).changed([edit])
        if texts is not None:
            compared += 1
            assert (
                solve(read_litmus(texts[program.file], program.file), LKMM).states == solve(apply(program, [edit]), LKMM).states
            )
    assert compared


def test_a_place_without_a_line_of_its_own_has_no_diff():
    text = "C t\n\n{}\n\nP0(int *x, int *y)\n{\n\tWRITE_ONCE(*x, 1); WRITE_ONCE(*y, 1);\n}\n\nexists (x=1)\n"
    program = read_litmus(text, "t.litmus")
    inserts = [e for e in edits_of(program) if e.inserts]
    assert inserts
    assert all(Lines(program).changed([e]) is None for e in inserts)


def test_nothing_is_put_between_a_test_and_its_only_statement():
    text = (
        "C t\n\n{}\n\nP0(int *x, int *y)\n{\n\tint r0;\n\n\tr0 = READ_ONCE(*x);\n\tif (r0)\n\t\tWRITE_ONCE(*y, 1);\n}\n\n"
        "exists (y=1)\n"
    )
    program = read_litmus(text, "t.litmus")
    assert all(Lines(program).changed([e]) is None for e in edits_of(program) if e.inserts)


@pytest.mark.parametrize(
    ("text", "name", "python", "result"),
    [
        ("READ_ONCE(*x)", "acquire", False, "smp_load_acquire(x)"),
        ("READ_ONCE(p->f)", "acquire", False, "smp_load_acquire(&p->f)"),
        ("READ_ONCE(p.f)", "acquire", True, "smp_load_acquire(p.f)"),
        ("WRITE_ONCE(*x, 1)", "release", False, "smp_store_release(x, 1)"),
        ("WRITE_ONCE(a[1], 1)", "release", False, "smp_store_release(&a[1], 1)"),
        ("atomic_set(v, 2)", "release", False, "atomic_set_release(v, 2)"),
        ("test_bit(1, flags)", "acquire", False, None),
    ],
)
def test_stronger_forms_of_accesses(text, name, python, result):
    assert stronger(text, name, python) == result


MODEL = """
from smpcheck.kernel import *

data = shared(0)
flag = shared(0)


def send() -> None:
    WRITE_ONCE(data, 1)
    WRITE_ONCE(flag, 1)


def receive() -> None:
    if READ_ONCE(flag):
        smp_rmb()
        check("sent", READ_ONCE(data) == 1)


@scenario
def mp(s: Setup) -> None:
    s.thread(send)
    s.thread(receive)
"""


class TestModels:
    @pytest.fixture
    def program(self, tmp_path):
        (tmp_path / "mp.py").write_text(MODEL)
        (found,) = read_programs(str(tmp_path / "mp.py"))
        return found

    def test_the_changed_text_is_read_again(self, program, monkeypatch):
        read = []

        def noted(*asked):
            read.append(the(read_again(*asked)))
            return read[-1]

        monkeypatch.setattr(fix_module, "read_again", noted)
        (answer,) = fix(program, LKMM)
        assert all(placement.diff for placement in answer.placements)
        assert [next(fix(changed, LKMM)).status for changed in read] == ["safe"] * len(answer.placements)

    def test_a_text_that_does_not_forbid_the_outcome_is_not_offered(self, program, monkeypatch):
        monkeypatch.setattr(
            fix_module, "read_again", lambda program, texts, model: read_again(program, {program.file: MODEL}, model)
        )
        (answer,) = fix(program, LKMM)
        assert answer.status == "fixed"
        assert not any(placement.diff for placement in answer.placements)

    def test_it_is_as_if_the_file_had_the_text(self, program):
        def barriers(of) -> int:
            return sum(isinstance(s, Fence) for thread in of.threads for s in flow.statements(thread.body))

        changed = read_again(program, {program.file: MODEL.replace("        smp_rmb()\n", "")}, LKMM)
        assert (barriers(program), barriers(changed)) == (1, 0)
        assert barriers(read_programs(program.file)[0]) == 1
        assert Path(program.file).read_text() == MODEL

    def test_a_text_that_is_no_model_is_refused(self, program):
        with pytest.raises(InputError):
            read_again(program, {program.file: MODEL + "def\n"}, LKMM)

    def test_where_parameters_were_set_from_outside_there_is_no_such_program(self, program):
        assert read_again(replace(program, name="mp[order=mb]"), {program.file: MODEL}, LKMM) is None
