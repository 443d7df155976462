"""The thirteen rules of RISC-V's preserved program order: for each a smallest test that notices if it is gone, or none.

Rules 1, 2 and 8 follow from the others with coherence (docs/generate.md has the argument): nothing notices these.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import smpcheck.models
from smpcheck.cat import load_model
from smpcheck.generate.edges import read_edge
from smpcheck.generate.make import chains, vocabulary_of
from smpcheck.questions.distinguish import differences

RISCV = Path(smpcheck.models.__file__).parent / "riscv.cat"
PAGE = Path(__file__).parents[2] / "docs" / "generate.md"

RULES = [
    (1, "PosRW,PosWW,DpDatadW", 1, None),
    (2, "DpAddrdR,FrLeave,RfBack,DpDatadW", 2, None),
    (3, "Exch,Rfi,DpDatadW", 3, "LB+data+rmw-rfi-data"),
    (4, "Fence.rw.rwdWW,DpAddrdR", 1, "MP+fence.rw.rw+addr"),
    (5, "PodRRAqP,Fence.rw.rwdWW", 1, "MP+fence.rw.rw+poaqp"),
    (6, "PodWWPRl,DpAddrdR", 1, "MP+poprl+addr"),
    (7, "Exch,PodWRRlAq", 3, "LB+rmwprl-porlaq-rmwaqps"),
    (8, "Exch,DpDatadW,Rfi", 2, None),
    (9, "DpAddrdR,Fence.rw.rwdWW", 1, "MP+fence.rw.rw+addr"),
    (10, "DpDatadW", 1, "LB+datas"),
    (11, "DpCtrldW", 1, "LB+ctrls"),
    (12, "DpDatadW,Rfi", 3, "LB+data+data-rfi-data"),
    (13, "DpAddrdR,PodRW", 2, "WRC+addrR-po+addr"),
]
"""The rule, edges, how many of them stand in a thread, and the test."""


@pytest.mark.parametrize(("rule", "edges", "inside", "name"), RULES)
def test_a_rule_that_is_gone_is_noticed(rule: int, edges: str, inside: int, name: str | None, tmp_path: Path) -> None:
    text, count = re.subn(rf"let r{rule} =.*?(?=\nlet |\n\(\*)", f"let r{rule} = 0", RISCV.read_text(), count=1, flags=re.DOTALL)
    assert count == 1
    (tmp_path / "without.cat").write_text(text)
    models = load_model("riscv"), load_model(tmp_path / "without.cat")
    vocabulary = vocabulary_of("RISCV")
    between = chains([read_edge(edge, vocabulary) for edge in edges.split(",")], inside)
    found = next(differences(vocabulary, models, range(4, 7 if name is None else 9), between), None)
    assert (found.test.name if found else None) == name
    if found is not None:
        assert found.verdicts == ("Never", "Sometimes")


def test_the_page_has_these_tests() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for rule, edges, inside, name in RULES:
        if name is not None:
            assert f"| {rule} | `--edges {edges}`{f' `--inside {inside}`' if inside > 1 else ''} | `{name}` |" in page
