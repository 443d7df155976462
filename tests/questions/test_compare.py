"""Models side by side."""

from pathlib import Path

from smpcheck.cat.judge import evaluate
from smpcheck.cat.load import load_model
from smpcheck.program.ir import Program
from smpcheck.questions.compare import Row, compare
from smpcheck.readers.litmus import read_litmus, read_litmus_file
from tests.optional import the

ROOT = Path(__file__).parent.parent.parent
MODELS = [load_model(name) for name in ("sc", "tso", "lkmm")]


def row(stem: str) -> Row:
    (path,) = (ROOT / "examples").glob(f"*-{stem}.litmus")
    return compare(read_litmus_file(path), MODELS)[0]


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
    difference = the(found.difference)
    assert (difference.allows, difference.forbids) == ("tso", "sc")
    assert not [v for v in evaluate(MODELS[1], difference.execution) if not v.flag]
    assert [v.name for v in evaluate(MODELS[0], difference.execution) if not v.flag] == ["sc"]
    assert the(difference.reason).axiom == "sc"


def test_a_race_is_shown_where_the_model_knows_races():
    assert [c.race for c in row("RACE").cells] == [False, False, True]


def small(threads: list[str], params: str, init: str = "", ask: str = "exists (x=7)") -> Program:
    bodies = "\n".join(f"P{i}({params})\n{{\n\tint r0;\n\tint r1;\n{body}\n}}" for i, body in enumerate(threads))
    return read_litmus(f"C small\n\n{{{init}}}\n\n{bodies}\n\n{ask}\n", "small.litmus")


def faults(program: Program) -> dict[str, list[str | None]]:
    return {r.outcome.text: [c.verdict for c in r.cells] for r in compare(program, MODELS) if r.outcome.is_fault}


PUBLISH = "\tWRITE_ONCE(*x, 1);\n\tWRITE_ONCE(*y, 1);"
LOCKS = "\tspin_lock({});\n\tspin_lock({});\n\tspin_unlock({});\n\tspin_unlock({});"
WAIT = "\tWRITE_ONCE(*{a}, 1);\n\tr0 = READ_ONCE(*{b});\n\tif (!r0) {{\n\t\twhile (!READ_ONCE(*{c}))\n\t\t\tcpu_relax();\n\t}} else {{\n\t\tWRITE_ONCE(*{d}, 1);\n\t}}"  # noqa: E501


def test_each_fault_that_a_model_allows_has_a_row():
    locks = [LOCKS.format("a", "b", "b", "a"), LOCKS.format("b", "a", "a", "b")]
    assert faults(small(locks, "int *x, spinlock_t *a, spinlock_t *b")) == {
        "threads wait for locks for ever (line 10, line 19)": ["Sometimes"] * 3
    }
    assert faults(small(["\t*x = 1;", "\tr0 = *x;"], "int *x")) == {"a data race": [None, None, "Sometimes"]}
    null = small([PUBLISH.replace("y, 1", "p, x"), "\tint *q;\n\tq = READ_ONCE(*p);\n\tr0 = READ_ONCE(*q);"], "int *x, int **p")
    assert faults(null) == {"a null pointer is dereferenced (line 18)": ["Sometimes"] * 3}
    both = [WAIT.format(a="x", b="y", c="f", d="g"), WAIT.format(a="y", b="x", c="g", d="f")]
    (waits,) = faults(small(both, "int *x, int *y, int *f, int *g")).items()
    assert waits[0].startswith("a thread waits for ever") and waits[1] == ["Never", "Sometimes", "Sometimes"]


def test_a_model_that_has_no_races_is_not_asked_about_them_and_that_is_not_undecided():
    (_, race) = compare(small(["\t*x = 1;", "\tr0 = *x;"], "int *x"), MODELS)
    assert [c.asked for c in race.cells] == [False, False, True]
    assert not race.differs and not race.undecided


def test_a_fault_about_which_models_differ_has_an_execution_and_a_reason():
    null = small(["\tWRITE_ONCE(*x, 1);\n\tr0 = READ_ONCE(*y);\n\tif (!r0) {\n\t\tWRITE_ONCE(*p, 0);\n\t}",
                  "\tint *q;\n\tWRITE_ONCE(*y, 1);\n\tr0 = READ_ONCE(*x);\n\tif (!r0) {\n"
                  "\t\tq = READ_ONCE(*p);\n\t\tr1 = READ_ONCE(*q);\n\t}"],
                 "int *x, int *y, int **p", " p=x; ")  # fmt: skip
    (_, found) = compare(null, MODELS)
    assert found.outcome.text.startswith("a null pointer is dereferenced")
    difference = the(found.difference)
    assert (difference.allows, difference.forbids, the(difference.reason).axiom) == ("tso", "sc", "sc")
    assert difference.execution.faults


def test_what_a_bound_leaves_open_is_undecided():
    counting = "\twhile (READ_ONCE(*x) < 7)\n\t\tWRITE_ONCE(*x, READ_ONCE(*x) + 1);"
    (found,) = compare(small([counting], "int *x"), MODELS)
    assert found.undecided and not found.differs
    assert [c.happens for c in found.cells] == [None] * 3


def test_what_a_model_says_of_accesses_of_several_sizes_is_said_beside_its_column():
    (note,) = row("QSPINLOCK").notes
    assert note.startswith("under lkmm: mixed sizes: an extension of the model")
    assert row("SB").notes == ()
