"""What is outside the subset is refused with file, line, column and a hint; what is wrong, with what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from smpcheck.errors import InputError, SmpcheckError, UnsupportedError
from smpcheck.readers.python import load_scenarios, read_python_file
from tests.readers.python.common import HEADER, compile_one, compile_text, model

FIRST = 10
"""The line of the file on which the body of ``f`` begins (with the default fields)."""

UNSUPPORTED = {
    "with s.x:\n    pass": ("with is outside the subset for thread functions: lock and unlock by name", 0, 5),
    "try:\n    pass\nfinally:\n    pass": ("try is outside the subset", 0, 5),
    "raise ValueError": ("raise is outside the subset", 0, 5),
    "import os": ("import is outside the subset for thread functions: import at the top of the file", 0, 5),
    "def g() -> None:\n    pass": ("a function inside a function", 0, 5),
    "match s.x:\n    case 1:\n        pass": ("match is outside the subset for thread functions: use if and elif", 0, 5),
    "a = b = s.x": ("an assignment to several targets", 0, 5),
    "a, b = s.x, s.y": ("an assignment to several targets", 0, 5),
    "a = s.x / 2": ("the operator Div is outside the subset for thread functions: use //", 0, 9),
    "a = s.x ** 2": ("the operator Pow", 0, 9),
    "a = 1.5": ("the float 1.5 is outside the subset for thread functions: use integers", 0, 9),
    "a = [n for n in (1, 2)]": ("this expression (ListComp)", 0, 9),
    "a = lambda: 3": ("a lambda is only the condition of smp_cond_load_*", 0, 9),
    "a = (n := 3)": ("this expression (NamedExpr)", 0, 10),
    "for i in range(3):\n    pass\nelse:\n    pass": ("the else of a loop", 0, 5),
    "for i in s.x:\n    pass": ("a loop over s.x is outside the subset", 0, 14),
    "n = s.x[0:2]": ("a slice", 0, 9),
    "f(s)": ("the recursive call of f is outside the subset for thread functions: use a loop with a bound", 0, 5),
    "t = thing()": ("making a thing is outside the subset for thread functions: objects are made by the scenario's set-up", 0, 9),
    "print(s.x)": ("the call of print is outside the subset", 0, 5),
    "s.x.bit_length()": ("", 0, 5),
    "n = READ_ONCE(place=s.x)": ("a keyword argument of READ_ONCE", 0, 9),
    "del s": ("del is outside the subset", 0, 5),
    "xchg(s.flags, 1)": ("xchg of s.flags, whose bits lie in separate cells: use bit operations", 0, 5),
    "n: int = 1 << s.y << 40": ("shift by 40 at type int", 0, 14),
}

WRONG = {
    "s.z = 1": ("struct thing has no field z; it has: x, y, m, flags, v, lock, n, c, a", 0, 5),
    "return nothing": ("nothing is not defined", 0, 12),
    "if s.x:\n    n = 1\nreturn n": ("n may not have a value here: assign it on every way to this point", 2, 12),
    "n: uint = s.x\nn: int = 3": ("n is declared with two types", 1, 8),
    "k = 3 if s.x else s\nreturn k.x": ("the value is a pointer (struct thing *), but the value is int", 0, 9),
    "n = s.m * 2": ("void * * int has no meaning", 0, 9),
    "s.v = 1": ("s.v is atomic_t: use its primitives", 0, 5),
    "s.lock = 1": ("s.lock is spinlock_t: use its primitives", 0, 5),
    "n = s.n": ("s.n is a ghost counter: it is read in final checks only", 0, 9),
    "s.n += 1": ("s.n is a ghost counter: use ghost_add", 0, 5),
    "s.c = 2": ("s.c is constant: it cannot be assigned in a thread", 0, 5),
    "WRITE_ONCE(s.c, 2)": ("WRITE_ONCE of s.c, which is constant", 0, 5),
    "READ_ONCE(s.v)": ("READ_ONCE of s.v, which is atomic_t: use atomic_read and atomic_set", 0, 5),
    "READ_ONCE(3)": ("3 is not a location in shared memory", 0, 15),
    "spin_lock(s.x)": ("spin_lock works on spinlock_t, but s.x is int", 0, 5),
    "atomic_inc(s.lock)": ("atomic_inc works on atomic_t, but s.lock is spinlock_t", 0, 5),
    "set_bit(3, s.flags)": ("s.flags has no bit 3", 0, 5),
    "set_bit(40, s.x)": ("s.x has no bit 40", 0, 5),
    "smp_mb(1)": ("smp_mb takes 0 arguments, not 1", 0, 5),
    "n = smp_mb()": ("smp_mb() has no value", 0, 9),
    "n = s.m.x": ("s.m points to something of unknown type", 0, 9),
    "n = s.x.y": ("s.x is int: it has no field y", 0, 9),
    "n: uint = s": ("n is unsigned int, which cannot hold a pointer", 0, 5),
    "p: thing = 3": ("p is a pointer (struct thing *), but the value is int", 0, 5),
    "p: other = s": ("p is struct other *, but the value is struct thing *: use cast()", 0, 5),
    "p: nonsense = 3": ("the annotation nonsense is not a type", 0, 8),
    "n = s == 3": ("comparison of a pointer (struct thing *) with int", 0, 9),
    "s.a[7] = 1": ("s.a[7]: the index 7 is outside 0..1", 0, 5),
    "check(s.x, 1)": ("", 0, 11),
    'check("name")': ("check(name, condition)", 0, 5),
    "ghost_inc(s.x)": ("s.x is int, not a ghost counter (ghost_t)", 0, 5),
    "for i in range(0, 9, 0):\n    pass": ("the step of a range is a constant other than 0", 0, 14),
    "g(s, 3)": ("g: too many positional arguments", 0, 5),
    "n = h(s)": ("h returns a value on some ways and ends without one on others", -7, 1),
    "smp_cond_load_acquire(s.x, 3)": ("the condition is a lambda of one argument", 0, 32),
    "n = this_cpu_ptr(s)": ("s is not per-CPU data", 0, 9),
    "n = per_cpu_ptr(vecs, s.x)": ("s.x must be known when compiling", 0, 27),
    "n = s.x\nif n:\n    n = g\nreturn n": ("n has different compile-time values on the ways that meet here", 3, 12),
    "global s2\ns2 = 3": ("s2", 1, 5),
    "undefined_function(s)": ("undefined_function is not defined", 0, 5),
    "rcu_read_lock(": ("not valid Python", -1, 0),
}

FIELDS = """
x: int
y: int
m: Ptr[Any]
flags: flags_t = flag_word({"locked": 0, "b": 9}, layout="separate")
v: atomic_t
lock: spinlock_t
n: ghost_t
c: Const[int] = 4
a: Array[int] = array(2)
"""
BEFORE = """
s2 = 5
class other(Struct):
    x: int
