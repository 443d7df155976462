"""Input that is no C, or too much of it: one line with file, line and column, and no answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smpcheck.errors import InputError, LimitError, SmpcheckError, UnsupportedError
from smpcheck.readers.clang.program import read_kernel_c
from tests.readers.clang.common import read, tree

THREAD = "static int x;\nSMPCHECK_THREAD(a) { %s }\n"
BROKEN = {
    "": "1:1: no threads",
    "int main(void) { return 0; }": "1:1: no threads",
    "#undef SMPCHECK_THREAD\nSMPCHECK_THREAD(a) { }": "1:1: no threads",
    "static int x;\nSMPCHECK_THREAD(a) { x = 1;\n": "2:28: expected '}'",
    "static int x;\nSMPCHECK_THREAD(a) x = 1; }": "2:20: expected function body",
    "static int x;\r\nSMPCHECK_THREAD(a)\r\n{\r\n\tx = ;\r\n}\r\n": "4:6: expected expression",
    '#error "no good"\n': '1:2: "no good"',
    '#include "nothere.h"\n': "1:10: 'nothere.h' file not found",
    "#define A B\n#define B A\n" + THREAD % "x = A;": "4:26: use of undeclared identifier 'A'",
    "class A { };\n": "1:1: unknown type name 'class'",
    THREAD % "int g(int a) { return a; }": "function definition is not allowed here",
    THREAD % "" + "SMPCHECK_THREAD(a) { }": "3:1: redefinition of '__smpcheck_thread_a'",
    THREAD % ("{" * 3000 + "}" * 3000): "bracket nesting level exceeded maximum of 2048",
    "static int x[100000000];\nSMPCHECK_THREAD(a) { x[3] = 1; }": "2:22: an object of 400000000 bytes is not supported",
    THREAD % 'asm volatile("hlt");': "give the harness a stub of a function that has nothing else in it",
    'static inline void f(void) { asm volatile("hlt"); }\n' + THREAD % "f();": "give the harness a stub of f()",
    "void f(int);\n" + THREAD % "f(1);": "functions without a body: f() called at test.c:3:22",
    "static int *p;\nSMPCHECK_INIT() { *p = 1; }\n" + THREAD % "": "2:19: the initialisation accesses the address 0",
}


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: BROKEN[text][:50])
def test_what_is_no_program_is_refused_in_one_line_that_says_where(text: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        read(text)
    said = str(caught.value)
    assert BROKEN[text] in said
    assert said.startswith("test.c:")
    assert "\n" not in said


def test_files_that_include_each_other_are_named(tmp_path: Path) -> None:
    tree(tmp_path, {"one.c": '#include "two.h"\n', "two.h": '#include "one.c"\n'})
    with pytest.raises(InputError, match=r"(one\.c|two\.h):1:10: #include nested too deeply"):
        read((tmp_path / "one.c").read_text(), str(tmp_path / "one.c"))


@pytest.mark.slow
def test_what_is_nested_too_deeply_for_libclang_is_named_with_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMPCHECK_CACHE", "")
    with pytest.raises(UnsupportedError, match=r"deep\.c:2:1: expressions or statements are nested too deeply"):
        read_kernel_c("deep.c", THREAD % ("x = " + " + ".join(["x"] * 5000) + ";"))


@pytest.mark.slow
def test_what_makes_libclang_crash_ends_the_worker_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMPCHECK_CACHE", "")
    text = THREAD % ("x = " + "(" * 5000 + "1" + ")" * 5000 + ";")
    with pytest.raises(LimitError, match=r"the process that parses deep\.c ended without an answer .*: SIG\w+$"):
        read_kernel_c("deep.c", text)


@pytest.mark.slow
def test_what_makes_libclang_swell_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.path.exists("/dev/zero"):
        pytest.skip("no file without an end here")
    monkeypatch.setenv("SMPCHECK_CACHE", "")
    with pytest.raises(SmpcheckError, match=r"clang gave up on this file|ended without an answer"):
        read_kernel_c("endless.c", '#include "/dev/zero"\n')
