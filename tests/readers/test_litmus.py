"""Litmus files, from the name line to the question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import smpcheck
from smpcheck.errors import InputError, SmpcheckError, UnsupportedError
from smpcheck.program.ir import Assign, Cell, Const, FinalMem, FinalReg, Program
from smpcheck.program.values import INT, POINTER, Ptr
from smpcheck.readers.litmus import ARCHITECTURES, read_litmus, read_litmus_file
from smpcheck.readers.registry import read_programs
from smpcheck.readers.source import Source
from tests.readers.common import KERNEL, LIBRARY, error, litmus, needs_kernel, needs_library

MESSAGE_PASSING = """C MP+wmb+rmb (* message passing *)
"PodWW Rfe PodRR Fre" // metadata
Com=Rf Fr
(* Result: Never
 * (* nested *) *)
{ int x = 0; y; }

P0(int *x, int *y)
{
	WRITE_ONCE(*x, 1); /* the data */
	smp_wmb(); // in between
	WRITE_ONCE(*y, 1);
}

P1(int *x, volatile int* y) {
	int r0 = READ_ONCE(*y);
	smp_rmb();
	int r1 = READ_ONCE(*x);
}

locations [0:r9*; x;]
filter (1:r0=1)
exists (1:r0=1 /\\ 1:r1=0)
"""


def test_metadata_may_have_braces() -> None:
    program = read_litmus(MESSAGE_PASSING.replace("Com=Rf Fr", "Com={Rf Fr}"), "mp.litmus")
    assert [cell.name for cell in program.cells.values()] == ["x", "y"]


def test_the_sections_of_a_test() -> None:
    program = read_litmus(MESSAGE_PASSING, "mp.litmus")
    assert program.name == "MP+wmb+rmb"
    assert [cell.name for cell in program.cells.values()] == ["x", "y"]
    assert [thread.name for thread in program.threads] == ["P0", "P1"]
    assert (program.quantifier, program.condition_text) == ("exists", "exists (1:r0=1 /\\ 1:r1=0)")
    assert program.observed == (FinalReg(0, "r9"), FinalReg(1, "r0"), FinalReg(1, "r1"), FinalMem(Ptr("x")))
    assert program.filter is not None
    assert (program.expected, program.announced) == ("Never", frozenset())
    assert str(program.threads[1].body[0].pos) == "mp.litmus:16:11"
    assert program.notes == ("mp.litmus:21:12: P0 has no variable 'r9': it is 0",)


def test_windows_line_ends() -> None:
    unix = read_litmus(MESSAGE_PASSING)
    windows = read_litmus(MESSAGE_PASSING.replace("\n", "\r\n"))
    assert (windows.name, windows.threads, windows.condition) == (unix.name, unix.threads, unix.condition)


def test_threads_may_stand_in_any_order_and_on_one_line() -> None:
    program = read_litmus("C t\n {} P1(int *x) { *x = 1; } void P0(int *x) { int r = *x; } exists (0:r=1)")
    assert [t.name for t in program.threads] == ["P0", "P1"]
    assert program.threads[1].body[0].pos is not None and program.threads[1].body[0].pos.column == 18


def test_a_test_without_a_condition_asks_forall_true() -> None:
    program = read_litmus("C t\n{}\nP0(int *x) { *x = 1; }\n")
    assert (program.quantifier, program.condition_text, program.observed) == ("forall", "forall (true)", ())


# --- the init section ------------------------------------------------------------------------------------------------


def cells(init: str, params: str = "int *x", before: str = "") -> dict[str, Cell]:
    return {cell.name: cell for cell in litmus("", params=params, init=init, before=before, question="").cells.values()}


@pytest.mark.parametrize(
    ("init", "values"),
    [
        ("x=1;", {"x": 1}),
        ("x = -0x10 ; y=2", {"x": -16, "y": 2}),
        ("int x = 4294967295;", {"x": -1}),
        ("unsigned char x = 257;", {"x": 1}),
        ("[x] = 5;", {"x": 5}),
        ("int *x = &y; int y = 3;", {"x": Ptr("y"), "y": 3}),
        ("int *x = y;", {"x": Ptr("y"), "y": 0}),
        ("int **x = &y; int *y; struct srcu_struct d;", {"x": Ptr("y"), "y": 0, "d": 0}),
        ("atomic_t x = ATOMIC_INIT(3); spinlock_t l = SPIN_LOCK_UNLOCKED;", {"x": 3, "l": 0}),
        ("int a[3] = {1, -2}; int x = 1;", {"a[0]": 1, "a[1]": -2, "a[2]": 0, "x": 1}),
        ("a = {4, 5}; x=0;", {"a[0]": 4, "a[1]": 5, "x": 0}),
        ("int *p = &a[1]; int a[2]; x;", {"p": Ptr("a", 4), "a[0]": 0, "a[1]": 0, "x": 0}),
        ("unsigned long x = 1; volatile int y = 2; const long int z = 3;", {"x": 1, "y": 2, "z": 3}),
        ("(* a *) x = 1; /* b */ // c\n y = 2;", {"x": 1, "y": 2}),
        ("int *x = NULL; y = true; z = false; w=NULL;", {"x": 0, "y": 1, "z": 0, "w": 0}),
    ],
)
def test_initial_values(init: str, values: dict[str, object]) -> None:
    assert {name: cell.init for name, cell in cells(init).items()} == values


def test_initial_values_of_structs() -> None:
    before = "struct t { char v; void *p; }; struct s { int a; struct t b; };"
    found = cells("struct s x = {1, {2, &x}}; x.b.v = 7; struct s *p = &x;", "struct s *x", before)
    assert {n: (c.init, c.ctype.name) for n, c in found.items()} == {
        "x.a": (1, "int"),
        "x.b.v": (7, "char"),
        "x.b.p": (Ptr("x"), "pointer"),
        "p": (Ptr("x"), "pointer"),
    }


def test_types_come_from_the_init_section_or_else_from_parameters() -> None:
    found = cells("int x; z = 1;", "char *x, long *y, void *v, int **q, atomic64_t *a")
    assert {n: c.ctype.bits for n, c in found.items()} == {"x": 32, "y": 64, "v": 32, "q": 64, "a": 64, "z": 32}
    assert found["q"].ctype is POINTER and found["x"].ctype is INT


def test_threads_that_disagree_on_a_type_get_the_one_that_says_most() -> None:
    program = read_litmus("C t\n{}\nP0(int *x, void *y) { }\nP1(int **x, long *y) { }\n")
    assert [cell.ctype.name for cell in program.cells.values()] == ["pointer", "long"]


def test_registers_of_the_init_section() -> None:
    init = "0:r1=x; int *0:r2=&y; int 0:r3; 0:r4 = 3;"
    program = read_litmus(f"C t\n{{ {init} }}\nP0(int *x) {{ int *r1; int r5 = *r1 + *r2 + r3 + r4; }}\n")
    assigned = [s for s in program.threads[0].body if isinstance(s, Assign)]
    start = {s.reg: s.expr.value for s in assigned if isinstance(s.expr, Const)}
    assert start == {"r1": Ptr("x"), "r2": Ptr("y"), "r4": 3}
    assert {"r1", "r2", "r3", "r4", "r5"} <= program.threads[0].reg_types.keys()


# --- the question ----------------------------------------------------------------------------------------------------

QUESTIONS = {
    "exists (0:r1=1)": "exists (0:r1=1)",
    "exists 0:r1 = 1 /\\ x=2": "exists (0:r1=1 /\\ [x]=2)",
    "~exists (x=1 \\/ y=1 /\\ 0:r1=0)": "~exists ([x]=1 \\/ [y]=1 /\\ 0:r1=0)",
    "forall ((x=1 \\/ y=1) /\\ 0:r1=0)": "forall (([x]=1 \\/ [y]=1) /\\ 0:r1=0)",
    "exists (~0:r1=1)": "exists (not (0:r1=1))",
    "exists (not (x=1 /\\ y=1))": "exists (not ([x]=1 /\\ [y]=1))",
    "exists (0:r1 != 1 /\\ x <> 2)": "exists (not (0:r1=1) /\\ not ([x]=2))",
    "exists (x=1 => y=1)": "exists ([x]=1 => [y]=1)",
    "exists (0:r1=0 /\\ x=1 => y=1)": "exists (0:r1=0 /\\ ([x]=1 => [y]=1))",
    "exists ((0:r1=0 /\\ x=1) => y=1)": "exists ((0:r1=0 /\\ [x]=1) => [y]=1)",
    "exists (0:r1=x)": "exists (0:r1=x)",
    "exists (0:r1=&x /\\ p=x)": "exists (0:r1=x /\\ [p]=x)",
    "exists (0:r1=[x] /\\ *x=0:r1 /\\ x=*y)": "exists (0:r1=[x] /\\ [x]=0:r1 /\\ [x]=[y])",
    "exists (0:r1=0:r2)": "exists (0:r1=0:r2)",
    "exists (x=-1 /\\ y=0x10)": "exists ([x]=-1 /\\ [y]=16)",
    "exists (true /\\ ~false)": "exists (true /\\ not (false))",
    "exists (a[1]=2 /\\ 0:r1=a[0])": "exists (a[1]=2 /\\ 0:r1=a[0])",
    "exists (a={1,2})": "exists (a={1,2})",
    "exists (1=0:r1)": "exists (0:r1=1)",
    "exists (0:r1<2 && x>=1 || y==3)": "exists (0:r1<2 /\\ [x]>=1 \\/ [y]=3)",
    "~ exists\n(x=1);": "~exists ([x]=1)",
}


@pytest.mark.parametrize(("question", "printed"), QUESTIONS.items())
def test_conditions_are_printed_as_herd7_does(question: str, printed: str) -> None:
    program = litmus("int r1, r2;", params="int *x, int *y, int **p", init="int a[2];", question=question)
    assert program.condition_text == printed
    again = litmus("int r1, r2;", params="int *x, int *y, int **p", init="int a[2];", question=printed)
    assert again.condition_text == printed


def test_registers_come_before_locations_and_r10_before_r8() -> None:
    program = litmus("int r8, r10;", question="locations [y; 0:r8] exists (x=1 /\\ 0:r10=1)")
    assert program.observed == (FinalReg(0, "r10"), FinalReg(0, "r8"), FinalMem(Ptr("x")), FinalMem(Ptr("y")))


def test_an_array_among_the_locations_shows_its_elements() -> None:
    program = litmus("", init="int a[2];", question="locations [a] exists (x=1)")
    assert [program.cell_name(o.cell) for o in program.observed if isinstance(o, FinalMem)] == ["a[0]", "a[1]", "x"]


def test_what_no_thread_mentions_is_zero_and_remarked_on() -> None:
    program = litmus("int r1;", question="exists (z=1 /\\ 0:r2=1)")
    assert program.cells[Ptr("z")].init == 0
    assert [n.split(": ", 1)[1] for n in program.notes] == [
        "no thread uses an object called 'z': it is 0",
        "P0 has no variable 'r2': it is 0",
    ]


@pytest.mark.parametrize(
    ("comment", "expected", "announced", "notes"),
    [
        ("(* Result: Sometimes *)", "Sometimes", set(), 0),
        ("/* Result: Always */", "Always", set(), 0),
        ("(*\n * Result: Never DATARACE\n *)", "Never", {"data-race"}, 0),
        ("(* Expected result: forbidden *)", "Never", set(), 0),
        ("(* Expected result: allowed *)", "Sometimes", set(), 0),
        ("// Result: Never.", "Never", set(), 0),
        ("(* Result: Sometimes (but not\n * on x86) *)", "Sometimes", set(), 0),
        ("(* Result: Maybe *)", None, set(), 1),
        ("(* Result: DEADLOCK *)", None, {"deadlock"}, 1),
        ("(* nothing *)", None, None, 0),
        ("(* Result: Never *) (* Result: Always *)", "Never", set(), 0),
        ("(* As a result: never use it *)", None, None, 0),
        ("(* The\n * result: always a reordering *)", None, None, 1),
        ("(* Result: sometimes it is lost *)\n(* Result: Never *)", "Never", set(), 1),
    ],
)
def test_what_the_author_expects(comment: str, expected: str | None, announced: set[str] | None, notes: int) -> None:
    program = read_litmus(f"C t\n{comment}\n{{}}\nP0(int *x) {{ *x = 1; }}\nexists (x=1)\n")
    assert (program.expected, program.announced, len(program.notes)) == (expected, announced, notes)


# --- errors ----------------------------------------------------------------------------------------------------------

MACHINES = ", ".join(ARCHITECTURES)
FRAME = "C t\n{}\nP0(int *x) { int r1 = *x; }\n"


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", "1:1", "a litmus test begins with its architecture and its name, e.g. 'C MP+mbs'"),
        (
            "MIPS t\n{}\n",
            "1:1",
            "litmus tests for 'MIPS' are not supported; those for C, LISA, AArch64, X86, X86_64, PPC, RISCV, ARM are",
        ),
        ("C t\nP0(int *x)\n", "2:1", "no init section: '{ ... }' expected after the name"),
        ("C t\n{ x=1;", "2:1", "the init section is never closed: '}' expected"),
        ("C t\n{}\nP0(int *x) { *x = 1;\n", "3:21", "a '{' is never closed: '}' expected before the end"),
        ("C t\n{}\nP0(int *x) { } }\n", "3:16", "this '}' closes nothing"),
        ("C t (* oops\n{}\n", "1:5", "this comment is never closed: '*)' expected"),
        ("C t\n{}\nP0(int *x) { WRITE_ONCE(*x 1); }\nexists (x=1)\n", "3:28", "C syntax error at '1'"),
        ("C t /* oops\n{}\n", "1:5", "this comment is never closed: '*/' expected"),
        ("C t\n{}\nexists (x=1)\n", "2:3", "no threads: 'P0(...) { ... }' expected after the init section"),
        ("C t\n{}\nP0(int *x) { }\nP2(int *x) { }\n", "4:1", "thread P1 is missing: P2 follows P0"),
        ("C t\n{}\nP0(int *x) { }\nP0(int *x) { }\n", "4:1", "P0 is defined twice"),
        ("C t\n{}\nP0(int x) { }\n", "3:4", "the parameter 'x' of P0 is not a pointer: threads share objects by address"),
        ("C t\n{}\nP0(struct foo *x) { int r = x->a; }\n", "3:29", "struct foo is not defined in this file"),
        ("C t\n{ int x; int x; }\nP0(int *x) { }\n", "2:14", "'x' is declared twice"),
        ("C t\n{ x=1; int y; y = 1; x=2; }\nP0(int *x) { }\n", "2:22", "a second initial value of 'x'"),
        ("C t\n{ foo x; }\nP0(int *x) { }\n", "2:7", "unknown type 'foo' of 'x'"),
        ("C t\n{ x=; }\nP0(int *x) { }\n", "2:5", "a number, an address or a list in braces expected, the end found"),
        ("C t\n{ x==1 2; }\nP0(int *x) { }\n", "2:8", "';' or '=' expected, '2' found"),
        ("C t\n{ x=09; }\nP0(int *x) { }\n", "2:5", "'09' is not a number"),
        ("C t\n{ 3:r1=x; }\nP0(int *x) { }\n", "2:2", "the init section sets registers of P3, which does not exist"),
        ("C t\n{ int x[2] = {1,2,3}; }\nP0(int *x) { }\n", "2:7", "3 initial values for 2 places"),
        (FRAME + "exists (0:r1=1 /\\ )\n", "4:19", "a register (0:r1), a location (x) or a number expected, ')' found"),
        (FRAME + "exists (0:r1)\n", "4:13", "'=' or another comparison expected, ')' found"),
        (FRAME + "exists (0:r1=1\n", "4:15", "')' expected, the end found"),
        (FRAME + "exists (0:r1=1) x\n", "4:17", "'/\\', '\\/', '=>' or the end of the condition expected, 'x' found"),
        (FRAME + "exists (4:r1=1)\n", "4:9", "no thread P4: this test has P0 to P0"),
        (FRAME + "exists (0:r1=1) exists (0:r1=2)\n", "4:17", "a second 'exists': a test asks one question"),
        (FRAME + "exists (x[1]=1)\n", "4:9", "'x' is of type int: there is no [1]"),
        (FRAME + "exists (x=1) with a: exists\n", "4:14", "'with' is not supported"),
        (FRAME + "locations [3]\nexists (x=1)\n", "4:13", "a register or location expected, ']' found"),
        (FRAME + "exists (x ? 1)\n", "4:11", "unexpected character '?'"),
    ],
)
def test_errors_say_where_and_what(text: str, position: str, message: str) -> None:
    caught = error(text)
    assert str(caught) == f"test.litmus:{position}: {message}"


def answer(body: str, question: str, params: str = "int *x, int **p") -> bool:
    """Is the condition true at the end of a thread that runs alone?"""
    text = f"C t\n{{ x=5; int *p=NULL; }}\nP0({params})\n{{ {body} }}\nexists ({question})\n"
    return smpcheck.check(text).verdict == "Always"


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("p=NULL", True),  # and not the address of an object of that name
        ("NULL=p", True),
        ("0:r0=true /\\ 0:r1=false", True),
        ("5=x", True),  # a number on the left: on the right is the location, not its address
        ("&x=0:q", True),
        ("0:x=x", True),  # a parameter is an address
        ("0:x=0", False),
        ("x=0x5", True),
    ],
)
def test_values_in_conditions(question: str, holds: bool) -> None:
    assert answer("int r0 = 1; int r1 = 0; int *q = x;", question) is holds


@pytest.mark.parametrize(
    ("question", "holds"),
    [
        ("0:u=-1", True),
        ("0:u=4294967295", True),
        ("0:u=0:i", True),
        ("0:l=-1 /\\ 0:l=0:i", True),
        ("0:u=0:l", False),
        ("0:c=-1", False),  # promoted to int, it is 255
        ("0:u<0", False),
        ("0:i<0", True),
    ],
)
def test_conditions_compare_as_c_does(question: str, holds: bool) -> None:
    assert answer("unsigned int u = -1; int i = -1; unsigned long l = -1; unsigned char c = -1;", question) is holds


@pytest.mark.usefixtures("without_clang")
def test_local_variables_that_other_files_define_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="t:4:3: a local variable that is extern"):
        read_litmus("C t\n{}\nP0(int *x) {\n  extern int r0; r0 = *x; }\n", "t")


@pytest.mark.parametrize(
    ("code", "position", "message"),
    [
        ("P0(int *x) { int r0 = 1; int r0 = 2; }", "3:30", "'r0' is declared twice"),
        ("P0(int *x, int *x) { }", "3:12", "P0 has two parameters 'x'"),
        ("P0(int *x) { switch (*x) { case 1: break; case 2 - 1: break; } }", "3:43", "a second 'case 1'"),
        ("P0(int *x) { switch (*x) { default: break; default: break; } }", "3:44", "a second 'default'"),
        ("P0(int *x) { int r0; switch (*x) { case r0: break; } }", "3:41", "'r0' is not a constant"),
    ],
)
def test_what_is_there_twice(code: str, position: str, message: str) -> None:
    assert str(error(f"C t\n{{}}\n{code}\nexists (0:r0=2)\n")).startswith(f"test.litmus:{position}: {message}")


def test_words_of_the_format_are_names_elsewhere() -> None:
    text = "C t\n{}\nP0(int *filter) { int final = *filter; int exists = 1; }\nexists (0:final=0 /\\ filter=0 /\\ 0:exists=1)\n"
    assert smpcheck.check(text).verdict == "Always"
    assert smpcheck.check("\ufeff" + text).verdict == "Always"


def test_parameters_may_point_to_anything() -> None:
    text = "C t\n{}\nP0(int *x, struct foo *f, void *v) { int r0 = READ_ONCE(*x); }\nexists (0:r0=0)\n"
    assert smpcheck.check(text).verdict == "Always"
    later = "C t\n{}\nP0(struct foo *f) { }\nstruct foo { int a; int b; };\nP1(struct foo *f) { f->b = 1; }\nexists (f.b=1)\n"
    assert smpcheck.check(later).verdict == "Always"


def test_an_array_is_not_one_location() -> None:
    caught = error("C t\n{ int a[2]; }\nP0(int *a) { }\nexists (a=1)\n")
    assert caught.message == "a is not one location: name an element"


def test_an_unreadable_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*nosuch"):
        read_litmus_file(tmp_path / "nosuch.litmus")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(SmpcheckError):
        read_litmus(FRAME.replace("*x;", "(" * 3000 + "*x" + ")" * 3000 + ";"))


# --- the libraries ---------------------------------------------------------------------------------------------------

REFUSED = {
    "manual/atomic/C-unlock-wait-00.litmus": "spin_unlock_wait() is not supported",
    "manual/memb/C-Goldblatt-memb-2.litmus": "smp_memb() is not supported",
}


@pytest.fixture(scope="module")
def library() -> dict[str, tuple[dict[str, Any], Program | SmpcheckError]]:
    found: dict[str, tuple[dict[str, Any], Program | SmpcheckError]] = {}
    for line in (LIBRARY / "reference.jsonl").read_text().splitlines():
        row = json.loads(line)
        try:
            found[row["file"]] = row, read_litmus_file(LIBRARY / row["file"])
        except SmpcheckError as caught:
            found[row["file"]] = row, caught
    return found


@needs_library
def test_every_library_test_is_read_but_for_the_known_ones(library: dict[str, Any]) -> None:
    refused = {name: result for name, (_, result) in library.items() if isinstance(result, SmpcheckError)}
    assert refused.keys() == REFUSED.keys()
    for name, reason in REFUSED.items():
        assert isinstance(refused[name], UnsupportedError) and reason in str(refused[name])


@needs_library
def test_library_states_show_what_herd7_shows(library: dict[str, Any]) -> None:
    compared = 0
    for name, (row, program) in library.items():
        if row["states"] and isinstance(program, Program):
            shown = [
                f"{o.thread}:{o.name}" if isinstance(o, FinalReg) else f"[{program.cell_name(o.cell)}]" for o in program.observed
            ]
            assert [part.split("=")[0].strip() for part in row["states"][0].split(";") if part.strip()] == shown, name
            compared += 1
    assert compared > 2000


@needs_library
def test_library_comments_are_understood(library: dict[str, Any]) -> None:
    programs = [program for _, program in library.values() if isinstance(program, Program)]
    assert sum(program.expected is not None for program in programs) == 2355
    assert sum("data-race" in (program.announced or ()) for program in programs) == 98
    assert sum("wide as a pointer" in "".join(program.notes) for program in programs) == 15


@needs_kernel
@pytest.mark.parametrize("version", KERNEL)
def test_the_kernels_own_tests_are_read(version: str) -> None:
    files = sorted((KERNEL[version] / "litmus-tests").glob("*.litmus"))
    assert len(files) > 30
    for path in files:
        assert read_litmus_file(path).expected is not None, path


# --- comments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["(*x)", "f((*p), (*q))", "(**pp)", "(*(int *)x)", 'a "(* no *)" b', "(*p)->f * (*q)"],
)
def test_c_that_looks_like_a_comment_is_none(text: str) -> None:
    assert Source(text, "f").text == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a (* b *) c", "a         c"),
        ("a (* b (* c *) d *) e", "a                   e"),
        ("(*one word*) x", " " * 13 + "x"),
        ("(*word*) x", "         x"),
        ("(****** a ***) x", "               x"),
        ("a // b (* c\nd", "a          \nd"),
        ("a /* b // c */ d", "a              d"),
        ("(* a\n b *)c", "    \n     c"),
        ('(*More words: f(x) " *) y', " " * 24 + "y"),
    ],
)
def test_comments_are_blanked_in_place(text: str, left: str) -> None:
    source = Source(text, "f")
    assert source.text == left
    assert len(source.text) == len(text)


LOCKED = """C lock
{}
P0(spinlock_t *l, int *x) { spin_lock(l); WRITE_ONCE(*x, 1); spin_unlock(l); }
P1(spinlock_t *l, int *x) { int r0; if (READ_ONCE(*x)) { r0 = spin_trylock(l); } }
"""


@pytest.mark.parametrize("question", ["locations [l]\nexists (x=1)", "exists (l=1)", "filter (x=1)\nforall (l=0 \\/ 1:r0=1)"])
def test_a_question_about_a_locks_final_value_is_remarked_upon(question: str) -> None:
    """The kernel's lock.cat flags it: "the final value of a spinlock should not be tested". Our answer is the lock's state."""
    (note,) = read_litmus(LOCKED + question + "\n").notes
    assert "asks for the final value of the lock 'l': 1 if it is held, else 0" in note
    assert read_litmus(LOCKED + "locations [x]\nexists (1:r0=0)\n").notes == ()


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "bom.litmus"
    path.write_bytes(b"\xef\xbb\xbf" + LOCKED.encode() + b"exists (x=1)\n")
    (program,) = read_programs(str(path))
    assert program.name == "lock"


def test_what_stands_in_parentheses_after_the_name_is_no_part_of_it() -> None:
    assert read_litmus("PPC co1 (PPCCoOne)\n{}\n P0 ;\n sync ;\nexists (true)").name == "co1"