vecs = per_cpu(other)
def g(s: Any) -> None:
    pass
def h(s: thing) -> int:
    if s.x:
        return 1
"""


def refused(folder: Path, text: str) -> SmpcheckError:
    with pytest.raises(SmpcheckError) as caught:
        compile_one(folder, text)
    return caught.value


def first_line() -> int:
    text = HEADER + model("HERE", FIELDS, before=BEFORE)
    return next(n for n, line in enumerate(text.splitlines(), 1) if "HERE" in line)


@pytest.mark.parametrize("body", UNSUPPORTED)
def test_outside_the_subset(body: str, tmp_path: Path) -> None:
    message, line, column = UNSUPPORTED[body]
    error = refused(tmp_path, model(body, FIELDS, before=BEFORE))
    assert message in error.message
    assert error.pos is not None and error.pos.file == str(tmp_path / "model.py")
    assert (error.pos.line, error.pos.column) == (first_line() + line, column)
    if body != "s.x.bit_length()":
        assert isinstance(error, UnsupportedError)


@pytest.mark.parametrize("body", WRONG)
def test_wrong(body: str, tmp_path: Path) -> None:
    message, line, column = WRONG[body]
    error = refused(tmp_path, model(body, FIELDS, before=BEFORE))
    assert isinstance(error, InputError)
    assert message in error.message
    assert error.pos is not None and error.pos.file == str(tmp_path / "model.py")
    if line >= 0:
        assert (error.pos.line, error.pos.column) == (first_line() + line, column)


SETUPS = {
    "t.S = 3": "s.S must be an object of shared memory, not int",
    "t.thread(3, t.S)": "3 is not a function of the model",
    "t.S.nothing = 3": "struct thing has no field nothing",
    "t.T = thing(nothing=3)": "struct thing has no field nothing",
    "1 // 0": "the set-up of one failed",
    "t.S.m = 'text'": "S.m cannot start as 'text'",
    "t.thread(lambda: 3)": "a lambda cannot be compiled: write a function with def",
    "t.thread(len, t.S)": "is not a function of the model",
    "t.thread(f)": "f: missing a required argument: 's'",
    "t.observe('S.q')": "there is no cell called S.q; cells: S.a[0], S.a[1]",
    "t.observe('S.n')": "S.n is a ghost counter: put it into a final check",
    "t.after(f, t.S)\nt.after(f, t.S)": "at most one after()",
    "t.final('nothing', g, t.S)": "g returns nothing, so it says nothing",
    "t.final('effect', effect, t.S)": "a final check has no effects: s.x = 1",
    "t.final('lock', locks, t.S)": "a final check has no effects: spin_lock(s.lock)",
    "t.final('no value', asks, t._threads[0])": "f returns no value",
    "t.S.a = [1, 2, 3]": "S.a has 2 elements, but 3 initial values",
    "t.S.flags = 4": "S.flags starts with bits that the flag word does not have: 4",
}
CHECKS = """
def effect(s: thing) -> bool:
    s.x = 1
    return True
