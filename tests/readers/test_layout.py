"""C types: names, sizes and offsets as gcc has them on a 64-bit machine."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from smpcheck.program.values import INT, LONG, UCHAR, ULONG, USHORT
from smpcheck.readers.layout import WIDE_INT, Declared, Struct, TypeTable, make_struct, scalars, show
from tests.readers.common import litmus


@pytest.mark.parametrize(
    ("words", "type_"),
    [
        ("int", INT),
        ("long int", LONG),
        ("int long unsigned", ULONG),
        ("unsigned long long int", ULONG),
        ("short unsigned", USHORT),
        ("signed", INT),
        ("signed long", LONG),
        ("const volatile unsigned char", UCHAR),
        ("u16", USHORT),
        ("atomic_long_t", LONG),
        ("struct srcu_struct", INT),
        ("no such", None),
        ("int foo", None),
    ],
)
def test_names_of_types(words: str, type_: object) -> None:
    assert TypeTable().lookup(tuple(words.split())) == type_


def test_in_a_wide_program_int_is_as_wide_as_a_pointer() -> None:
    assert TypeTable(wide=True).lookup(("int",)) == WIDE_INT
    assert TypeTable(wide=True).lookup(("short",)) == TypeTable().lookup(("short",))


def test_scalars_of_an_object() -> None:
    inner = make_struct("struct t", [Declared("c", UCHAR), Declared("l", LONG)])
    outer = make_struct("struct s", [Declared("a", INT), Declared("b", inner)])
    assert [(offset, name) for offset, name, _ in scalars(outer, "x")] == [(0, "x.a"), (8, "x.b.c"), (16, "x.b.l")]
    assert show(outer) == "struct s" and show(Struct("struct u", None, 1, 1)) == "struct u"


_MEMBERS = st.lists(
    st.sampled_from(
        ["char a{}", "short a{}", "int a{}", "long a{}", "void *a{}", "char a{}[3]", "int a{}[2]", "struct t a{}", "u8 a{}"]
    ),
    min_size=1,
    max_size=7,
)


@pytest.mark.skipif(shutil.which("gcc") is None or platform.machine() not in ("x86_64", "aarch64"), reason="no 64-bit gcc")
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
@given(st.lists(_MEMBERS, min_size=5, max_size=10))
def test_offsets_are_those_of_gcc(tmp_path_factory: pytest.TempPathFactory, structs: list[list[str]]) -> None:
    before, prints, ours = "struct t { char c; long l; short s; };\n", "", ""
    for k, members in enumerate(structs):
        fields = [member.format(i) for i, member in enumerate(members)]
        before += f"struct s{k} {{ {'; '.join(fields)}; }};\n"
        prints += f'printf("%zu", sizeof(struct s{k}));\n'
        ours += f"long size{k} = sizeof(struct s{k});\n"
        for i in range(len(fields)):
            prints += f'printf(" %zu", offsetof(struct s{k}, a{i}));\n'
            ours += f"long o{k}_{i} = offsetof(struct s{k}, a{i});\n"
        prints += 'printf("\\n");\n'
    thread = litmus(ours, before=before, question="").threads[0]
    constants = {s.reg: s.expr.value for s in thread.body}  # type: ignore[union-attr]
    folder: Path = tmp_path_factory.mktemp("gcc")
    includes = "#include <stdio.h>\n#include <stddef.h>\ntypedef unsigned char u8;\n"
    (folder / "a.c").write_text(f"{includes}{before}int main(void) {{ {prints} return 0; }}\n")
    subprocess.run(["gcc", "-w", "-o", folder / "a", folder / "a.c"], check=True)
    lines = subprocess.run([folder / "a"], check=True, capture_output=True, text=True).stdout.splitlines()
    for k, line in enumerate(lines):
        expected = [int(word) for word in line.split()]
        assert [constants[f"size{k}"], *(constants[f"o{k}_{i}"] for i in range(len(structs[k])))] == expected
