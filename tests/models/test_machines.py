"""The models of machines: classic tests, a sample of public suites, and other tools' own files.

The suites are beside the repository (``../shared/litmus/machines``); ``SMPCHECK_HERD7`` names the folder of herd7's models
(``herd/libdir`` in herdtools7) and ``SMPCHECK_DAT3M`` that of Dat3M's (``cat``). What is not there is skipped.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

import smpcheck
from smpcheck.cat import load_model
from smpcheck.errors import UnsupportedError
from smpcheck.models import LANGUAGES, require_language
from smpcheck.readers.litmus import read_litmus
from smpcheck.show.herd import state_line
from tests.models.machine_tests import ROWS, text

MODEL = {"AArch64": "aarch64", "X86": "x86", "PPC": "power", "RISCV": "riscv"}
SUITES = Path(__file__).resolve().parents[2].parent / "shared" / "litmus" / "machines"
ONE_OF = 90
FOREIGN = {
    "SMPCHECK_HERD7": ("aarch64.cat", "x86tso.cat", "x86tso-mixed.cat", "ppc.cat", "riscv.cat", "riscv-tso.cat", "arm.cat"),
    "SMPCHECK_DAT3M": ("aarch64.cat", "arm.cat", "power.cat", "riscv.cat", "riscv-orig.cat", "tso.cat"),
}
MENDED = {
    "2+2W+mfence-rmw+po-rmw",
    "2+2W+po+mfence-rmw",
    "2+2W+po+po-rmw",
    "2+2W+po-rmws",
    "MP+mfence-rmw+rmw-po",
    "MP+po+rmw-mfence",
    "MP+po+rmw-po",
    "MP+po-rmw+rmw-po",
    "R+mfence-rmw+rfi-po",
    "R+po-rmw+mfence",
    "RR+RW+rmw-mfence+rmw-po",
    "S+mfence-rmw+po-rmw",
    "S+po+rmw-po",
}
"""Tests of x86 for which herd7 7.58 let the write of an XCHG come before the write that the same XCHG had read. Since July 2026
it does not (x86tso.cat has ``amo`` in its first axiom)."""


def references() -> list[dict[str, Any]]:
    file = SUITES / "reference.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    rows = [r for r in rows if "misaligned" not in r["file"] and "addrXW+" not in r["file"]]
    return [r for r in rows if zlib.crc32(r["file"].encode()) % (ONE_OF * (4 if "mixed" in r["file"] else 1)) == 0]


@pytest.mark.parametrize(("what", "arch", "threads", "condition", "verdict"), ROWS, ids=[f"{r[1]}-{r[0]}" for r in ROWS])
def test_classics(what: str, arch: str, threads: list[str], condition: str, verdict: str) -> None:
    assert smpcheck.check(text(arch, threads, condition), MODEL[arch]).observation == verdict


@pytest.mark.skipif(not SUITES.is_dir(), reason=f"no suites of machine tests at {SUITES}")
@pytest.mark.parametrize("reference", references(), ids=lambda r: r["file"])
def test_a_sample_of_the_public_suites(reference: dict[str, Any]) -> None:
    if Path(reference["file"]).stem in MENDED:
        pytest.skip("the reference is of a version with a fault")
    arch = {"PPC": "PPC", "X86": "X86", "RISCV": "RISCV", "AARCH64": "AArch64"}[reference["file"].split("/")[0]]
    found = smpcheck.check(str(SUITES / reference["file"]), MODEL[arch])
    assert found.status == "ok", found.message
    if reference.get("herd7") is not None:
        assert found.observation == reference["herd7"]
    if reference.get("states") is not None:
        assert sorted(map(state_line, found.states)) == sorted(reference["states"])
    if reference["holds"] is not None and found.quantifier != "forall":
        assert reference["holds"] == ((found.observation != "Never") == (found.quantifier == "exists"))


UNSAID = {
    ("SMPCHECK_DAT3M", "aarch64.cat"): {"MP+dmb.st+stadd-dmb.ld", "MP+pickisb", "LB+pick+pick", "SB+dsb.st"},
    ("SMPCHECK_DAT3M", "power.cat"): {"MP+eieio"},
    ("SMPCHECK_DAT3M", "riscv.cat"): {"MP+data-amo-addr"},
    ("SMPCHECK_DAT3M", "riscv-orig.cat"): {"MP+data-amo-addr"},
    ("SMPCHECK_HERD7", "riscv.cat"): {"MP+data-amo-addr"},
    ("SMPCHECK_HERD7", "x86tso-mixed.cat"): {"SB+lfence"},
    ("SMPCHECK_HERD7", "riscv-tso.cat"): {row[0] for row in ROWS},
}
"""What a model does not say: Dat3M's of 2020 for AArch64; of an AMO that it is one event; x86tso-mixed
has LFENCE order what is around it, for herd7 too; and zTSO is another machine."""


@pytest.mark.parametrize(("where", "name"), [(where, name) for where, names in FOREIGN.items() for name in names])
def test_other_tools_models_are_read_as_they_are(where: str, name: str) -> None:
    folder = os.environ.get(where)
    if not folder:
        pytest.skip(f"{where} is not set")
    model = load_model(Path(folder) / name)
    arch = {"aar": "AArch64", "ppc": "PPC", "pow": "PPC", "ris": "RISCV", "x86": "X86", "tso": "X86"}.get(name[:3])
    rows = [row for row in ROWS if row[1] == arch]
    for what, machine, threads, condition, verdict in rows:
        if what in UNSAID.get((where, name), ()):
            continue
        assert smpcheck.check(text(machine, threads, condition), str(Path(folder) / name)).observation == verdict, what
    assert model.axioms


@pytest.mark.parametrize("model", [name for name, languages in LANGUAGES.items() if languages is not None])
def test_a_model_refuses_what_it_says_nothing_about(model: str) -> None:
    languages = LANGUAGES[model]
    assert languages is not None
    other = "C t\n{ }\nP0(int *x) { WRITE_ONCE(*x, 1); }\nexists (x=1)" if "C" not in languages else text("PPC", ["sync"], "true")
    result = smpcheck.check(other, model)
    assert result.status == "unsupported" and "says nothing of" in result.message


def test_a_models_events_say_what_it_is_about(tmp_path: Path) -> None:
    def about(name: str, statement: str) -> tuple[str, ...] | None:
        (tmp_path / name).write_text(statement)
        return load_model(tmp_path / name).languages

    assert about("tso.cat", "acyclic fencerel(MFENCE) | rf as a") == ("X86", "X86_64")
    assert about("lkmm.cat", "acyclic fencerel(Mb) | rf as a") == ("C", "KernelC", "LISA", "Python")
    assert about("any.cat", "acyclic po | rf as a") is None
    assert about("flag.cat", "acyclic po | rf as a flag ~empty [DMB.ISH] as deprecated") is None
    assert about("both.cat", 'include "x86fences.cat" acyclic mfence | rf as a') == (
        "C",
        "KernelC",
        "LISA",
        "Python",
        "X86",
        "X86_64",
    )


def test_armv7_speaks_of_its_own_programs_only() -> None:
    with pytest.raises(UnsupportedError, match="armv7 is about ARM, and says nothing of PPC"):
        require_language(load_model("armv7"), read_litmus(text("PPC", ["sync"], "true")))