def locks(s: thing) -> bool:
    spin_lock(s.lock)
    return True
def asks(t: Any) -> bool:
    return result(t) == 1
"""


@pytest.mark.parametrize("setup", SETUPS)
def test_wrong_set_ups(setup: str, tmp_path: Path) -> None:
    error = refused(tmp_path, model("s.x = 1", FIELDS, setup, BEFORE + CHECKS))
    assert SETUPS[setup] in error.message


DECLARED = "class a(Struct):\n    {}\n@scenario\ndef s(t: Setup) -> None:\n    t.A = a()"
ONE_THREAD = "{}\n@scenario\ndef s(t: Setup) -> None:\n    t.thread(f)"
FILES = {
    "x = (": "not valid Python",
    "x = 1": "has no scenario: mark a set-up function with @scenario",
    "import no_such_module_anywhere": "ModuleNotFoundError",
    "raise SystemExit(3)": "SystemExit: 3",
    "@scenario\ndef s(t: Setup) -> None:\n    raise SystemExit(3)": "the set-up of s failed: it exits (SystemExit: 3)",
    DECLARED.format("x: float"): "a.x: <class 'float'> is not a type",
    DECLARED.format("f: flags_t"): "a flags_t field needs flag_word",
    DECLARED.format("f: Array[int]"): "an array is written Array[type] with array(length)",
    "@scenario\ndef s(t: Setup) -> None:\n    pass": "the scenario s has no threads",
    ONE_THREAD.format("def f(*a: int) -> None:\n    pass"): "f takes *args or **kwargs",
    ONE_THREAD.format("async def f() -> None:\n    pass"): "f is asynchronous",
    ONE_THREAD.format("def f(x: Nope) -> None:\n    pass"): "an annotation of f is not a type",
}


@pytest.mark.parametrize("text", FILES)
def test_wrong_files(text: str, tmp_path: Path) -> None:
    if "class a" in text:
        text = text + "\n    t.thread(f, t.A)\ndef f(x: a) -> None:\n    pass"
    with pytest.raises(InputError) as caught:
        compile_text(tmp_path, text)
    assert FILES[text.split("\n    t.thread(f, t.A)")[0] if "class a" in text else text] in caught.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read_python_file(tmp_path / "none.py")


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"not a Python source file|not valid Python"):
        load_scenarios(tmp_path / "binary.py")


def test_a_null_pointer_that_is_known_fails_a_check_where_it_is_used(tmp_path: Path) -> None:
    from smpcheck.simulate import outcomes

    body = "p: thing = NULL\nif s.x:\n    p.y = 1\nelse:\n    spin_lock(p.lock)"
    program = compile_one(tmp_path, model(body, FIELDS, "t.S.x = 1"))
    assert outcomes(program).failed == {"null-dereference"}


@pytest.mark.parametrize("first", ["", "from __future__ import annotations\n"])
def test_an_array_in_cs_order_is_refused_with_how_it_is_written(first: str, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        f"{first}from smpcheck.kernel import *\nclass obj(Struct):\n    a: int[2]\n"
        "def f(o: obj) -> None:\n    WRITE_ONCE(o.a[0], 1)\n"
        "@scenario\ndef one(s: Setup) -> None:\n    s.o = obj()\n    s.thread(f, s.o)\n"
    )
    with pytest.raises(InputError, match=r"not subscriptable \(an array field is written name: Array\[int\] = array\(2\)\)"):
        read_python_file(str(path))
